"""All commands of the program, found where they are written."""

import importlib
import pkgutil

import occupy_core.commands
from occupy_core.commands.shared.command import Command

# Other spellings of commands under a command.
_SAME = {"sketch_communities": "sketch", "expand_communities": "expand"}


def commands() -> dict[str, Command]:
    """All commands by name, those under a command too ("blocks subset")."""
    package = occupy_core.commands
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if info.name.endswith(".cli")
    ]
    found = [
        value for module in modules for value in vars(module).values() if isinstance(value, Command)
    ]
    return {command.name: command for command in sorted(found, key=lambda c: c.name)}


def command_of(words: list[str]) -> tuple[Command, list[str]]:
    """The command that a command line names, the longest name first, and its arguments."""
    known = commands()
    words = [_SAME.get(word, word) for word in words[:2]] + words[2:]
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in known:
            return known[name], words[length:]
    raise KeyError(words[0])
