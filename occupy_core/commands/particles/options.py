"""The options of ``occupy_core particles``: their spellings, and what the help says of them."""

from __future__ import annotations

from pathlib import Path

from occupy_core.commands.shared.command import COMMON, FORCE, Option, file, switch, word

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "occupancies",
            "--occupancies",
            "Folder or record of a run of occupy-core regions or occupy-core blocks, also accepted "
            "without the option. Its maps are the classes or volumes of the particles.",
            "RESULT",
        ),
        file(
            "particles",
            "-p --particles",
            "Particles: the data STAR file of RELION, a .cs file of cryoSPARC, a .pkl file, a CSV "
            "table with a column named class, or the folder of a job. Of cryoDRGN z.pkl or "
            "labels.pkl, of RECOVAR kmeans_result.pkl.",
        ),
        file(
            "labels",
            "--labels",
            "Number of the class or volume of each particle (.pkl, .csv, .star or .cs), when the "
            "file of particles does not hold it.",
        ),
        file(
            "latent",
            "--latent",
            "Latent coordinates of the particles: z.pkl of cryoDRGN, .npy, or text. Each particle "
            "then belongs to the nearest of the --centers. A .cs file of a 3D variability analysis "
            "holds its own.",
        ),
        file(
            "centers",
            "--centers",
            "Latent coordinates of the maps, one line for each in the order of the table, such as "
            "centers.txt of cryoDRGN's k-means or the coordinates that RECOVAR writes.",
        ),
        Option(
            "classes",
            ("--classes",),
            int,
            "Class number of each map, in the order of the table. By default the numbers are read "
            "from the names of the maps (run_it025_class003, vol_003), or follow their order.",
            metavar="N [N …]",
            many=True,
        ),
    ),
    "Choice": (
        word(
            "where",
            "--where --rule",
            "RULE",
            "Rule that the map of a particle must fit, such as 'D > 0.8 and E < 0.2'. Names with "
            "other signs than letters, digits and underscores stand in double quotation marks: "
            "'\"A:1-20\" > 0.5'. By default all particles of all maps are written.",
        ),
    ),
    "Output": (
        file("outdir", "--outdir", "Folder for everything that is written.", "DIR"),
        word(
            "name",
            "-o --output",
            "NAME",
            "Base name X of the outputs, as in particles_X.star. By default that of the file of "
            "particles.",
        ),
        switch(
            "covariates",
            "--covariates",
            "Write the occupancy of each region for all particles as covariate_REGION_X.pkl, by "
            "which the dashboard of cryoDRGN colours the latent space.",
        ),
        FORCE,
        Option(
            "params",
            ("--params",),
            Path,
            "Run the choice that a record holds again. Options on the command line replace what it "
            "says.",
            metavar="FILE",
        ),
    ),
    "Other": COMMON,
}
