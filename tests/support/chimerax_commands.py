"""Commands of ChimeraX, read as ChimeraX reads them.

ChimeraX is not here. `tokens` splits a command as its command parser does (core/commands/cli.py,
`next_token`): a quoted token ends at a quotation mark followed by white space or the end of the
line; file names have no escapes, other texts have those of Python.
"""

import re

TOKEN = re.compile(r"""\s*(?:"(.*?)"(?=\s|$)|'(.*?)'(?=\s|$)|([^\s"';]\S*))""")


def tokens(command):
    found, end = [], 0
    command = command.rstrip()
    while end < len(command):
        match = TOKEN.match(command, end)
        assert match, f"no token at {end} of {command!r}"
        found.append(next(group for group in match.groups() if group is not None))
        end = match.end()
    return found


def commands(lines, name):
    return [line[1:] for line in lines if line[0] == name]


def arguments(line):
    return dict(zip(line[::2], line[1::2], strict=True))
