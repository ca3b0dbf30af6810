"""The options of ``occupy-core watch``: those of the batch, and what a folder needs besides."""

from __future__ import annotations

from occupy_core.commands.batch.options import SECTIONS as BATCH
from occupy_core.commands.shared.command import Option, file, number

_LEFT_OUT = frozenset(("jobs", "dry_run"))

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "folder",
            "--folder",
            "Folder in which maps arrive, also accepted without the option. Folders in it are not "
            "looked into.",
            "FOLDER",
        ),
        number(
            "settle",
            "--settle",
            "S",
            "Time (s) for which a map must not have changed, to be taken for complete. By default "
            "2.",
        ),
        number(
            "until_idle",
            "--until-idle",
            "S",
            "End when nothing has arrived or was worked on for so long (s). By default it goes on "
            "until it is interrupted.",
        ),
        *(option for option in BATCH["Input"] if option.field not in _LEFT_OUT),
    ),
    "Output": BATCH["Output"],
    "Workers": BATCH["Workers"],
    "Other": tuple(option for option in BATCH["Other"] if option.field not in _LEFT_OUT),
}
