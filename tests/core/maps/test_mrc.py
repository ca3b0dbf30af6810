"""Maps come from files as they are meant and lie exactly there when they are written."""

import bz2
import errno
import gzip
import tracemalloc
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from small_maps import SHAPE, maker, values

from occupy_core import EstimationError, MapFormatError, OccupyWarning
from occupy_core.maps import Grid, map_name, read_map, require_varying, write_map


@pytest.fixture
def made(tmp_path):
    return maker(tmp_path)


# ---- reading what is right


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("order", "<>")
def test_every_mode_and_byte_order_gives_the_same_float32_values(made, dtype, order):
    data = np.arange(-60, 60, dtype="f4").reshape(4, 5, 6)
    data = data if dtype[0] != "u" else data + 60
    density = read_map(made(data.astype(dtype), order=order))
    assert density.data.dtype == np.float32
    assert density.data.flags.c_contiguous
    np.testing.assert_array_equal(density.data, data)


@pytest.mark.parametrize("machst", [(0, 0, 0, 0), (0x11, 0x11, 0, 0), (0x44, 0x41, 0, 0)])
def test_wrong_machine_stamp_does_not_matter(made, machst):
    np.testing.assert_array_equal(read_map(made(machst=machst)).data, values())


@pytest.mark.parametrize("machst", [(0, 0, 0, 0), (0x44, 0x44, 0, 0)])
def test_big_endian_data_are_known_without_their_stamp(made, machst):
    np.testing.assert_array_equal(read_map(made(order=">", machst=machst)).data, values())


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("name", ["a.map.gz", "a.mrc.bz2", "a.mrc", "noname"])
def test_compression_is_known_by_the_content_whatever_the_suffix(made, packed, name):
    path = made()
    other = path.with_name("x_" + name)
    other.write_bytes(packed(path.read_bytes()))
    np.testing.assert_array_equal(read_map(other).data, values())


def test_extended_header_is_skipped(made):
    path = made(extended=b"x" * 160)
    np.testing.assert_array_equal(read_map(path).data, values())


def test_header_without_map_identifier_is_read_when_it_makes_sense(made):
    np.testing.assert_array_equal(read_map(made(map=b"")).data, values())


def test_path_may_be_text_and_end_in_scipions_format(made):
    np.testing.assert_array_equal(read_map(f"{made()}:mrc").data, values())


def test_voxel_size_is_the_cell_over_its_sampling_not_over_the_number_of_voxels(made):
    density = read_map(made(mx=14, my=3, mz=4, cella=(14, 6, 10)))
    assert density.grid.voxel_size == (1.0, 2.0, 2.5)


def test_sampling_that_was_not_filled_in_is_the_number_of_voxels(made):
    density = read_map(made(mx=0, my=0, mz=0, cella=(14, 6, 10)))
    assert density.grid.voxel_size == (2.0, 1.0, 2.5)


def test_given_voxel_size_replaces_that_of_the_header(made):
    assert read_map(made(cella=(0, 0, 0)), voxel_size=1.25).grid.voxel_size == (1.25,) * 3


@pytest.mark.parametrize("size", [1.35, 0.834, 1.742, 3.54, 0.6575, 1.0635])
def test_cubic_voxels_come_out_cubic_whatever_the_box(made, size):
    cell = [np.float32(n * size) for n in (7, 6, 4)]
    assert read_map(made(cella=tuple(cell))).grid.voxel_size == (size,) * 3


@pytest.mark.parametrize("ispg", [0, 1, 401, 19])
def test_space_group_of_a_volume_does_not_matter(made, ispg):
    np.testing.assert_array_equal(read_map(made(ispg=ispg)).data, values())


