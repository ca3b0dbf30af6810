# SPDX-License-Identifier: GPL-3.0-or-later
"""What the protocols that estimate a local scale share: the form and its checks."""

import pyworkflow.protocol.params as params

from occupy_core.scale.params import METHODS, MODES, ScaleParams
from occupy_scipion.constants import FORSBERG_2023
from occupy_scipion.protocols.protocol_base import OccupyProtBase

SCALE = ScaleParams()


class OccupyProtScaleBase(OccupyProtBase):
    """Base of the protocols that estimate a local scale; not to be used itself."""

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineScaleParams(self, form, mode):
        form.addParam(
            "mode",
            params.EnumParam,
            choices=list(MODES),
            default=MODES.index(mode),
            display=params.EnumParam.DISPLAY_HLIST,
            label="Mode",
            help="*res*: the map as it is; the scale falls with occupancy and with resolution.\n"
            "*occ*: the low-passed map; differences of resolution finer than the low-pass do not "
            "count, so that the scale follows occupancy. Maps are best modified by this one.",
        )
        form.addParam(
            "resolution",
            params.FloatParam,
            allowsNull=True,
            label="Resolution (Å)",
            help="The worst resolution among the parts to compare: the low-pass will not be finer. "
            "Empty: not considered.",
        )
        form.addParam(
            "lowpass",
            params.FloatParam,
            allowsNull=True,
            label="Low-pass (Å)",
            help="Cut-off of the low-pass of the map from which the solvent model and, in _occ_, "
            "the scale are made; it also sets the size of the kernel. Empty: 8 Å, or 3 voxels when "
            "that is more.",
        )
        line = form.addLine(
            "Kernel",
            expertLevel=params.LEVEL_ADVANCED,
            help="The scale of a voxel is the largest density in a ball around it. A larger ball "
            "is more certain and less local.\n*Edge*: voxels, odd; empty: what fits into the "
            "low-pass, 3 to 9.\n*Radius*: voxels; empty: a third of the low-pass (with the method "
            "_occupy_, half of it).",
        )
        line.addParam("kernelSize", params.IntParam, allowsNull=True, label="edge (voxels)")
        line.addParam("kernelRadius", params.FloatParam, allowsNull=True, label="radius (voxels)")
        line = form.addLine(
            "Full density",
            expertLevel=params.LEVEL_ADVANCED,
            help="Only with the method _occupy_. Full density, scale 1, is the largest quantile "
            "*tau* of the density in small tiles.\n*Tau*: empty: from the voxels in the kernel; a "
            "lower value makes everything fuller.\n*Tile*: voxels along an edge; empty: 12. Take "
            "smaller tiles when large regions are over-full, larger ones when single atoms "
            "(metals) set the scale.",
        )
        line.addParam("tau", params.FloatParam, allowsNull=True, label="tau")
        line.addParam("tileSize", params.IntParam, allowsNull=True, label="tile (voxels)")
        self._defineFurtherScaleParams(form)

    def _defineFurtherScaleParams(self, form):
        """Parameters that hardly a map needs."""
        form.addParam(
            "s0",
            params.BooleanParam,
            default=SCALE.s0,
            expertLevel=params.LEVEL_ADVANCED,
            label="Full density from the maximum?",
            help="Full density is tau times the maximum of the map, instead of the level that much "
            "of the map shares (with the method _occupy_: the level of the fullest tile). This is "
            "simple, but single heavy atoms and outliers decide it.",
        )
        form.addParam(
            "granularity",
            params.FloatParam,
            default=SCALE.granularity,
            expertLevel=params.LEVEL_ADVANCED,
            label="Granularity (Å)",
            help="Size of the parts that have one occupancy, with the method _calibrated_ and the "
            "mode _occ_. The scale is constant in such a part, and has steps between parts of "
            "different occupancy. 0: each voxel has a scale of its own.",
        )
        form.addParam(
            "maxBox",
            params.IntParam,
            default=SCALE.max_box,
            expertLevel=params.LEVEL_ADVANCED,
            label="Largest box (voxels)",
            help="Larger boxes are reduced to this size for the estimate; the scale comes back at "
            "the sampling of the map. More is slower.",
        )
        form.addParam(
            "nlrc",
            params.BooleanParam,
            default=SCALE.nlrc,
            expertLevel=params.LEVEL_ADVANCED,
            label="Noise-level recalibration?",
            help="Recalibrate the scale by the noise: the value that has a confidence of one "
            "half then reads 0.",
        )
        form.addParam(
            "method",
            params.EnumParam,
            choices=list(METHODS),
            default=METHODS.index(SCALE.method),
            expertLevel=params.LEVEL_ADVANCED,
            label="Method",
            help="*calibrated*: the scale is an occupancy, corrected for noise and for the spread "
            "of full density, and comes with its standard error.\n*occupy*: the method of OccuPy, "
            "the maximum over a ball relative to the fullest region.",
        )

    def _defineSolventParams(self, form):
        form.addParam(
            "solventDefinition",
            params.PointerParam,
            pointerClass="VolumeMask",
            allowsNull=True,
            label="Solvent definition",
            help="A mask that covers the molecule, or the solvent, roughly. It only tells the "
            "solvent model which part of the map is solvent; nothing is masked by it. Give one "
            "when the solvent model is bad, e.g. because the molecule fills the box.",
        )
        form.addParam(
            "solventDefScale",
            params.FloatParam,
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Solvent definition from scale",
            help="Take the scale itself, above this value (0 to 1), as the solvent definition. "
            "Empty: no.",
        )
        form.addParam(
            "hedgeConfidence",
            params.FloatParam,
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Hedge confidence",
            help="Power (1 or more) of the confidence that a voxel is no solvent. Raise it, e.g. "
            "to 10, when a shell of noise around the molecule is taken for density. Empty: 1.",
        )

    # --------------------------- INFO functions --------------------------------------------------
    def _citations(self):
        return [FORSBERG_2023]
