"""The options of ``occupy_core blocks``: their spellings, and what the help says of them."""

from __future__ import annotations

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

_THRESHOLD = word(
    "threshold",
    "--threshold",
    "auto|NUMBER|TABLE.csv",
    "Where to contour the volumes, default auto: a threshold for each by --threshold-rule. Or one "
    "number for all, in grey values, or a table with a line volume,threshold for each. The "
    "thresholds.csv that is written is such a table, and so is the predictions.csv of SIREN.",
)
_FOLDER = file(
    "volumes_dir",
    "--volumes-dir --voldir",
    "All maps of this folder, in natural order (vol_2 before vol_10), whatever their names.",
    "DIR",
)
_OUTDIR = file(
    "outdir",
    "--outdir",
    "Folder for everything that is written, made if missing. Default: the current folder. "
    "Everything appears at the end, together.",
    "DIR",
)
_OUTPUT = (
    _OUTDIR,
    word("name", "--name", "X", "Added to the names of the outputs, as in blocks_X.json."),
    word(
        "where",
        "--where",
        "RULE",
        "Choose volumes by their blocks, into subset.csv. For example "
        "'B3 > 0.7 and B1 < 0.2'. Numbers are occupancies; B3_on is the part of the voxels of B3 "
        "that is occupied. The words or, not and brackets work.",
    ),
    FORCE,
)
_STEPS = (
    file(
        "resume",
        "--resume",
        "Take over what an earlier run has saved in this folder. A step that it did on the same "
        "volumes with the same parameters is not done again; the results are the same.",
        "DIR",
    ),
    switch(
        "sketch_only",
        "--sketch-only",
        "Stop before the masks are made, and write the saved state only, to resume from: "
        "state_*.npz and sketch.json.",
    ),
)
_PICTURES = (
    REPORT,
    switch(
        "plot",
        "--plot",
        "Draw the heat map with its trees, the blocks in slices, how they depend on each other, "
        "and a preview of the thresholds. As heatmap.png, map.png, graph.png and thresholds.png; "
        "blocks expand draws them of a finished run.",
    ),
    switch(
        "chimerax",
        "--chimerax",
        "Write a ChimeraX script with one colour a block, this is the default.",
    ),
    switch(
        "notebook",
        "--notebook",
        "Write a Jupyter notebook that plots the occupancies and picks volumes, this is the "
        "default. As analysis.ipynb; with --plot it is executed already.",
    ),
    switch(
        "pickle",
        "--pickle",
        "Write the blocks as a pickled dictionary, as autoseg does: the number of each block and "
        "the list of its voxels (flat indices, the last axis x runs fastest). As blocks.pkl.",
    ),
)
_TESTS = (
    number(
        "blocks.posp",
        "--posp",
        "P",
        "Level of the test for both on, default 0.01, before the correction for the number of "
        "pairs. With exact tails the tests for both on and for both off are one, and the smaller "
        "level decides.",
    ),
    number("blocks.negp", "--negp", "P", "Level of the test for both off, default 0.05."),
    number(
        "posp_factor",
        "--posp-factor",
        "F",
        "Multiplies the corrected level for both on, as in autoseg. The same as a larger --posp.",
    ),
    number(
        "negp_factor",
        "--negp-factor",
        "F",
        "Multiplies the corrected level for both off, as in autoseg.",
    ),
)
_SKETCH = (
    *_TESTS,
    word(
        "blocks.correction",
        "--correction",
        "NAME",
        "Correction for the number of pairs, default auto. bonferroni: no false pair at the level; "
        "bh (Benjamini-Hochberg): the fraction of false pairs is the level; auto: the first where "
        "any pair can reach it, else the second, which the record then says.",
    ),
    switch(
        "blocks.distance_factor",
        "--distance-factor",
        "Ask for more agreement of far voxels, as SIREN does. Its cut-off for both on is "
        "multiplied by 0.02 d + 0.95, but at least by 1.25, below d = 40 Å and by 1.75 beyond: a "
        "rule set by hand.",
    ),
    number(
        "blocks.min_distance",
        "--min-distance",
        "Å",
        "Nearer pairs do not count, for noise is correlated over it. Default: measured in the "
        "solvent.",
    ),
    number(
        "blocks.max_agreement",
        "--max-agreement",
        "A",
        "Groups of voxels that agree in more than this fraction of the volumes are one block, "
        "default 0.95.",
    ),
    number(
        "blocks.subsample",
        "--subsample",
        "N",
        "Compare only one voxel in N with the others, drawn at random, default 1. The rest is "
        "asked when the blocks are expanded.",
        int,
    ),
    number(
        "blocks.max_voxels",
        "--max-voxels",
        "N",
        "Compare no more voxels than this with each other, default 100000; of more, a random "
        "sample. The time grows with its square.",
        int,
    ),
    number("blocks.seed", "--seed", "S", "Seed of the random samples, default 0.", int),
)
_EXPAND = (
    number(
        "blocks.exp_frac",
        "--exp-frac",
        "F",
        "A voxel joins a block when it is co-occupied with at least this fraction of its seeds, "
        "default 0.25.",
    ),
    number(
        "blocks.min_volume",
        "--min-volume",
        "Å3",
        "Drop blocks smaller than this. Default: 20 voxels.",
    ),
    number(
        "mask_extend",
        "--extend",
        "Å",
        "Let the masks reach this much further than the blocks, default 0.",
    ),
    number(
        "mask_soft",
        "--soft",
        "Å",
        "Let the masks fall to 0 over this distance, default 0: they are binary. RELION and "
        "cryoSPARC want a few voxels.",
    ),
)
_FILTER = switch(
    "blocks.filter_volumes",
    "--filter --filter-volumes",
    "Leave out volumes whose threshold lies outside mean +- 2 standard deviations, and those in "
    "which nothing stands out of the noise. Both are reported in any case.",
)
_VOXEL_SIZE = number(
    "voxel_size",
    "--voxel-size --apix",
    "Å",
    "Edge of the cubic voxels, instead of what the headers say.",
)
_CONTOUR = (
    _THRESHOLD,
    Option(
        "blocks.threshold_rule",
        ("--threshold-rule",),
        str,
        "Rule of the automatic thresholds, default density. density: half way from the solvent to "
        "the densest part; scale: half of the full scale of the low-passed map; solvent: where the "
        "confidence of the solvent model is one half; otsu: two classes of the histogram. "
        "All follow the grey scale of each volume.",
        metavar="NAME",
    ),
    number(
        "blocks.smoothing",
        "--smoothing",
        "Å",
        "Smooth the volumes by a Gaussian of this sigma before they are contoured. Default: one "
        "voxel where an automatic threshold does not stand out of the noise, else none. The masks "
        "come from the volumes as they are.",
    ),
    _FILTER,
    number(
        "blocks.union_fraction",
        "--union-fraction",
        "F",
        "Look only at voxels that are on in more than this fraction of the volumes, default 0.01.",
    ),
)

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        files(
            "volumes",
            "-i --volumes",
            "The volumes, also accepted without the option: aligned, of one box. MRC or CCP4, also "
            ".gz or .bz2, any box; 10 are the least, 200 and more are usual.",
        ),
        _FOLDER,
        number(
            "bin",
            "--binning",
            "N",
            "Average the volumes over cubes of N voxels along each edge, default 1. Faster on "
            "large boxes; the masks are on the grid of the volumes nevertheless. (The --bin of "
            "autoseg, a threshold, is --threshold here.)",
            int,
        ),
        *ALIKE,
        _VOXEL_SIZE,
        file(
            "params",
            "--params",
            "Read the job from a JSON file, such as the blocks.json of an earlier run. Options "
            "given besides it count more. The same job on the same files writes the same bytes.",
        ),
    ),
    "Thresholds": _CONTOUR,
    "Co-occupancy": _SKETCH,
    "Masks": _EXPAND,
    "Output": _OUTPUT,
    "Pictures": _PICTURES,
    "Running": (*_STEPS, *COMMON),
}

