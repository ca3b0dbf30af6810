"""Do the error bars of `regions --model` hold on maps that RELION reconstructed and classified?

    python -m benchmarks.coverage make   --models DIR --work WORK [--sets 24]
    python -m benchmarks.coverage read   --work WORK
    python -m benchmarks.coverage report --work WORK
    python -m benchmarks.coverage fit    --work WORK
    python -m benchmarks.coverage merge  --work WORK

make: simulate and classify sets of particles with RELION 3.1 (see `simulate_classification`); a
finished set is kept, so that the work can be stopped and taken up again.
read: measure the maps of each finished set, the classes of an iteration together as a user would,
into readings.csv; a set that has rows there is not read again (--again reads all).
report: how often the intervals hold the truth. Of class maps the truth is the share of their
particles that have the chain, each particle weighted by `_rlnMaxValueProbDistribution`; *share* is
what `share_of_particles` makes of the reading. Of random draws the density is the share. *purity*
is what `occupy-core particles` predicts of the particles of the classes with a reading above 0.5.
fit: the effect of the classification on the share, fitted to half of the sets (shift and standard
deviation, largest likelihood) and tried on the other half.
merge: are the two random halves of one class proposed as one, and classes that differ not? The six
halves of a set are measured together; pairs.csv has a row for each two of them.
Chains that a state lacks are counted; the others are the reference.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from benchmarks.simulate_classification import MODELS, make_set, plan
from occupy_core.maps.mrc import read_map
from occupy_core.particles.selection import purities
from occupy_core.regions.by_model.estimate import chain_occupancy
from occupy_core.regions.share import mixture_weight, share_of_particles

_COLUMNS = (
    *("set", "model", "kind", "iteration", "map", "particles", "sure", "region"),
    *("truth", "reading", "sigma", "classes"),
)
_PAIRS = ("set", "first", "second", "apart", "p_value", "merged")
_APART = (  # largest difference of the truth of any chain; 0 stands for halves of one class
    ("of one class", 0.0, 1e-9),
    ("of classes that differ by up to 0.1", 1e-9, 0.1),
    ("by 0.1 to 0.3", 0.1, 0.3),
    ("by 0.3 to 0.5", 0.3, 0.5),
    ("by 0.5 or more", 0.5, 2.0),
)
_THERE = 0.5  # [layout] occupancy above which the rule of the purity takes a class
_LIMITS = ((-1.0, 0.02), (0.02, 0.3), (0.3, 0.7), (0.7, 0.98), (0.98, 2.0))

Row = dict[str, Any]
Values = NDArray[np.float64]


def read_set(folder: Path) -> list[Row]:
    """Readings of the chains that a state lacks, in all maps of a set."""
    truth = json.loads((folder / "truth.json").read_text())
    lacking = [chain for group in truth["lacking"] for chain in group]
    found: list[Row] = []
    groups: dict[tuple[str, int], list[Row]] = {}
    for entry in truth["maps"]:
        groups.setdefault((entry["kind"], entry["iteration"]), []).append(entry)
    for (kind, iteration), entries in groups.items():
        maps = [read_map(folder / "maps" / f"{entry['map']}.mrc") for entry in entries]
        table = chain_occupancy(maps, folder / "model.cif")
        for entry in entries:
            for chain in lacking:
                row = table.row(entry["map"], chain)
                found.append(
                    {
                        "set": folder.name,
                        "model": truth["plan"]["model"],
                        "kind": kind,
                        "iteration": iteration,
                        "map": entry["map"],
                        "particles": entry["particles"],
                        "sure": entry["sure"],
                        "region": chain,
                        "truth": entry["truth"][chain],
                        "reading": round(row.occupancy, 5),
                        "sigma": round(row.sigma, 5),
                        "classes": len(entries),
                    }
                )
    return found


def read_all(work: Path, *, again: bool) -> None:
    """Add the readings of finished sets to readings.csv."""
    path = work / "readings.csv"
    done = set() if again or not path.exists() else {row["set"] for row in read_rows(path)}
    if not done:
        path.write_text(",".join(_COLUMNS) + "\n")
    for folder in sorted((work / "sets").iterdir()):
        if folder.name in done or not (folder / "truth.json").exists():
            continue
        rows = read_set(folder)
        with path.open("a", newline="") as file:
            csv.DictWriter(file, _COLUMNS, lineterminator="\n").writerows(rows)
        print(f"{folder.name}: {len(rows)} readings", flush=True)


def merge_all(work: Path) -> None:
    """Add the pairs of halves of finished sets to pairs.csv, and print how they were grouped."""
    path = work / "pairs.csv"
    done = set()
    if path.exists():
        with path.open(newline="") as file:
            done = {row["set"] for row in csv.DictReader(file)}
    else:
        path.write_text(",".join(_PAIRS) + "\n")
    for folder in sorted((work / "sets").iterdir()):
        if folder.name in done or not (folder / "truth.json").exists():
            continue
        with path.open("a", newline="") as file:
            csv.DictWriter(file, _PAIRS, lineterminator="\n").writerows(merge_set(folder))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    print("| two halves | pairs | proposed as one |")
    print("|---|---|---|")
    for label, low, high in _APART:
        some = [row for row in rows if low <= float(row["apart"]) < high]
        merged = sum(row["merged"] == "True" for row in some)
        print(f"| {label} | {len(some)} | {merged} |")


def merge_set(folder: Path) -> list[Row]:
    """How the halves of a set were grouped: a row for each two of them."""
    truth = json.loads((folder / "truth.json").read_text())
    lacking = [chain for group in truth["lacking"] for chain in group]
    entries = [entry for entry in truth["maps"] if entry["kind"] == "half"]
    maps = [read_map(folder / "maps" / f"{entry['map']}.mrc") for entry in entries]
    found = chain_occupancy(maps, folder / "model.cif").regrouping
    if found is None:
        raise ValueError(f"{folder} has less than two halves; make it again.")
    rows: list[Row] = []
    for (i, first), (j, second) in itertools.combinations(enumerate(entries), 2):
        same = first["map"].partition("_")[2] == second["map"].partition("_")[2]
        apart = max(abs(first["truth"][chain] - second["truth"][chain]) for chain in lacking)
        one = any({first["map"], second["map"]} <= set(group) for group in found.groups)
        cells = (folder.name, first["map"], second["map"], 0.0 if same else apart)
        cells = (*cells, found.p_values[i, j], one)
        rows.append(dict(zip(_PAIRS, cells, strict=True)))
    return rows


def read_rows(path: Path) -> list[Row]:
    """Rows of readings.csv."""
    with path.open(newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    for row in rows:
        for name in ("truth", "reading", "sigma", "sure"):
            row[name] = float(row[name])
        for name in ("iteration", "particles", "classes"):
            row[name] = int(row[name])
    return rows


def column(rows: Iterable[Row], name: str) -> Values:
    """One column as numbers."""
    return np.array([row[name] for row in rows], np.float64)


def coverage_line(label: str, value: Values, sigma: Values, truth: Values) -> str:
    """One line of the table."""
    error = value - truth
    z = np.abs(error) / np.maximum(sigma, 1e-9)
    return (
        f"| {label} | {len(truth)} | {np.abs(error).mean():.4f} | {error.mean():+.4f} | "
        f"{np.median(sigma):.4f} | {np.sqrt((z**2).mean()):.2f} | {(z <= 1).mean():.0%} | "
        f"{(z <= 1.96).mean():.0%} |"
    )


def report(rows: list[Row]) -> None:
    """Print the tables."""
    classes = [row for row in rows if row["kind"] == "class"]
    n_sets, n_models = len({row["set"] for row in classes}), len({row["model"] for row in classes})
    print(f"{len(classes)} readings of class maps, {n_sets} sets, {n_models} molecules.\n")
    print("| which | readings | mean abs. error | bias | median sigma | rms z | 68 % | 95 % |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, label in (
        ("drawn", "**density**, particles drawn at random"),
        ("half", "density, half maps of those"),
        ("consensus", "density, consensus"),
    ):
        some = [row for row in rows if row["kind"] == kind]
        if some:
            print(coverage_line(label, *(column(some, c) for c in ("reading", "sigma", "truth"))))
            if kind == "drawn":
                _parts(some, _as_density)
    if classes:
        print(coverage_line("**share of the particles**, classes", *_as_share(classes)))
        _parts(classes, _as_share)
        print(coverage_line("density of classes taken for the share", *_as_density(classes)))
        pure = as_purity(classes)
        print(coverage_line("**purity** of particles chosen by *reading > 0.5*", *pure))
    print("\n| set | density, 68 % | 95 % | share, readings | 68 % | 95 % |")
    print("|---|---|---|---|---|---|")
    for name in sorted({row["set"] for row in rows}):
        cells = [name]
        for kind, way in (("drawn", _as_density), ("class", _as_share)):
            some = [row for row in rows if row["set"] == name and row["kind"] == kind]
            value, sigma, truth = way(some)
            z = np.abs(value - truth) / np.maximum(sigma, 1e-9)
            if kind == "class":
                cells.append(str(len(some)))
            cells += [f"{(z <= 1).mean():.0%}", f"{(z <= 1.96).mean():.0%}"] if some else ["-", "-"]
        print("| " + " | ".join(cells) + " |")


def _as_density(rows: list[Row]) -> tuple[Values, Values, Values]:
    return column(rows, "reading"), column(rows, "sigma"), column(rows, "truth")


def _as_share(rows: list[Row]) -> tuple[Values, Values, Values]:
    reading, sigma, truth = _as_density(rows)
    return *share_of_particles(reading, sigma), truth


def as_purity(rows: list[Row]) -> tuple[Values, Values, Values]:
    """Predicted share of a region in the particles of the classes that have it, error and truth.

    The classes are chosen as a rule ``REGION > 0.5`` does; where it chooses none there is no row.
    """
    found = []
    cases: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        cases.setdefault((row["set"], row["iteration"], row["region"]), []).append(row)
    for (_, _, region), classes in cases.items():
        reading, sigma, truth = (column(classes, name) for name in ("reading", "sigma", "truth"))
        groups = np.repeat(np.arange(len(classes)), [row["particles"] for row in classes])
        chosen = (reading > _THERE)[groups]
        if not chosen.any():
            continue
        share, error = (values[:, None] for values in share_of_particles(reading, sigma))
        (purity,) = purities(chosen, groups, share, error, [region])
        found.append((purity.share, purity.sigma, float(truth[groups[chosen]].mean())))
    value, sigma, truth = np.array(found, np.float64).reshape(-1, 3).T
    return value, sigma, truth


def _parts(rows: list[Row], way: Callable[[list[Row]], tuple[Values, Values, Values]]) -> None:
    for low, high in _LIMITS:
        some = [row for row in rows if low < row["truth"] <= high]
        if some:
            label = f". truth {max(low, 0):g} to {min(high, 1):g}"
            print(coverage_line(label, *way(some)))


def fit(rows: list[Row]) -> None:
    """Fit shift and spread of a mixed class to half of the sets, and try them on the others."""
    classes = [row for row in rows if row["kind"] == "class"]
    print("| fitted to | shift | standard deviation | tried on | readings | rms z | 68 % | 95 % |")
    print("|---|---|---|---|---|---|---|---|")
    for odd in (0, 1):
        fitted, tried = (
            [row for row in classes if int(row["set"].rpartition("_")[2]) % 2 == part]
            for part in (odd, 1 - odd)
        )
        shift, spread = class_effect(*_as_density(fitted))
        reading, sigma, truth = _as_density(tried)
        weight = mixture_weight(np.clip(reading, 0, 1))
        error = np.clip(reading, 0, 1) + shift * weight - truth
        z = np.abs(error) / np.hypot(sigma, spread * weight)
        names = ("even sets", "odd sets")
        print(
            f"| {names[odd]} | {shift:+.3f} | {spread:.3f} | {names[1 - odd]} | {len(truth)} | "
            f"{np.sqrt((z**2).mean()):.2f} | {(z <= 1).mean():.0%} | {(z <= 1.96).mean():.0%} |"
        )


def class_effect(reading: Values, sigma: Values, truth: Values) -> tuple[float, float]:
    """Mean of share - reading of a fully mixed class, and its standard deviation beyond sigma."""
    shown = np.clip(reading, 0, 1)
    weight = mixture_weight(shown)

    def cost(values: Values) -> float:
        variance = sigma**2 + (values[1] * weight) ** 2
        error = shown + values[0] * weight - truth
        return float(0.5 * (np.log(variance) + error**2 / variance).sum())

    found = optimize.minimize(cost, [0.0, 0.03], method="Nelder-Mead").x
    return float(found[0]), abs(float(found[1]))


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("make", "read", "report", "fit", "merge"))
    parser.add_argument("--models", type=Path, help="folder of the atomic models")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=24)
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    if given.what == "make":
        for made in plan(given.sets, MODELS):
            print(make_set(made, given.models, given.work), flush=True)
    elif given.what == "read":
        read_all(given.work, again=given.again)
    elif given.what == "merge":
        merge_all(given.work)
    elif given.what == "report":
        report(read_rows(given.work / "readings.csv"))
    else:
        fit(read_rows(given.work / "readings.csv"))


if __name__ == "__main__":
    main()
