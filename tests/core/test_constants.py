"""Every number that a module of the core is tuned by says where it comes from."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_GUARDS = 0.2  # of all numbers


def load_script():
    spec = importlib.util.spec_from_file_location("constants", ROOT / "scripts" / "constants.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks its module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return load_script()


@pytest.fixture(scope="module")
def found(script):
    return script.constants(ROOT / "occupy_core")


def test_every_number_says_where_it_comes_from(found):
    assert len(found) > 300
    missing = [f"{c.path}:{c.line} {c.name}" for c in found if c.tag is None]
    assert missing == []


def test_papers_sweeps_and_measurements_are_named(script, found):
    bare = [f"{c.path}:{c.line}" for c in found if c.tag in script.NEED_SOURCE and not c.source]
    assert bare == []


def test_what_was_not_swept_claims_no_more(found):
    said = {c.source for c in found if c.tag == "taste"}
    sweeps = {source for source in said if source.startswith("python -m benchmarks.sensitivity ")}
    assert said - sweeps <= {"not swept", "nothing moved"}


def test_a_sweep_that_is_named_can_be_run(found):
    for constant in found:
        if constant.tag == "fit" and not constant.source.startswith("as above"):
            words = constant.source.split()
            assert (ROOT / (words[2].replace(".", "/") + ".py")).exists(), constant


def test_guards_say_what_they_keep_from(found):
    bare = []
    for constant in (c for c in found if c.tag == "guard"):
        lines = (ROOT / "occupy_core" / constant.path).read_text(encoding="utf-8").splitlines()
        if lines[constant.line - 1].rstrip().endswith("[guard]"):
            bare.append(f"{constant.path}:{constant.line}")
    assert bare == []


def test_guards_are_few(found):
    assert sum(c.tag == "guard" for c in found) <= MOST_GUARDS * len(found)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("A = 3", None),
        ("A = 3  # [guard] voxels", "guard"),
        ("# [physics] of light\nA: float = 2 / 3", "physics"),
        ("A, B = 1.0, -2.0  # [fit: python -m benchmarks.sensitivity]", "fit"),
        ('A = {"res": 8.0}  # of the low-pass', None),
        ("# [guard] of another\n\nA = 1e-3", None),
    ],
)
def test_a_number_and_its_tag_are_found(script, tmp_path, text, tag):
    (tmp_path / "module.py").write_text(text + "\n", encoding="utf-8")
    found = script.constants(tmp_path)
    assert found
    assert {c.tag for c in found} == {tag}


@pytest.mark.parametrize("text", ["a = 3", 'A = "3"', "A = True", "A = len(B)", "A = B"])
def test_other_names_and_values_are_no_tuned_numbers(script, tmp_path, text):
    (tmp_path / "module.py").write_text(text + "\n", encoding="utf-8")
    assert script.constants(tmp_path) == []
