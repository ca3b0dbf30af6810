"""Simulate particles of a molecule in three states, and let RELION classify them.

A set is one molecule, one draw of states, views, noise and errors of the poses. RELION 3.1
(`relion_project`, `relion_reconstruct`, `relion_refine`, on the PATH) projects, classifies with
fixed poses and reconstructs. Stored iterations from early to late give impure and pure classes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import gemmi
import mrcfile
import numpy as np
from numpy.typing import NDArray

from benchmarks.simulate_occupancy import Complex, chain_maps, place
from occupy_core.maps.grid import Grid

BOX = 40
MODELS = (
    "1wcm.pdb.gz",
    "5fuu.pdb.gz",
    "7pbl.pdb.gz",
    "8eow.cif.gz",
    "7cth.cif.gz",
    "6bqn.cif.gz",
)
ITERATIONS = (5,)  # stored; later ones are purer
_BLUR = 80.0  # Å² added to all atoms, as reconstructions do
_LEAST, _MOST = 0.05, 0.22  # of all atoms: what a state lacks
_FULL = 0.45  # of all atoms at least are in every state
_HEAD = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
_rlnImageSize #7
_rlnImageDimensionality #8
opticsGroup1 1 300.0 2.7 0.1 {voxel:.6f} {box} 2

# version 30001

data_particles

loop_
"""
_COLUMNS = (
    *("ImageName", "MicrographName", "CoordinateX", "CoordinateY", "OpticsGroup"),
    *("AngleRot", "AngleTilt", "AnglePsi", "OriginXAngst", "OriginYAngst"),
    *("DefocusU", "DefocusV", "DefocusAngle", "RandomSubset", "ClassNumber"),
)
_CLASSIFY = (
    *("relion_refine", "--ctf", "--zero_mask", "--K", "3", "--ini_high", "40", "--sym", "c1"),
    *("--norm", "--scale", "--oversampling", "0", "--flatten_solvent", "--tau2_fudge", "4"),
    *("--pad", "2", "--skip_align", "--dont_combine_weights_via_disc", "--preread_images"),
    *("--pool", "30", "--j", "1", "--skip_gridding"),
)

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a set is made of.

    Parameters
    ----------
    model : str
        Name of the file of the model.
    seed : int
    particles : int
    snr : float
        Variance of the signal over that of the noise, in the whole image.
    degrees, shift : float
        Standard deviation of the errors of each Euler angle, and of each shift in Å.
    """

    model: str
    seed: int
    particles: int
    snr: float
    degrees: float
    shift: float

    @property
    def name(self) -> str:
        return f"{self.model.split('.')[0]}_{self.seed:03d}"


@dataclass(frozen=True)
class Particles:
    """Particles of known state with the poses that the classification is given."""

    folder: Path
    voxel: float
    state: Ints
    rows: list[list[str]]

    def write(self, path: Path, chosen: Ints, stack: str = "particles.mrcs") -> None:
        """Write a STAR file of some particles; half sets alternate among them."""
        lines = []
        for k, i in enumerate(chosen):
            lines.append(" ".join([f"{i + 1:06d}@{stack}", *self.rows[i], str(k % 2 + 1), "1"]))
        head = _HEAD.format(voxel=self.voxel, box=BOX)
        columns = "".join(f"_rln{name} #{i}\n" for i, name in enumerate(_COLUMNS, 1))
        path.write_text(head + columns + "\n".join(lines) + "\n")

    def reconstruct(self, target: str, chosen: Ints, *, subset: int | None = None) -> None:
        """Reconstruct some particles into maps/TARGET.mrc."""
        self.write(self.folder / "chosen.star", chosen)
        half = [] if subset is None else ["--subset", str(subset)]
        call(
            [
                "relion_reconstruct",
                "--i",
                "chosen.star",
                "--ctf",
                "--skip_gridding",
                *half,
                "--o",
                f"maps/{target}.mrc",
            ],
            self.folder,
        )


def plan(n: int, models: Sequence[str] = MODELS) -> list[Plan]:
    """The first `n` sets; the molecules take turns."""
    plans = []
    for seed in range(n):
        rng = np.random.default_rng(1000 + seed)
        plans.append(
            Plan(
                model=models[seed % len(models)],
                seed=seed,
                particles=int(rng.integers(800, 1101)),
                snr=round(float(rng.uniform(0.4, 1.2)), 2),
                degrees=round(float(rng.uniform(1.0, 3.0)), 1),
                shift=round(float(rng.uniform(1.0, 2.5)), 1),
            )
        )
    return plans


def make_set(made: Plan, models: Path, work: Path) -> Path:
    """Simulate, classify and reconstruct one set; return its folder. A finished set is kept."""
    target = work / "sets" / made.name
    if (target / "truth.json").exists():
        return target
    folder = work / "unfinished" / made.name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "maps").mkdir(parents=True)
    rng = np.random.default_rng(made.seed)
    placed = in_box(models / made.model)
    lacking = draw_states(placed, rng)
    particles = _simulate(made, placed, lacking, folder, rng)
    rows = _classify(made, placed, lacking, particles, rng)
    placed.structure.make_mmcif_document().write_file(str(folder / "model.cif"))
    truth = {"plan": asdict(made), "lacking": lacking, "maps": rows}
    (folder / "truth.json").write_text(json.dumps(truth, indent=0))
    target.parent.mkdir(exist_ok=True)
    folder.rename(target)
    return target


def in_box(model: Path) -> Complex:
    """Place a model into the box of the particles; the voxel size is what that takes."""
    small = place(model, 4.0)
    positions = np.array([site.atom.pos.tolist() for site in small.structure[0].all()])
    extent = float(np.ptp(positions, axis=0).max())
    voxel = round(max(1.35 * extent / BOX, 3.5), 2)
    move = BOX * voxel / 2 - (positions.min(axis=0) + positions.max(axis=0)) / 2
    for site in small.structure[0].all():
        site.atom.pos += gemmi.Position(*move)
    return replace(small, grid=Grid.cubic(BOX, voxel))


def draw_states(placed: Complex, rng: np.random.Generator) -> list[list[str]]:
    """Chains that each of three states lacks: none, and two groups without a common chain."""
    atoms = {chain.name: chain.count_atom_sites() for chain in placed.structure[0]}
    total = sum(atoms.values())
    while True:
        order = [str(name) for name in rng.permutation(list(atoms))]
        groups: list[list[str]] = []
        for _ in range(2):
            group: list[str] = []
            wanted = rng.uniform(_LEAST, 0.5 * (_LEAST + _MOST))
            while order and sum(atoms[c] for c in group) < wanted * total:
                group.append(order.pop())
            groups.append(group)
        sizes = [sum(atoms[c] for c in group) / total for group in groups]
        if all(_LEAST <= s <= _MOST for s in sizes) and 1 - sum(sizes) >= _FULL:
            return [[], *groups]


def call(command: list[str], cwd: Path) -> None:
    """Run a command quietly; say what it said when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")


