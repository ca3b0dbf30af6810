"""Runs of the command line with options drawn from the option tables.

Every run follows from its seed. It ends with the status 0 or 2 and with sentences; outputs are
whole or untouched; no byte of an input changes.
"""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import warnings
from pathlib import Path

import numpy as np
from fuzz_files import STAR, HangError, time_limit
from hostile import file_names
from resolution_maps import two_resolutions
from small_jobs import write_small_map
from small_models import density_of, noisy, three_chains

from occupy_core.commands.blocks import cli as blocks
from occupy_core.commands.classes import cli as classes
from occupy_core.commands.main import main
from occupy_core.commands.particles import cli as particles
from occupy_core.commands.regions import cli as regions
from occupy_core.commands.report import cli as report
from occupy_core.commands.resolution import cli as resolution
from occupy_core.commands.resolution.bench import cli as bench
from occupy_core.commands.scale import cli as scale
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.regions.by_model.atoms import read_model

COMMANDS = (
    scale.COMMAND,
    regions.COMMAND,
    resolution.COMMAND,
    bench.COMMAND,
    blocks.COMMAND,
    blocks.SKETCH,
    blocks.EXPAND,
    blocks.SUBSET,
    particles.COMMAND,
    report.COMMAND,
    classes.COMMAND,
)
# From the network, or another program.
LEFT_OUT = {"emdb", "show_chimerax", "open"}
NUMBERS = ("0", "1", "2", "3", "5", "8.5", "20", "-1", "0.5", "1e9", "1e-9", "nan", "inf", "x", "")
WORDS = (
    *("auto", "B1 > 0.5", "B1", "A", "A,B", "occ", "res", "calibrated", "occupy", "bh", "none"),
    *("chain", "residue", "x" * 260, "../x"),
    *file_names(),
)
STARTS = {
    "scale": [["{map}"], ["{map}", "--method", "occupy"], ["{other}"]],
    "regions": [["{chains}", "--model", "{model}"], ["{map}", "--masks", "{mask}", "{mask2}"]],
    "resolution": [["{half1}"], ["--half1", "{half1}", "--half2", "{half2}"]],
    "resolution bench": [["--half1", "{half1}", "--half2", "{half2}"]],
    "blocks": [["--volumes-dir", "{volumes}"]],
    "blocks sketch": [["{blocks}"]],
    "blocks expand": [["{blocks}"]],
    "blocks subset": [["{blocks}", "--where", "B1 > 0.5"]],
    "particles": [["{blocks}", "--particles", "{star}"]],
    "report": [["{scaled}"], ["{blocks}", "{scaled}"]],
    "classes": [["{map}", "{map3}"], ["{chains}", "{chains2}", "--model", "{model}"]],
}


def make_inputs(folder, volumes, searched):
    """Files of all kinds that runs may be given, by what they are."""
    small = write_small_map(folder / "map.mrc")
    other = write_small_map(folder / "other.mrc", grid=Grid((20, 24, 22), (3.0, 3.0, 3.0)), seed=2)
    known = two_resolutions(Grid((24, 26, 28), (1.5, 1.4, 1.6)), noise=12.0)
    halves = [write_map(folder / f"h{i}.mrc", m) for i, m in enumerate(known.half_maps, 1)]
    density = read_map(small)
    masks = []
    for i, half in enumerate((slice(0, 20), slice(20, 40)), 1):
        inside = np.zeros(density.grid.shape, np.float32)
        inside[5:25, 5:25, half] = 1
        masks.append(write_map(folder / f"mask{i}.mrc", DensityMap(inside, density.grid)))
    model = three_chains(folder / "m.pdb")
    chains = read_model(model)
    for i, occupancy in enumerate((1.0, 0.4), 1):
        data = density_of(chains, {"C": occupancy})
        write_map(folder / f"chains{i}.mrc", noisy(data, 0.05, i))
    scaled = folder / "scaled"
    if main(["scale", str(small), "--outdir", str(scaled), "--quiet"]):
        raise RuntimeError("the scale of a whole map was not estimated")
    (folder / "p.star").write_text(STAR)
    (folder / "t.csv").write_text("vol_0,0.5\nvol_1,0.4\n")
    (folder / "bad.json").write_text('{"map": 3}')
    (folder / "text.mrc").write_text("no map\n" * 200)
    return {
        "map": small,
        "map3": write_small_map(folder / "map3.mrc", seed=3),
        "other": other,
        "half1": halves[0],
        "half2": halves[1],
        "mask": masks[0],
        "mask2": masks[1],
        "model": model,
        "chains": folder / "chains1.mrc",
        "chains2": folder / "chains2.mrc",
        "star": folder / "p.star",
        "csv": folder / "t.csv",
        "json": folder / "bad.json",
        "text": folder / "text.mrc",
        "missing": folder / "missing.mrc",
        "scaled": scaled,
        "volumes": volumes,
        "blocks": searched,
    }


