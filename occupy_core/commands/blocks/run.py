"""Run a search for blocks: volumes in, masks, tables, pictures and a record out."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from occupy_core.blocks.contour.binarize import OccupiedVoxels
from occupy_core.blocks.contour.thresholds import smoothed
from occupy_core.blocks.find import BlocksResult, find_blocks, first_steps, sketch_record
from occupy_core.blocks.sketch.communities import Communities
from occupy_core.commands.blocks import figures as block_plots
from occupy_core.commands.blocks import tables
from occupy_core.commands.blocks.analysis import analysis_cells
from occupy_core.commands.blocks.answer import answer
from occupy_core.commands.blocks.chimerax import BlockScene, write_block_scene
from occupy_core.commands.blocks.job import BlocksJob, block_names
from occupy_core.commands.blocks.steps import SavedSteps
from occupy_core.commands.blocks.thresholds import read_thresholds
from occupy_core.commands.shared import plots
from occupy_core.commands.shared.notebook import notebook_text
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.commands.shared.staging import output_errors
from occupy_core.errors import ParameterError
from occupy_core.maps.binning import unbin
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import write_map
from occupy_core.maps.soft_edge import extended
from occupy_core.progress import Progress, part, report

# Fractions of the whole at which its parts end.
_SKETCHED, _TRACKED = 0.65, 0.92  # [layout]
_RESOLVED = ("threshold_rule", "smoothing", "correction", "min_distance")


def run_blocks(job: BlocksJob, progress: Progress | None = None) -> JobResult:
    """Find the blocks of an ensemble and write everything.

    The outputs appear together when all are complete; a run that fails or is interrupted leaves
    the output folder as it was. A rule that names a block that was not found is a warning, for the
    rest must not be lost with it: the record then has no subset.

    Parameters
    ----------
    job : BlocksJob
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
        When a volume or the ensemble cannot be used.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(job, _Run, progress)


