#!/usr/bin/env python3
"""Compare what two checkouts write: every command, on the sample map and on shared data.

    python scripts/same_bytes.py BEFORE AFTER [--shared FOLDER] [--only WORD]

Each command runs once with each checkout on PYTHONPATH, in a process of its own. Outputs are equal
when their bytes are. Of records (JSON), versions (of the learned model too) do not count, nor does
the arrangement of the job: it is compared by the names and values of its fields, whatever groups
they stand in. Paths of the output folders do not count either. Prints one line for each command and
one for each file that differs, of maps with their correlation and their largest difference, as a
part of the largest value; the exit status is 1 if any does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
EVERYTHING = [
    "--amplify",
    "4",
    "--attenuate",
    "3",
    "--sigmoid",
    "4",
    "--pivot",
    "0.3",
    "--exclude-solvent",
    "--plot",
]


def commands(shared: Path | None) -> dict[str, list[str]]:
    """Return the arguments of each command, by what it is called in the list."""
    sample = str(ROOT / "examples" / "emd_11007_120.map.gz")
    found = {
        "scale of the sample": ["scale", sample, *EVERYTHING],
        "scale of the sample, res, masks": [
            *("scale", sample, "--mode", "res", "--save-all-maps", "--attenuate", "3"),
            *("--subtraction-mask", "--hist-match", "--chimerax-silent"),
        ],
        "scale of the sample, OccuPy": ["scale", sample, "--method", "occupy", *EVERYTHING],
        "resolution of the sample": ["resolution", sample, "--plot", "--filter"],
    }
    if shared is None:
        return found
    for path in sorted((shared / "maps").glob("*")):
        if any(number in path.name for number in ("3186", "5168")):
            found[f"scale of {path.name}"] = ["scale", str(path), *EVERYTHING]
            found[f"resolution of {path.name}"] = ["resolution", str(path), "--plot"]
    volumes = sorted(map(str, (shared / "ensembles/maven_50S/00_aligned").glob("vol_*.mrc")))[:12]
    masks = sorted(map(str, (shared / "ensembles/maven_50S/02_masks/00_expected").glob("*.gz")))
    found["blocks of 50S"] = [
        "blocks",
        *volumes,
        "--correction",
        "bh",
        "--where",
        "B1 > 0.5",
        "--plot",
    ]
    found["regions of 50S"] = ["regions", *volumes[:3], "--masks", *masks[:4], "--plot"]
    whole = ["--masks", *masks[:4], "--whole", "--reference", "Mask_prots1_chaina"]
    found["regions of 50S, whole"] = ["regions", *volumes[:2], *whole]
    faults = shared / "faults"
    if (faults / "complex.mrc").exists():
        pair = [str(faults / "complex.mrc"), "--model", str(faults / "model.pdb")]
        found["regions of a complex"] = ["regions", *pair, "--write-masks", "--plot"]
        found["regions of a complex, residues"] = ["regions", *pair, "--by", "residues"]
    halves = sorted((shared / "classification").glob("half?_unfil.mrc"))
    if len(halves) == 2:
        pair = ["--half1", str(halves[0]), "--half2", str(halves[1])]
        found["resolution of half maps"] = ["resolution", *pair, "--filter"]
        found["resolution bench"] = ["resolution", "bench", *pair]
        consensus = str(shared / "classification" / "consensus.mrc")
        found["scale with half maps"] = [
            "scale",
            consensus,
            *pair,
            "--mode",
            "occ",
            "--attenuate",
            "3",
        ]
    return found


def run(checkout: Path, arguments: list[str], folder: Path) -> str:
    """Run a command of a checkout; return what it says when it fails."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "occupy_core", *arguments, "--outdir", str(folder), "--quiet"]
    # Elsewhere than in a checkout, which would come before the path.
    done = subprocess.run(
        command,
        cwd=folder.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip()


def digests(folder: Path) -> dict[str, str]:
    """Return a checksum of what counts in each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(counted(path, folder)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def how_far(before: Path, after: Path) -> str:
    """Say how far two maps differ; nothing of other files."""
    if ".mrc" not in before.name:
        return ""
    first, second = (mrcfile.read(path).astype(float) for path in (before, after))
    if first.shape != second.shape:
        return f": {first.shape} and {second.shape}"
    most = np.abs(first - second).max() / max(np.abs(first).max(), 1e-30)
    same = np.corrcoef(first.ravel(), second.ravel())[0, 1] if first.std() * second.std() else 1.0
    return f": correlation {same:.4f}, largest difference {most:.3f}"


def counted(path: Path, folder: Path) -> bytes:
    """Return what counts in a file."""
    data = path.read_bytes()
    if path.suffix == ".json":
        record = json.loads(data)
        for name in ("versions", "model_checksum"):
            record.pop(name, None)
        record["job"] = sorted({repr(leaf) for leaf in leaves(record.get("job", {}))})
        data = json.dumps(record).encode()
    if path.suffix in (".json", ".cxc", ".txt", ".csv"):
        data = data.replace(str(folder).encode(), b"OUT")
    if path.suffix == ".txt":  # the log tells the version
        data = b"\n".join(line for line in data.split(b"\n") if b"version" not in line.lower())
    return data


def leaves(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values that are set, of all groups; what is None or a default is not."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value)
        elif value not in (None, False, [], ""):
            yield name, value


def main() -> int:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--shared", type=Path, help="folder of the shared data")
    parser.add_argument("--only", default="", help="commands with this word in their name")
    options = parser.parse_args()
    differing = 0
    for name, arguments in commands(options.shared).items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as place:
            folders = {side: Path(place) / side for side in ("before", "after")}
            said = {
                side: run(getattr(options, side).resolve(), arguments, folder)
                for side, folder in folders.items()
            }
            before, after = (digests(folder) for folder in folders.values())
            differ = sorted(f for f in {*before, *after} if before.get(f) != after.get(f))
            print(f"{name}: {len(before)} files, {len(differ)} differ", flush=True)
            for file in differ:
                where = [s for s, found in (("before", before), ("after", after)) if file in found]
                far = how_far(*(f / file for f in folders.values())) if len(where) == 2 else ""
                print(f"    {file} ({' and '.join(where)}){far}", flush=True)
        for side, text in said.items():
            if text:
                print(f"    {side}: {text}", flush=True)
        differing += bool(differ) or said["before"] != said["after"]
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