def _simulate(
    made: Plan,
    placed: Complex,
    lacking: list[list[str]],
    folder: Path,
    rng: np.random.Generator,
) -> Particles:
    """Write particles.mrcs."""
    voxel, n = placed.grid.voxel_size[0], made.particles
    shares = rng.dirichlet((6.0, 6.0, 6.0))
    state = rng.choice(3, n, p=shares)
    angles = np.column_stack(
        [
            rng.uniform(-180, 180, n),
            np.degrees(np.arccos(rng.uniform(-1, 1, n))),
            rng.uniform(-180, 180, n),
        ]
    )
    origin = rng.normal(0, 4, (n, 2))
    focus = rng.uniform(10000, 25000, n)
    true = _pose_rows(angles, origin, focus)
    given = _pose_rows(
        angles + rng.normal(0, made.degrees, angles.shape),
        origin + rng.normal(0, made.shift, origin.shape),
        focus,
    )
    chains = chain_maps(placed, 2.1 * voxel, blur=_BLUR)
    stack = np.zeros((n, BOX, BOX), np.float32)
    exact = Particles(folder, voxel, state, true)
    for k, missing in enumerate(lacking):
        density = sum(data for name, data in chains.items() if name not in missing)
        _save(folder / "state.mrc", np.asarray(density), voxel)
        members = np.flatnonzero(state == k)
        exact.write(folder / "views.star", members, "dummy.mrcs")
        call(
            [
                "relion_project",
                "--i",
                "state.mrc",
                "--ang",
                "views.star",
                "--o",
                "views",
                "--ctf",
                "--angpix",
                str(voxel),
            ],
            folder,
        )
        stack[members] = mrcfile.read(folder / "views.mrcs")
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    around = np.hypot(x, y) > BOX / 2 - 2
    noise = float(stack.std()) / np.sqrt(made.snr)
    noisy = stack + rng.normal(0, noise, stack.shape).astype(np.float32)
    level, spread = noisy[:, around].mean(axis=1), noisy[:, around].std(axis=1)
    _save(folder / "particles.mrcs", (noisy - level[:, None, None]) / spread[:, None, None], voxel)
    for name in ("state.mrc", "views.mrcs", "views.star"):
        (folder / name).unlink()
    return Particles(folder, voxel, state, given)


def _pose_rows(
    angles: NDArray[np.float64], origin: NDArray[np.float64], focus: NDArray[np.float64]
) -> list[list[str]]:
    """The columns of STAR files between the name of the image and the half set."""
    return [
        [
            f"mic{i // 100 + 1:03d}.mrc",
            "100",
            "100",
            "1",
            *(f"{v:.4f}" for v in (*a, *o)),
            f"{f:.1f}",
            f"{f - 300:.1f}",
            "30.0",
        ]
        for i, (a, o, f) in enumerate(zip(angles, origin, focus, strict=True))
    ]


