"""What `occupy-core relion-hook` does to a 3D classification of RELION, with and without it.

    python -m benchmarks.relion_hook --models FOLDER --work FOLDER --rows ROWS.csv [--seeds 5]

Particles of a model in known states are simulated (true poses, CTF, white noise) and classified
by `relion_refine --skip_align`, plainly and with arms of the hook, from several random seeds. Each
finished run is a row of ROWS.csv and is not done again. A row has the share of rightly assigned
particles after each iteration; where K is larger than the number of states, each class counts for
the state that most of its particles have. `--report` prints the table.

This process answers the calls of RELION with the function that the command runs, so that no call
waits for the start of Python.

The set `one` is a single state with K = 3: there is nothing to find. Its row says how much the
occupancy of any chain differs between two classes that hold at least a tenth of the particles, in
maps that `relion_reconstruct` makes of their particles without the hook, and the same of classes of
these sizes drawn by chance. In the set `moved` chains
move and none is missing.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import re
import shlex
import shutil
import subprocess
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import mrcfile
import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.simulate_occupancy import chain_maps, place
from occupy_core.commands.relion_hook.cli import VARIABLE
from occupy_core.commands.relion_hook.job import HookJob
from occupy_core.commands.relion_hook.run import run_hook

VOXEL, RESOLUTION, BLUR = 6.0, 13.0, 100.0
ITERATIONS = 8
LONGER = 16  # of the plain arm
RIGHT = 0.99  # share of particles that is called done
ARMS: dict[str, dict[str, Any] | None] = {
    "plain": None,
    "focus": {},
    "focus by voxel": {"by_voxel": True},
    "attenuate": {"power": 3.0},
    "attenuate each": {"power": 3.0, "per_class": True},
    "attenuate falling": {"power": 3.0, "decay": 0.7},
    "attenuate renormalised": {"power": 3.0, "renormalise": True},
    "attenuate by voxel": {"power": 3.0, "by_voxel": True},
    "solvent only": {"power": 1.0},
}
REFINE = (
    "relion_refine --ctf --zero_mask --strict_highres_exp 20 --ini_high 40 --sym c1 --norm --scale "
    "--oversampling 0 --skip_gridding --flatten_solvent --tau2_fudge 4 --pad 2 --skip_align "
    "--dont_combine_weights_via_disc --preread_images --pool 30 --j 1"
)
OPTICS = "OpticsGroupName OpticsGroup Voltage SphericalAberration AmplitudeContrast ImagePixelSize"
OPTICS += " ImageSize ImageDimensionality"
COLUMNS = "ImageName OpticsGroup AngleRot AngleTilt AnglePsi OriginXAngst OriginYAngst DefocusU"
COLUMNS += " DefocusV DefocusAngle"


@dataclass(frozen=True)
class Set:
    """Particles: the chains that each state lacks and its share, their noise, and K.

    With a `shift` in Å the chains of the second state are moved, and none is missing.
    """

    states: tuple[tuple[str, float], ...]
    snr: float
    classes: int
    model: str = "1wcm.pdb.gz"
    shift: float = 0.0
    particles: int = 600


THREE = (("", 0.45), ("DG", 0.30), ("CJKL", 0.25))
SETS = {
    "easy": Set(THREE, 3.2, 3),
    "three": Set(THREE, 0.8, 3),
    "other": Set((("", 0.5), ("HL", 0.3), ("MN", 0.2)), 1.6, 3, model="5fuu.pdb.gz"),
    "absent": Set((("", 0.9), ("CJKL", 0.1)), 0.6, 2),
    "present": Set((("", 0.1), ("DG", 0.9)), 1.2, 2),
    "rare": Set((("", 0.95), ("CJKL", 0.05)), 1.2, 2),
    "spare": Set((("", 0.8), ("CJKL", 0.2)), 0.6, 3),
    "noisy": Set((("", 0.5), ("CJKL", 0.5)), 0.2, 2),
    "moved": Set((("", 0.5), ("CJKL", 0.5)), 0.8, 2, shift=10.0),
    "one": Set((("", 1.0),), 0.8, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, help="folder with the models of the sets")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--arms", nargs="+", default=["plain", "focus"], choices=ARMS)
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if not given.report:
        for seed, name, arm in itertools.product(range(1, given.seeds + 1), given.sets, given.arms):
            if (name, arm, str(seed)) not in {key(row) for row in read(given.rows)}:
                append(given.rows, run(name, arm, seed, given.models, given.work))
    print(table(read(given.rows)))


def key(row: dict[str, str]) -> tuple[str, str, str]:
    return row["set"], row["arm"], row["seed"]


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FIELDS = ("set", "arm", "seed", "right", "shares", "recall", "spread", "chance", "resolution")


def append(path: Path, row: dict[str, str]) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def run(name: str, arm: str, seed: int, models: Path, work: Path) -> dict[str, str]:
    """Classify one set once, and say how right it is."""
    given, folder = SETS[name], work.resolve() / name
    truth = simulated(given, models, folder)
    out = f"{arm.replace(' ', '_')}_{seed}"
    shutil.rmtree(folder / out, ignore_errors=True)
    (folder / out).mkdir()
    options = ARMS[arm]
    iterations = LONGER if options is None else ITERATIONS
    command = f"{REFINE} --i particles.star --o {out}/run --ref mix.mrc --K {given.classes}"
    command += f" --iter {iterations} --random_seed {seed} --particle_diameter {diameter(folder)}"
    with nullcontext({}) if options is None else answered(folder, options) as more:
        command += " --external_reconstruct" if more else ""
        call(command, folder, {**os.environ, "OMP_NUM_THREADS": "1", **more})
    found = [classes_of(folder / out, i) for i in range(1, iterations + 1)]
    right = [assigned(truth, classes, given.classes) for classes in found]
    last = found[ITERATIONS - 1]
    one = len(given.states) == 1
    shuffled = np.random.default_rng(seed).permutation(last)
    shares = np.bincount(last, minlength=given.classes + 1)[1:] / len(last)
    model = (folder / out / f"run_it{ITERATIONS:03d}_model.star").read_text(encoding="utf-8")
    row = {
        "set": name,
        "arm": arm,
        "seed": str(seed),
        "right": " ".join(f"{share:.3f}" for share, _ in right),
        "shares": " ".join(f"{share:.2f}" for share in shares),
        "recall": f"{right[ITERATIONS - 1][1]:.3f}",
        "spread": f"{spread(folder, out, last):.3f}" if one else "",
        "chance": f"{spread(folder, out, shuffled):.3f}" if one else "",
        "resolution": re.findall(r"_rlnCurrentResolution +(\S+)", model)[0],
    }
    shutil.rmtree(folder / out)
    return row


@contextmanager
def answered(folder: Path, options: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Answer the calls of RELION, which runs in this folder; yield what it needs to be told."""
    asked, answers = folder / "asked", folder / "answers"
    for path in (asked, answers):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    program = folder / "ask"
    program.write_text(
        f'#!/bin/sh\necho "$1" >"{asked}"\nread status <"{answers}"\nexit "$status"\n'
    )
    program.chmod(0o755)
    here = Path.cwd()
    os.chdir(folder)
    # Open for both: the end of one call is not the end of the file.
    with os.fdopen(os.open(asked, os.O_RDWR), encoding="utf-8") as calls:

        def answer() -> None:
            for line in iter(lambda: calls.readline().strip(), "end"):
                try:
                    run_hook(HookJob(star=Path(line), skip_gridding=True, **options))
                    status = 0
                except Exception:
                    traceback.print_exc()
                    status = 1
                answers.write_text(f"{status}\n")

        thread = Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield {VARIABLE: str(program)}
        finally:
            os.chdir(here)
            asked.write_text("end\n")
            thread.join()


