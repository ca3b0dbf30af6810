"""The notebooks run, and their outputs are those that are stored."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.fixture(scope="module")
def execute():
    """The module that executes notebooks."""
    spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outputs(notebook):
    """Texts and kinds of the outputs of a notebook."""
    found = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return [(output["output_type"], "".join(output.get("text", ()))) for output in found]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_is_stored_in_it(path, execute):
    stored = json.loads(path.read_text(encoding="utf-8"))
    run = execute.executed(stored)
    assert outputs(stored)
    for (kind, text), (kind_now, now) in zip(outputs(stored), outputs(run), strict=True):
        assert kind == kind_now
        assert NUMBER.sub("#", text).split() == NUMBER.sub("#", now).split()
        # Other versions of the libraries round otherwise.
        numbers = [float(number) for number in NUMBER.findall(text)]
        assert [float(number) for number in NUMBER.findall(now)] == pytest.approx(
            numbers, rel=0.05, abs=0.02
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:tmp|home|root|work|usr)/\S+", text)


def test_a_cell_that_fails_is_told_with_its_source(execute):
    cell = {"cell_type": "code", "source": ["!occupy-core scale lost.mrc"], "metadata": {}}
    with pytest.raises(execute.CellError, match=r"status 2.* in the cell"):
        execute.executed({"cells": [cell]})


@pytest.mark.parametrize(
    "command", ["scale", "regions", "classes", "blocks", "resolution", "particles", "report"]
)
def test_a_command_has_a_notebook(command):
    assert any(f"!occupy-core {command} " in path.read_text("utf-8") for path in NOTEBOOKS)