def _classify(
    made: Plan,
    placed: Complex,
    lacking: list[list[str]],
    particles: Particles,
    rng: np.random.Generator,
) -> list[dict[str, object]]:
    """Classify; store the class maps of some iterations, and others of the same composition.

    Kinds of maps: `class` is RELION's class map; `drawn` is the reconstruction of as many particles
    of each state, drawn at random, with its two halves in the last iteration.
    """
    folder, everything = particles.folder, np.arange(made.particles)
    particles.reconstruct("consensus", everything)
    particles.write(folder / "all.star", everything)
    positions = np.array([site.atom.pos.tolist() for site in placed.structure[0].all()])
    middle = BOX * particles.voxel / 2
    diameter = 2 * float(np.linalg.norm(positions - middle, axis=1).max()) + 10
    (folder / "c3d").mkdir()
    call(
        [
            *_CLASSIFY,
            "--i",
            "all.star",
            "--ref",
            "maps/consensus.mrc",
            "--o",
            "c3d/run",
            "--iter",
            str(ITERATIONS[-1]),
            "--random_seed",
            str(made.seed + 1),
            "--strict_highres_exp",
            f"{4.2 * particles.voxel:.1f}",
            "--particle_diameter",
            f"{min(diameter, 0.97 * BOX * particles.voxel):.0f}",
        ],
        folder,
    )
    chains = placed.chains
    has = np.array([[c not in missing for c in chains] for missing in lacking], float)
    rows = [_row("consensus", "consensus", 0, np.ones(made.particles), has[particles.state])]
    assigned = {}
    for step in ITERATIONS:
        columns = _read_star(folder / f"c3d/run_it{step:03d}_data.star")
        number = np.array([int(v.split("@")[0]) - 1 for v in columns["rlnImageName"]])
        order = np.argsort(number)
        placed_in = np.array(columns["rlnClassNumber"], int)[order]
        sure = np.array(columns["rlnMaxValueProbDistribution"], float)[order]
        assigned[f"class_{step}"], assigned[f"sure_{step}"] = placed_in, sure
        for c in (1, 2, 3):
            chosen = np.flatnonzero(placed_in == c)
            if len(chosen) < 60:  # not a class, but a rest
                continue
            end = f"it{step:03d}_{c}"
            source = folder / f"c3d/run_it{step:03d}_class{c:03d}.mrc"
            shutil.copy(source, folder / f"maps/class_{end}.mrc")
            alike = np.concatenate(
                [
                    rng.choice(
                        np.flatnonzero(particles.state == k),
                        int((particles.state[chosen] == k).sum()),
                        replace=False,
                    )
                    for k in range(3)
                ]
            )
            alike = rng.permutation(alike)
            particles.reconstruct(f"drawn_{end}", alike)
            halves = (1, 2) if step == ITERATIONS[-1] else ()
            for half in halves:
                particles.reconstruct(f"half{half}_{end}", alike, subset=half)
            one = np.ones(len(chosen))
            own = has[particles.state[chosen]]
            rows.append(_row("class", f"class_{end}", step, sure[chosen], own))
            rows.append(_row("drawn", f"drawn_{end}", step, one, own))
            drawn = has[particles.state[alike]]
            for half in halves:
                part = drawn[half - 1 :: 2]
                rows.append(_row("half", f"half{half}_{end}", step, np.ones(len(part)), part))
    np.savez_compressed(folder / "assigned.npz", state=particles.state, **assigned)
    shutil.rmtree(folder / "c3d")
    (folder / "chosen.star").unlink()
    for row in rows:
        row["truth"] = dict(zip(chains, np.asarray(row["truth"]).round(5).tolist(), strict=True))
    return rows


def _row(
    kind: str, name: str, step: int, weight: NDArray[np.float64], has: NDArray[np.float64]
) -> dict[str, object]:
    return {
        "map": name,
        "kind": kind,
        "iteration": step,
        "particles": len(weight),
        "sure": round(float(weight.mean()), 4),
        "truth": weight @ has / weight.sum(),
    }


def _read_star(path: Path) -> dict[str, list[str]]:
    """Columns of the last loop of a STAR file."""
    lines = path.read_text().splitlines()
    last = max(i for i, line in enumerate(lines) if line.startswith("_rln"))
    loop = max(i for i, line in enumerate(lines[:last]) if line.startswith("loop_"))
    names = [line.split()[0][1:] for line in lines[loop + 1 : last + 1]]
    rows = [line.split() for line in lines[last + 1 :] if line.strip()]
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))


def _save(path: Path, data: NDArray[np.float32], voxel: float) -> None:
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data.astype(np.float32))
        if path.suffix == ".mrcs":
            mrc.set_image_stack()
        mrc.voxel_size = voxel
