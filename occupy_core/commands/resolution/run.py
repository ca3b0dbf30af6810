"""Run a resolution job: maps in; local resolution, mask, pictures and a record out."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.commands.resolution.answer import TOO_COARSE, answer
from occupy_core.commands.resolution.chimerax import (
    ResolutionScene,
    write_resolution_chimerax,
)
from occupy_core.commands.resolution.figures import color_limits
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.shared.half_maps import read_half_maps
from occupy_core.commands.shared.levels import surface_level
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.commands.shared.staging import output_errors
from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.grid import Array, DensityMap
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.plain_values import to_dict
from occupy_core.progress import Progress, part, report
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.read.halfmaps import mean_map
from occupy_core.resolution.result import ResolutionResult
from occupy_core.resolution.use.agreement import agreement

# Fractions of the whole at which its parts end.
_READ, _ESTIMATED, _WRITTEN = 0.05, 0.85, 0.95  # [layout]
# What a record holds of a map that is resolved.
_UNKNOWN = (
    *("global_0143", "global_05", "global_censored", "limit", "window", "quantiles"),
    *("sigma_median", "fsc", "second_opinion", "single_map", "model_checksum"),
)


def run_resolution(job: ResolutionJob, progress: Progress | None = None) -> JobResult:
    """Estimate the local resolution of a map, and write everything.

    The outputs appear together when all are complete; a run that fails or is interrupted leaves
    the output folder as it was.

    Parameters
    ----------
    job : ResolutionJob
        What to do.
    progress : Progress, optional
        Told the fraction done.

    Returns
    -------
    JobResult

    Raises
    ------
    ParameterError
        When a parameter is outside its limits, or the mask is empty.
    MapFormatError, GridMismatchError, EstimationError
        When an input cannot be used.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(job, _Run, progress)


