"""Small file systems that are really full, out of inodes, over a quota or read-only.

They need root. Each is unmounted at the end of its block, also when something is wrong.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KB = 1024
_EXT4 = 4096  # kB of the image
_BTRFS = 32768  # kB, the least there is


class CannotMountError(Exception):
    """This machine cannot make or mount such a file system."""


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[Path]:
    """Mount something at a folder, which is made; a file left open at the end is an error."""
    folder.mkdir(parents=True)
    _do("mount", *words, str(folder))
    try:
        yield folder
    finally:
        ended = subprocess.run(["umount", str(folder)], check=False, capture_output=True)
        if ended.returncode:
            subprocess.run(["umount", "-l", str(folder)], check=True)
            raise RuntimeError(f"a file is still open in {folder}")
        folder.rmdir()


@contextmanager
def in_memory(folder: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory (tmpfs), as "size=100k", "nr_inodes=5" or "ro"."""
    with mounted(folder, "-t", "tmpfs", "-o", options, "tmpfs") as disk:
        yield disk


@contextmanager
def loop_device(folder: Path, free: int) -> Iterator[Path]:
    """Mount a loop device (ext4) with so many bytes free."""
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as stream:
        stream.truncate(_EXT4 * _KB)
    _do("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "1024", "-O", "^has_journal", str(image))
    try:
        with mounted(folder, "-o", "loop", str(image)) as disk:
            with (disk / "filler").open("wb") as stream:
                stream.write(bytes(max(0, _free(disk) - free)))
            yield disk
    finally:
        image.unlink()


@contextmanager
def quota(folder: Path, limit: int) -> Iterator[Path]:
    """Mount a loop device (btrfs) and give a folder of it, which may hold so many bytes."""
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as stream:
        stream.truncate(_BTRFS * _KB)
    _do("mkfs.btrfs", "-q", "--mixed", str(image))
    try:
        with mounted(folder, "-o", "loop", str(image)) as disk:
            _do("btrfs", "subvolume", "create", str(disk / "limited"))
            _do("btrfs", "quota", "enable", str(disk))
            _do("btrfs", "qgroup", "limit", str(limit), str(disk / "limited"))
            yield disk / "limited"
    finally:
        image.unlink()


def _free(disk: Path) -> int:
    import os

    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def _do(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotMountError(f"{command[0]} is not installed") from error
    if done.returncode:
        raise CannotMountError(f"{' '.join(command)}: {done.stderr.strip()}")
