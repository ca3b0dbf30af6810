"""Run a region job: maps and masks or a model in, a table of occupancies and pictures out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.commands.regions.answer import answer
from occupy_core.commands.regions.figures import bars_size, draw_bars, draw_heatmap, heatmap_size
from occupy_core.commands.regions.files import RegionScene, attribute_text, model_text, scene_text
from occupy_core.commands.regions.job import RegionsJob, mask_names
from occupy_core.commands.shared import plots
from occupy_core.commands.shared.job_maps import alike_maps
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.commands.shared.staging import refuse_outputs
from occupy_core.errors import EstimationError
from occupy_core.maps.alike import AlikeMaps
from occupy_core.maps.grid import DensityMap, require_same_grid
from occupy_core.maps.mrc import map_name, read_map, write_map
from occupy_core.plain_values import to_dict
from occupy_core.progress import Progress, part, report
from occupy_core.regions.by_masks.estimate import read_regions, region_occupancy
from occupy_core.regions.by_model.atoms import AtomicModel, read_model
from occupy_core.regions.by_model.estimate import chain_masks, chain_occupancy, chain_weights
from occupy_core.regions.region_resolution import with_resolution
from occupy_core.regions.significance import Difference, differences
from occupy_core.regions.table import COLUMNS, RegionTable, chosen_regions, plain_row
from occupy_core.regions.verdict import judge
from occupy_core.resolution.use.agreement import estimated
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

_DIGITS = 4  # [layout] of the numbers in tables
_MEASURED = 0.9  # [layout] fraction of the whole
_MEAN = "weighted mean"  # what the average over classes is called in the table


def run_regions(job: RegionsJob, progress: Progress | None = None) -> JobResult:
    """Measure the occupancy of regions in maps and write everything.

    The outputs appear together when all are complete; a run that fails or is interrupted leaves
    the output folder as it was.

    Parameters
    ----------
    job : RegionsJob
        What to do.
    progress : Progress, optional
        Told the fraction done.

    Returns
    -------
    JobResult

    Raises
    ------
    ParameterError
        When a parameter is outside its limits or the model cannot be read.
    MapFormatError, GridMismatchError, EstimationError
        When an input cannot be used.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(job, _Run, progress)


