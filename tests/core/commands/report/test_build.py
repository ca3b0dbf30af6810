"""The file of a report: whole, small, the same each time, and safe whatever a name holds."""

import gzip
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile import TEXTS
from small_jobs import run_cli, write_small_map

from occupy_core.commands.report import build
from occupy_core.commands.report.page import Page, Result
from occupy_core.commands.report.references import REFERENCES, cited
from occupy_core.commands.report.registry import page_of, results_in
from occupy_core.commands.report.volumes import Shown, crop_around, packed
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.commands.shared.colors import OCCUPANCY
from occupy_core.errors import OutputError, ParameterError
from occupy_core.maps import DensityMap, Grid


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaled")
    return run_scale(ScaleJob(write_small_map(folder / "x.mrc"), folder / "out", report=True))


def result_of(scaled, **changes):
    record = json.loads(scaled.files["result"].read_text(encoding="utf-8"))
    return Result(
        record=record | changes, name="result_x.json", folder=scaled.files["scale"].parent
    )


# ---- the file ---------------------------------------------------------------------------------


def test_the_report_is_one_of_the_outputs_and_names_no_other_file(scaled):
    assert scaled.result["files"]["report"] == "scale_x.html"
    text = scaled.files["report"].read_text(encoding="utf-8")
    assert scaled.result["answer"]["sentence"] in text
    assert re.findall(r"(?:src|href)=[\"'](?!#|data:)[^\"']*", text) == []
    assert "default-src 'none'" in text
    assert "<!--" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_the_same_result_gives_the_same_bytes(scaled, tmp_path):
    build.write_report(tmp_path / "a.html", [result_of(scaled)])
    build.write_report(tmp_path / "b.html", [result_of(scaled)])
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_command_makes_a_report_of_a_folder_and_does_not_overwrite(capsys, scaled, tmp_path):
    path = tmp_path / "r.html"
    arguments = ("report", scaled.files["result"].parent, "-o", path)
    status, out, _ = run_cli(capsys, *arguments)
    assert (status, path.exists()) == (0, True)
    assert str(path) in out
    before = path.read_bytes()
    status, _, err = run_cli(capsys, *arguments)
    assert (status, path.read_bytes()) == (2, before)
    assert "--force" in err
    assert run_cli(capsys, *arguments, "--force")[0] == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "does not exist"), ({}, "holds no result"), ({"x.json": "{}"}, "holds no result")],
)
def test_a_folder_without_a_result_is_said(tmp_path, content, sentence):
    folder = tmp_path / "f"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(ParameterError, match=sentence):
        results_in(folder)


def test_nothing_is_written_where_it_cannot_be(scaled, tmp_path):
    (tmp_path / "r.html").mkdir()
    with pytest.raises(OutputError):
        build.save_report(tmp_path / "r.html", [result_of(scaled)], force=True)


def test_maps_that_are_gone_leave_a_page_without_slices(scaled, tmp_path):
    found = result_of(scaled)
    inputs = {"map": {**found.record["inputs"]["map"], "file": "/nowhere/x.mrc"}}
    gone = replace(found, record={**found.record, "inputs": inputs})
    assert page_of(gone).scene is None
    build.write_report(tmp_path / "r.html", [gone])
    assert "not there any more" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEXTS)
def test_no_name_becomes_a_part_of_the_page(scaled, name):
    found = result_of(scaled, warnings=[f"Look at {name}."])
    found.record["answer"]["sentence"] = f"{name} is full."
    found.record["job"]["name"] = name
    page = page_of(found)
    html = build._page_html(0, found, page, several=False)
    plain = build._page_html(0, result_of(scaled, warnings=["Look at N."]), page, several=False)
    # Whatever a name holds, the page has the same elements and attributes.
    shape = r"<[^>]*>"
    tags = [re.sub(r'"[^"]*"', '""', tag) for tag in re.findall(shape, html)]
    assert tags == [re.sub(r'"[^"]*"', '""', tag) for tag in re.findall(shape, plain)]
    data = build._json({"name": name})
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data) == {"name": name}