def command_line(inputs, seed):
    """Draw a command and its options."""
    draw = random.Random(seed)
    command = COMMANDS[seed % len(COMMANDS)]
    start = draw.choice(STARTS[command.name])
    words = [*command.name.split(), *(word.format(**inputs) for word in start)]
    options = [o for o in command.options() if o.field not in LEFT_OUT]
    for option in draw.sample(options, draw.choice((0, 1, 1, 2, 3, 5))):
        if option.field in ("outdir", "threads", "keep_output_path"):
            continue
        words.append(draw.choice(option.flags))
        if option.kind is not bool and not (option.optional_value and draw.random() < 0.5):
            count = draw.choice((1, 1, 2)) if option.many else 1
            words += [value_for(option, inputs, draw) for _ in range(count)]
    return words


def value_for(option, inputs, draw):
    """Draw a value that an option may take, or may not."""
    if draw.random() < 0.05:
        return draw.choice(WORDS)
    if option.kind is Path:
        return str(draw.choice(list(inputs.values())))
    return draw.choice(NUMBERS if option.kind in (int, float) else WORDS)


def state(path):
    """What a file, or everything in a folder, holds."""
    if path.is_dir():
        return {str(p): state(p) for p in sorted(path.iterdir())}
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def try_run(inputs, seed, folder):
    """Run the command line of a seed; return the status and what is wrong, or nothing."""
    words = command_line(inputs, seed)
    outdir = folder / f"out{seed}"
    if seed % 4 == 0:  # into a folder that holds something
        outdir.mkdir()
        (outdir / "mine").write_text("x")
    if "subset" not in words or seed % 2:
        words += ["--outdir", str(outdir)]
    before, read = state(outdir), {name: state(path) for name, path in inputs.items()}
    out, err = io.StringIO(), io.StringIO()
    status, problem = None, None
    here = Path.cwd()
    try:
        os.chdir(folder)
        with (
            time_limit(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("always")
            status = main(words)
    except (Exception, HangError, SystemExit) as error:
        problem = f"{type(error).__name__}: {error}"
    finally:
        os.chdir(here)
    problem = problem or _problem(status, err.getvalue(), outdir, before)
    if problem is None and read != {name: state(path) for name, path in inputs.items()}:
        problem = "an input was changed"
    shutil.rmtree(outdir, ignore_errors=True)
    return status, None if problem is None else f"run {seed}: {problem}: {words}"


def _problem(status, said, outdir, before):
    lines = said.splitlines()
    strange = [line for line in lines if not line.startswith(("Warning: ", "occupy-core: error: "))]
    strange = [line for line in strange if not line.endswith(" volumes")]  # of blocks subset
    if status not in (0, 2):
        return f"status {status}"
    if strange:
        return f"said {strange[0]!r}"
    if status == 2 and not lines:
        return "ended without a sentence"
    steps = any((outdir / name).is_dir() for name in ("scale", "consensus"))  # kept, to go on from
    if status == 2 and state(outdir) != before and "The rule " not in said and not steps:
        return "left something behind"
    if status == 0 and outdir.is_dir():
        names = {path.name for path in outdir.iterdir()}
        if any(name.startswith(".") for name in names):
            return "left a hidden folder"
        for record in outdir.glob("*.json"):
            values = json.loads(record.read_text(encoding="utf-8"))
            if not set(values.get("files", {}).values()) <= names:
                return "a file of the record is missing"
    return None
