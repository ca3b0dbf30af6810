"""Mutated files and what reads them: a sentence, or what the bytes say; never anything else."""

import csv
import hashlib
import json
import signal
import struct
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from ensembles import ellipsoids
from fuzz_mutations import mutated
from mrc_oracle import readings
from small_models import chain_lines, three_chains, write_pdb

from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.saved import load_communities, load_occupied, read_made_from
from occupy_core.commands.batch.rows import read_rows
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.commands.blocks.tables import read_occupancies
from occupy_core.commands.blocks.thresholds import read_thresholds
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.errors import OccupyError, OccupyWarning
from occupy_core.maps.mrc import read_map
from occupy_core.particles.files import read_particles
from occupy_core.regions.by_model.atoms import read_model

LONGEST = 180  # seconds for one file or run: beyond it, it hangs
STAR = """# version 30001
data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnImagePixelSize #3
opticsGroup1 1 1.5

data_particles

loop_
_rlnImageName #1
_rlnOpticsGroup #2
_rlnClassNumber #3
000001@a.mrcs 1 1
000002@a.mrcs 1 2
000003@a.mrcs 1 2
"""
JOBS = b"""job,command,map,amplify,mode,half1,half2
one,scale,a.mrc,3,occ,,
two,resolution,b.mrc,,,h1.mrc,h2.mrc
,scale --attenuate 2,"c, d.mrc",2.5,res,,
"""
# The last two are tables of the jobs of a batch.
KINDS = ("mrc", "mrc", "mrc", "pdb", "cif", "star", "csv", "json", "npz", "jobs.csv", "jobs.json")


class HangError(BaseException):
    """A file or a run took longer than it may."""


@contextmanager
def time_limit(seconds=LONGEST):
    """Raise in the block when it takes longer."""

    def hang(number, frame):
        raise HangError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def whole_files(folder):
    """Make a whole file of each kind in a folder: the contents by kind, several of each."""
    small = ellipsoids((12, 13, 14), 24, n_blocks=2, seed=4, noise=0.1, size=(0.2, 0.25))
    volumes = tuple(small.write(folder / "volumes"))
    done = run_blocks(BlocksJob(volumes, folder / "blocks", plot=False, blocks=BlocksParams()))
    model = three_chains(folder / "m.pdb")
    write_pdb(folder / "n.pdb", chain_lines("A", (8.0, 8.0, 8.0), n_residues=6))
    structure = _gemmi().read_structure(str(model))
    structure.setup_entities()
    cif = structure.make_mmcif_document().as_string()
    states = [f.read_bytes() for k, f in done.files.items() if k.startswith("state")]
    jobs = [ScaleJob(volumes[0]), ResolutionJob(volumes[0]), RegionsJob(volumes[:1], model=model)]
    records = [json.dumps(job.to_dict(), indent=1).encode() for job in jobs]
    return {
        "mrc": [_map(mode, order) for mode in (0, 1, 2, 6, 12) for order in "<>"],
        "pdb": [(folder / name).read_bytes() for name in ("m.pdb", "n.pdb")],
        "cif": [cif.encode()],
        "star": [STAR.encode()],
        "csv": [b"volume,threshold\n" + b"".join(b"vol_%d,%.3f\n" % (i, i / 9) for i in range(9))],
        "json": [*records, done.files["result"].read_bytes()],
        "npz": states,
        "jobs.csv": [JOBS],
        "jobs.json": [json.dumps(list(csv.DictReader(JOBS.decode().splitlines()))).encode()],
    }


def _gemmi():
    import gemmi

    return gemmi


def _map(mode, order):
    kind = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}[mode]
    shape = (5, 6, 7)
    data = np.random.default_rng(mode).integers(1, 100, shape).astype(np.dtype(kind))
    nz, ny, nx = shape
    header = bytearray(1024)
    struct.pack_into(f"{order}10i", header, 0, nx, ny, nz, mode, 0, 0, 0, nx, ny, nz)
    struct.pack_into(f"{order}6f", header, 40, 1.5 * nx, 1.5 * ny, 1.5 * nz, 90, 90, 90)
    struct.pack_into(f"{order}3i", header, 64, 1, 2, 3)
    low, high, mean = float(data.min()), float(data.max()), float(data.mean())
    struct.pack_into(f"{order}3f", header, 76, low, high, mean)
    struct.pack_into(f"{order}i", header, 88, 1)
    header[208:212] = b"MAP "
    header[212:216] = b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0"
    return bytes(header) + data.astype(np.dtype(kind).newbyteorder(order)).tobytes()


def try_file(wholes, seed, folder):
    """Read the mutated file of a seed; return what is wrong, or nothing.

    Raises nothing: whatever a reader raises that is no sentence is what is wrong.
    """
    kind = KINDS[seed % len(KINDS)]
    whole = wholes[kind][(seed // len(KINDS)) % len(wholes[kind])]
    way = {"mrc": "mrc", "npz": "binary"}.get(kind, "text")
    content = mutated(way, whole, seed)
    path = folder / f"{seed}.{kind}"
    path.write_bytes(content)
    before = hashlib.sha256(content).digest()
    started = time.monotonic()
    problem = None
    try:
        with time_limit(), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", OccupyWarning)
            problem = READERS[kind](path, content)
    except OccupyError as error:
        if "\n" in str(error).strip() or not str(error).strip():
            problem = f"no sentence: {error}"
    except (Exception, HangError) as error:
        problem = f"{type(error).__name__}: {error}"
    if hashlib.sha256(path.read_bytes()).digest() != before:
        problem = "the file was changed"
    if time.monotonic() - started > LONGEST / 2:
        problem = problem or "it took half a minute"
    path.unlink()
    return None if problem is None else f"{kind} {seed}: {problem}"


def _read_mrc(path, content):
    density = read_map(path)
    possible = readings(content)
    if not possible:
        return "read, though it is damaged"
    for data, size in possible:
        same = data.shape == density.data.shape and np.array_equal(
            data.astype(np.float32), density.data
        )
        # A length that the header leaves out is taken from the others, with a warning.
        found = density.grid.voxel_size
        given = [length or taken for length, taken in zip(size, found, strict=True)]
        if same and np.allclose(found, given, rtol=1e-4):
            return None
    return "read as something else than its bytes say"


def _read_model(path, content):
    model = read_model(path)
    return None if model.regions else "a model without regions"


def _read_json(path, content):
    found = []
    for read in (ScaleJob.load, ResolutionJob.load, RegionsJob.load, BlocksJob.load):
        with suppress(OccupyError):
            found += read(path).problems()
    read_occupancies(path)
    return None if all(isinstance(p, str) for p in found) else "no sentences"


def _read_star(path, content):
    particles = read_particles(path)
    len(particles), particles.groups()


def _read_csv(path, content):
    read_thresholds(path, [f"vol_{i}" for i in range(9)])


def _read_npz(path, content):
    read_made_from(path)
    for load in (load_occupied, load_communities):
        with suppress(OccupyError):
            load(path)


def _read_jobs(path, content):
    names = [row.name for row in read_rows(path, "scale")]
    inside = all(Path(name).name == name and not name.startswith(".") for name in names)
    return None if inside and len(set(names)) == len(names) else f"folders of jobs: {names}"


READERS = {
    "mrc": _read_mrc,
    "pdb": _read_model,
    "cif": _read_model,
    "star": _read_star,
    "csv": _read_csv,
    "json": _read_json,
    "npz": _read_npz,
    "jobs.csv": _read_jobs,
    "jobs.json": _read_jobs,
}