class _Run(Run[RegionsJob]):
    """One run of a job."""

    _maps: AlikeMaps

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        job = self._job
        report(self._progress, 0.0, "reading")
        model = self._read_model()
        self._maps = alike_maps(job)
        self._recorded += self._maps.notes
        table = self._of_masks() if model is None else self._of_model(model)
        if model is not None:
            model = model.moved(np.array(table.shift))
        voxels = sum(row.n_voxels for row in table.rows[: len(table.regions)])
        volume = voxels * math.prod(table.grid.voxel_size)
        table = self._with_resolution(table, model)
        if job.chains:
            table = table.only(job.chains)
        report(self._progress, _MEASURED, "writing")
        compared = differences(table)
        average = table.averaged(job.weights) if job.weights else ()
        self._write_tables(table, compared)
        if model is not None and job.write_masks:
            self._write_masks(table, model)
        self._draw(table)
        if job.chimerax:
            self._write_scene(table, model, volume)
        about_the_file = () if model is None else model.notes
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "inputs": self._recorded_inputs(),
            "grid": {},
            "parameters": to_dict(job.params),
            **table.record(),
            "differences": [plain_row(d) for d in compared],
            "average": [plain_row(replace(row, map=_MEAN)) for row in average],
            "files": self._names,
            "warnings": [*self._recorded, *(n for n in table.notes if n not in about_the_file)],
            "versions": _versions(with_model=model is not None),
        }
        record["answer"] = answer(record).record()
        self._write_record(record)
        return record

    def _read_model(self) -> AtomicModel | None:
        job = self._job
        if job.model is None:
            return None
        params = job.by_model
        model = read_model(
            job.model,
            by=params.by,
            window=params.window,
            ligands=params.ligands,
            assembly=params.assembly,
        )
        chosen_regions(model.names, job.chains)  # a wrong name is met before the work
        return model

    def _of_model(self, model: AtomicModel) -> RegionTable:
        return chain_occupancy(
            self._maps,
            model,
            self._job.by_model,
            half_maps=self._half_maps(),
            scale_of=self._scale_of(),
            progress=part(self._progress, 0.0, _MEASURED),
        )

    def _of_masks(self) -> RegionTable:
        job = self._job
        masks = map(self._read, job.masks)
        return region_occupancy(
            self._maps,
            masks,
            job.by_masks,
            half_maps=self._half_maps(),
            scale_of=self._scale_of(),
            progress=part(self._progress, 0.0, _MEASURED),
        )

    def _half_maps(self) -> Iterator[tuple[DensityMap, DensityMap]] | None:
        job = self._job
        if not job.half1:
            return None
        like = self._maps.like
        return (
            (like(i, self._read(first)), like(i, self._read(second)))
            for i, (first, second) in enumerate(zip(job.half1, job.half2, strict=True))
        )

    def _with_resolution(self, table: RegionTable, model: AtomicModel | None) -> RegionTable:
        """Add the local resolution of each region in each map, where it is given."""
        job = self._job
        if not job.resolutions:
            return table
        first = self._read(job.maps[0])
        if model is not None:
            weights = chain_weights(model, table.grid)
        else:
            regions, _ = read_regions(map(self._read, job.masks), first)
            weights = {region.name: (region.part, region.weight) for region in regions}
        sigmas: tuple[Path | None, ...] = job.resolution_sigmas or (None,) * len(job.resolutions)
        given = zip(table.maps, job.resolutions, sigmas, strict=True)
        for number, (name, path, error) in enumerate(given):
            resolution = self._read(path)
            require_same_grid(first, resolution, "local resolution")
            known = np.where(estimated(resolution), resolution.data, 0)
            resolution = resolution.with_data(known)
            sigma = resolution.with_data(np.zeros_like(resolution.data))
            if error is not None:
                sigma = self._read(error)
                require_same_grid(first, sigma, "error of the local resolution")
            there = (self._maps.carry(number, values) for values in (resolution, sigma))
            table = with_resolution(table, name, weights, *there)
        return table

    def _scale_of(self) -> Callable[[DensityMap], DensityMap | None]:
        """How the local scale of each map, in their order, is had."""
        if not self._job.scales:
            return _local_scale
        paths = iter(enumerate(self._job.scales))

        def scale_of(density: DensityMap) -> DensityMap:
            number, path = next(paths)
            scale = self._read(path)
            require_same_grid(density, scale, "scale map")
            return self._maps.like(number, scale, filtered=False)

        return scale_of

    def _read(self, path: Path) -> DensityMap:
        return read_map(path, voxel_size=self._job.voxel_size)

    def _write_tables(self, table: RegionTable, compared: tuple[Difference, ...]) -> None:
        rows = [asdict(row) | {"verdict": judge(row)} for row in table.rows]
        self._write_text("table", csv_text(COLUMNS, rows, digits=_DIGITS))
        if "differences" in self._names:
            columns = tuple(Difference.__dataclass_fields__)
            rows = [asdict(difference) for difference in compared]
            self._write_text("differences", csv_text(columns, rows, digits=_DIGITS))

    def _write_masks(self, table: RegionTable, model: AtomicModel) -> None:
        job = self._job
        names = mask_names(job, table.regions)
        refuse_outputs(job.outdir, names.values(), list(job.inputs.values()), force=job.force)
        reported = replace(
            model, regions=tuple(r for r in model.regions if r.name in table.regions)
        )
        for mask in chain_masks(reported, table.grid, radius=job.mask_radius, soft=job.mask_soft):
            label = f"Soft mask of {mask.name} of {model.name}"
            write_map(self._folder / names[f"mask_{mask.name}"], mask, labels=[label])
        result = self._names.pop("result")  # the record stays the last
        self._names.update(names, result=result)

    def _draw(self, table: RegionTable) -> None:
        if "bars" in self._names:
            figure = plots.new_figure(*bars_size(table))
            draw_bars(figure, table)
            self._save(figure, "bars")
        if "heatmap" in self._names:
            figure = plots.new_figure(*heatmap_size(table))
            draw_heatmap(figure, table)
            self._save(figure, "heatmap")

    def _write_scene(self, table: RegionTable, model: AtomicModel | None, volume: float) -> None:
        job, names = self._job, self._names
        several = len(table.maps) > 1
        if model is not None:
            colored = []
            for i, name in enumerate(table.maps, start=1):
                key = f"_{i}" if several else ""
                self._write_text(f"attributes{key}", attribute_text(table, model, name))
                self._write_text(f"model{key}", model_text(table, model, name))
                colored.append(job.outdir / names[f"model{key}"])
        else:
            colored = [path for path in job.masks if map_name(path) in table.regions]
        scene = RegionScene(job.maps, colored, masks=model is None, volume=volume)
        self._write_text("chimerax", scene_text(table, scene))


def _local_scale(density: DensityMap) -> DensityMap | None:
    """Estimate the local scale with all defaults; its warnings are not about occupancies."""
    try:
        return estimate_scale(density, ScaleParams()).scale
    except EstimationError:
        return None


def _versions(*, with_model: bool) -> dict[str, str]:
    """Versions of all that computed, of gemmi only when a model was read."""
    return {**versions(), "gemmi": version("gemmi")} if with_model else versions()
