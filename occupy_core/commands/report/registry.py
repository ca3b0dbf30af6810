"""Which page shows which result; a new kind of result adds its module here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from occupy_core.commands.report.page import Page, PageMaker, Result
from occupy_core.commands.shared.record import read_record
from occupy_core.errors import ParameterError

# In the order in which they are asked.
_PAGES = ("modify", "scale", "resolution", "classes", "regions", "blocks", "batch")


def page_of(result: Result) -> Page | None:
    """Make the page of a result; None when no page is for its kind."""
    maker = _maker(result.record)
    return None if maker is None else maker.page(result)


def _maker(record: Mapping[str, Any]) -> PageMaker | None:
    for name in _PAGES:
        module = importlib.import_module(f"occupy_core.commands.report.pages.{name}")
        maker = cast(PageMaker, module)
        if maker.matches(record):
            return maker
    return None


def results_in(path: Path) -> list[Result]:
    """Find the results in a folder, or that of one record.

    Parameters
    ----------
    path : Path
        Folder of a run, or the record (JSON) itself.

    Raises
    ------
    ParameterError
        When there is none that can be shown.
    """
    if not path.exists():
        raise ParameterError(f"{path} does not exist; give the folder of a result.")
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found = []
    for file in files:
        try:
            record = read_record(file)
        except ParameterError:
            if not path.is_dir():
                raise
            continue
        if isinstance(record.get("files"), dict) and _maker(record) is not None:
            found.append(Result(record=record, name=file.name, folder=file.parent))
    if not found:
        raise ParameterError(
            f"{path} holds no result that can be shown; give the folder of a run of occupy-core "
            "of this version."
        )
    return found
