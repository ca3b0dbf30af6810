"""Run a local-scale job: files and parameters in, maps, pictures and a record out."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.commands.scale.answer import answer
from occupy_core.commands.scale.estimate import Estimate, make_estimate, read_input, take_scale
from occupy_core.commands.scale.given import completed, scale_label, usage, usage_warnings
from occupy_core.commands.scale.job import ScaleJob, output_key
from occupy_core.commands.scale.log import log_text
from occupy_core.commands.shared import plots
from occupy_core.commands.shared.chimerax import Scene, contour_level, write_chimerax
from occupy_core.commands.shared.half_maps import read_half_maps
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.commands.shared.staging import output_errors
from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.filters import histogram
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import write_map
from occupy_core.maps.register import require_halves_of
from occupy_core.maps.threads import Background
from occupy_core.plain_values import to_dict
from occupy_core.progress import Progress, part, report
from occupy_core.scale.lowpass import occupy_lowpass
from occupy_core.scale.modify import ModifiedMap, iter_modified, modification_curves
from occupy_core.scale.outputs import Output
from occupy_core.scale.parts import scale_parts

# Fractions of the whole at which its parts end.
_READ, _ESTIMATED, _MODIFIED = 0.1, 0.6, 0.95  # [layout]
_HISTOGRAM_BINS = 50  # [layout]
# [words] of the density above the solvent; beyond it, what is multiplied is the offset
_OFFSET = 0.1
_HIGHEST_OUTLINE = 0.9  # [layout] a scale ends at 1, where there is nothing to outline


def run_scale(job: ScaleJob, progress: Progress | None = None) -> JobResult:
    """Estimate the local scale of a map, modify the map by it, and write everything.

    The outputs appear together when all are complete; a run that fails or is interrupted leaves
    the output folder as it was.

    Parameters
    ----------
    job : ScaleJob
        What to do.
    progress : Progress, optional
        Told the fraction done.

    Returns
    -------
    JobResult

    Raises
    ------
    ParameterError
        When a parameter is outside its limits.
    MapFormatError, GridMismatchError, EstimationError
        When an input cannot be used.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(completed(job), _Run, progress)


