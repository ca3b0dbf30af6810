"""How new files take the place of earlier ones: all of them, or none.

An earlier result is put aside first, its record before all else, and the new record comes last: at
no moment does a record stand beside files of another run. When a file cannot be moved, everything
is put back; when the process is killed meanwhile, the next run puts it back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

NEW = "new"  # folder in the staging folder: what is being made
_EARLIER = "earlier"  # and what is put aside for it
_PLAN = "plan.json"

Identity = tuple[int, int]


def exchange(folder: Path, outdir: Path, names: Sequence[str], stale: Iterable[str] = ()) -> None:
    """Move finished files to the output folder.

    Parameters
    ----------
    folder : Path
        The staging folder, with the new files.
    outdir : Path
        The output folder.
    names : sequence of str
        The new files, in the order in which they are to appear; the record is the last.
    stale : iterable of str
        Files of the output folder that go with the earlier result.

    Raises
    ------
    OSError
        When a file cannot be moved; then everything is as it was.
    """
    plan = {name: _identity(folder / NEW / name) for name in names}
    (folder / _EARLIER).mkdir()
    (folder / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
    try:
        for name in (*reversed(names), *stale):
            if os.path.lexists(outdir / name):
                (outdir / name).replace(folder / _EARLIER / name)
        for name in names:
            (folder / NEW / name).replace(outdir / name)
        (folder / _PLAN).unlink()  # from here on it is done
    except BaseException:
        undo(folder, outdir)
        raise


def undo(folder: Path, outdir: Path) -> None:
    """Put back what a run that did not come to its end had put aside, as far as that goes.

    Parameters
    ----------
    folder : Path
        The staging folder of that run.
    outdir : Path
        Its output folder.
    """
    plan = dict(_planned(folder))
    for name, identity in plan.items():
        with suppress(OSError):  # it was not moved, or something else has its name
            if _identity(outdir / name) == identity:
                (outdir / name).replace(folder / NEW / name)
    aside = folder / _EARLIER
    present = [] if aside.is_symlink() or not aside.is_dir() else [p.name for p in aside.iterdir()]
    # What went with the earlier result first; the record, which says that all is there, last.
    order = {name: place for place, name in enumerate(plan)}
    for name in sorted(present, key=lambda name: order.get(name, -1)):
        if plan and not os.path.lexists(outdir / name):
            with suppress(OSError):
                (aside / name).replace(outdir / name)
    with suppress(OSError):
        (folder / _PLAN).unlink()


def _planned(folder: Path) -> Iterator[tuple[str, Identity]]:
    """The files that were to be moved, none when the plan is not one of ours."""
    try:
        plan = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
        entries = [(str(name), (int(device), int(node))) for name, (device, node) in plan.items()]
    except (OSError, ValueError, TypeError, AttributeError):
        return
    for name, identity in entries:
        if Path(name).name == name:
            yield name, identity


def _identity(path: Path) -> Identity:
    status = path.lstat()
    return status.st_dev, status.st_ino
