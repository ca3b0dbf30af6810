"""A run that the file system refuses something: one sentence, and nothing half written."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from copies import Copy, count_changes, fail_at_change, start_copy
from disks import in_memory, loop_device, quota
from every_command import IN_OTHER_PROCESSES, KEEPS_PARTS, Inputs

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES)
_LEAST = 4096  # bytes of a block


@dataclass(frozen=True)
class Whole:
    """An undisturbed run.

    Attributes
    ----------
    words : list of str
        Its command line.
    outdir : Path
        Its output folder, the same in all runs.
    files : dict
        Bytes by name; None for a folder.
    changes : int
        Of files.
    seconds : float
        Time of the processors.
    """

    run: str
    words: list[str]
    outdir: Path
    files: dict[str, bytes | None]
    changes: int
    seconds: float

    @property
    def size(self) -> int:
        """Bytes that it writes, in whole blocks."""
        return sum(-(-len(each) // _LEAST) * _LEAST for each in self.files.values() if each)


def contents(folder: Path) -> dict[str, bytes | None] | None:
    """Bytes of all files, hidden ones too, by name; None for a folder, and for no folder."""
    if not folder.exists():
        return None
    found = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in found}


def put(files: dict[str, bytes | None], folder: Path) -> None:
    """Write files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in sorted(files.items()):
        path = folder / name
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def whole_run(run: str, inputs: Inputs, place: Path) -> Whole:
    """Do a run to its end."""
    outdir = place / "disk" / "out"
    words = inputs.words(run, outdir)
    outdir.parent.mkdir(parents=True)
    copy, changes = count_changes(words, place)
    if copy.status:
        raise RuntimeError(f"{run}: {copy.text()}")
    files = contents(outdir) or {}
    shutil.rmtree(outdir.parent)
    return Whole(run, words, outdir, files, changes, copy.seconds)


def refused_changes(whole: Whole, place: Path, numbers: range) -> Iterator[tuple[str, str]]:
    """Refuse changes of files in turn; yield what was done, and what is wrong (or nothing)."""
    for at in numbers:
        number = ERRORS[at % len(ERRORS)]
        before = whole.files if at % 2 else None  # an earlier result is there, or nothing
        whole.outdir.parent.mkdir(parents=True)
        if before is not None:
            put(before, whole.outdir)
        told = place / "refused"
        copy = start_copy(whole.words, place, fail_at_change(at, number, told))
        copy.wait()
        what = told.read_text()
        # What cannot be removed is left to the next run.
        left = what in ("os.remove", "os.rmdir")
        wrong = problem(whole, copy, before, hidden_too=not left)
        yield f"change {at}, {what}, {errno.errorcode[number]}", wrong
        shutil.rmtree(whole.outdir.parent)


def real_disks(whole: Whole, place: Path, sizes: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Do the run on file systems that are too small, over quota, or read-only; as above.

    Raises
    ------
    CannotMountError
        Where this machine cannot make them.
    """
    draw = random.Random(seed)
    disk = whole.outdir.parent
    shares = [(i + draw.random()) / sizes for i in range(sizes)]
    small: list[tuple[str, Callable[[], object]]] = []
    for share in shares:
        size = _LEAST * max(1, int(0.98 * share * whole.size / _LEAST))
        small.append((f"full at {size}", lambda size=size: in_memory(disk, f"size={size}")))
    for share in shares[:: max(1, sizes // 3)]:
        size = int(0.9 * share * whole.size)
        small.append((f"loop device, {size} free", lambda size=size: loop_device(disk, size)))
        small.append((f"quota of {size}", lambda size=size: quota(disk, max(size, 32768))))
    for count in range(2, 6 + len(whole.files), 2 if sizes > 4 else 5):
        small.append((f"{count} inodes", lambda count=count: in_memory(disk, f"nr_inodes={count}")))
    small.append(("read-only", lambda: in_memory(disk, "ro")))
    for what, mount in small:
        with mount() as found:  # type: ignore[attr-defined]
            # A folder of a disk with a quota is not the disk itself.
            outdir = found / "out"
            words = [word.replace(str(whole.outdir), str(outdir)) for word in whole.words]
            copy = start_copy(words, place, new=whole.run in IN_OTHER_PROCESSES)
            copy.wait()
            yield what, problem(whole, copy, None, outdir)
            shutil.rmtree(outdir, ignore_errors=True)
        if disk.exists():
            disk.rmdir()


def problem(
    whole: Whole,
    copy: Copy,
    before: dict[str, bytes | None] | None,
    outdir: Path | None = None,
    *,
    hidden_too: bool = True,
) -> str:
    """Say what is wrong after a run that was refused something; nothing when all is well."""
    outdir = outdir or whole.outdir
    found, said = contents(outdir), copy.text()
    if not hidden_too and found is not None:
        found = {name: each for name, each in found.items() if "/." not in f"/{name}"} or before
    here, there = os.fsencode(outdir), os.fsencode(whole.outdir)
    moved = found and {name: each and each.replace(here, there) for name, each in found.items()}
    strange = [
        s for s in said.splitlines() if not s.startswith(("Warning: ", "occupy-core: error"))
    ]
    if strange:
        return f"said {strange[-1]!r}"
    if copy.status == 0:  # what was refused was not needed
        return "" if moved == whole.files else "another result"
    if copy.status != 2 or "occupy-core: error: " not in said:
        return f"status {copy.status}: {said}"
    if ".occupy_unfinished" in said:
        return f"names a hidden folder: {said}"
    if found == before or (whole.run in KEEPS_PARTS and _parts(moved, whole)):
        return ""
    return f"left {sorted(set(found or {}) ^ set(before or {})) or 'other bytes'}"


def _parts(found: dict[str, bytes | None] | None, whole: Whole) -> bool:
    """Whether what is there is whole parts of the result, or tables that tell what failed."""
    return all(
        name in whole.files and (each == whole.files[name] or name.startswith("batch."))
        for name, each in (found or {}).items()
    )