_EARLIER = (
    file(
        "config",
        "--config",
        "Folder or record (blocks.json) of the earlier run, also accepted without the option. Its "
        "volumes are read again, and its parameters hold unless others are given.",
    ),
    file(
        "blockdir",
        "--blockdir",
        "Folder of the saved state (npz), default that of the record.",
        "DIR",
    ),
)

SKETCH_SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        *_EARLIER,
        file(
            "volumes_dir",
            "--volumes-dir --voldir",
            "Start from the volumes in this folder instead, as autoseg does.",
            "DIR",
        ),
        word(
            "threshold",
            "--bin --binfile",
            "NUMBER|TABLE.csv",
            "With --voldir: threshold of all volumes, or table of thresholds, as in autoseg and "
            "SIREN. The same as --threshold of occupy-core blocks.",
        ),
        _VOXEL_SIZE,
        _FILTER,
    ),
    "Co-occupancy": _SKETCH,
    "Masks": _EXPAND,
    "Output": _OUTPUT,
    "Pictures": _PICTURES,
    "Running": COMMON,
}

EXPAND_SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": _EARLIER,
    "Masks": (*_EXPAND, *_TESTS),
    "Output": _OUTPUT,
    "Pictures": _PICTURES,
    "Running": COMMON,
}

SUBSET_SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "config",
            "--config",
            "Folder or record (blocks.json) of the search, also accepted without the option.",
        ),
        word(
            "where",
            "--where",
            "RULE",
            "Which volumes. For example 'B3 > 0.7 and B1 < 0.2'. Numbers are occupancies; B3_on is "
            "the part of the voxels of B3 that is occupied. The words or, not and brackets work.",
        ),
    ),
    "Output": (
        file(
            "outdir",
            "--outdir",
            "Folder for subset.csv, made if missing; without it the volumes are listed only.",
            "DIR",
        ),
        switch("copy", "--copy", "Copy the volumes into the folder."),
        switch("link", "--link", "Link the volumes into the folder."),
        switch("force", "--force", "Replace outputs that exist. Inputs never are."),
    ),
    "Running": COMMON,
}
