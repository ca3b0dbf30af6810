"""What was compiled is kept; where it cannot be, or was damaged, the same comes out without it."""

import importlib.util

import numba
import pytest

from occupy_core.errors import MachineWarning
from occupy_core.maps import compiled as compiling

LOOP = """
from occupy_core.maps.compiled import compiled

@compiled
def triangle(n):
    total = 0
    for i in range(n):
        total += i
    return total
"""


@pytest.fixture
def loop(tmp_path, monkeypatch):
    """Load the module anew, as another process would."""
    monkeypatch.setattr(compiling, "_told", False)
    (tmp_path / "loops_of_a_test.py").write_text(LOOP)

    def load():
        spec = importlib.util.spec_from_file_location("loops", tmp_path / "loops_of_a_test.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.triangle

    return load


def kept(folder):
    return sorted(p for p in (folder / "__pycache__").iterdir() if p.suffix in (".nbi", ".nbc"))


def test_what_was_compiled_is_taken_over(loop, tmp_path):
    assert loop()(10) == 45
    assert [p.suffix for p in kept(tmp_path)] == [".nbc", ".nbi"]
    again = loop()
    assert again(10) == 45
    assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("which", [0, 1], ids=["code", "index"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text", "folder"])
def test_what_was_damaged_is_compiled_again(loop, tmp_path, which, damage):
    loop()(10)
    file = kept(tmp_path)[which]
    content = bytearray(file.read_bytes())
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        middle = len(content) // 2
        content[middle] ^= 4
        changed = {
            "flip": bytes(content),
            "cut": bytes(content[:middle]),
            "empty": b"",
            "text": b"no cache\n" * 50,
        }
        file.write_bytes(changed[damage])
    again = loop()
    if damage == "folder":  # nothing can be put in its place
        with pytest.warns(MachineWarning, match="cannot be kept for the next run"):
            assert again(10) == 45
    else:
        assert again(10) == 45
        assert sum(loop().stats.cache_hits.values()) == 0
        third = loop()
        assert third(10) == 45
        assert sum(third.stats.cache_hits.values()) == 1
    assert sum(again.stats.cache_hits.values()) == 0


def test_without_a_place_to_keep_it_there_is_one_warning(loop, monkeypatch):
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    with pytest.warns(MachineWarning, match="cannot be kept for the next run") as told:
        first, second = loop(), loop()
    assert len(told) == 1
    assert (first(10), second(10)) == (45, 45)


def test_a_full_disk_is_told_once(loop, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiling._CheckedFile, "_save_index", full)
    with pytest.warns(MachineWarning, match=r"\(No space left on device\)") as told:
        sums = loop()(10), loop()(12)
    assert sums == (45, 66)
    assert len(told) == 1
