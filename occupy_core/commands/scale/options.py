"""The options of ``occupy_core scale``: their spellings, and what the help says of them."""

from __future__ import annotations

from pathlib import Path

from occupy_core.commands.shared.command import (
    COMMON,
    FORCE,
    REPORT,
    Option,
    file,
    gamma,
    number,
    switch,
)

SECTIONS: dict[str, tuple[Option, ...]] = {
    "Input": (
        file(
            "map",
            "-i --input-map",
            "The map, also accepted without the option. MRC or CCP4, also .gz or .bz2; any box, "
            "axis order and voxel shape. It should be raw: not sharpened by machine learning, not "
            "masked, with solvent around the particle.",
        ),
        Option(
            "emdb",
            ("--emdb", "--emdb-id"),
            str,
            "Fetch the main map of an EMDB entry and use it as the input. It is put into the "
            "output folder as emd_<number>.map and not fetched again when it is there. Needs the "
            "network.",
            metavar="ID",
        ),
        file(
            "half1",
            "--half1",
            "Half map 1. The calibrated scale takes its noise from the half maps, and each "
            "modified map is written for both halves too. These get exactly the factors of the map "
            "and are not clipped, so that FSC and post-processing can follow.",
        ),
        file("half2", "--half2", "Half map 2."),
        number(
            "voxel_size",
            "--voxel-size",
            "Å",
            "Edge of the cubic voxels of all maps, instead of what their headers say. For maps "
            "with a wrong or missing voxel size.",
        ),
        file(
            "scale_map",
            "--scale-map",
            "Use this scale, made before from the same map, instead of estimating one. The solvent "
            "model is fitted again. Method, mode and standard error are told by the record beside "
            "it.",
        ),
        file(
            "scale_sigma",
            "--scale-sigma",
            "With a scale map: its standard error, default that beside it. With both the map is "
            "modified as in the run that estimates the scale. Without it the factors are used "
            "plainly, by the confidence of each voxel.",
        ),
        file(
            "regional_confidence",
            "--regional-confidence",
            "With a scale map and its standard error: the regional confidence that was made with "
            "them, default that beside the scale. Without one it is found again from the map.",
        ),
        file(
            "confidence_map",
            "--confidence-map",
            "With a scale map: use the confidence that was made with it, too. Maps that share "
            "both, such as the classes of a classification, are modified by the same factors.",
        ),
        file(
            "params",
            "--params",
            "Read the job from a JSON file, such as the result_X.json of an earlier run. Options "
            "given besides it count more. The same job on the same files writes the same bytes.",
        ),
    ),
    "Local scale": (
        Option(
            "scale.method",
            ("--method",),
            str,
            "Method of the estimate: calibrated or occupy, default calibrated. With calibrated the "
            "scale is an occupancy: noise reads 0, full density has a median of 1, and "
            "scale_sigma_X.mrc has its standard error. With occupy it is that of OccuPy 0.1.13.",
            metavar="calibrated|occupy",
        ),
        Option(
            "scale.mode",
            ("--mode",),
            str,
            "What the scale is estimated from: res or occ. The default is occ when the map is "
            "amplified, attenuated or modified by a sigmoid, and res otherwise. With res, the map "
            "as it is, the scale falls with local resolution and with occupancy; with occ, the "
            "low-passed map, with occupancy mostly. Modify maps by an occ scale, and take occ for "
            "occupancies where parts differ in resolution.",
            metavar="res|occ",
        ),
        switch("scale.mode", "--lp-scale --occupancy", "Same as --mode occ.", "occ"),
        switch("scale.mode", "--raw-scale", "Same as --mode res.", "res"),
        number(
            "scale.resolution",
            "-r --resolution",
            "Å",
            "Worst resolution of what matters in the map. The low-pass becomes at least this, so "
            "that parts of lower resolution are not taken for parts of lower occupancy.",
        ),
        number(
            "scale.lowpass",
            "-lp --lowpass",
            "Å",
            "Low-pass before the estimate, default the larger of 8 Å and 3 voxels. It sets the "
            "solvent model, the kernel and, with --mode occ, the scale itself. Larger values see "
            "solvent better and details worse.",
        ),
        number(
            "scale.kernel_size",
            "-k --kernel-size --kernel",
            "VOXELS",
            "Edge of the kernel, an odd number; default what fits into the low-pass, 3 to 9. A "
            "larger kernel gives a surer and coarser scale.",
            int,
        ),
        number(
            "scale.kernel_radius",
            "--kernel-radius",
            "VOXELS",
            "Radius of the ball inside the kernel, default a third of the low-pass (with occupy: "
            "half). The ball and the kernel together say over which voxels the maximum is taken.",
        ),
        number(
            "scale.tau",
            "-t --tau",
            "Q",
            "Quantile of a tile that counts as its density, 0 to 1; default from the number of "
            "voxels in the kernel. A lower value calls more of the map full. Only with occupy, or "
            "with --S0.",
        ),
        number(
            "scale.tile_size",
            "--tile-size",
            "VOXELS",
            "Edge of the tiles that are searched for full density, default 12. Smaller tiles take "
            "a smaller region as full, such as one dense helix, and lower the scale elsewhere. "
            "Only with occupy.",
            int,
        ),
        switch(
            "scale.s0",
            "--S0",
            "Take tau times the maximum of the map as full density. Simple, but led by single "
            "heavy atoms and outliers.",
        ),
        switch("scale.s0", "--SW", "Search tiles for full density; this is the default.", False),
        number(
            "scale.granularity",
            "--granularity",
            "Å",
            "Size of what has one occupancy, default 12.0. With the calibrated scale and --mode "
            "occ the scale is flat in a domain, with steps between parts of different occupancy. 0 "
            "gives each voxel its own.",
        ),
        number(
            "scale.max_box",
            "--max-box",
            "VOXELS",
            "Larger boxes are reduced to this edge for the estimate, default 256. Modified maps "
            "keep the full box and resolution.",
            int,
        ),
        switch(
            "scale.nlrc",
            "--nlrc",
            "Recalibrate by the noise level: scale 0 becomes the value with a confidence of one "
            "half. What is hardly told from noise then reads 0.",
        ),
        file(
            "target_mask",
            "--target-mask",
            "Mask of one region (above 0.5) whose occupancy is wanted as one number. It stands in "
            "the log and in the record as target_occupancy.",
        ),
        file(
            "resolution_map",
            "--resolution-map",
            "Local resolution (Å) of the same map, from any program; its rank correlation with "
            "the scale is reported. 1 means that the scale falls wherever the resolution gets "
            "worse. With the mode res only.",
        ),
    ),
    "Solvent and confidence": (
        file(
            "solvent_def",
            "--solvent-def --solvent-definition",
            "Mask of the content (or of the solvent), to fit the solvent model where there is only "
            "solvent. It need not be exact, and it limits nothing else. Give one when the program "
            "warns of a bad solvent model.",
        ),
        number(
            "scale.solvent_def_scale",
            "--solvent-def-scale",
            "S",
            "Make the solvent definition from the scale itself: what is above this scale, 0 to 1, "
            "is content. The mask is written as solDef_X.mrc.",
        ),
        number(
            "scale.hedge_confidence",
            "--hedge-confidence",
            "P",
            "Raise the confidence to this power, at least 1. Give 10 when a modified map has a "
            "shell of noise.",
        ),
    ),
    "Modification": (
        gamma(
            "modify.amplify",
            "-am --amplify",
            "Amplify partial occupancies: scale S becomes S^(1/G). G = 1 does nothing, 2 to 5 are "
            "useful, above 30 everything becomes full.",
        ),
        gamma(
            "modify.attenuate",
            "-at --attenuate",
            "Attenuate partial occupancies: scale S becomes S^G. G = 1 does nothing, 2 to 3 are "
            "useful. Solvent noise takes the place of what is removed.",
        ),
        gamma(
            "modify.sigmoid",
            "--sigmoid",
            "Attenuate below the pivot and amplify above it, with the power G. G = 1 does nothing.",
        ),
        number(
            "modify.pivot",
            "--pivot",
            "S",
            "Scale that the sigmoid leaves as it is, between 0 and 1; default 0.5.",
        ),
        number(
            "gamma",
            "-g --gamma",
            "G",
            "Power of each of --amplify, --attenuate and --sigmoid that has none of its own.",
        ),
        switch(
            "modify.exclude_solvent",
            "--exclude-solvent",
            "Set solvent to zero in what is written. Without a modification it gives the input "
            "without its solvent. For pictures, not for further processing.",
        ),
        switch(
            "modify.exclude_solvent",
            "--retain-solvent",
            "Leave solvent as it is; this is the default.",
            False,
        ),
        switch(
            "modify.subtraction_mask",
            "--subtraction-mask",
            "Write masks for signal subtraction of the attenuation or the sigmoid. keep_mask_… is "
            "white (1) where density stays, for RELION; subtract_mask_… where it goes, for "
            "cryoSPARC. With occupy: subMask_…, the factor alone.",
        ),
        number(
            "modify.scale_limit",
            "--scale-limit",
            "S",
            "Nothing is modified where the scale is not above this, default 0.05.",
        ),
        switch(
            "modify.omit_confidence",
            "--omit-confidence",
            "Modify without regard to the confidence. Solvent noise is amplified too; not "
            "recommended.",
        ),
        number(
            "modify.lowpass_output",
            "--lowpass-output",
            "Å",
            "Low-pass of the modified maps, default none.",
        ),
        switch(
            "modify.hist_match",
            "--hist-match",
            "Give the modified maps the histogram of the input. By default they are only clipped "
            "to its range.",
        ),
        number(
            "modify.seed",
            "--seed",
            "N",
            "Seed of the solvent noise that an attenuation puts in, default 0.",
            int,
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
        Option(
            "name",
            ("-o", "--output-map"),
            str,
            "Base name X of the outputs, default the name of the input. As in scale_res_X.mrc.",
            metavar="NAME",
        ),
        switch(
            "keep_output_path",
            "--keep-output-path",
            "Write into the folder of the input, instead of --outdir.",
        ),
        switch(
            "save_all_maps", "--save-all-maps", "Write the low-passed map too, as lowpass_X.mrc."
        ),
        FORCE,
    ),
    "Pictures": (
        REPORT,
        switch(
            "plot",
            "--plot",
            "Draw the solvent model, slices, the histogram of the scale and the modification. As "
            "solModel_X.png, slices_X.png, scaleHist_X.png and modification_X.png.",
        ),
        switch(
            "chimerax",
            "--chimerax",
            "Write a ChimeraX script that colours the maps by the scale; this is the default. It "
            "has a colour key and defines the commands scale_color <map> <by map> and occupy_level "
            "<level>.",
        ),
        switch(
            "chimerax_silent",
            "--chimerax-silent",
            "Write a script that saves four pictures without a window. Run it with chimerax "
            "--offscreen.",
        ),
        switch(
            "show_chimerax",
            "--show-chimerax",
            "Open the script in ChimeraX when done.",
        ),
        number(
            "min_vis_scale",
            "--min-vis-scale",
            "S",
            "Show lower scale in grey, default 0.0: all has a colour. Other colours stay, in "
            "figures and in ChimeraX.",
        ),
    ),
    "Running": COMMON,
}