class _Run(Run[BlocksJob]):
    """One run of a job."""

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        job = self._job
        report(self._progress, 0.0, f"opening {len(job.volumes)} volumes")
        ensemble = Ensemble(
            job.volumes, voxel_size=job.voxel_size, names=job.names or None, bin=job.bin
        )
        ensemble = ensemble.made_alike(align_maps=job.align_maps, match_falloff=job.match_falloff)
        saved = SavedSteps(job, self._sha256)
        table = self._thresholds(ensemble)
        resume = saved.load(ensemble.names)
        progress = part(self._progress, 0.0, _TRACKED)
        if job.sketch_only:
            steps = first_steps(
                ensemble, job.blocks, thresholds=table, resume=resume, progress=progress
            )
            self._recorded += ensemble.notes
            record = self._sketched(*steps)
        else:
            result = find_blocks(
                ensemble, job.blocks, thresholds=table, resume=resume, progress=progress
            )
            steps = result.occupied, result.communities
            record = self._found(ensemble, result)
        saved.save(self._folder, self._names, *steps)
        record["inputs"] = self._recorded_inputs()
        record["answer"] = answer(record).record()
        self._write_record(record)
        if "notebook" in self._names:
            names = [block["name"] for block in record["blocks"]]
            cells = analysis_cells(self._names["result"], names)
            run_in = self._folder if self._job.plot else None  # pictures take most of the time
            self._write_text("notebook", notebook_text(cells, run_in=run_in))
        return record

    def _thresholds(self, ensemble: Ensemble) -> dict[str, float] | None:
        """Read the table of thresholds, where the volumes are not contoured already."""
        if self._job.thresholds is None or self._job.occupied is not None:
            return None
        table, remarks = read_thresholds(self._job.thresholds, ensemble.names)
        self._recorded += remarks
        return table

    def _sketched(self, occupied: OccupiedVoxels, communities: Communities) -> dict[str, Any]:
        found = sketch_record(occupied, communities)
        return {
            **self._described(asdict(self._job.blocks), found),
            "communities": [int(n) for n in np.bincount(communities.labels)],
            "warnings": self._recorded,
            "versions": versions(),
        }

    def _found(self, ensemble: Ensemble, result: BlocksResult) -> dict[str, Any]:
        job = self._job
        report(self._progress, _TRACKED, "writing")
        self._recorded += result.warnings
        for i, key in enumerate(self._add_masks(len(result.blocks))):
            self._write_mask(ensemble, result, i, key)
        record = self._record(result)
        self._write_tables(record)
        if job.plot:
            self._draw(ensemble, result, record)
        if job.chimerax:
            self._write_scene(record)
        if job.pickle:
            self._write_voxels(ensemble, result)
        return record

    def _sha256(self) -> dict[str, str]:
        """The checksums of the files that are read, by the field that names them."""
        return {key: entry["sha256"] for key, entry in self._recorded_inputs().items()}

    def _recorded_job(self) -> dict[str, Any]:
        # Which steps are taken over, and where it stops, is how it is run.
        run = ("resume", "sketch_only")
        return {key: value for key, value in super()._recorded_job().items() if key not in run}

    # --- what is written --------------------------------------------------------------------------

    def _add_masks(self, n: int) -> list[str]:
        """Name the masks, before all other files, and return their keys."""
        masks = block_names(self._job, n)
        others = dict(self._names)
        self._names.clear()  # in place: the caller moves the files by these names
        self._names.update(masks | others)
        return list(masks)

    def _write_mask(self, ensemble: Ensemble, result: BlocksResult, index: int, key: str) -> None:
        block = result.blocks[index]
        grid = ensemble.full_grid
        data = unbin(result.mask(index).data, ensemble.bin, grid.shape)
        widths = self._job.mask_extend, self._job.mask_soft
        kind = "binary mask"
        if any(widths):
            data = extended(data > 0, grid.voxel_size_zyx, *widths)
            kind = f"mask extended by {widths[0]:g} A, soft over {widths[1]:g} A"
        label = f"Block {block.name}: {kind}, {len(block.voxels)} voxels"
        write_map(self._folder / self._names[key], DensityMap(data, grid), labels=(label,))

    def _write_voxels(self, ensemble: Ensemble, result: BlocksResult) -> None:
        voxels = {}
        for i in range(len(result.blocks)):
            data = unbin(result.mask(i).data, ensemble.bin, ensemble.full_grid.shape)
            voxels[i + 1] = np.flatnonzero(data).tolist()
        with output_errors(self._job.outdir):
            path = self._folder / self._names["pickle"]
            path.write_bytes(pickle.dumps(voxels, protocol=4))

    def _described(self, params: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """Return the head of a record, with the parameters as they were resolved."""
        resolved = {key: found.pop(key) for key in _RESOLVED}
        return {
            "job": self._recorded_job(),
            "inputs": {},
            "parameters": params | resolved | {"bin": self._job.bin},
            "files": self._names,
            **found,
        }

    def _record(self, result: BlocksResult) -> dict[str, Any]:
        job = self._job
        found = result.record()
        record = {
            **self._described(found.pop("params"), found),
            "thresholds": tables.threshold_rows(result),
            "table": tables.occupancy_rows(result, job.volumes),
            "subset": None,
        }
        for entry, key in zip(record["blocks"], block_names(job, len(result.blocks)), strict=True):
            entry["mask"] = self._names[key]
        if job.where is not None:
            record["subset"] = self._subset(record)
        return record | {"warnings": self._recorded, "versions": versions()}

    def _subset(self, record: dict[str, Any]) -> dict[str, Any] | None:
        rule = str(self._job.where)
        try:
            rows = tables.choose(rule, record["table"], [b["name"] for b in record["blocks"]])
        except ParameterError as error:
            self._recorded += error.problems
            del self._names["subset"]
            return None
        names = [row["volume"] for row in rows]
        return {"where": rule, "volumes": names, "files": [row["file"] for row in rows]}

    def _write_tables(self, record: dict[str, Any]) -> None:
        blocks = [block["name"] for block in record["blocks"]]
        columns = ["volume", "file", "state", *blocks, *(f"{block}_on" for block in blocks)]
        self._write_table("occupancy", record["table"], columns)
        self._write_table("thresholds", record["thresholds"], tables.THRESHOLD_COLUMNS)
        self._write_table("relations", record["relations"], tables.RELATION_COLUMNS)
        if record["subset"] is not None:
            chosen = set(record["subset"]["volumes"])
            rows = [row for row in record["table"] if row["volume"] in chosen]
            self._write_table("subset", rows, columns)

    def _draw(self, ensemble: Ensemble, result: BlocksResult, record: dict[str, Any]) -> None:
        tracking = result.tracking
        figure = plots.new_figure(8, 6)
        block_plots.draw_heatmap(figure, tracking.occupancy, tracking.volumes, tracking.blocks)
        self._save(figure, "heatmap")
        figure = plots.new_figure(9, 6.8)
        masks = [result.mask(i) for i in range(len(result.blocks))]
        block_plots.draw_block_map(figure, result.occupied.frequency, masks)
        self._save(figure, "map")
        figure = plots.new_figure(5.5, 5.5)
        block_plots.draw_block_graph(figure, record["blocks"], record["relations"])
        self._save(figure, "graph")
        figure = plots.new_figure(9, 6.3)
        fractions = result.occupied.thresholds.on_fraction
        shown = sorted(set(np.argsort(fractions, kind="stable")[[0, len(fractions) // 2, -1]]))
        sigma = result.occupied.smoothing
        previews = [smoothed(ensemble.read(int(i)), sigma) for i in shown]  # as it is contoured
        block_plots.draw_thresholds(figure, record["thresholds"], previews)
        self._save(figure, "thresholds_plot")

    def _write_scene(self, record: dict[str, Any]) -> None:
        job = self._job
        named = [(b["name"], job.outdir / b["mask"]) for b in record["blocks"]]
        heights = sorted(
            (row["on_fraction"], i) for i, row in enumerate(record["thresholds"]) if row["used"]
        )
        shown = heights[-1][1]  # the volume with most in it shows where all blocks are
        scene = BlockScene(
            job.volumes[shown], float(record["thresholds"][shown]["threshold"]), named
        )
        with output_errors(job.outdir):
            write_block_scene(self._folder / self._names["chimerax"], scene)

    def _write_table(self, key: str, rows: Sequence[tables.Row], columns: Sequence[str]) -> None:
        self._write_text(key, csv_text(columns, rows))