def test_many_volumes_are_thinned_until_they_fit(monkeypatch):
    noise = np.random.default_rng(0).standard_normal((60, 50, 40)).astype(np.float32)
    density = DensityMap(noise, Grid((60, 50, 40), (1.0, 1.0, 1.0)))
    from occupy_core.commands.report.page import Scene

    scene = Scene(volumes=(Shown(key="map", title="m", density=density),))
    page = Page(kind="scale", title="t", scene=scene)
    monkeypatch.setattr(build, "_EDGES", (192, 40, 20))
    monkeypatch.setattr(build, "_MOST_BYTES", 60_000)
    (own,), (crop,) = build._volumes([page])
    assert crop.step > 1
    assert len(own[0][1]) <= 60_000


def test_every_key_that_is_cited_has_its_reference():
    assert cited("as in [Cardone2013] and [Forsberg2023], not [3]") == [
        f"[{key}] {REFERENCES[key]}" for key in ("Cardone2013", "Forsberg2023")
    ]
    pages = Path(build.__file__).parent / "pages"
    keys = {
        key
        for path in pages.glob("*.py")
        for key in re.findall(r"\[([A-Z]\w+\d{4})\]", path.read_text(encoding="utf-8"))
    }
    assert keys <= set(REFERENCES)
    bibliography = Path(build.__file__).parents[3] / "occupy_scipion" / "bibtex.py"
    known = set(re.findall(r"@\w+\{(\w+),", bibliography.read_text(encoding="utf-8")))
    assert set(REFERENCES) <= known


# ---- volumes ----------------------------------------------------------------------------------

GRID = Grid((21, 30, 43), (1.0, 2.0, 3.0), origin=(5.0, -7.0, 11.0))


def read_back(meaning, data, crop):
    voxels = np.frombuffer(gzip.decompress(b64decode(data)), np.uint8).reshape(crop.shape)
    steps, first = (254, 1) if meaning["isValue"] else (255, 0)
    values = meaning["low"] + (voxels.astype(float) - first) / steps * (
        meaning["high"] - meaning["low"]
    )
    return voxels, values


@pytest.mark.parametrize("step", [1, 2, 3])
def test_values_come_back_to_within_the_precision_that_is_stated(step):
    values = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    known = values > 0.1
    shown = Shown(
        key="v", title="v", density=DensityMap(values, GRID), colors=OCCUPANCY, known=known
    )
    crop = replace(crop_around(GRID, None), step=step)
    meaning, data = packed(shown, crop)
    voxels, found = read_back(meaning, data, crop)
    middle = (step - 1) // 2
    every = np.ix_(*(np.minimum(np.arange(middle, n + middle, step), n - 1) for n in GRID.shape))
    expected, there = values[every], known[every]
    np.testing.assert_array_equal(voxels == 0, ~there)
    assert np.abs(found - expected)[there].max() <= meaning["precision"] * 1.001
    place = crop.record()
    assert place["first"] == pytest.approx(GRID.position((middle,) * 3))
    assert place["voxel"] == pytest.approx([step * v for v in GRID.voxel_size])


def test_a_density_is_averaged_and_loses_outliers_only():
    values = np.random.default_rng(1).standard_normal(GRID.shape).astype(np.float32)
    crop = replace(crop_around(GRID, None), step=2)
    averaged = crop.averaged(values)
    assert averaged.shape == crop.shape
    np.testing.assert_allclose(averaged[0, 0, 0], values[:2, :2, :2].mean(), rtol=1e-5)
    np.testing.assert_allclose(averaged[-1, 0, -1], values[-1:, :2, -1:].mean(), rtol=1e-5)
    meaning, data = packed(Shown(key="m", title="m", density=DensityMap(values, GRID)), crop)
    _, found = read_back(meaning, data, crop)
    assert np.quantile(np.abs(found - averaged), 0.999) <= meaning["precision"] * 1.001


def test_the_crop_holds_what_is_inside_with_a_margin():
    inside = np.zeros(GRID.shape, bool)
    inside[8:12, 15:17, 20] = True
    crop = crop_around(GRID, inside)
    voxel = GRID.voxel_size_zyx
    for axis, (a, b) in enumerate(((8, 12), (15, 17), (20, 21))):
        assert crop.start[axis] <= a
        assert crop.stop[axis] >= b
        assert crop.start[axis] == 0 or (a - crop.start[axis]) * voxel[axis] >= 10
    assert crop_around(GRID, np.zeros(GRID.shape, bool)).shape == GRID.shape
