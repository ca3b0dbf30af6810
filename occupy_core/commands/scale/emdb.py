"""Maps from the Electron Microscopy Data Bank (https://www.ebi.ac.uk/emdb/)."""

from __future__ import annotations

import gzip
import http.client
import re
import shutil
import urllib.error
import urllib.request
import zlib
from http import HTTPStatus
from pathlib import Path
from typing import IO, cast

from occupy_core.commands.shared.staging import output_errors, staged_outputs
from occupy_core.errors import OccupyError, ParameterError
from occupy_core.progress import Progress, part, report

ARCHIVE = "https://files.wwpdb.org/pub/emdb/structures"
_TIMEOUT = 30.0  # [guard] seconds without a byte
_CHUNK = 1 << 20  # [machine] bytes
_DOWNLOAD_SHARE = 0.9  # [layout] of the progress; unpacking is the rest


class DownloadError(OccupyError):
    """A map could not be fetched from the archive."""


def entry_number(entry: str) -> str:
    """Return the number of an EMDB entry given as ``3061``, ``EMD-3061`` or ``emd_3061``.

    Raises
    ------
    ParameterError
        When it is none of these.
    """
    match = re.fullmatch(r"(?:emd[-_])?(\d{4,6})", entry.strip(), re.IGNORECASE)
    if match is None:
        raise ParameterError(
            f"The EMDB entry is '{entry}' but must be a number of 4 to 6 digits, such as 3061."
        )
    return match.group(1)


def fetch_emdb(
    entry: str,
    folder: Path,
    *,
    archive: str = ARCHIVE,
    timeout: float = _TIMEOUT,
    progress: Progress | None = None,
) -> Path:
    """Fetch the main map of an EMDB entry, unless the folder has it already.

    The map is downloaded under a temporary name, compared with the size that the archive states,
    unpacked with its checksum verified, and only then given its name; nothing half-made stays.

    Parameters
    ----------
    entry : str
        Number of the entry, with or without ``EMD-``.
    folder : Path
        Where to put ``emd_<number>.map``; made if missing.
    archive : str
        URL of the folder with the entries.
    timeout : float
        Seconds without a byte after which to give up.
    progress : Progress, optional
        Told the fraction done.

    Returns
    -------
    Path
        The map.

    Raises
    ------
    ParameterError
        When `entry` is no EMDB number.
    DownloadError
        When there is no network, no such entry, or what came is not whole.
    OutputError
        When the map cannot be written.
    """
    number = entry_number(entry)
    target = folder / f"emd_{number}.map"
    if target.exists():
        return target
    url = f"{archive}/EMD-{number}/map/emd_{number}.map.gz"
    with staged_outputs(folder, [target.name]) as staging:
        packed = staging.folder / f"{target.name}.gz"
        with output_errors(folder):
            with packed.open("wb") as stream:
                _download(url, number, stream, timeout, part(progress, 0.0, _DOWNLOAD_SHARE))
            report(progress, _DOWNLOAD_SHARE, f"unpacking EMD-{number}")
            _unpack(packed, staging.folder / target.name, url)
        staging.commit([target.name])
    report(progress, 1.0, f"fetched EMD-{number}")
    return target


def _download(
    url: str, number: str, stream: IO[bytes], timeout: float, progress: Progress | None
) -> None:
    with _opened(url, number, timeout) as response:
        stated = response.headers.get("Content-Length")
        received = 0
        while chunk := _next_chunk(response, number):
            stream.write(chunk)
            received += len(chunk)
            if stated:
                report(progress, received / max(int(stated), 1), f"fetching EMD-{number}")
    if stated and received != int(stated):
        raise DownloadError(f"EMD-{number} came with {received} of {stated} bytes; try again.")


def _opened(url: str, number: str, timeout: float) -> http.client.HTTPResponse:
    try:
        return cast(http.client.HTTPResponse, urllib.request.urlopen(url, timeout=timeout))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.NOT_FOUND:
            raise DownloadError(
                f"EMDB has no map EMD-{number} (no file at {url}); check the number."
            ) from error
        raise DownloadError(
            f"EMD-{number} could not be fetched: {url} answered {error.code} {error.reason}; "
            "try again later, or download the map and give its path."
        ) from error
    except urllib.error.URLError as error:
        raise _unreachable(number, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(number, error) from error


def _next_chunk(response: http.client.HTTPResponse, number: str) -> bytes:
    """Read on; a failure here is one of the network, not of the disk."""
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(number, error) from error


def _unreachable(number: str, reason: object) -> DownloadError:
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return DownloadError(
        f"EMD-{number} could not be fetched ({text}); check the network, or download the map and "
        "give its path."
    )


def _unpack(packed: Path, unpacked: Path, url: str) -> None:
    """Unpack a gzip file; its checksum and length are verified at its end."""
    try:
        with gzip.open(packed, "rb") as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DownloadError(f"{url} is not a whole gzip file ({error}); try again.") from error
