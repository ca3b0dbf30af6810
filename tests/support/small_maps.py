"""Small maps and files with any header."""

import mrcfile
import numpy as np

SHAPE = (4, 6, 7)


def values(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def raw_map(path, data, **fields):
    """Write what a header of another program might say: fields override a correct one."""
    order = fields.pop("order", "<")
    header = np.zeros((), mrcfile.dtypes.HEADER_DTYPE.newbyteorder(order))
    nz, ny, nx = data.shape
    header["nx"], header["ny"], header["nz"] = nx, ny, nz
    header["mx"], header["my"], header["mz"] = nx, ny, nz
    header["cella"] = (1.5 * nx, 1.5 * ny, 1.5 * nz)
    header["cellb"] = (90, 90, 90)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["mode"] = {"i1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12, "c8": 4}[data.dtype.str[1:]]
    header["map"], header["ispg"] = b"MAP ", 1
    header["machst"] = (0x11, 0x11, 0, 0) if order == ">" else (0x44, 0x44, 0, 0)
    extended = fields.pop("extended", b"")
    header["nsymbt"] = len(extended)
    for name, value in fields.items():
        header[name] = value
    dtype = data.dtype.newbyteorder(order)
    path.write_bytes(header.tobytes() + extended + data.astype(dtype).tobytes())
    return path


def maker(folder):
    """Function that writes a map of given data, name and header fields into a folder."""
    return lambda data=None, name="a.mrc", **fields: raw_map(
        folder / name, values() if data is None else data, **fields
    )
