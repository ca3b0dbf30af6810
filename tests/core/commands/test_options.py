"""The options of all commands: one spelling each, one sentence first, one unit."""

import shlex

import pytest
from command_table import command_of, commands

from occupy_core.commands import main

every_command = pytest.mark.parametrize(
    "command", commands().values(), ids=lambda command: command.name
)


def test_each_command_of_the_table_has_its_options_tested_here():
    assert set(main._COMMANDS) <= set(commands())


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
    for example in command.examples:
        named, rest = command_of(shlex.split(example))
        assert named.parse(rest) != {}
