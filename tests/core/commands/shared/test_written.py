"""The commands that a run says at its end can be pasted as they stand."""

import shlex
from pathlib import Path

import pytest

from occupy_core.commands.shared.written import written


@pytest.mark.parametrize("name", ["out", "two words", "it's $HOME", "a;b"])
def test_the_commands_name_the_folder_in_any_shell(name):
    lines = written(Path(name), {"scale": "scale.mrc", "chimerax": "chimX.cxc"})
    assert lines[:3] == [f"Written to {name}:", "  scale.mrc", "  chimX.cxc"]
    look, browse = (shlex.split(line.partition(": ")[2]) for line in lines[3:])
    assert look == ["chimerax", f"{name}/chimX.cxc"]
    assert browse == ["occupy-core", "report", name, "--open"]


def test_a_run_with_a_report_does_not_ask_for_one():
    assert written(Path("out"), {"report": "out.html"}) == ["Written to out:", "  out.html"]
