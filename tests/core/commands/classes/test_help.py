"""The manual page of classes is what the program prints."""

import re
from pathlib import Path

from occupy_core.commands.classes.cli import COMMAND

PAGE = Path(__file__).parents[4] / "docs" / "classes.md"


def test_the_manual_page_is_what_help_all_prints():
    page = PAGE.read_text(encoding="utf-8")
    match = re.search(r"<!-- help-all -->\n```text\n(.*?)```\n<!-- /help-all -->", page, re.DOTALL)
    assert match, "docs/classes.md lacks the block between the help-all marks"
    assert match[1] == COMMAND.help_text(long=True)


def test_help_lines_fit():
    assert all(len(line) <= 92 for line in COMMAND.help_text(long=False).splitlines())
