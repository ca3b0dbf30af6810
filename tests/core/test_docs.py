"""Links of the documentation lead somewhere, its figures are shown, its command lines are valid."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_table import command_of

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FIGURES = sorted((ROOT / "docs" / "figures").glob("*"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    """What a page links to, without its blocks of code."""
    return LINK.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))


def anchors(page: Path) -> set[str]:
    """Names of the headings of a page, as they are in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page):
    lost = []
    for link in links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_is_shown_on_a_page(figure):
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert figure.resolve() in shown


def command_lines(page: Path) -> list[str]:
    """Command lines of the program in the blocks of code of a page, without comments."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"```text\n.*?```", "", text, flags=re.DOTALL)  # what the program prints
    found = re.findall(r"^ *(?:\$ )?occupy-core ([^\n]+)$", text, flags=re.MULTILINE)
    return [line for line in found if "COMMAND" not in line]


LINES = [(page, line) for page in PAGES for line in command_lines(page)]


def test_there_are_command_lines_in_the_documentation():
    assert len(LINES) > 20


@pytest.mark.parametrize(
    ("page", "line"), LINES, ids=[f"{page.name}: {line[:60]}" for page, line in LINES]
)
def test_a_command_line_of_the_documentation_is_understood(page, line):
    words = shlex.split(line, comments=True)
    command, rest = command_of(words)
    assert command.parse(rest) != {}
