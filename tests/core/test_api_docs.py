"""The page about Python: its code runs, and it lists what is public."""

import re

import pytest
from ensembles import ellipsoids
from small_jobs import ROOT
from small_models import GRID, density_of, noisy, three_chains

import occupy_core as occ

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the page names."""
    folder = tmp_path_factory.mktemp("api")
    model = occ.read_model(three_chains(folder / "model.pdb"))
    data = density_of(model, {"B": 0.5})
    for name, noise, seed in (("map", 0.03, 1), ("half1", 0.04, 2), ("half2", 0.04, 3)):
        occ.write_map(folder / f"{name}.mrc", noisy(data, noise, seed))
    for name, mask in zip("abc", occ.chain_masks(model, GRID, radius=3.0, soft=3.0), strict=True):
        occ.write_map(folder / f"mask_{name}.mrc", mask)
    ellipsoids(
        (20, 22, 25), 30, n_blocks=3, seed=4, noise=0.1, size=(0.12, 0.16), agreeing=None
    ).write(folder / "volumes")
    return folder


def test_the_code_of_the_page_runs_from_top_to_bottom(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/api.md", "exec"), names)
    out = capsys.readouterr().out
    assert re.search(r"^map B 0\.(49|50|51) ± 0\.0\d", out, re.MULTILINE)
    assert "has no voxel size; give voxel_size" in out
    assert {path.name for path in folder.glob("B*.mrc")}  # masks of blocks
    assert names["local"].resolution.grid == occ.read_map("half1.mrc").grid


def test_the_page_lists_all_that_is_public_and_nothing_else():
    _, table = PAGE.split("## All public names")
    listed = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert listed == set(occ.__all__) - {"__version__"}


@pytest.mark.parametrize("name", occ.__all__)
def test_what_is_public_is_there_and_documented(name):
    value = getattr(occ, name)
    assert name in dir(occ)
    if name != "__version__":
        assert len(value.__doc__) > 20


def test_what_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'estimate_scale'"):
        _ = occ.estimate_scale
