"""The options of ``occupy_core classes``: their spellings, and what the help says of them."""

from __future__ import annotations

from occupy_core.commands.shared.alike import ALIKE
from occupy_core.commands.shared.command import (
    COMMON,
    FORCE,
    Option,
    file,
    files,
    switch,
    word,
)
from occupy_core.commands.shared.region_options import BY, HALF2, PARAMS, VOXEL_SIZE, WINDOW

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        files(
            "maps",
            "-i --input-maps",
            "The maps of the classes, also accepted without the option. As they come from the "
            "classification, on one grid, in register, not sharpened and not masked.",
        ),
        file(
            "model",
            "--model",
            "Atomic model of all that may be in the maps, PDB or mmCIF, also .gz. The regions are "
            "its chains.",
        ),
        files(
            "masks",
            "--masks",
            "One mask for each region, instead of a model. With neither, the blocks that are found "
            "in 12 maps or more are the regions.",
        ),
        files(
            "half1",
            "--half1",
            "Half map 1 of each map: for the local resolution, and for the errors.",
        ),
        HALF2,
        Option(
            "weights",
            ("--weights",),
            float,
            "Size of each class, such as numbers of particles.",
            metavar="N [N …]",
            many=True,
        ),
        Option(
            "names",
            ("--names",),
            str,
            "Names of the maps in the tables, default those of the files.",
            metavar="NAME [NAME …]",
            many=True,
        ),
        Option(
            "data_sets",
            ("--data-sets",),
            str,
            "The data set that each map comes from, such as apo and ligand. Their shares of "
            "particles are compared; apo/1 and apo/2 are replicates of apo.",
            metavar="NAME [NAME …]",
            many=True,
        ),
        VOXEL_SIZE,
        PARAMS,
    ),
    "Regions": (
        BY,
        WINDOW,
        switch("by_model.ligands", "--ligands", "Make each ligand a region of its own."),
        word(
            "by_model.assembly",
            "--assembly",
            "NAME",
            "Build this biological assembly of the model first.",
        ),
        Option(
            "chains",
            ("--chains",),
            str,
            "Report these chains or regions only. All of the model is fitted nevertheless.",
            metavar="NAME [NAME …]",
            many=True,
        ),
        word(
            "reference",
            "--reference-region --reference",
            "NAME[,NAME …]",
            "Regions that are full in every class. By default they are found.",
        ),
        *ALIKE,
        switch(
            "blocks",
            "--blocks",
            "Search for structural blocks, what comes and goes together. By default when there are "
            "12 maps or more.",
        ),
    ),
    "Output": (
        file(
            "outdir",
            "--outdir",
            "Folder for everything that is written, default the current one. Each step has a "
            "folder in it; a step that is complete is not done again.",
            "DIR",
        ),
        word("name", "-o --name", "NAME", "Added to the names of the outputs: result_NAME.json."),
        switch("plot", "--plot", "Draw the figures of each step, and the dendrogram."),
        switch(
            "report",
            "--report",
            "Write one HTML file with all results, to be looked at in a browser without a network; "
            "this is the default.",
        ),
        FORCE,
    ),
    "Running": COMMON,
}
