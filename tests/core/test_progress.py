"""Progress reaches a terminal as one line and a log as few lines."""

import io

import pytest

from occupy_core.progress import ProgressLine, part, report


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_reporting_without_a_listener_does_nothing():
    report(None, 0.5, "half")


@pytest.mark.parametrize(("told", "heard"), [(-0.1, 0.0), (0.25, 0.25), (1.2, 1.0)])
def test_fractions_stay_between_zero_and_one(told, heard):
    calls = []
    report(lambda *call: calls.append(call), told, "text")
    assert calls == [(heard, "text")]


def test_a_part_fills_its_share_of_the_whole():
    calls = []
    half = part(lambda *call: calls.append(call), 0.4, 0.9)
    for fraction in (0.0, 0.5, 1.0):
        half(fraction, "x")
    assert [fraction for fraction, _ in calls] == pytest.approx([0.4, 0.65, 0.9])


def test_a_part_of_nothing_is_nothing():
    assert part(None, 0.0, 0.5) is None


def test_a_log_gets_a_line_for_every_five_percent_and_no_carriage_return():
    stream = io.StringIO()
    line = ProgressLine(stream, Clock())
    for i in range(1001):
        line(i / 1000, f"step {i}")
    line.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "  0 %  step 0"
    assert lines[-1] == "100 %  step 1000"
    assert 20 <= len(lines) <= 22
    assert "\r" not in stream.getvalue()


def test_a_log_gets_a_line_every_two_seconds_of_slow_work():
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, clock)
    for i in range(101):
        clock.now = 0.1 * i
        line(0.001 * i, "slow")
    assert len(stream.getvalue().splitlines()) == 6


def test_the_end_is_always_told():
    stream = io.StringIO()
    line = ProgressLine(stream, Clock())
    line(0.98, "nearly")
    line(1.0, "done")
    assert stream.getvalue().endswith("100 %  done\n")


def test_a_terminal_gets_one_line_that_is_rewritten_whole():
    stream = Terminal()
    line = ProgressLine(stream, Clock())
    line(0.1, "a long text")
    line(0.11, "short")
    line.close()
    line.close()
    first, second = stream.getvalue().removeprefix("\r").rstrip("\n").split("\r")
    assert first == " 10 %  a long text"
    assert second.rstrip() == " 11 %  short"
    assert len(second) == len(first)
    assert stream.getvalue().count("\n") == 1
