"""Run every command line that the program prints as an example: printed_commands.py ROOT FOLDER.

The commands are those of the installed program's own table, so that a new command is tried as soon
as it is there; one whose help has no example fails. Examples name files such as map.mrc or
model.cif: `inputs` makes them (with tests/support, which is to be in the path), and an example of a
file that is not there fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pickle
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
from ensembles import ellipsoids
from small_models import density_of, noisy, three_chains

import occupy_core.commands
from occupy_core.commands.shared.command import Command
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.table import RegionTable, make_row

ROOT, FOLDER = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
PROGRAM = Path(sys.executable).parent / "occupy-core"
ON_THE_SAMPLE = {"scale", "resolution"}  # the others get a map whose model is known


def inputs(folder: Path, command: str) -> None:
    """Write the files that examples name."""
    folder.mkdir(parents=True)
    if command in ON_THE_SAMPLE:
        density = read_map(ROOT / "examples" / "emd_11007_120.map.gz")
    else:
        model = three_chains(folder / "model.pdb", n_residues=60)  # three windows of residues
        gemmi.read_structure(str(model)).make_mmcif_document().write_file(str(folder / "model.cif"))
        density = noisy(density_of(read_model(model), {"B": 0.5}), 0.02, seed=0)
    write_map(folder / "map.mrc", density)
    shutil.copy(folder / "map.mrc", folder / "class1.mrc")
    data, grid = density.data, density.grid
    noise = np.random.default_rng(1).normal(0, 0.2 * data.std(), (2, *grid.shape))
    # Two half maps differ from their mean by the same, with opposite sign.
    for names, sign in ((("a", "half1"), 1), (("b", "half2"), -1)):
        for name in names:
            write_map(folder / f"{name}.mrc", DensityMap(data + sign * noise[0], grid))
    write_map(folder / "class2.mrc", DensityMap(data + noise[1], grid))
    body = data > np.quantile(data, 0.97)
    left = np.arange(grid.shape[2]) < np.median(np.nonzero(body)[2])
    for name, mask in (("mask", body), ("core", body & left), ("arm", body & ~left)):
        write_map(folder / f"{name}.mrc", DensityMap(mask.astype(np.float32), grid))
    known = ellipsoids((20, 22, 25), 40, n_blocks=3, seed=4, noise=0.1, size=(0.12, 0.16))
    known.write(folder / "volumes")
    for path in (folder / "volumes").iterdir():
        shutil.copy(path, folder)


def particle_inputs(folder: Path) -> None:
    """Write what the examples of particles name: the records of two searches, and particles."""
    maps = tuple(f"run_it025_class{i:03d}" for i in (1, 2, 3))
    values = {"D": (0.02, 1.0, 0.98), "E": (1.0, 0.0, 0.1)}
    rows = tuple(
        make_row(name, region, values[region][i], 0.01, n_voxels=10, resolution=8.0)
        for i, name in enumerate(maps)
        for region in values
    )
    grid = Grid.cubic(8, 1.0)
    table = RegionTable(rows=rows, maps=maps, regions=tuple(values), reference=("D",), grid=grid)
    found = [{"volume": f"vol_{i:03d}", "file": "x", "B1": i / 4} for i in range(5)]
    for name, record in (
        ("regions/result.json", table.record()),
        ("blocks/blocks.json", {"table": found, "blocks": [{"name": "B1"}]}),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text(json.dumps(record), encoding="utf-8")
    rng = np.random.default_rng(0)
    lines = [f"{i + 1:06d}@x.mrcs {i % 3 + 1}" for i in range(60)]
    head = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n"
    star = head + "\n".join(lines) + "\n"
    (folder / "run_it025_data.star").write_text(star, encoding="utf-8")
    particles = np.zeros(60, [("uid", "<u8"), ("alignments3D/class", "<u4")])
    particles["uid"], particles["alignments3D/class"] = np.arange(60), np.arange(60) % 3
    with (folder / "J12_particles.cs").open("wb") as file:
        np.save(file, particles)
    centers = rng.normal(size=(5, 4))
    np.savetxt(folder / "centers.txt", centers)
    for name, data in (
        ("labels.pkl", np.arange(60) % 5),
        ("z.pkl", centers[np.arange(60) % 5].astype(np.float32)),
    ):
        (folder / name).write_bytes(pickle.dumps(data))


def report_inputs(folder: Path) -> None:
    """Write the results that the examples of the report name."""
    for name in ("scale", "class1", "class2", "class3"):
        run(f"occupy-core scale map.mrc --outdir {name} --quiet", folder)


def printed(*arguments: str) -> str:
    """Run the program and return what it prints."""
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, cwd=FOLDER, check=False
    )
    if done.returncode:
        sys.exit(f"occupy-core {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def commands_in(text: str) -> list[str]:
    """Command lines of the program in what it prints."""
    return [line.strip() for line in re.findall(r"^ *occupy-core .*$", text, re.MULTILINE)]


def examples_of(command: str, seen: dict[str, list[str]]) -> None:
    """Collect the examples of a command and of the commands under it, in `seen`."""
    seen[command] = examples = commands_in(printed(*command.split(), "--help"))
    for example in examples:
        words = example.split()[1:]
        longer = " ".join(words[: len(command.split()) + 1])
        if longer not in seen and "-" not in longer and "." not in longer:
            usage = printed(*longer.split(), "--help").split("\n")[0]
            if usage.startswith(f"usage: occupy-core {longer} "):
                examples_of(longer, seen)


def table() -> list[str]:
    """Names of the commands in the program's own table."""
    lines = printed("--help").split("commands:")[1].split("\n\n")[0]
    return [line.split()[0] for line in lines.splitlines() if line.strip()]


