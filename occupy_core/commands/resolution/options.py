"""The options of ``occupy_core resolution``: their spellings, and what the help says of them."""

from __future__ import annotations

from pathlib import Path

from occupy_core.commands.shared.command import COMMON, FORCE, REPORT, Option, file, number, switch

_HALVES = (
    file(
        "half1",
        "--half1",
        "Half map 1, unfiltered and unmasked. The FSC of the two half maps in Gaussian windows is "
        "the answer then, and what the map alone gives stands beside it.",
    ),
    file("half2", "--half2", "Half map 2."),
)
_MASK = file(
    "mask",
    "--mask",
    "Mask of the molecule (above 0.5), instead of the one that is found. It says where the "
    "resolution is reported, not how it is estimated.",
)
_VOXEL_SIZE = number(
    "voxel_size",
    "--voxel-size",
    "Å",
    "Edge of the cubic voxels of all maps, instead of what their headers say. For maps with a "
    "wrong or missing voxel size.",
)
_WINDOW = number(
    "resolution.window",
    "--window",
    "Å",
    "Standard deviation of the Gaussian window in which the resolution is local; by default 5 Å, "
    "more for maps that hold nothing finer than 7 Å. A larger window is less noisy and blurs.",
)
_OUTDIR = Option(
    "outdir",
    ("--outdir",),
    Path,
    "Folder for everything that is written, default the current one. It is made if missing. The "
    "outputs appear in it together when all are complete.",
    metavar="DIR",
)

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "map",
            "-i --input-map",
            "The map, also accepted without the option. MRC or CCP4, also .gz or .bz2; any box, "
            "axis order and voxel shape. Best as it comes from the reconstruction, with the noise "
            "of the solvent in it; sharpening does no harm, masks and local filters do. When left "
            "out, it is the mean of the half maps.",
        ),
        *_HALVES,
        _MASK,
        _VOXEL_SIZE,
        file(
            "params",
            "--params",
            "Read the job from a JSON file, such as the resolution_X.json of an earlier run. "
            "Options given besides it count more. The same job on the same files writes the same "
            "bytes.",
        ),
    ),
    "Local resolution": (
        _WINDOW,
        switch(
            "resolution.second_opinion",
            "--second-opinion",
            "Make a second estimate from the monogenic amplitude, and warn where it disagrees; "
            "this is the default. It is only made where the noise of the solvent is seen.",
        ),
        number(
            "resolution.background",
            "--background",
            "Å",
            "Value of the resolution maps outside the mask, default 0.0.",
        ),
        switch(
            "resolution.filter",
            "--filter",
            "Write the map low-passed to its local resolution, as filtered_X.mrc. The half maps "
            "too when they are given.",
        ),
    ),
    "Output": (
        _OUTDIR,
        Option(
            "name",
            ("-o", "--output-map"),
            str,
            "Base name X of the outputs, default the name of the input. As in resolution_X.mrc.",
            metavar="NAME",
        ),
        FORCE,
    ),
    "Pictures": (
        REPORT,
        switch(
            "plot",
            "--plot",
            "Draw slices coloured by the local resolution, its histogram, and the local against "
            "the global resolution. As resolutionSlices_X.png, resolutionHist_X.png and "
            "resolutionGlobal_X.png.",
        ),
        switch(
            "chimerax",
            "--chimerax",
            "Write a ChimeraX script that colours the map by its local resolution; this is the "
            "default. It has a colour key and defines the commands resolution_color <map> <by map> "
            "and resolution_level <level>.",
        ),
    ),
    "Running": COMMON,
}

BENCH_SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "half1",
            "--half1",
            "Half map 1, unfiltered and unmasked. Its local FSC with half map 2 is the reference.",
        ),
        file("half2", "--half2", "Half map 2."),
        file(
            "mask",
            "--mask",
            "Mask of the molecule (above 0.5) within which the two are compared. By default the "
            "one that is found in the mean of the half maps.",
        ),
        _VOXEL_SIZE,
        file(
            "params",
            "--params",
            "Read the comparison from a JSON file, such as the bench_X.json of an earlier run.",
        ),
    ),
    "Local resolution": (_WINDOW,),
    "Output": (
        _OUTDIR,
        Option(
            "name",
            ("-o", "--output-map"),
            str,
            "Base name X of the outputs, default the name of half map 1. As in bench_X.csv.",
            metavar="NAME",
        ),
        FORCE,
    ),
    "Running": COMMON,
}