class _Run(Run[ResolutionJob]):
    """One run of a job."""

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        job = self._job
        density, halves = self._read()
        try:
            result = estimate_resolution(
                density,
                job.resolution,
                half_maps=halves,
                mask=None if job.mask is None else read_map(job.mask, voxel_size=job.voxel_size),
                progress=part(self._progress, _READ, _ESTIMATED),
            )
        except EstimationError as error:
            if not job.or_nothing:
                raise
            return self._nothing(density, str(error))
        del halves
        self._recorded += result.warnings
        report(self._progress, _ESTIMATED, "writing the maps")
        self._write_maps(result)
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "parameters": to_dict(replace(job.resolution, window=result.window)),
            **resolution_record(result),
            "files": self._names,
            "warnings": self._recorded,
            "versions": versions(),
        }
        report(self._progress, _WRITTEN, "writing the report")
        if record["quantiles"] is None:
            self._leave_out("slices_plot", "histogram_plot", "global_plot", "chimerax")
        else:
            self._show(density, result, record)
        record["inputs"] = self._recorded_inputs()
        lead = record["inputs"]["map" if job.map is not None else "half1"]
        lead |= {"shape": density.grid.shape, "voxel_size": density.grid.voxel_size}
        record["answer"] = answer(record).record()
        self._write_record(record)
        return record

    def _nothing(self, density: DensityMap, reason: str) -> dict[str, Any]:
        """Write that there is no local resolution, and why; return the record."""
        kept = ("resolution", "sigma", "mask", "report", "result")
        self._leave_out(*(key for key in tuple(self._names) if key not in kept))
        for key in kept[:3]:
            empty = density.with_data(np.zeros_like(density.data))
            write_map(self._folder / self._names[key], empty, labels=("No local resolution",))
        self._recorded.append(reason)
        inputs = self._recorded_inputs()
        inputs["map" if self._job.map is not None else "half1"] |= {
            "shape": density.grid.shape, "voxel_size": density.grid.voxel_size
        }  # fmt: skip
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "parameters": to_dict(self._job.resolution),
            **dict.fromkeys(_UNKNOWN),
            "source": "nothing",
            "state": TOO_COARSE,
            "state_flags": {},
            "censored_fraction": 0.0,
            "mask_volume": 0.0,
            "files": self._names,
            "warnings": self._recorded,
            "versions": versions(),
            "inputs": inputs,
        }
        record["answer"] = answer(record).record()
        self._write_record(record)
        return record

    def _read(self) -> tuple[DensityMap, tuple[DensityMap, DensityMap] | None]:
        """Read the map and the half maps; without a map it is the mean of these."""
        job = self._job
        report(self._progress, 0.0, f"reading {job.map or job.half1}")
        halves = None
        if job.half1 is not None and job.half2 is not None:
            halves = read_half_maps(job.half1, job.half2, job.voxel_size)
        if job.map is not None:
            return read_map(job.map, voxel_size=job.voxel_size), halves
        if halves is None:
            raise ParameterError("No map is given; give a map, or two half maps.")
        return mean_map(halves), halves

    def _write_maps(self, result: ResolutionResult) -> None:
        source = f"From {result.source}, window {result.window:.2f} A"
        outside = f"Outside the mask {self._job.resolution.background:g}"
        several: dict[str, tuple[DensityMap | None, tuple[str, ...]]] = {
            "resolution": (
                result.resolution,
                ("Local resolution in A at FSC 0.143", source, outside),
            ),
            "resolution05": (
                result.resolution05,
                ("Local resolution in A at FSC 0.5", source, outside),
            ),
            "sigma": (result.sigma, ("Standard deviation of the local resolution in A",)),
            "mask": (result.mask, ("Mask of the molecule",)),
            "censored": (
                result.censored if result.censored_fraction > 0 else None,
                ("Local resolution is past the limit of the map",),
            ),
            "disagreement": (
                result.second_opinion,
                ("Disagreement with the monogenic estimate, log ratio",),
            ),
            "single_map": (
                result.single_map,
                ("Local resolution in A at FSC 0.143, from the map alone", outside),
            ),
        }
        label = ("Low-passed to the local resolution", source)
        for i, key in enumerate(("filtered", "filtered_half1", "filtered_half2")):
            several[key] = (result.filtered[i] if i < len(result.filtered) else None, label)
        for key, (density, labels) in several.items():
            if density is None:
                self._leave_out(key)
            else:
                write_map(self._folder / self._names[key], density, labels=labels)

    def _leave_out(self, *keys: str) -> None:
        """Take what is not known for this map out of the files written."""
        for key in keys:
            self._names.pop(key, None)

    def _show(self, density: DensityMap, result: ResolutionResult, record: dict[str, Any]) -> None:
        """Draw the figures and write the script for ChimeraX."""
        job, names = self._job, self._names
        values = result.resolution.data[result.mask.data > 0.5]
        if job.plot:
            self._draw(density, result, record, values)
        if job.chimerax:
            scene = ResolutionScene(
                density=job.map or job.half1 or Path(),
                resolution=job.outdir / names["resolution"],
                limits=color_limits(record),
                extremes=(float(values.min()), float(values.max())),
                level=surface_level(density, result.mask),
                filtered=job.outdir / names["filtered"] if "filtered" in names else None,
                background=job.resolution.background,
                warnings=record["warnings"],
            )
            with output_errors(job.outdir):
                write_resolution_chimerax(self._folder / names["chimerax"], scene)

    def _draw(
        self,
        density: DensityMap,
        result: ResolutionResult,
        record: dict[str, Any],
        values: Array,
    ) -> None:
        from occupy_core.commands.resolution import figures as resolution_plots
        from occupy_core.commands.shared import plots

        name, limits = density.name, color_limits(record)
        guessed = result.finest_detail if result.censored_fraction > 0 else None
        figure = plots.new_figure(9, 5.6)
        resolution_plots.draw_resolution_slices(
            figure, density, result.resolution, result.mask, limits, finest=guessed
        )
        self._save(figure, "slices_plot")
        figure = plots.new_figure(5.5, 4)
        resolution_plots.draw_resolution_histogram(
            figure,
            values,
            limits,
            overall=record["global_0143"],
            finest=guessed,
            name=name,
        )
        self._save(figure, "histogram_plot")
        figure = plots.new_figure(6, 4.5)
        resolution_plots.draw_local_against_global(figure, values, record, name=name)
        self._save(figure, "global_plot")


def resolution_record(result: ResolutionResult) -> dict[str, Any]:
    """Return the numbers of a result as plain values; None for what is not known."""
    overall = result.overall
    inside = result.mask.data > 0.5
    voxel = math.prod(result.mask.grid.voxel_size)
    found: dict[str, Any] = {
        "global_0143": overall.at_0143 if inside.any() else None,
        "global_05": overall.at_05 if inside.any() else None,
        "global_censored": overall.censored and bool(inside.any()),
        "source": result.source,
        "state": "; ".join(result.state.words()),
        "state_flags": asdict(result.state),
        "limit": result.finest_detail,
        "window": result.window,
        "quantiles": result.quantiles if inside.any() else None,
        "sigma_median": float(np.median(result.sigma.data[inside])) if inside.any() else None,
        "censored_fraction": result.censored_fraction,
        "mask_volume": float(np.count_nonzero(inside)) * voxel,
        "fsc": None,
        "second_opinion": None,
        "single_map": None,
        "model_checksum": result.model_checksum,
    }
    if np.isfinite(overall.fsc).all():
        found["fsc"] = {"frequency": overall.frequency.tolist(), "fsc": overall.fsc.tolist()}
    if result.second_opinion is not None and inside.any():
        apart = float(np.median(np.abs(result.second_opinion.data[inside])))
        found["second_opinion"] = {"median_log_ratio": apart}
    if result.single_map is not None:
        # What the map alone gives, against the half maps.
        sure = inside & (result.censored.data < 0.5)
        found["single_map"] = asdict(
            agreement(result.single_map.data, result.resolution.data, sure)
        )
    return found
