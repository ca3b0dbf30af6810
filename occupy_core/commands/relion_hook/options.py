"""The options of ``occupy-core relion-hook``: their spellings, and what the help says of them."""

from __future__ import annotations

from occupy_core.commands.shared.command import COMMON, Option, file, number, switch, word

_SAID = ("help", "help_all", "version", "quiet")

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "star",
            "--star",
            "STAR file that RELION writes for an external reconstruction. RELION puts it last on "
            "the command line, where it needs no option.",
        ),
        word(
            "program",
            "--program",
            "PROGRAM",
            "RELION's own program that makes the map. By default relion_external_reconstruct.",
        ),
        switch(
            "skip_gridding",
            "--skip-gridding",
            "Give --skip_gridding to that program. Say it when the job of RELION has it too.",
        ),
    ),
    "Change": (
        number(
            "power",
            "--attenuate",
            "G",
            "Take weak places down by this power, instead of focusing: a place of scale S is "
            "multiplied by S^(G-1), the solvent by 0. At least 1, which takes down the solvent "
            "only. By default classes are focused: they may differ where their mean is not full, "
            "and have their mean elsewhere.",
        ),
        switch(
            "by_voxel",
            "--by-voxel",
            "Let each voxel have its own scale. By default what has one occupancy has a size of "
            "12 Å, as in occupy-core scale.",
        ),
        number(
            "decay",
            "--decay",
            "D",
            "With --attenuate: share of the attenuation that is left after each iteration. The "
            "power of iteration n is 1 + (G-1) D^(n-2). By default 1: the same in all.",
        ),
        switch(
            "keep_solvent",
            "--keep-solvent",
            "With --attenuate: leave the solvent as it is. By default it is taken down to 0.",
        ),
        switch(
            "per_class",
            "--per-class",
            "With --attenuate: let each class have the scale of its own map. By default all get "
            "the factors of their mean.",
        ),
        switch(
            "renormalise",
            "--renormalise",
            "With --attenuate: give each shell of the changed map the power that it had. By "
            "default it loses what was taken down.",
        ),
    ),
    "When": (
        number(
            "start_resolution",
            "--start-resolution",
            "RES",
            "Pass maps through while the resolution of the classification is worse than this, Å. "
            "By default 45.",
        ),
        number(
            "start_iteration",
            "--start-iteration",
            "N",
            "Pass maps through before this iteration. At least 2, the default: the first iteration "
            "has no maps before it.",
            int,
        ),
        number(
            "stop_iteration",
            "--stop-iteration",
            "N",
            "Pass maps through after this iteration. Those of the last iteration always pass: they "
            "show what the particles have.",
            int,
        ),
    ),
    "Other": (
        number(
            "threads",
            "--threads",
            "N",
            "Number of threads, by default 1: RELION calls for several classes at once.",
            int,
        ),
        switch(
            "setup",
            "--setup",
            "Print what to set and to add to the job of RELION for these options, and end.",
        ),
        *(option for option in COMMON if option.field in _SAID),
    ),
}
