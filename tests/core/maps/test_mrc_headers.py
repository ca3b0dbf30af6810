"""Headers of every kind: read as MRC2014 says, or refused; compared with a reading of our own.

The oracle takes fields from the bytes of the header by the offsets in the standard
(doi 10.1016/j.jsb.2015.04.002), with neither our reader nor mrcfile.
"""

import itertools
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_maps import maker, values

from occupy_core import MapFormatError
from occupy_core.errors import OccupyWarning
from occupy_core.maps import read_map

TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
INTEGERS = {
    name: 4 * i
    for i, name in enumerate(
        ["nx", "ny", "nz", "mode", "nxstart", "nystart", "nzstart", "mx", "my", "mz"]
    )
} | {"mapc": 64, "mapr": 68, "maps": 72, "ispg": 88, "nsymbt": 92}
REALS = {"cell": 40, "angles": 52, "dmin": 76, "dmax": 80, "dmean": 84, "origin": 196}


@pytest.fixture
def made(tmp_path):
    return maker(tmp_path)


def written(data, mode, order, axes, extended, origin=(0, 0, 0)):
    """Bytes of a map (z, y, x), its axes stored in the order `axes`, voxels of 1.5 Å."""
    stored = data.transpose([3 - axis for axis in reversed(axes)])
    sizes = data.shape[::-1]
    header = bytearray(1024)

    def put(code, at, *numbers):
        struct.pack_into(order + code * len(numbers), header, at, *numbers)

    put("i", 0, *stored.shape[::-1], mode, 0, 0, 0, *sizes)
    put("f", 40, *(1.5 * n for n in sizes), 90, 90, 90)
    put("i", 64, *axes)
    put("f", 76, float(data.min()), float(data.max()), float(data.mean()))
    put("i", 88, 1, len(extended))
    put("f", 196, *origin)
    header[208:216] = b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    return bytes(header) + extended + stored.astype(order + TYPES[mode]).tobytes()


def reading(content):
    """The map in these bytes by the standard, (z, y, x); None where they are not one.

    Nothing but zeros may follow it.
    """
    for order in "<>":

        def field(code, at, n=3, order=order):
            return struct.unpack_from(order + code * n, content, at)

        nx, ny, nz, mode = field("i", 0, 4)
        (nsymbt,) = field("i", INTEGERS["nsymbt"], 1)
        if mode not in TYPES or min(nx, ny, nz) < 2 or nsymbt < 0:
            continue
        dtype = np.dtype(order + TYPES[mode])
        end = 1024 + nsymbt + nx * ny * nz * dtype.itemsize
        if len(content) < end or any(content[end:]):
            continue
        axes = list(field("i", INTEGERS["mapc"]))
        axes = axes if sorted(axes) == [1, 2, 3] else [1, 2, 3]
        data = np.frombuffer(content[:end], dtype, offset=1024 + nsymbt).reshape(nz, ny, nx)
        return data.transpose([2 - axes.index(axis) for axis in (3, 2, 1)]).astype("f4")
    return None


variants = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(list(TYPES)),
        "order": st.sampled_from("<>"),
        "axes": st.sampled_from(list(itertools.permutations([1, 2, 3]))),
        "extended": st.sampled_from([b"", b"X,Y,Z".ljust(80), bytes(160), bytes(range(256)) * 4]),
        "origin": st.sampled_from([(0, 0, 0), (-12.5, 3, 1e4)]),
    }
)
shapes = st.tuples(*[st.integers(2, 7)] * 3)


def whole_numbers(shape, mode):
    data = np.random.default_rng(sum(shape)).integers(-50, 50, shape)
    return np.abs(data) + 1 if mode == 6 else data


def read_or_refused(folder, content):
    try:
        return read_bytes(folder, content), ""
    except MapFormatError as error:
        return None, str(error)


def read_bytes(folder, content):
    path = folder / "m.mrc"
    path.write_bytes(content)
    return read_map(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("headers")


@pytest.mark.filterwarnings("ignore::occupy_core.errors.OccupyWarning")
@settings(deadline=None, max_examples=150)
@given(variant=variants, shape=shapes)
def test_every_valid_header_is_read_as_the_standard_says(folder, variant, shape):
    data = whole_numbers(shape, variant["mode"])
    content = written(data, **variant)
    np.testing.assert_array_equal(reading(content), data)  # the oracle itself
    density = read_bytes(folder, content)
    np.testing.assert_array_equal(density.data, data)
    assert density.grid.voxel_size == (1.5, 1.5, 1.5)
    assert density.grid.origin == variant["origin"]


odd_integers = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 12, 80, 101, -1, 2**31 - 1, -(2**31), 401])
odd_reals = st.sampled_from(
    [0.0, -1.0, 1e-40, 1e30, 3.4028235e38, math.nan, math.inf, -math.inf, 89.0, 90.05]
)
mutations = st.one_of(
    st.tuples(st.just("i"), st.sampled_from(list(INTEGERS.values())), odd_integers),
    st.tuples(
        st.just("f"),
        st.builds(
            lambda at, i: at + 4 * i, st.sampled_from(list(REALS.values())), st.integers(0, 2)
        ),
        odd_reals,
    ),
    st.tuples(st.just("bit"), st.integers(0, 8 * 216 - 1), st.just(0)),
    st.tuples(st.just("cut"), st.integers(1, 300), st.just(0)),
    st.tuples(st.just("add"), st.integers(1, 300), st.sampled_from([0, 7])),
)


