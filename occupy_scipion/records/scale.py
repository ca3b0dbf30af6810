# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run of `occupy_core scale`, and what a protocol says of it."""

from occupy_core.maps.mrc import map_name, read_map
from occupy_core.scale.estimate import estimate_confidence
from occupy_core.scale.params import ScaleParams
from occupy_scipion.constants import FORSBERG_2023
from occupy_scipion.records.record import Record

_MODIFICATIONS = {
    "amplified": "amplified",
    "attenuated": "attenuated",
    "sigmoid": "modified by a sigmoid",
}
TITLES = {
    "amplified": "Amplified",
    "attenuated": "Attenuated",
    "sigmoid": "Sigmoid",
    "solvent_excluded": "Solvent excluded",
}
"""Titles of the modified maps, by what was done to them."""

_POWERS = {"amplified": "amplify", "attenuated": "attenuate", "sigmoid": "sigmoid"}


class ScaleRecord(Record):
    """What a local scale, or a modification by it, was asked for, used and wrote."""

    pattern = "result_*.json"

    @property
    def name(self):
        """Name of the map."""
        return self.values["job"]["name"] or map_name(self.values["job"]["map"])

    def solventModel(self):
        """The solvent model, to be drawn: fitted again, for the record has its limits only."""
        job = self.values["job"]
        density = read_map(self.inputs["map"], voxel_size=job["voxel_size"])
        definition = self.inputs.get("solvent_def") or self.files.get("solvent_definition")
        solvent, _ = estimate_confidence(
            density,
            ScaleParams(**job["scale"]),
            solvent_definition=read_map(definition) if definition else None,
        )
        return solvent

    @property
    def scaleFile(self):
        """The local scale: estimated by the run, or given to it."""
        return self.files.get("scale") or self.inputs["scale_map"]

    @property
    def targetOccupancy(self):
        """Occupancy of the target mask, if there was one."""
        return self.values["limits"].get("target_occupancy")

    def modifiedKinds(self):
        """What was done to the map: keys of `files`, without half maps and masks."""
        return [kind for kind in TITLES if kind in self.files]

    def halfMaps(self, kind):
        """File names of the two half maps of a modified map, or nothing."""
        keys = (f"{kind}_half1", f"{kind}_half2")
        return [self.files[key] for key in keys if key in self.files]

    # --------------------------- Sentences -------------------------------------------------------
    def scaleSentence(self):
        """The numbers that the scale was estimated with, for the summary."""
        p = self.values["parameters"]
        if "scale" not in self.files:
            error = " with its standard error" if "scale_sigma" in self.inputs else ""
            return (
                f"The scale was given{error}; the solvent model is that of the map low-passed to "
                f"{p['lowpass']:.2f} Å."
            )
        density = "map as it is" if p["mode"] == "res" else "low-passed map"
        return (
            f"Scale of the {density} ({p['mode']}): low-pass {p['lowpass']:.2f} Å, "
            f"{self._kernel()}, {self._calibration()}."
        )

    def methodSentence(self, maps):
        """How the scale was estimated, for the methods; `maps` says of what."""
        p = self.values["parameters"]
        program = f"{self.program} [{FORSBERG_2023}]"
        if "scale" not in self.files:
            return (
                f"A local scale estimated before was used with {program}; the solvent was modelled "
                f"on {maps} low-passed to {p['lowpass']:.2f} Å."
            )
        density = "unfiltered" if p["mode"] == "res" else f"low-passed to {p['lowpass']:.2f} Å"
        edge = p["tile_size"]
        full = f"the largest {p['tau']:.3f}-quantile of the density in tiles of {edge}³ voxels"
        if p["method"] == "calibrated":
            density = "calibrated"
            full = "the density that most of its content shares and corrected for noise"
        if p["s0"]:
            full = f"{p['tau']:.3f} times the maximum of the density"
        size = " x ".join(
            f"{v:.3f}".rstrip("0").rstrip(".") for v in _distinct(p["processing_voxel_size"])
        )
        return (
            f"The local scale of {maps} ({density}) was estimated with {program}, with a "
            f"{self._kernel()} (voxel size {size} Å), relative to {full}; the "
            f"solvent was modelled on the map low-passed to {p['lowpass']:.2f} Å."
        )

    def modificationSentence(self):
        """How the map was modified, for the methods."""
        modify = self.values["job"]["modify"]
        done = [
            f"{_MODIFICATIONS[kind]} with {self._power(kind)}"
            for kind in self.modifiedKinds()
            if kind in _MODIFICATIONS
        ]
        solvent = "excluded" if modify["exclude_solvent"] else "left as it was"
        if not done:
            return "The solvent was excluded by the confidence of the solvent model."
        where = f"above a scale of {modify['scale_limit']:g}"
        halves = " The half maps got the same factors." if "half1" in self.inputs else ""
        return f"The map was {', '.join(done)}, {where}, with the solvent {solvent}.{halves}"

    def _calibration(self):
        """What makes the scale of a maximum, in a few words."""
        made = self.values.get("calibration")
        if made is None:
            return f"tau {self.values['parameters']['tau']:.3f}"
        noise = {"unknown": "not corrected for noise"}.get(
            made["noise_origin"], f"corrected for the noise of the {made['noise_origin']}"
        )
        return f"calibrated, {noise}"

    def _kernel(self):
        p = self.values["parameters"]
        return (
            f"kernel of {p['n_voxels_in_kernel']} voxels (edge {p['kernel_size']}, radius "
            f"{p['kernel_radius']:.2f})"
        )

    def _power(self, kind):
        modify = self.values["job"]["modify"]
        pivot = f" and a pivot of {modify['pivot']:g}" if kind == "sigmoid" else ""
        return f"a power of {modify[_POWERS[kind]]:g}{pivot}"


def _distinct(sizes):
    """One number for a cubic voxel, three for others."""
    return sizes[:1] if len(set(sizes)) == 1 else sizes
