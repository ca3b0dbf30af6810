"""The notebook of a search for blocks opens anywhere, and the same run gives it again.

And the blocks as a pickled dictionary of voxels.
"""

import base64
import contextlib
import io
import json
import pickle

import numpy as np
import pytest
from small_blocks import masks, write_volumes

from occupy_core import ParameterError
from occupy_core.commands.blocks.analysis import BlockAnalysis, analysis_cells
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.commands.shared.notebook import Cell, notebook_text

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")
BY_KIND = {"markdown": set(), "code": {"execution_count", "outputs"}}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    volumes = write_volumes(folder / "volumes")
    job = BlocksJob(volumes, folder / "out", plot=True, chimerax=False, pickle=True)
    return run_blocks(job)


def notebook_of(result):
    return json.loads(result.files["notebook"].read_text(encoding="utf-8"))


def test_the_notebook_has_the_format_of_jupyter(found):
    notebook = notebook_of(found)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["language"] == "python"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | BY_KIND[cell["cell_type"]]
        for output in cell.get("outputs", ()):
            if output["output_type"] == "stream":
                assert output["name"] == "stdout"
            else:
                assert output["execution_count"] == cell["execution_count"]
                assert "text/plain" in output["data"]


def test_its_cells_run_where_it_lies_and_print_what_is_stored(found, monkeypatch):
    """As Jupyter runs them: in the folder of the notebook, with the print of Python."""
    monkeypatch.chdir(found.files["notebook"].parent)
    names = {}
    for cell in notebook_of(found)["cells"]:
        if cell["cell_type"] == "code":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec("".join(cell["source"]), names)
            stored = [o for o in cell["outputs"] if o["output_type"] == "stream"]
            assert printed.getvalue() == "".join("".join(o["text"]) for o in stored)
    assert names["chosen"] == names["found"].choose("B1 > 0.7 and B2 < 0.3")


def test_its_figures_are_stored_as_png(found):
    outputs = [o for c in notebook_of(found)["cells"] for o in c.get("outputs", ())]
    figures = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert len(figures) == 4
    assert all(base64.b64decode(f).startswith(b"\x89PNG\r\n") for f in figures)


def test_the_same_run_gives_the_same_bytes_whatever_the_settings(found, tmp_path, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "font.size", 23)
    job = BlocksJob.load(found.files["result"])
    again = run_blocks(
        BlocksJob.from_dict({**job.to_dict(), "outdir": tmp_path / "again", "threads": 1})
    )
    for key in ("notebook", "pickle"):
        assert again.files[key].read_bytes() == found.files[key].read_bytes()


def test_without_figures_it_is_left_to_be_executed(found, tmp_path):
    values = {**BlocksJob.load(found.files["result"]).to_dict(), "outdir": tmp_path, "plot": False}
    plain = notebook_of(run_blocks(BlocksJob.from_dict(values)))
    emptied = notebook_of(found)
    for cell in emptied["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    assert plain == emptied


def test_the_dictionary_has_the_voxels_of_each_mask(found):
    with found.files["pickle"].open("rb") as file:
        voxels = pickle.load(file)
    assert list(voxels) == [1, 2, 3]
    for number, mask in zip(voxels, masks(found), strict=True):
        assert voxels[number] == np.flatnonzero(mask).tolist()


def test_the_analysis_answers_for_the_blocks(found):
    analysis = BlockAnalysis(found.files["result"])
    assert analysis.occupancy.shape == (len(analysis.volumes), 3)
    assert np.array_equal(analysis.voxels("B2"), np.argwhere(masks(found)[1]))
    assert len(analysis.choose("B1 > 0.5")) == int((analysis.occupancy[:, 0] > 0.5).sum())
    with pytest.raises(ParameterError, match="no block 'B9'; the blocks are B1, B2, B3"):
        analysis.pair("B1", "B9")


def test_what_is_no_record_of_blocks_is_told(tmp_path):
    path = tmp_path / "result.json"
    path.write_text('{"table": [], "reference": []}')
    with pytest.raises(ParameterError, match="not the record of a search for blocks"):
        BlockAnalysis(path)


def test_without_a_block_the_notebook_says_so_only():
    assert [cell.kind for cell in analysis_cells("blocks.json", ())] == ["markdown", "code"]


def test_a_cell_keeps_its_names_for_the_next_and_shows_its_last_value(tmp_path):
    cells = [Cell("code", "x = 2\nprint('a', x, sep='-')"), Cell("code", "x + 1")]
    first, second = json.loads(notebook_text(cells, run_in=tmp_path))["cells"]
    assert first["outputs"][0]["text"] == ["a-2\n"]
    assert second["outputs"][0]["data"]["text/plain"] == ["3"]
