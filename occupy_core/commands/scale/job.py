"""What a local-scale job is: its files, its parameters and the names of what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any

from occupy_core.commands.shared.half_maps import half_map_problems
from occupy_core.commands.shared.job import JobBase, run_problems
from occupy_core.maps.mrc import map_name
from occupy_core.scale.outputs import Output
from occupy_core.scale.params import ModifyParams, ScaleParams, is_regional

_SCALED = ("amplified", "attenuated", "sigmoid")


@dataclass(frozen=True)
class ScaleJob(JobBase):
    """What to estimate and to write.

    Parameters
    ----------
    map : Path
        The map.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Base name X of the outputs; by default that of the map.
    half1, half2 : Path, optional
        Half maps: they tell the calibrated scale the noise, and get the same factors as the map.
    solvent_def : Path, optional
        Mask of content (or of solvent), to fit the solvent model.
    target_mask : Path, optional
        Mask of a region whose occupancy is wanted as one number.
    scale_map : Path, optional
        A scale made before, used instead of estimating one.
    scale_sigma : Path, optional
        The standard error that was made with it. With both, a map is modified as in the run that
        estimates the scale; without it, the factors of the scale are used plainly.
    regional_confidence : Path, optional
        The regional confidence that was made with them; found again from the map by default.
    confidence_map : Path, optional
        The confidence that was made with it, used instead of that of the solvent model of this map:
        then maps that share both are modified by the same factors.
    resolution_map : Path, optional
        Local resolution (Å) of the same map; how far the scale follows it is reported.
    voxel_size : float, optional
        Voxel size in Å, instead of what the headers of the maps say.
    scale : ScaleParams
        How the scale is estimated.
    modify : ModifyParams
        Which modified maps are made.
    save_all_maps : bool
        Write the low-passed map too.
    plot : bool
        Draw figures.
    chimerax, chimerax_silent : bool
        Write the ChimeraX script, and the one that saves pictures.
    report : bool
        Write a report: one HTML file with slices, surface and tables.
    min_vis_scale : float
        Lower scale has no colour.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = (
        *("map", "half1", "half2", "solvent_def", "target_mask", "scale_map", "scale_sigma"),
        *("regional_confidence", "confidence_map", "resolution_map"),
    )

    map: Path
    outdir: Path = Path()
    _: KW_ONLY
    name: str | None = None
    half1: Path | None = None
    half2: Path | None = None
    solvent_def: Path | None = None
    target_mask: Path | None = None
    scale_map: Path | None = None
    scale_sigma: Path | None = None
    regional_confidence: Path | None = None
    confidence_map: Path | None = None
    resolution_map: Path | None = None
    voxel_size: float | None = None
    scale: ScaleParams = field(default_factory=ScaleParams)
    modify: ModifyParams = field(default_factory=ModifyParams)
    save_all_maps: bool = False
    plot: bool = False
    chimerax: bool = True
    report: bool = False
    chimerax_silent: bool = False
    min_vis_scale: float = 0.0
    threads: int | None = None
    force: bool = False

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return plain values with the granularity that version 0.1 had: each voxel by itself."""
        values, group = dict(values), values.get("scale", {})
        fields = set(ScaleParams.__dataclass_fields__) - {"granularity"}
        if isinstance(group, Mapping) and "granularity" not in group and fields <= set(group):
            values["scale"] = {**group, "granularity": 0.0}
        return values

    @property
    def base_name(self) -> str:
        """X in the names of the outputs."""
        return self.name or map_name(self.map)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The modified maps and masks."""
        return self.modify.kinds(self.scale.method)

    @property
    def is_scaled(self) -> bool:
        """Whether the map is modified by its scale."""
        return any(output.kind in _SCALED for output in self.outputs)

    @property
    def is_regional(self) -> bool:
        """Whether places, and not single voxels, have a scale, and their error is known."""
        known = self.scale_map is None or self.scale_sigma is not None
        return known and is_regional(self.scale)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "the job") -> ScaleJob:
        """Make a job from plain values; what is left out has its default.

        Without a mode it is "occ" when the map is to be modified by its scale, as a modification
        by a scale that falls off with resolution would be wrong, and "res" otherwise.
        """
        job = super().from_dict(values, where)
        scale = values.get("scale", {})
        if job.is_scaled and scale.get("mode") is None:
            job = replace(job, scale=replace(job.scale, mode="occ"))
        return job

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        found = [*self.scale.problems(), *self.modify.problems()]
        found += half_map_problems(self.half1, self.half2)
        unused = self.scale.method == "occupy" or self.scale_map is not None
        if self.half1 is not None and unused and not self.modify.active:
            found.append(
                "Half maps are given, but no map is modified and no scale is calibrated; add "
                "--amplify, --attenuate, --sigmoid or --exclude-solvent, or leave the half maps "
                "out."
            )
        if self.scale_map is not None and self.target_mask is not None:
            found.append(
                "A target mask needs the scale to be estimated, but a scale map is given; "
                "leave out one of them."
            )
        for what, path in (
            ("confidence map", self.confidence_map),
            ("standard error of a scale", self.scale_sigma),
            ("regional confidence", self.regional_confidence),
        ):
            if path is not None and self.scale_map is None:
                found.append(
                    f"A {what} is given, but no scale map; give the scale that was made with "
                    f"it by --scale-map, or leave the {what} out."
                )
        if self.resolution_map is not None and self.scale.mode == "occ":
            found.append(
                "A resolution map is given, but the mode is occ, whose scale does not follow the "
                "resolution; give --mode res or leave the resolution map out."
            )
        if not 0 <= self.min_vis_scale < 1:
            found.append(
                f"The lowest visible scale is {self.min_vis_scale} but must be at least 0 and "
                "below 1."
            )
        return found + run_problems(self.voxel_size, self.threads, self.base_name)

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that a job writes, by what they are, in their order."""
        x = self.base_name
        names = {}
        if self.scale_map is None:
            names["scale"] = f"scale_{self.scale.mode}_{x}.mrc"
            if self.scale.method == "calibrated":
                names["scale_sigma"] = f"scale_sigma_{x}.mrc"
        names["confidence"] = f"conf_{x}.mrc"
        if self.is_regional and self.regional_confidence is None:
            names["regional_confidence"] = f"conf_regional_{x}.mrc"
        if self.scale.solvent_def_scale is not None:
            names["solvent_definition"] = f"solDef_{x}.mrc"
        if self.save_all_maps:
            names["lowpass"] = f"lowpass_{x}.mrc"
        for output in self.outputs:
            key = output_key(output.kind, output.pivot)
            prefix = _prefix(output, self.modify.exclude_solvent)
            names[key] = f"{prefix}_{x}.mrc"
            if self.half1 is not None and not output.is_mask:
                for half in ("half1", "half2"):
                    names[f"{key}_{half}"] = f"{prefix}_{half}_{x}.mrc"
        if self.plot:
            names |= {
                "solvent_plot": f"solModel_{x}.png",
                "slices_plot": f"slices_{x}.png",
                "histogram_plot": f"scaleHist_{x}.png",
            }
            if any(output.gamma for output in self.outputs):
                names["modification_plot"] = f"modification_{x}.png"
        if self.chimerax:
            names["chimerax"] = f"chimX_{x}.cxc"
        if self.chimerax_silent:
            names["chimerax_silent"] = f"chimX_{x}_silent.cxc"
        if self.report:
            names["report"] = f"scale_{x}.html"
        # The record comes last: when it is there, everything is.
        return {**names, "log": f"log_{x}.txt", "result": f"result_{x}.json"}


def output_key(kind: str, pivot: float | None) -> str:
    """Return what a modified map is called in the record; only a sigmoid has a pivot."""
    if kind.endswith("_mask"):
        return f"{kind}_{'attenuated' if pivot is None else 'sigmoid'}"
    return kind


def _prefix(output: Output, exclude_solvent: bool) -> str:
    """Return how the file name of a modified map starts."""
    if output.gamma is None:
        return "solExcl"
    power = _number(output.gamma, 1)
    if output.pivot is not None:
        power += f"-{_number(output.pivot, 2)}"
    if output.is_mask:
        name = "subMask" if output.kind == "subtraction_mask" else output.kind
        return f"{name}_{'attn' if output.pivot is None else 'sigm'}_{power}"
    short = {"amplified": "ampl", "attenuated": "attn", "sigmoid": "sigm"}[output.kind]
    return f"{short}_{power}" + ("_solExcl" if exclude_solvent else "")


def _number(value: float, digits: int) -> str:
    """Write a number with so many digits, or with all it needs."""
    text = f"{value:.{digits}f}"
    return text if float(text) == value else f"{value:g}"
