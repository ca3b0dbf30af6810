"""Compressed input is read to its end: what is damaged anywhere is refused, never read wrongly."""

import bz2
import gzip
import tracemalloc

import numpy as np
import pytest
from small_maps import maker, values

from occupy_core import MapFormatError
from occupy_core.maps import read_map
from occupy_core.maps.packed import read_text_file

PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress}


@pytest.fixture
def made(tmp_path):
    return maker(tmp_path)


@pytest.fixture(params=PACKERS)
def packed(request):
    return PACKERS[request.param]


@pytest.fixture
def plain(made):
    return made(values((12, 11, 13)))


def test_no_flipped_bit_gives_other_values(plain, packed):
    right = read_map(plain).data
    content = packed(plain.read_bytes())
    rng = np.random.default_rng(0)
    refused = 0
    for bit in rng.integers(0, 8 * len(content), 150):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        plain.write_bytes(damaged)
        try:
            density = read_map(plain)
        except MapFormatError:
            refused += 1
        else:
            np.testing.assert_array_equal(density.data, right)
    assert refused > 130  # the name and the date in a gzip header do not matter


@pytest.mark.parametrize("lost", [1, 4, 8, 100])
def test_lost_end_is_refused(plain, packed, lost):
    plain.write_bytes(packed(plain.read_bytes())[:-lost])
    with pytest.raises(MapFormatError, match=r"truncated|cannot be read"):
        read_map(plain)


def test_what_follows_the_packed_bytes_is_refused(plain, packed):
    plain.write_bytes(packed(plain.read_bytes()) + b"tail")
    with pytest.raises(MapFormatError, match="cannot be read"):
        read_map(plain)


@pytest.mark.parametrize("cut", [500, 1024, 3000])
def test_members_one_after_the_other_are_one_file(plain, packed, cut):
    content, right = plain.read_bytes(), read_map(plain).data
    plain.write_bytes(packed(content[:cut]) + packed(content[cut:]))
    np.testing.assert_array_equal(read_map(plain).data, right)


def test_damaged_second_member_is_refused(plain, packed):
    content = plain.read_bytes()
    second = bytearray(packed(content[3000:]))
    second[1] ^= 0xFF
    plain.write_bytes(packed(content[:3000]) + second)
    with pytest.raises(MapFormatError, match="cannot be read"):
        read_map(plain)


def test_bytes_after_the_data_of_a_packed_map_are_refused(plain, packed):
    plain.write_bytes(packed(plain.read_bytes() + b"tail"))
    with pytest.raises(MapFormatError, match="4 bytes longer than its header says"):
        read_map(plain)


def test_bomb_is_refused_without_being_unpacked(plain, packed):
    content = packed(plain.read_bytes() + bytes(10**8))
    plain.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(MapFormatError, match="more than 65536 bytes longer"):
        read_map(plain)
    assert tracemalloc.get_traced_memory()[1] < 2 * 10**7
    tracemalloc.stop()


def test_text_is_unpacked_whole_and_bombs_are_not(tmp_path, packed):
    path = tmp_path / "a.pdb.gz"
    path.write_bytes(packed(b"ATOM\n" * 1000))
    assert read_text_file(path) == b"ATOM\n" * 1000
    path.write_bytes(packed(bytes(2**26 + 10)))
    with pytest.raises(OSError, match="unpacks to more than 64 MiB"):
        read_text_file(path)
    path.write_bytes(b"ATOM\n")
    assert read_text_file(path) == b"ATOM\n"