class _Run(Run[ScaleJob]):
    """One run of a job; its maps are written while the next ones are computed."""

    _writer: Background[Path]
    _writing: list[Future[Path]]

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        # The writer ends before the folder goes, whatever happens.
        with Background[Path]() as self._writer:
            self._writing = []
            return self._work()

    def _work(self) -> dict[str, Any]:
        job = self._job
        report(self._progress, 0.0, f"reading {job.map}")
        density = read_input(job, "map")
        problems = [*job.scale.problems(density.grid), *job.modify.problems(density.grid)]
        if problems:
            raise ParameterError(*problems)
        halves = self._half_maps(density)
        if halves is not None:
            require_halves_of(density, halves)  # told before the work, not after it
            del halves
        estimate = self._estimate(density)
        if job.resolution_map is not None:
            from occupy_core.resolution.use.agreement import scale_correlation  # loads much

            correlation = scale_correlation(
                estimate.scale, estimate.confidence, read_input(job, "resolution_map")
            )
            limits = {**estimate.limits, "resolution_correlation": correlation}
            estimate = replace(estimate, limits=limits)
        estimate = self._write_estimate(density, estimate)
        self._write_modified(density, estimate)
        report(self._progress, _MODIFIED, "writing the report")
        self._written()
        if job.plot:
            self._draw(density, estimate)
        self._recorded += [*estimate.warnings, *usage_warnings(job)]
        self._recorded += _offset_warnings(job, estimate)
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "inputs": self._recorded_inputs(),
            "parameters": to_dict(estimate.parameters),
            "limits": estimate.limits,
            "scale_usage": usage(job),
            "tiles": None if estimate.tiles is None else estimate.tiles._asdict(),
            "calibration": None if estimate.calibration is None else asdict(estimate.calibration),
            "parts": None if estimate.parts is None else asdict(estimate.parts),
            "files": self._names,
            "warnings": self._recorded,
            "versions": versions(),
        }
        record["inputs"]["map"] |= {
            "shape": density.grid.shape,
            "voxel_size": density.grid.voxel_size,
        }
        record["answer"] = answer(record).record()
        self._write_scripts(estimate)
        self._write_text("log", log_text(record))
        self._write_record(record)
        return record

    def _half_maps(self, density: DensityMap) -> tuple[DensityMap, DensityMap] | None:
        job = self._job
        if job.half1 is None or job.half2 is None:
            return None
        pair = read_half_maps(job.half1, job.half2, job.voxel_size)
        for path, half in zip((job.half1, job.half2), pair, strict=True):
            if np.array_equal(half.data, density.data):
                raise EstimationError(
                    f"The half map {path} holds the density of {job.map}; give the two halves from "
                    "which that was made."
                )
        return pair

    def _estimate(self, density: DensityMap) -> Estimate:
        job = self._job
        if job.scale_map is not None:
            report(self._progress, _READ, "solvent model")
            return take_scale(job, density)
        halves = self._half_maps(density) if job.scale.method == "calibrated" else None
        progress = part(self._progress, _READ, self._after_estimate())
        return make_estimate(job, density, halves, progress)

    def _after_estimate(self) -> float:
        return _ESTIMATED if self._job.modify.active else _MODIFIED

    def _write_estimate(self, density: DensityMap, estimate: Estimate) -> Estimate:
        """Write the maps of an estimate; return it with its parts, and what is still needed."""
        p = estimate.parameters
        kernel = (
            f"kernel {p.kernel_size}, radius {p.kernel_radius:.2f} ({p.n_voxels_in_kernel} voxels)"
        )
        if "scale" in self._names:
            settings = f"{kernel}, low-pass {p.lowpass:.2f} A, tau {p.tau:.4f}"
            self._write_map("scale", estimate.scale, scale_label(p), settings)
        if "scale_sigma" in self._names and estimate.sigma is not None:
            self._write_map("scale_sigma", estimate.sigma, "Standard error of the scale")
        parts = scale_parts(
            estimate.scale,
            estimate.confidence,
            thickness=estimate.parameters.lowpass,
            sigma=estimate.sigma,
        )
        self._write_map("confidence", estimate.confidence, "Confidence not to be solvent")
        if "regional_confidence" in self._names and estimate.place is not None:
            label = "Confidence that the neighbourhood is no solvent"
            self._write_map("regional_confidence", estimate.place, label)
        if estimate.definition is not None:
            self._write_map("solvent_definition", estimate.definition, "Solvent definition")
        if "lowpass" in self._names:
            lowpassed = occupy_lowpass(density, p.lowpass)
            self._write_map("lowpass", lowpassed, f"Low-passed to {p.lowpass:.2f} A")
        # Maps that are written are not to be held while figures are drawn.
        sigma = estimate.sigma if self._job.modify.active else None
        return replace(estimate, parts=parts, sigma=sigma, definition=None)

    def _write_modified(self, density: DensityMap, estimate: Estimate) -> None:
        job = self._job
        if not job.modify.active:
            return
        for modified in iter_modified(
            density,
            estimate.scale,
            estimate.confidence,
            estimate.solvent,
            job.modify,
            sigma=None if estimate.place is None else estimate.sigma,
            place=estimate.place,
            half_maps=self._half_maps(density),
            method=job.scale.method,
            progress=part(self._progress, _ESTIMATED, _MODIFIED),
        ):
            key, label = output_key(modified.kind, modified.pivot), _label(modified)
            self._written()  # of the modified maps, only one waits to be written
            self._write_map(key, modified.map, label)
            for i, half in enumerate(modified.half_maps or (), start=1):
                self._write_map(f"{key}_half{i}", half, f"{label}, half map {i}")
            del modified  # not to be held while the next one is made

    def _draw(self, density: DensityMap, estimate: Estimate) -> None:
        job = self._job
        # With "res", full scale is one of the map as it is: the low-passed map does not reach it.
        limits = estimate.limits if job.scale.mode == "occ" else {}
        figure = plots.new_figure(7, 4.5)
        plots.draw_solvent_model(
            figure, estimate.solvent, name=density.name, full_scale=limits.get("full_scale")
        )
        self._save(figure, "solvent_plot")
        figure = plots.new_figure(9, 5.6)
        plots.draw_slices(
            figure,
            density,
            estimate.scale,
            confidence=estimate.confidence,
            min_scale=job.min_vis_scale,
        )
        self._save(figure, "slices_plot")
        figure = plots.new_figure(5, 3.5)
        counts = histogram(
            estimate.scale.data, _HISTOGRAM_BINS, 0.0, 1.0, estimate.confidence.data > 0.5
        )
        plots.draw_scale_histogram(
            figure,
            counts,
            confidence_limit=limits.get("confidence_limit"),
            min_scale=job.min_vis_scale,
            name=density.name,
        )
        self._save(figure, "histogram_plot")
        if "modification_plot" in self._names:
            figure = plots.new_figure(5, 4.8)
            scale, curves = modification_curves(job.modify)
            labels = {str(output.kind): _label(output) for output in job.outputs}
            plots.draw_modification(figure, scale, {labels[k]: c for k, c in curves.items()})
            self._save(figure, "modification_plot")

    def _write_scripts(self, estimate: Estimate) -> None:
        job, names = self._job, self._names
        scene = Scene(
            density=job.map,
            scale=job.scale_map or job.outdir / names["scale"],
            modified=[job.outdir / names[key] for key in _maps_shown(job)],
            level=contour_level(estimate.solvent),
            scale_level=min(estimate.limits.get("variability_limit") or 0.5, _HIGHEST_OUTLINE),
            min_scale=job.min_vis_scale,
            tiles=None if estimate.tiles is None else estimate.tiles[:2],
            tile_radius=0.0 if estimate.tiles is None else estimate.tiles.radius,
            warnings=estimate.warnings,
        )
        with output_errors(job.outdir):
            if "chimerax" in names:
                write_chimerax(self._folder / names["chimerax"], scene)
            if "chimerax_silent" in names:
                stem = Path(names["chimerax_silent"]).stem
                script = self._folder / names["chimerax_silent"]
                write_chimerax(script, scene, pictures=job.outdir / stem)

    def _write_map(self, key: str, density: DensityMap, *labels: str) -> None:
        """Write a map while the next ones are computed; two at most wait to be written."""
        self._written(leave=1)
        path = self._folder / self._names[key]
        self._writing.append(self._writer.submit(write_map, path, density, labels=labels))

    def _written(self, leave: int = 0) -> None:
        """Wait until all maps but the last `leave` are written."""
        while len(self._writing) > leave:
            self._writing.pop(0).result()


def _offset_warnings(job: ScaleJob, estimate: Estimate) -> list[str]:
    """Return a sentence when a map is multiplied though its solvent is not near zero."""
    solvent = estimate.solvent
    limit = _OFFSET * (solvent.hi - solvent.mean)
    # There the scale errs too, or factors count from the level of the solvent on.
    told = (job.scale.method == "occupy" and job.scale_map is None) or estimate.place is not None
    if told or not job.modify.active or abs(solvent.mean) <= limit:
        return []
    return [
        f"The solvent of {job.map} lies at {solvent.mean:.3g}, but a modification multiplies the "
        f"map and takes it to be near zero (limit {limit:.3g}); subtract the solvent level from "
        "the map."
    ]


def _maps_shown(job: ScaleJob) -> list[str]:
    """Return the modified maps for the ChimeraX script: no masks, no half maps."""
    return [output_key(out.kind, out.pivot) for out in job.outputs if not out.is_mask]


def _label(made: ModifiedMap | Output) -> str:
    """Describe a modified map in a few words."""
    text = made.kind.replace("_", " ")
    gamma = "" if made.gamma is None else f", gamma {made.gamma:g}"
    return text + gamma + ("" if made.pivot is None else f", pivot {made.pivot:g}")
