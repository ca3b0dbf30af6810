"""Measure the house: python docs/measures.py TREE [TREE ...] [--figure FILE].

For each tree (a checkout) it prints how one map walks through the local scale: functions entered,
and how often the walk climbs from a layer to a higher one; and how large modules and folders are.
With --figure it draws the sizes. docs/architecture.md shows what it says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

# Lower layers first; names of earlier versions stand beside those of today.
LAYERS = (
    ("errors",),
    ("progress",),
    ("maps",),
    ("solvent",),
    ("scale", "occupancy"),
)
WALK = """
import importlib, json, sys
import numpy as np
from occupy_core.maps.mrc import read_map
for name in ("occupy_core.scale.estimate", "occupy_core.occupancy.scale"):
    try:
        module = importlib.import_module(name)
    except ImportError:
        continue
    break
density = read_map(sys.argv[1])
module.estimate_scale(density)  # loops are compiled and modules loaded
seen = []
def look(frame, event, argument):
    name = frame.f_globals.get("__name__", "")
    code = frame.f_code
    if event == "call" and name.startswith("occupy_core") and not code.co_name.startswith("<"):
        seen.append((name, code.co_qualname if sys.version_info >= (3, 11) else code.co_name))
sys.setprofile(look)
module.estimate_scale(density)
sys.setprofile(None)
print(json.dumps(seen))
"""


def walk(tree: Path) -> list[tuple[str, str]]:
    """Functions entered by `estimate_scale` on the sample, in order, on the main thread."""
    sample = Path(__file__).parents[1] / "examples" / "emd_11007_120.map.gz"
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(sample)],
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [tuple(item) for item in json.loads(done.stdout.splitlines()[-1])]


def layer(module: str) -> int:
    """Number of the layer of a module."""
    part = module.split(".")[1] if "." in module else ""
    return next((level for level, names in enumerate(LAYERS) if part in names), len(LAYERS))


def measures_of_walk(seen: list[tuple[str, str]]) -> dict[str, int]:
    """Distinct functions, modules and climbs of a walk."""
    first = list(dict.fromkeys(seen))
    levels = [layer(module) for module, _ in first]
    return {
        "functions entered": len(first),
        "modules": len({module for module, _ in first}),
        "climbs to a higher layer": int(np.sum(np.diff(levels) > 0)),
        "times the solvent is looked for": sum(
            times for (_, name), times in Counter(seen).items() if name.endswith("find_solvent")
        ),
    }


def sizes(tree: Path) -> tuple[list[int], dict[str, int]]:
    """Lines of each module of both packages, and the number of modules in each folder."""
    modules = [
        path
        for package in ("occupy_core", "occupy_scipion")
        for path in (tree / package).rglob("*.py")
        if path.name != "__init__.py"
    ]
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in modules]
    folders = Counter(str(path.parent.relative_to(tree)) for path in modules)
    return lines, dict(folders)


def draw(trees: list[Path], figure: Path) -> None:
    """Draw the sizes of modules and folders, one row for each tree."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(len(trees), 2, figsize=(8, 2.1 * len(trees)), squeeze=False)
    for row, tree in zip(axes, trees, strict=True):
        lines, folders = sizes(tree)
        row[0].hist(lines, bins=np.arange(0, 425, 25), color="0.4")
        row[0].axvline(median(lines), color="C3")
        row[0].set_xlabel(f"lines of a module ({tree.name}: median {median(lines):.0f})")
        row[1].hist(list(folders.values()), bins=np.arange(0.5, 24.5), color="0.4")
        row[1].set_xlabel(f"modules in a folder (at most {max(folders.values())})")
    fig.tight_layout()
    fig.savefig(figure, dpi=80)


def main() -> None:
    """Print the measures and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    for tree in options.trees:
        lines, folders = sizes(tree)
        found: dict[str, Any] = measures_of_walk(walk(tree)) | {
            "modules in all": len(lines),
            "median lines": int(median(lines)),
            "longest": max(lines),
            "most modules in a folder": max(folders.values()),
        }
        print(tree)
        for name, value in found.items():
            print(f"  {name}: {value}")
    if options.figure is not None:
        draw(options.trees, options.figure)


if __name__ == "__main__":
    main()