def commands_in_code() -> set[str]:
    """Names of all commands that are written anywhere in the package."""
    package = occupy_core.commands
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not info.name.endswith("__main__")
    ]
    return {
        value.name for module in modules for value in vars(module).values()
        if isinstance(value, Command)
    }  # fmt: skip


def run(line: str, folder: Path) -> str:
    """Run a command line in a shell, as a user would; return what it prints."""
    outdir = re.search(r"--outdir (\S+)", line)
    path = f"PATH='{PROGRAM.parent}':\"$PATH\" "
    # Nobody is here to close a browser.
    environment = {**os.environ, "BROWSER": "true"}
    done = subprocess.run(
        ["bash", "-c", path + line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode == 2 and "exists already" in said and not line.endswith(" --force"):
        return run(f"{line} --force", folder)  # an earlier example wrote there
    print(f"install-check: {line}", flush=True)
    if done.returncode or "Traceback" in said:
        sys.exit(f"This command failed with status {done.returncode}:\n  {line}\n{said}")
    if outdir and not any((folder / outdir.group(1)).iterdir()):
        sys.exit(f"This command wrote nothing:\n  {line}\n{said}")
    return done.stdout


MORE_INPUTS = {"particles": particle_inputs, "report": report_inputs}


def main() -> None:
    """Run all examples; end with status 1 at the first that fails."""
    if importlib.util.find_spec("pyworkflow") is not None:
        sys.exit("Scipion came along; the environment must be empty.")
    FOLDER.mkdir(parents=True)
    seen: dict[str, list[str]] = {}
    for name in table():
        examples_of(name, seen)
    lost = {name for name in commands_in_code() if not seen.get(name)}
    if lost:
        sys.exit(f"These commands are in no help, or have no example: {', '.join(sorted(lost))}.")
    for example in dict.fromkeys(example for examples in seen.values() for example in examples):
        command = example.split()[1]
        folder = FOLDER / command
        if not folder.exists():
            inputs(folder, command)
            if command in MORE_INPUTS:
                MORE_INPUTS[command](folder)
        for further in commands_in(run(example, folder)):
            run(further, folder)


if __name__ == "__main__":
    main()
