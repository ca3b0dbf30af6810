"""Results of one kind on one grid are compared in a report: with one crop, whatever is in each."""

import json
import re

import numpy as np
import pytest
from small_jobs import write_small_map

from occupy_core.commands.report.build import save_report
from occupy_core.commands.report.comparison import comparisons
from occupy_core.commands.report.page import Page, Scene
from occupy_core.commands.report.registry import results_in
from occupy_core.commands.report.volumes import Shown, crop_around, joined
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps import DensityMap, Grid

GRID = Grid((20, 24, 30), (2.0, 1.5, 1.0), origin=(3.0, -4.0, 5.0))
OTHERS = {
    "shape": Grid((20, 24, 31), GRID.voxel_size, origin=GRID.origin),
    "voxel size": Grid(GRID.shape, (2.0, 1.5, 1.1), origin=GRID.origin),
    "origin": Grid(GRID.shape, GRID.voxel_size, origin=(0.0, 0.0, 0.0)),
}


def page(kind="scale", grid=GRID, scene=True):
    density = DensityMap(np.zeros(grid.shape, np.float32), grid)
    shown = Shown(key="map", title="Map", density=density)
    return Page(kind=kind, title="t", scene=Scene(volumes=(shown,)) if scene else None)


def test_pages_of_one_kind_on_one_grid_are_compared():
    pages = [page(), page("resolution"), page(), page("regions"), page("regions"), page()]
    (found,) = comparisons(pages)
    assert found.members == (0, 2, 5)
    assert found.title == "Comparison of 3 local scales"


@pytest.mark.parametrize("other", [page(grid=g) for g in OTHERS.values()] + [page(scene=False)],
                         ids=[*OTHERS, "without maps"])  # fmt: skip
def test_what_cannot_be_compared_is_not(other):
    assert comparisons([page(), other]) == []


def test_a_joined_crop_holds_all():
    masks = np.random.default_rng(0).random((3, *GRID.shape)) > 0.9995
    crops = [crop_around(GRID, mask) for mask in masks]
    found = joined(crops)
    assert found == crop_around(GRID, masks.any(axis=0))


def test_the_numbers_of_all_maps_stand_in_one_table_and_no_volume_twice(tmp_path):
    results = []
    for name in ("a", "b"):
        path = write_small_map(tmp_path / f"{name}.mrc")
        done = run_scale(ScaleJob(path, tmp_path / name))
        results += results_in(done.files["result"].parent)
    save_report(tmp_path / "both.html", results)
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert len(re.findall(r'role="tab"', text)) == 3
    assert len(re.findall(r'role="tabpanel"', text)) == 3
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert [page["kind"] for page in data] == ["comparison", "scale", "scale"]
    assert data[0]["members"] == [{"page": 1, "name": "a"}, {"page": 2, "name": "b"}]
    assert data[1]["grid"] == data[2]["grid"]
    blobs = re.findall(r'type="application/gzip" id="([^"]+)"', text)
    assert sorted(blobs) == sorted({v["blob"] for page in data[1:] for v in page["volumes"]})
    article = text.split('data-kind="comparison"')[1].split("</article>")[0]
    for result in results:
        for number in result.record["answer"]["numbers"]:
            assert number["value"] in article