def test_non_cubic_box_with_the_space_group_of_images_is_a_volume_with_a_warning(made):
    with pytest.warns(OccupyWarning, match="may be a stack of 4 images"):
        density = read_map(made(values((4, 6, 6)), ispg=0))
    assert density.grid.shape == (4, 6, 6)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("emd_1234.map", "emd_1234"),
        ("emd_1234.map.gz", "emd_1234"),
        ("a.b.mrc.bz2", "a.b"),
        ("/x.mrc/vol.CCP4", "vol"),
        ("run_class001.mrc:mrc", "run_class001"),
        ("0.834A", "0.834A"),
        (".mrc", ".mrc"),
    ],
)
def test_name_of_a_map_is_its_file_name_without_the_format(name, stem):
    assert map_name(name) == stem


def test_name_can_be_given(made):
    path = made(name="emd_1.map")
    assert read_map(path).name == "emd_1"
    assert read_map(path, name="half map 1").name == "half map 1"


def peak_memory(work):
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_reading_and_writing_make_no_second_copy(made):
    path = made(values((150, 121, 122)))  # far above what Python itself may use meanwhile
    density, peak = peak_memory(lambda: read_map(path))
    assert peak < 1.2 * density.data.nbytes
    assert not density.data.flags.writeable
    _, peak = peak_memory(lambda: write_map(path.with_name("b.mrc"), density))
    assert peak < 0.5 * density.data.nbytes


# ---- refusing what is wrong


def with_value(value):
    data = values()
    data[1, 2, 3] = value
    return data


