"""The options that regions and classes have in common, word by word."""

from __future__ import annotations

from occupy_core.commands.shared.command import Option, file, files, number

HALF2 = files("half2", "--half2", "Half map 2 of each map, in the same order.")
VOXEL_SIZE = number(
    "voxel_size",
    "--voxel-size",
    "Å",
    "Edge of the cubic voxels of all maps and masks, instead of what their headers say.",
)
PARAMS = file(
    "params",
    "--params",
    "Read the job from a JSON file, such as the result.json of an earlier run. Options "
    "given besides it count more. The same job on the same files writes the same bytes.",
)
BY = Option(
    "by_model.by",
    ("--by",),
    str,
    "One number for each chain or for windows of residues along it: chain or residues, "
    "default chain.",
    metavar="chain|residues",
)
WINDOW = number("by_model.window", "--window", "N", "Residues of a window, default 20.", int)
