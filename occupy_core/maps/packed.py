"""Compressed input: read to its end, where its checksum stands, and no further than it may go.

A damaged bit in the middle of a gzip or bzip2 file need not disturb the unpacking: only the
checksum at its end tells (RFC 1952). Files are known by their content, not by their suffix.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any, cast

from occupy_core.files import open_plain

DAMAGED = (OSError, EOFError, zlib.error)
"""What reading a damaged file raises."""

_AT_ONCE = 2**20  # [machine] bytes
_MAP_AT = slice(208, 211)  # [format] of the header of a map
# [guard] text of atoms packs to a fifth, of nothing but zeros to a thousandth
_SMALL_TEXT, _TEXT_RATIO = 2**26, 50


def open_unpacked(file: Path) -> IO[bytes]:
    """Open a file for reading, through what unpacks it where its content is packed.

    Reading such a stream to its end raises one of `DAMAGED` where the file is not whole, its
    checksum is wrong, or something else follows what is packed.

    Parameters
    ----------
    file : Path
        Plain, or packed by gzip or bzip2, also in several members one after the other.
    """
    with open_plain(file) as stream:
        start = stream.read(_MAP_AT.stop)
    if start[_MAP_AT] != b"MAP":  # a width of 35615 voxels has the first bytes of gzip
        if start[:2] == b"\x1f\x8b":
            return cast(IO[bytes], gzip.open(file, "rb"))
        if start[:3] == b"BZh":
            return io.BufferedReader(_Bzip2Members(file), _AT_ONCE)
    return file.open("rb")


def is_packed(stream: IO[bytes]) -> bool:
    """Whether a stream of `open_unpacked` unpacks what it reads."""
    packed = isinstance(stream, gzip.GzipFile)
    return packed or isinstance(getattr(stream, "raw", None), _Bzip2Members)


def skip(stream: IO[bytes], n: int) -> int:
    """Read on by n bytes, or to the end; return how many there were."""
    done = 0
    while done < n:
        read = len(stream.read(min(n - done, _AT_ONCE)))
        if not read:
            break
        done += read
    return done


def read_text_file(file: Path) -> bytes:
    """Return the content of a file of text, unpacked, without the mark that editors put first.

    Raises
    ------
    OSError, EOFError, zlib.error
        When it cannot be read, or its content is damaged or is no text: it unpacks to more than
        64 MiB and fifty times its size.
    """
    with open_unpacked(file) as stream:
        if not is_packed(stream):
            return stream.read().removeprefix(codecs.BOM_UTF8)
        limit = max(_SMALL_TEXT, _TEXT_RATIO * file.stat().st_size)
        content = stream.read(limit + 1)
        if len(content) > limit:
            raise OSError(f"it unpacks to more than {limit >> 20} MiB")
        return content.removeprefix(codecs.BOM_UTF8)


class _Bzip2Members(io.RawIOBase):
    """Streams of bzip2 one after the other; what follows and is none is an error, not ignored."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self._unpacker = bz2.BZ2Decompressor()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        packed = b""
        while True:
            if self._unpacker.eof:
                packed = self._unpacker.unused_data or self._file.read(_AT_ONCE)
                if not packed:
                    return 0
                self._unpacker = bz2.BZ2Decompressor()
            elif self._unpacker.needs_input:
                packed = self._file.read(_AT_ONCE)
                if not packed:
                    raise EOFError("it ends before its checksum")
            data = self._unpacker.decompress(packed, len(buffer))
            packed = b""
            if data:
                buffer[: len(data)] = data
                return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
