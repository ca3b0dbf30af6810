"""The options of all commands: one spelling each, one sentence first, one unit."""

import importlib
import pkgutil

import pytest

import occupy_core.commands
from occupy_core.commands.shared.command import Command


def commands():
    """All commands that are written anywhere in the package, by name."""
    package = occupy_core.commands
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if info.name.endswith(".cli")
    ]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Command)
    }
    return [found[name] for name in sorted(found)]


every_command = pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)


def test_each_command_of_the_table_has_its_options_tested_here():
    from occupy_core.commands import main

    names = {command.name for command in commands()}
    assert set(main._COMMANDS) <= names


@every_command
def test_no_spelling_stands_for_two_options(command):
    flags = [flag for option in command.options() for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert all(flag.startswith("-") and "_" not in flag for flag in flags)


@every_command
def test_the_short_help_of_an_option_is_a_sentence(command):
    for section in command.sections.values():
        for option in section:
            text = option.short_text
            assert text[0].isupper() or not text[0].isalpha(), text
            assert text.endswith("."), text
            assert len(text) < 172, text  # two lines of the help


@every_command
def test_an_option_with_a_value_says_what_stands_for_it(command):
    for option in command.options():
        assert bool(option.metavar) == (option.kind is not bool), option.flags


@every_command
def test_the_help_fits_a_terminal_and_lists_each_option_once(command):
    for long in (False, True):
        lines = command.help_text(long=long).splitlines()
        assert max(map(len, lines)) <= 120
        for section in command.sections.values():
            for option in section:
                start = "  " + ", ".join(option.flags)
                found = [line for line in lines if line == start or line.startswith(start + " ")]
                assert len(found) == 1, option.flags


@every_command
def test_the_examples_can_be_parsed(command):
    import shlex

    for example in command.examples:
        words = shlex.split(example)
        own = command.name.split()
        if words[: len(own)] != own or any(
            words[: len(other.name.split())] == other.name.split()
            for other in commands()
            if len(other.name) > len(command.name)
        ):
            continue  # of a command under it, or by another spelling
        assert command.parse(words[len(own) :]) != {}
