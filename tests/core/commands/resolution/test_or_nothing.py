"""A map with too little detail for a local resolution: an error, or maps of zeros that say why."""

import json

import pytest
from scipy import ndimage
from small_jobs import write_small_map

from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.run import run_resolution
from occupy_core.errors import EstimationError
from occupy_core.maps.mrc import read_map, write_map


@pytest.fixture
def coarse(tmp_path):
    density = read_map(write_small_map(tmp_path / "fine.mrc"))
    return write_map(
        tmp_path / "coarse.mrc", density.with_data(ndimage.gaussian_filter(density.data, 3))
    )


def test_a_map_without_detail_is_an_error(coarse, tmp_path):
    with pytest.raises(EstimationError, match="nothing finer"):
        run_resolution(ResolutionJob(coarse, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_as_one_of_several_it_gets_zeros_and_a_warning(coarse, tmp_path):
    result = run_resolution(
        ResolutionJob(coarse, tmp_path / "out", or_nothing=True, plot=True, report=True)
    )
    assert set(result.files) == {"resolution", "sigma", "mask", "report", "result"}
    assert all(path.is_file() for path in result.files.values())
    assert (read_map(result.files["resolution"]).data == 0).all()
    assert "nothing finer" in result.warnings[0]
    record = json.loads(result.files["result"].read_text(encoding="utf-8"))
    assert record["global_0143"] is None
    assert record["answer"]["sentence"].endswith("it holds too little detail.")
