"""The options of ``occupy_core regions``: their spellings, and what the help says of them."""

from __future__ import annotations

from pathlib import Path

from occupy_core.commands.shared.alike import ALIKE
from occupy_core.commands.shared.command import (
    COMMON,
    FORCE,
    REPORT,
    Option,
    file,
    files,
    number,
    switch,
    word,
)
from occupy_core.commands.shared.region_options import BY, HALF2, PARAMS, VOXEL_SIZE, WINDOW

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        files(
            "maps",
            "-i --input-maps",
            "The maps, also accepted without the option. Several maps of one grid, such as the "
            "classes of a classification, are measured against the same reference and compared. A "
            "job stands for its maps, sizes and half maps: run_it025_model.star, or the folder of "
            "a job of RELION or cryoSPARC or of the volumes of cryoDRGN or RECOVAR.",
        ),
        files(
            "masks",
            "--masks",
            "One mask for each region, on the grid of the maps. Values from 0 to 1 are weights; "
            "masks may be soft and may overlap. A mask tells where a region is, not what it is "
            "made of: a model is better when there is one.",
        ),
        file(
            "model",
            "--model",
            "Atomic model of what is in the maps, PDB or mmCIF, also .gz. The density that each "
            "chain would have when full is fitted to the maps.",
        ),
        files(
            "half1",
            "--half1",
            "Half map 1 of each map, for the noise. With masks and without half maps, it is taken "
            "from the solvent. With a model half maps are fitted too: where they differ by more "
            "than the noise that the fit sees, errors are wider.",
        ),
        HALF2,
        files(
            "scales",
            "--scales",
            "Local scale of each map, for the column mean_scale. By default it is estimated with "
            "the defaults of occupy-core scale. It does not enter the occupancies.",
        ),
        files(
            "resolutions",
            "--resolutions",
            "Local resolution of each map in Å, as of occupy-core resolution. Its mean over each "
            "region joins the table; a region that is all there but resolved worse than what lies "
            "around it is called flexible.",
        ),
        files(
            "resolution_sigmas",
            "--resolution-sigmas",
            "Standard deviation of the local resolution of each map in Å. As of occupy-core "
            "resolution; without it the differences within the map count alone.",
        ),
        Option(
            "weights",
            ("--weights",),
            float,
            "Size of the class that each map stands for, such as numbers of particles. The table "
            "then gets the mean over the classes too, in the record.",
            metavar="N [N …]",
            many=True,
        ),
        Option(
            "names",
            ("--names",),
            str,
            "Names of the maps in the table, default those of the files.",
            metavar="NAME [NAME …]",
            many=True,
        ),
        *ALIKE,
        VOXEL_SIZE,
        PARAMS,
    ),
    "Regions of a model": (
        BY,
        WINDOW,
        switch(
            "by_model.ligands",
            "--ligands",
            "Make each ligand a region of its own, such as A/HEM 201. By default it is a part of "
            "its chain; with windows it always is a region.",
        ),
        word(
            "by_model.assembly",
            "--assembly",
            "NAME",
            "Build this biological assembly of the model first. Its copies are named A1, A2 and so "
            "on.",
        ),
        Option(
            "chains",
            ("--chains",),
            str,
            "Report these chains or regions only. All of the model is fitted, so that neighbours "
            "do not count for each other.",
            metavar="NAME [NAME …]",
            many=True,
        ),
    ),
    "Estimate": (
        word(
            "reference",
            "--reference-region --reference",
            "NAME[,NAME …]",
            "Regions that are full: their occupancy becomes 1. By default those of the highest "
            "level that a tenth of the model (a quarter of the masks) shares in every map.",
        ),
        number(
            "by_model.resolution",
            "-r --resolution",
            "Å",
            "Finest detail of the model that is fitted, default 3 Å or what the voxels allow. It "
            "need not be the resolution of the map: detail that the map lacks does not count.",
        ),
        switch(
            "by_model.align",
            "--align",
            "Move the model to where it fits when that is clearly elsewhere, and follow small "
            "shifts in each map; this is the default. Rotations are not searched.",
        ),
        switch(
            "by_masks.whole",
            "--whole",
            "Take the plain weighted mean over each mask, as MAVEn does. By default a mask is "
            "peeled to the surface of the molecule, so that tight and generous masks read alike.",
        ),
    ),
    "Output": (
        Option(
            "outdir",
            ("--outdir",),
            Path,
            "Folder for everything that is written, default the current one. It is made if "
            "missing. The outputs appear in it together when all are complete.",
            metavar="DIR",
        ),
        word("name", "-o --name", "NAME", "Added to the names of the outputs: result_NAME.json."),
        switch(
            "write_masks",
            "--write-masks",
            "Write a soft mask of each region of the model, as mask_A.mrc. For focused "
            "classification or signal subtraction.",
        ),
        number(
            "mask_radius",
            "--mask-radius --extend",
            "Å",
            "These masks are 1 up to this distance from the atoms, default 3.0.",
        ),
        number("mask_soft", "--mask-soft --soft", "Å", "Width of their soft edge, default 6.0."),
        FORCE,
    ),
    "Pictures": (
        REPORT,
        switch(
            "plot",
            "--plot",
            "Draw bars with error bars and, for several maps, a heat map. As "
            "regions.png and regions_heatmap.png.",
        ),
        switch(
            "chimerax",
            "--chimerax",
            "Write a ChimeraX script that shows maps and regions coloured by occupancy; this is "
            "the default. For a model also mmCIF files with 100 times the occupancy in the place "
            "of B-factors, and attribute files (region_occupancy).",
        ),
    ),
    "Running": COMMON,
}
