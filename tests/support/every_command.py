"""One run of every command, with options that write much, and the inputs of these runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fuzz_files import whole_files
from fuzz_runs import make_inputs
from small_jobs import write_small_map

RUNS = {
    "scale": "scale {map} --plot",
    "scale, all modifications": (
        "scale {map} --half1 {map_half1} --half2 {map_half2} --mode occ --amplify 3 --attenuate 3 "
        "--sigmoid 4 --pivot 0.3 --subtraction-mask --save-all-maps"
    ),
    "regions": "regions {map} --masks {mask} {mask2}",
    "regions by model": "regions {chains} {chains2} --model {model}",
    "resolution": "resolution --half1 {half1} --half2 {half2} --filter",
    "resolution bench": "resolution bench --half1 {half1} --half2 {half2}",
    "blocks": "blocks --volumes-dir {volumes}",
    "blocks sketch": "blocks sketch {blocks}",
    "blocks expand": "blocks expand {blocks}",
    "blocks subset": "blocks subset {blocks} --where B1>=0 --copy",
    "particles": "particles {blocks} --particles {star}",
    "report": "report {blocks} {scaled} --output {outdir}/report.html",
    "classes": "classes {map} {map3} --masks {mask} {mask2}",
    "batch": "batch {jobs} --workers 1 --threads 1",
    "watch": "watch {arrived} --workers 1 --threads 1 --settle 0 --until-idle 1",
}
# The parts of these are complete as soon as they are there, and the next run goes on from them.
KEEPS_PARTS = frozenset(("classes", "batch", "watch"))
IN_OTHER_PROCESSES = frozenset(("batch", "watch"))


@dataclass(frozen=True)
class Inputs:
    """The inputs of the runs, by what they are."""

    files: dict[str, Path]

    def words(self, run: str, outdir: Path) -> list[str]:
        """The command line of a run."""
        words = [word.format(outdir=outdir, **self.files) for word in RUNS[run].split()]
        if "{outdir}" not in RUNS[run]:
            words += ["--outdir", str(outdir)]
        return [*words, "--force", "--quiet"]


def make_all_inputs(folder: Path) -> Inputs:
    """Make the inputs of all runs in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    whole_files(folder)
    files = make_inputs(folder, folder / "volumes", folder / "blocks")
    for i in (1, 2):
        files[f"map_half{i}"] = write_small_map(folder / f"map_half{i}.mrc", seed=10 + i)
    files["arrived"] = folder / "arrived"
    files["arrived"].mkdir()
    maps = [write_small_map(files["arrived"] / f"m{i}.mrc", seed=i) for i in (1, 2)]
    files["jobs"] = folder / "jobs.csv"
    files["jobs"].write_text("map\n" + "".join(f"{path}\n" for path in maps), encoding="utf-8")
    return Inputs(files)
