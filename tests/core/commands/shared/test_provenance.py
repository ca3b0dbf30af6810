"""The record says what a result was made from, and nothing that changes from run to run."""

import hashlib
import importlib

import pytest

import occupy_core
from occupy_core import MapFormatError
from occupy_core.commands.shared.provenance import Checksums, sha256, versions


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_checksum_is_that_of_the_whole_file(tmp_path, size):
    content = bytes(i * 31 % 251 for i in range(1000)) * (size // 1000 + 1)
    file = tmp_path / "file"
    file.write_bytes(content[:size])
    assert sha256(file) == hashlib.sha256(content[:size]).hexdigest()


def test_checksums_of_several_files_come_from_the_thread(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.write_text(file.name)
    found = Checksums([*files, files[0]]).result()
    assert found == {file: sha256(file) for file in files}


def test_a_file_that_cannot_be_read_is_reported_at_the_end(tmp_path):
    checksums = Checksums([tmp_path / "missing"])
    with pytest.raises(MapFormatError, match="missing cannot be read to its end: No such file"):
        checksums.result()


def checksums_of(file):
    found = Checksums([file])
    found._thread.join()
    return found


@pytest.mark.parametrize("in_place", [False, True])
def test_an_input_that_is_replaced_while_it_is_read_is_told(tmp_path, in_place):
    file = tmp_path / "a.mrc"
    file.write_text("old")
    checksums = checksums_of(file)
    other = file if in_place else tmp_path / "b.mrc"
    other.write_text("newer")
    other.replace(file)
    with pytest.raises(MapFormatError, match=r"The input .*a.mrc has changed while it was read"):
        checksums.result()


def test_an_input_that_was_copied_again_or_removed_after_it_was_read_is_no_error(tmp_path):
    file = tmp_path / "a.mrc"
    file.write_text("same")
    before = sha256(file)
    checksums = checksums_of(file)
    (tmp_path / "b.mrc").write_text("same")
    (tmp_path / "b.mrc").replace(file)
    assert checksums.result() == {file: before}
    file.unlink()
    assert checksums.result() == {file: before}


def test_versions_name_this_package_python_and_the_libraries_in_use():
    found = versions()
    assert found["occupy_core"] == occupy_core.__version__
    for name in ("numpy", "scipy", "numba", "mrcfile"):
        assert found[name] == importlib.import_module(name).__version__
    assert set(found) == {"occupy_core", "python", "numpy", "scipy", "numba", "mrcfile"}
    assert versions() == found
