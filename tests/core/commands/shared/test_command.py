"""A command: its options, its help, and the values that it makes of arguments."""

from pathlib import Path

import pytest

import occupy_core
from occupy_core.commands.shared.command import (
    BARE,
    COMMON,
    Command,
    files,
    gamma,
    number,
    switch,
    word,
)
from occupy_core.errors import ParameterError

COMMAND = Command(
    name="try",
    usage="FILE [options]",
    summary="Try it.",
    examples=("try a.mrc --size 3",),
    sections={
        "First": (
            number("part.size", "-s --size", "N", "How large. It is best odd.", int),
            number("level", "--level", "X", "A level."),
            word("name", "--name", "NAME", "A name."),
        ),
        "Second": (
            files("more", "--more", "Other files."),
            gamma("part.power", "--power", "A power."),
            switch("part.plot", "--plot", "Draw it."),
            switch("own", "--own", "Of the command."),
        ),
        "Common": COMMON,
    },
    positional="map",
    own_fields=frozenset(("own",)),
)


def parsed(*arguments):
    return COMMAND.parse(arguments)


def test_only_what_is_given_has_a_value():
    assert parsed() == {}
    assert parsed("a.mrc", "--size", "3") == {"map": Path("a.mrc"), "part.size": 3}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--level", "-0.5"], {"level": -0.5}),
        (["--level=-1e-3"], {"level": -1e-3}),
        (["--more", "a", "b"], {"more": [Path("a"), Path("b")]}),
        (["--power"], {"part.power": BARE}),
        (["--power", "-2"], {"part.power": -2.0}),
        (["--power", "a.mrc"], {"part.power": BARE, "map": Path("a.mrc")}),
        (["--plot"], {"part.plot": True}),
        (["--no-plot"], {"part.plot": False}),
        (["-s", "7.0"], {"part.size": 7}),
    ],
)
def test_arguments_become_values(arguments, expected):
    assert parsed(*arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "2.5"], "'2.5' is not a whole number"),
        (["--level", "nan"], "'nan' is not a number"),
        (["--level"], "expected one argument"),
        (["--nonsense"], "The option --nonsense is unknown; see occupy-core try --help."),
        (["a.mrc", "b.mrc"], "The argument b.mrc is unknown"),
        (["--siz", "3"], "--siz"),
        (["--no-own"], "--no-own is unknown"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, words):
    with pytest.raises(ParameterError) as caught:
        parsed(*arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_are_nested_as_the_job_has_them_over_those_recorded():
    given = {"map": Path("a.mrc"), "part.size": 5, "own": True, "quiet": True}
    recorded = {"part": {"size": 3, "power": 2.0}, "level": 0.5}
    assert COMMAND.job_values(given, recorded) == {
        "map": Path("a.mrc"),
        "level": 0.5,
        "part": {"size": 5, "power": 2.0},
    }
    assert recorded["part"]["size"] == 3


def test_short_help_has_the_first_sentence_and_long_help_all():
    short, long = COMMAND.help_text(long=False), COMMAND.help_text(long=True)
    assert "How large." in short
    assert "best odd" not in short
    assert "How large. It is best odd." in long
    for text in (short, long):
        assert text.startswith("usage: occupy-core try FILE [options]\n\nTry it.\n")
        assert text.endswith("  occupy-core try a.mrc --size 3\n")
        assert "  -s, --size N" in text
        assert "  --power [G]" in text


@pytest.mark.parametrize(
    ("argument", "printed"),
    [
        ("--help", "See --help-all"),
        ("--help-all", "best odd"),
        ("--version", occupy_core.__version__),
    ],
)
def test_help_and_version_are_answered_without_work(capsys, argument, printed):
    def work(given):
        raise AssertionError("no work is wanted")

    assert COMMAND.run([argument], work) == 0
    assert printed in capsys.readouterr().out


def test_work_gets_the_values():
    seen = []
    assert COMMAND.run(["a.mrc", "--level", "2"], seen.append) == 0
    assert seen == [{"map": Path("a.mrc"), "level": 2.0}]
