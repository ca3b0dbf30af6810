"""A name stands in every kind of output as itself: it ends nothing and is run by nothing."""

import csv
import html.parser
import io
import shlex
import unicodedata
from pathlib import Path

import pytest
from chimerax_commands import tokens
from hostile import TEXTS, file_names

from occupy_core import ParameterError
from occupy_core.commands.shared.quoting import (
    chimerax_comment,
    chimerax_path,
    chimerax_text,
    csv_name,
    csv_text,
    html_text,
    one_line,
    star_value,
)

hostile = pytest.mark.parametrize("text", TEXTS, ids=ascii)


@hostile
def test_a_text_of_a_log_is_one_line_without_commands_for_the_terminal(text):
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for c in line}
    assert "\u202e" not in line
    if text.isprintable():
        assert line == text


@hostile
def test_a_label_for_chimerax_is_one_token(text):
    line = f"rename #1 {chimerax_text(text)}"
    assert len(line.splitlines()) == 1
    line.encode("utf-8")
    assert len(tokens(line)) == 3


@pytest.mark.parametrize("text", file_names(), ids=ascii)
def test_a_file_name_is_opened_by_chimerax_as_it_is_or_refused(text):
    try:
        line = f"open {chimerax_path(Path('/data') / text)}"
    except ParameterError as error:
        assert "ChimeraX cannot open a file named" in str(error)  # noqa: PT017
        return
    assert len(line.splitlines()) == 1
    line.encode("utf-8")
    assert tokens(line) == ["open", f"/data/{text}"]


@hostile
def test_a_comment_for_chimerax_ends_with_its_line(text):
    line = chimerax_comment(text)
    assert line.startswith("# ")
    assert len(line.splitlines()) == 1


@hostile
def test_a_cell_of_a_table_is_one_text_and_no_formula(text):
    written = csv_text(["name", "value"], [{"name": text, "value": -0.5}])
    head, (name, value) = csv.reader(io.StringIO(written, newline=""))
    assert (head, value) == (["name", "value"], "-0.5")
    assert name == csv_name(text)
    assert name in (text, "'" + text)
    assert not name.startswith(("=", "+", "-", "@", "\t", "\r"))
    # A spreadsheet may take the semicolon for what separates cells.
    first = written.splitlines()[1]
    assert ";" not in text or first.startswith('"')


def test_numbers_flags_and_gaps_of_a_table():
    row = {"a": True, "b": None, "c": float("nan"), "d": 0.123456, "e": -3, "f": ("x", "y")}
    assert csv_text(list(row), [row], digits=3).splitlines()[1] == '1,,,0.123,-3,"x; y"'
    assert csv_text(["d"], [row]).splitlines()[1] == "0.123456"


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.values, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data):
        self.text += data


@hostile
def test_a_text_of_a_page_makes_no_element_and_ends_no_attribute(text):
    reader = Reader()
    reader.feed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    reader.close()
    assert reader.tags == ["p"]
    assert reader.values == [one_line(text)]
    assert reader.text == one_line(text)


@hostile
def test_a_value_of_a_star_file_is_one_word_or_refused(text):
    try:
        word = star_value(text)
    except ParameterError as error:
        assert "STAR" in str(error)  # noqa: PT017
        return
    assert len(word.splitlines()) == 1
    if word == text:  # bare: no mark, no white space, nothing that STAR takes for its own
        assert shlex.split(word.replace("\\", "_"), posix=False) == [word.replace("\\", "_")]
        assert word[0] not in "_#$'\"[];"
        assert word.lower() not in ("loop_", "data_x", ".", "?")
    else:
        assert word[0] == word[-1]
        assert f"{word[0]} " not in word[1:-1] + "|"
        assert word[1:-1] == text