def diameter(folder: Path) -> float:
    with mrcfile.open(folder / "mix.mrc") as file:
        return 0.92 * file.data.shape[0] * VOXEL


def call(command: str, folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def assigned(truth: np.ndarray, classes: np.ndarray, number: int) -> tuple[float, float]:
    """Share of rightly assigned particles, and of those of the rarest state."""
    states = int(truth.max()) + 1
    counts = np.array(
        [[np.sum((classes == k + 1) & (truth == s)) for s in range(states)] for k in range(number)]
    )
    if number == states:
        rows, of_state = linear_sum_assignment(-counts)
        state_of = dict(zip(rows, of_state, strict=True))
    else:
        state_of = {k: int(counts[k].argmax()) for k in range(number)}
    right = np.array([state_of[k - 1] == s for k, s in zip(classes, truth, strict=True)])
    rarest = np.bincount(truth).argmin()
    return float(right.mean()), float(right[truth == rarest].mean())


def classes_of(folder: Path, iteration: int) -> np.ndarray:
    """Class of each particle after an iteration, in the order of the stack."""
    names, rows = star_rows(folder / f"run_it{iteration:03d}_data.star")
    image, number = names.index("ImageName"), names.index("ClassNumber")
    pairs = sorted((int(row[image].split("@")[0]), int(row[number])) for row in rows)
    return np.array([number for _, number in pairs])


def star_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns and rows of the last table of a STAR file."""
    text = path.read_text(encoding="utf-8").rpartition("loop_")[2]
    lines = [line.split() for line in text.splitlines() if line.strip()]
    names = [line[0][4:] for line in lines if line[0].startswith("_rln")]
    return names, [line for line in lines if not line[0].startswith(("_rln", "#"))]


def spread(folder: Path, out: str, classes: np.ndarray) -> float:
    """Largest difference of the occupancy of a chain between classes; maps without the hook."""
    names, rows = star_rows(folder / "particles.star")
    head = (folder / "particles.star").read_text(encoding="utf-8").rpartition(f"#{len(names)}\n")
    chains = np.load(folder / "chains.npz")
    found = []
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        if len(members) < 0.1 * len(classes):
            continue
        lines = [" ".join(rows[i]) for i in members]
        (folder / "class.star").write_text(f"{head[0]}{head[1]}" + "\n".join(lines) + "\n")
        call(f"relion_reconstruct --i class.star --o {out}/class.mrc --ctf --maxres 15", folder)
        with mrcfile.open(folder / out / "class.mrc") as file:
            found.append(occupancies(file.data.astype(float), chains))
    return float(np.ptp(found, axis=0).max()) if len(found) > 1 else 0.0


def occupancies(data: np.ndarray, chains: np.lib.npyio.NpzFile) -> np.ndarray:
    """Least squares of a map by the true densities of its chains, relative to their mean."""
    frequency = np.fft.fftfreq(data.shape[0], VOXEL)
    radius = np.sqrt(sum(np.ix_(*[frequency**2] * 3)))
    band = (radius < 1 / 15) & (radius > 1 / 100)
    wanted = np.fft.fftn(data)[band]
    parts = np.stack([np.fft.fftn(chains[name])[band] for name in chains.files], axis=1)
    gram, right = (parts.conj().T @ parts).real, (parts.conj().T @ wanted).real
    values = np.linalg.solve(gram, right)
    return np.asarray(values / values.mean())


def simulated(given: Set, models: Path, folder: Path) -> np.ndarray:
    """Make the particles of a set, unless they are there; return the state of each."""
    if (folder / "state.txt").exists():
        return np.loadtxt(folder / "state.txt", dtype=int)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    placed = place(models / given.model, VOXEL)
    chains = chain_maps(placed, RESOLUTION, blur=BLUR)
    states = [
        sum(data for name, data in chains.items() if given.shift or name not in missing)
        for missing, _ in given.states
    ]
    if given.shift:
        moves = dict.fromkeys(given.states[1][0], (given.shift, 0.0, 0.0))
        states[1] = sum(chain_maps(placed, RESOLUTION, blur=BLUR, moves=moves).values())
    top = np.percentile(states[0], 99.5)
    shares = [share for _, share in given.states]
    write(folder / "mix.mrc", sum(s * w for s, w in zip(states, shares, strict=True)) / top)
    np.savez(folder / "chains.npz", **chains)
    truth = rng.choice(len(states), given.particles, p=shares)
    box = placed.grid.shape[0]
    poses = drawn_poses(given.particles, rng)
    stack = np.zeros((given.particles, box, box), np.float32)
    for number, state in enumerate(states):
        write(folder / "state.mrc", state / top)
        members = np.flatnonzero(truth == number)
        star(folder / "project.star", [(f"{k + 1:06d}@x.mrcs", *poses[i]) for k, i in
                                       enumerate(members)], box)  # fmt: skip
        call(
            f"relion_project --i state.mrc --ang project.star --o p --ctf --angpix {VOXEL}", folder
        )
        with mrcfile.open(folder / "p.mrcs") as file:
            stack[members] = file.data
    stack += rng.normal(0, stack.std() / np.sqrt(given.snr), stack.shape)
    y, x = np.mgrid[:box, :box] - box // 2
    rim = np.hypot(x, y) > box / 2 - 2
    stack -= stack[:, rim].mean(1)[:, None, None]
    stack /= stack[:, rim].std(1)[:, None, None]
    write(folder / "particles.mrcs", stack)
    lines = [(f"{i + 1:06d}@particles.mrcs", *pose) for i, pose in enumerate(poses)]
    star(folder / "particles.star", lines, box)
    for name in ("p.mrcs", "p.star", "project.star", "state.mrc"):
        (folder / name).unlink(missing_ok=True)
    np.savetxt(folder / "state.txt", truth, fmt="%d")  # the last: when it is there, all is
    return truth


def drawn_poses(n: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Optics group, angles, shifts and defocus of each particle, as in its row."""
    rot, psi = rng.uniform(-180, 180, (2, n))
    tilt = np.degrees(np.arccos(rng.uniform(-1, 1, n)))
    shift, defocus = rng.normal(0, 4, (2, n)), rng.uniform(10000, 25000, n)
    columns = (rot, tilt, psi, *shift, defocus, defocus - 300)
    return [("1", *(f"{c[i]:.4f}" for c in columns), "30.0") for i in range(n)]


def write(path: Path, data: np.ndarray) -> None:
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data.astype(np.float32))
        if path.suffix == ".mrcs":
            file.set_image_stack()
        file.voxel_size = VOXEL


