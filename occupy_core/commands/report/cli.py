"""The command ``occupy_core report``: results in, one HTML file out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from occupy_core.commands.shared.command import COMMON, FORCE, Command, file, switch
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.errors import ParameterError

_NAME = "report.html"

COMMAND = Command(
    name="report",
    usage="RESULT_DIR [RESULT_DIR …] [-o FILE] [--open]",
    summary=SUMMARIES["report"],
    examples=(
        "report scale --open",
        "report class1 class2 class3 -o classes.html",
    ),
    sections={
        "Input": (
            file(
                "results",
                "--results",
                "Folder of a result, or its record (JSON). It may stand without the option, and "
                "there may be several.",
                "RESULT_DIR",
            ),
        ),
        "Output": (
            file(
                "output",
                "-o --output",
                "The HTML file. By default report.html in the folder of the first result.",
            ),
            switch("open", "--open", "Open it in the browser."),
            FORCE,
        ),
        "Running": tuple(option for option in COMMON if option.field != "threads"),
    },
    positional="results",
    many=True,
    own_fields=frozenset(("results", "output", "open", "force")),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something.
    """
    return COMMAND.run(arguments, _report)


def _report(given: dict[str, Any]) -> None:
    from occupy_core.commands.report.build import open_report, save_report
    from occupy_core.commands.report.registry import results_in
    from occupy_core.commands.shared.record import as_written

    folders = given.get("results") or []
    folders = [folders] if isinstance(folders, Path) else folders
    if not folders:
        raise ParameterError(
            f"No result is given; give its folder, as in occupy-core {COMMAND.examples[0]}."
        )
    results = [result for folder in folders for result in results_in(folder)]
    path = given.get("output") or results[0].folder / _NAME
    with as_written([result.folder / result.name for result in results]):
        save_report(path, results, force=given.get("force", False))
    if not given.get("quiet"):
        print(f"Written: {path}")
    if given.get("open") and not open_report(path):
        print(f"No browser was found; open {path} in one.", file=sys.stderr)
