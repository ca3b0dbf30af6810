"""The options that make several maps alike before they are compared."""

from __future__ import annotations

from occupy_core.commands.shared.command import Option, switch

ALIKE: tuple[Option, ...] = (
    switch(
        "align_maps",
        "--align-maps",
        "Move each map to where it agrees best with the first, to a fraction of a voxel. A shift "
        "of a voxel reads as lost occupancy. Nothing is turned; how far is told.",
    ),
    switch(
        "match_falloff",
        "--match-falloff",
        "Weaken the fine detail of each map to the amplitude of the map that has least of it. "
        "Different filters and B-factors read as differences of occupancy. How much is told.",
    ),
)