def star(path: Path, rows: list[tuple[str, ...]], box: int) -> None:
    def loop(name: str, columns: str, lines: list[str]) -> str:
        heads = "".join(f"_rln{c} #{i}\n" for i, c in enumerate(columns.split(), 1))
        return f"\n# version 30001\n\ndata_{name}\n\nloop_\n{heads}" + "\n".join(lines) + "\n"

    optics = loop("optics", OPTICS, [f"opticsGroup1 1 300.0 2.7 0.1 {VOXEL} {box} 2"])
    path.write_text(optics + loop("particles", COLUMNS, [" ".join(row) for row in rows]))


def reached(right: np.ndarray) -> str:
    """Iteration after which a run was done, or a dash."""
    done = np.flatnonzero(right >= RIGHT)
    return str(done[0] + 1) if len(done) else "-"


def table(rows: list[dict[str, str]]) -> str:
    """One line for each set and arm: mean over the seeds."""
    rows = sorted(rows, key=lambda row: int(row["seed"]))
    last = ITERATIONS - 1
    lines = [
        f"| set | arm | runs | right after 3 / 5 / {ITERATIONS} iterations | after {LONGER} | "
        f"runs with {RIGHT} after {ITERATIONS} | first iteration with {RIGHT}, seed by seed | "
        "rarest state found | "
        "largest difference of a chain (by chance) | reported resolution, Å |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, arm in itertools.product(SETS, ARMS):
        own = [row for row in rows if (row["set"], row["arm"]) == (name, arm)]
        if not own:
            continue
        right = np.array([[float(v) for v in row["right"].split()] for row in own])
        mean = right.mean(0)
        cells = ["-"] * 5
        one = len(SETS[name].states) == 1
        if not one:
            cells = [
                " / ".join(f"{mean[i]:.3f}" for i in (2, 4, last)),
                f"{mean[LONGER - 1]:.3f}" if len(mean) == LONGER else "-",
                f"{int((right[:, last] >= RIGHT).sum())} of {len(own)}",
                ", ".join(reached(each) for each in right),
                f"{np.mean([float(row['recall']) for row in own]):.3f}",
            ]
        wide = [max(float(row[k]) for row in own if row[k]) for k in ("spread", "chance") if one]
        finest = np.mean([float(row["resolution"]) for row in own])
        cells += [f"{wide[0]:.2f} ({wide[1]:.2f})" if one else "-", f"{finest:.1f}"]
        lines.append(f"| {name} | {arm} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
