"""Processor time of tests: a plugin of pytest, `-p processor_time`.

At the end it prints, for each folder and for the slowest files and tests, the time that this
process and the processes that it has waited for spent, user and system together. Fixtures count
for the test that asked for them first. `--processor-times FILE` writes the time of each test as it
ends.
"""

import os
from collections import Counter
from pathlib import PurePath

import pytest

_SHOWN = 40
_STREAM = pytest.StashKey()
_spent = Counter()
_at_start = os.times()


def pytest_addoption(parser):
    parser.addoption("--processor-times", metavar="FILE", help="write the time of each test there")


def _now():
    return sum(os.times()[:4])


def pytest_configure(config):
    """Begin the file."""
    if file := config.getoption("--processor-times"):
        stream = (config.invocation_params.dir / file).open("w", buffering=1)
        config.stash[_STREAM] = stream
        config.add_cleanup(stream.close)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Take the time of one test with its fixtures."""
    before = _now()
    try:
        return (yield)
    finally:
        seconds = _now() - before
        _spent[item.nodeid] += seconds
        if stream := item.config.stash.get(_STREAM, None):
            stream.write(f"{seconds:.2f}\t{item.nodeid}\n")


def pytest_terminal_summary(terminalreporter):
    """Print the tables."""
    write = terminalreporter.write_line
    folders, files = Counter(), Counter()
    for name, seconds in _spent.items():
        path = name.split("::")[0]
        files[path] += seconds
        folders[str(PurePath(path).parent)] += seconds
    write("")
    write(f"processor time {_now() - sum(_at_start[:4]):8.1f} s")
    write(f"of tests       {sum(_spent.values()):8.1f} s")
    for what, table in (("folder", folders), ("file", files), ("test", _spent)):
        write(f"\nprocessor time of each {what}")
        for name, seconds in table.most_common(_SHOWN):
            write(f"{seconds:8.1f} s  {name}")