BAD = {
    "2D image": (lambda made: made(values((1, 6, 7))), "an image of 7 x 6 x 1"),
    "marked stack": (lambda made: made(ispg=0, mz=1), "a stack of 4 images"),
    "mrcs": (lambda made: made(name="a.mrcs"), "a stack of 4 images"),
    "volume stack": (lambda made: made(ispg=401, mz=2), "a stack of 2 volumes"),
    "transform": (lambda made: made(values().astype("c8")), r"transform \(complex mode 4\)"),
    "4 bits": (lambda made: made(mode=101), "mode 101"),
    "NaN": (lambda made: made(with_value(np.nan)), "1 values that are not numbers"),
    "inf": (lambda made: made(with_value(np.inf)), "1 values that are not numbers"),
    "-inf": (lambda made: made(with_value(-np.inf)), "1 values that are not numbers"),
    "no voxel size": (lambda made: made(cella=(0, 0, 0)), "give --voxel-size"),
    "negative voxel size": (lambda made: made(cella=(7, -6, 4)), "1 x -1 x 1 Å"),
    "tiny voxel size": (lambda made: made(cella=(7, 6e-9, 4)), "from 0.01 to 1000; correct the"),
    "huge voxel size": (lambda made: made(cella=(7, 6e30, 4)), "from 0.01 to 1000; correct the"),
    "NaN voxel size": (lambda made: made(cella=(7, np.nan, 4)), "must be positive"),
    "skew cell": (lambda made: made(cellb=(90, 90, 120)), "angles 90, 90, 120"),
    "unknown mode": (lambda made: made(mode=7), "is not an MRC map"),
    "negative size": (lambda made: made(nx=-7), "is not an MRC map"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_map_is_refused_in_one_sentence(made, case):
    make, message = BAD[case]
    path = make(made)
    with pytest.raises(MapFormatError, match=message) as caught:
        read_map(path)
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert text.count(". ") == 0


def test_missing_file_folder_and_empty_file_are_told_apart(tmp_path):
    with pytest.raises(MapFormatError, match="does not exist"):
        read_map(tmp_path / "none.mrc")
    with pytest.raises(MapFormatError, match="is a folder"):
        read_map(tmp_path)
    (tmp_path / "empty.mrc").touch()
    with pytest.raises(MapFormatError, match="is empty"):
        read_map(tmp_path / "empty.mrc")


@pytest.mark.parametrize("text", ["REMARK not a map\n" * 500, "short"])
def test_text_is_refused(tmp_path, text):
    path = tmp_path / "a.mrc"
    path.write_text(text)
    with pytest.raises(MapFormatError, match=r"not an MRC map|no MRC map"):
        read_map(path)


@pytest.mark.parametrize("kept", [500, 1024, 1500])
def test_truncated_file_is_refused(made, kept):
    path = made()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MapFormatError, match="truncated"):
        read_map(path)


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_compressed_file_is_refused(made, packed, share):
    path = made(values((20, 20, 20)))
    content = packed(path.read_bytes())
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(MapFormatError, match=r"truncated|cannot be read"):
        read_map(path)


def test_damaged_compressed_file_is_refused(made):
    path = made(values((20, 20, 20)))
    content = bytearray(gzip.compress(path.read_bytes()))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(MapFormatError, match="cannot be read"):
        read_map(path)


def test_compressed_text_is_refused(tmp_path):
    path = tmp_path / "a.map.gz"
    path.write_bytes(gzip.compress(b"<html>" * 1000))
    with pytest.raises(MapFormatError, match="is not an MRC map"):
        read_map(path)


def test_unreadable_file_is_refused(made, monkeypatch):
    path = made()

    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # root may open everything
    with pytest.raises(MapFormatError, match=r"a\.mrc cannot be read: Permission denied\.$"):
        read_map(path)


def test_huge_sizes_in_a_small_file_take_no_memory(made):
    with pytest.raises(MapFormatError, match="truncated"):
        read_map(made(nx=30000, ny=30000, nz=30000, mx=1, my=1, mz=1))


def test_map_larger_than_the_memory_is_refused(made, monkeypatch):
    def full(shape, dtype):
        raise MemoryError("Unable to allocate 98 TiB")

    path = made()
    monkeypatch.setattr(np, "empty", full)
    with pytest.raises(MapFormatError, match="cannot be read: Unable to allocate 98 TiB"):
        read_map(path)


def test_origin_that_is_no_position_is_read_as_zero_with_a_warning(made):
    with pytest.warns(OccupyWarning, match="no position"):
        assert read_map(made(origin=(np.nan, 0, 0))).grid.origin == (0, 0, 0)


def test_constant_map_is_read_but_refused_by_estimators(made):
    density = read_map(made(np.full(SHAPE, 2.5, "f4")))
    with pytest.raises(EstimationError, match=r"The map a is 2\.5 everywhere"):
        require_varying(density)
    require_varying(read_map(made()))


# ---- real files


@pytest.mark.parametrize(
    ("name", "shape", "voxel", "nstart"),
    [
        ("emd_3186.map", (100,) * 3, 1.35, (0, 0, 0)),
        ("emd_3488.mrc", (100,) * 3, 1.05, (0, 0, 0)),
        ("emd_5168.map", (100,) * 3, 1.742, (-50, -50, -50)),
        ("gdf_ispg_0.mrc", (97,) * 3, 3.0, (0, 0, 0)),
        ("ngl_betaGal.mrc", (100,) * 3, 3.54, (0, 0, 0)),
        ("ngl_betaGal_localResolution.mrc", (100,) * 3, 1.0, (0, 0, 0)),
    ],
)
def test_real_maps_are_read_as_mrcfile_reads_them(shared, name, shape, voxel, nstart):
    path = shared / "data" / "maps" / name
    density = read_map(path)
    assert density.grid.shape == shape
    assert density.grid.nstart == nstart
    np.testing.assert_allclose(density.grid.voxel_size, voxel, rtol=1e-6)
    with mrcfile.open(path, permissive=True) as theirs:
        np.testing.assert_array_equal(density.data, theirs.data)


def test_real_map_of_reversed_axes_is_put_right(shared):
    path = shared / "data" / "maps" / "emd_11007.map"
    with pytest.warns(OccupyWarning, match=r"\[3, 2, 1\]"):
        density = read_map(path)
    assert density.grid == Grid.cubic(240, 0.834)
    with mrcfile.mmap(path) as theirs:
        np.testing.assert_array_equal(density.data, theirs.data.T)


def test_real_map_with_a_zero_machine_stamp_is_read(shared):
    path = shared / "data" / "ensembles" / "maven_50S" / "00_aligned" / "vol_018.mrc"
    assert read_map(path).grid == Grid.cubic(64, 6.55)