def mutated(content, mutation, order):
    kind, at, value = mutation
    damaged = bytearray(content)
    if kind in "if":
        struct.pack_into(order + kind, damaged, at, value)
    elif kind == "bit":
        damaged[at // 8] ^= 1 << at % 8
    elif kind == "cut":
        del damaged[-at:]
    else:
        damaged += bytes([value]) * at
    return bytes(damaged)


@pytest.mark.filterwarnings("ignore::occupy_core.errors.OccupyWarning")
@settings(deadline=None, max_examples=400)
@given(variant=variants, shape=shapes, changes=st.lists(mutations, min_size=1, max_size=2))
def test_no_mutated_header_is_read_otherwise_than_the_standard_says(
    folder, variant, shape, changes
):
    content = written(whole_numbers(shape, variant["mode"]), **variant)
    for change in changes:
        content = mutated(content, change, variant["order"])
    density, refusal = read_or_refused(folder, content)
    if density is None:
        assert refusal.endswith(".")
        assert "\n" not in refusal
        return
    right = reading(content)
    assert right is not None, "what is no map by the standard was read"
    np.testing.assert_array_equal(density.data, right)
    assert np.isfinite(density.data).all()
    assert all(0.01 <= edge <= 1000 for edge in density.grid.voxel_size)


# ---- each fault of a header by itself


def test_extended_header_that_the_header_does_not_count_is_refused(made):
    path = made(extended=b"X,Y,Z".ljust(80) * 2, nsymbt=0)
    with pytest.raises(MapFormatError, match=r"160 bytes longer than its header says.*NSYMBT"):
        read_map(path)


def test_extended_header_that_is_not_there_is_refused(made):
    with pytest.raises(MapFormatError, match="set NSYMBT to 0"):
        read_map(made(nsymbt=57600))


def test_masked_map_whose_end_may_be_padding_or_data_is_refused(made):
    data = values((8, 6, 7))
    data[:2] = data[-2:] = 0
    path = made(data, extended=bytes(160), nsymbt=0)
    with pytest.raises(MapFormatError, match="160 bytes longer"):
        read_map(path)


def test_zeros_that_pad_a_block_are_left_out_with_a_warning(made):
    path = made()
    path.write_bytes(path.read_bytes() + bytes(300))
    with pytest.warns(OccupyWarning, match="300 zeros after its data"):
        np.testing.assert_array_equal(read_map(path).data, values())


@pytest.mark.parametrize("mode", [0, 1, 6, 12])
def test_mode_of_fewer_bytes_than_the_data_have_is_refused(made, mode):
    with pytest.raises(MapFormatError, match="bytes longer than its header says"):
        read_map(made(mode=mode))


def test_mode_that_the_extremes_contradict_is_told(made):
    data = np.arange(0, 168 * 300, 300, "u2").reshape(4, 6, 7)
    with pytest.warns(OccupyWarning, match="mode 1 go from -32536 to 32700, but its header says"):
        read_map(made(data, mode=1, dmin=0, dmax=50100))
    read_map(made(data, dmin=0, dmax=50100))  # with its own mode, no word


@pytest.mark.parametrize("angle", [math.nan, math.inf, -90.0, 1e-40])
def test_angle_that_is_no_right_one_is_refused(made, angle):
    with pytest.raises(MapFormatError, match="only 90 can be used"):
        read_map(made(cellb=(90, angle, 90)), voxel_size=1.0)


@pytest.mark.parametrize("edge", [math.nan, math.inf, -math.inf, 3.4028235e38, 1e-42])
def test_cell_edge_that_is_no_length_is_refused(made, edge):
    with pytest.raises(MapFormatError, match="voxel size"):
        read_map(made(cella=(7, edge, 4)))
    assert read_map(made(cella=(7, edge, 4)), voxel_size=2.0).grid.voxel_size == (2.0,) * 3


@pytest.mark.parametrize("scale", [1e16, 1e36, 3e37, 1e-16, 1e-36, 1e-43])
def test_values_past_what_single_precision_computes_with_are_refused(made, scale):
    data = (values().astype("f8") * scale).astype("f4")
    with pytest.raises(MapFormatError, match=r"largest value of the map .* 1e-15 to 1e\+15"):
        read_map(made(data))


@pytest.mark.parametrize("scale", [0.0, 1e-14, 1e14])
def test_faint_bright_and_empty_maps_are_read(made, scale):
    data = values() * np.float32(scale)
    np.testing.assert_array_equal(read_map(made(data)).data, data)
