"""A job of another program among the inputs: its maps, sizes and half maps take its place."""

import json

import numpy as np
import pytest
import starfile
from relion_classes import MEMBERS, write_classification
from small_jobs import run_cli
from small_models import density_of, three_chains

from occupy_core import ParameterError
from occupy_core.commands.blocks.cli import COMMAND as BLOCKS
from occupy_core.commands.regions.cli import COMMAND as REGIONS
from occupy_core.commands.scale.cli import COMMAND as SCALE
from occupy_core.commands.shared.given_jobs import with_maps_of_jobs
from occupy_core.regions.by_model.atoms import read_model


def given_of(command, *arguments):
    fields = {option.field for option in command.options()}
    given = command.parse([str(a) for a in arguments])
    return with_maps_of_jobs(given, command.positional, fields)[0]


@pytest.fixture
def class3d(tmp_path):
    rng = np.random.default_rng(2)
    return write_classification(tmp_path, [rng.normal(size=(8, 8, 8)) for _ in range(3)])


def test_a_job_gives_maps_and_weights_to_regions_and_maps_to_blocks(class3d):
    model = class3d.with_name("run_it016_model.star")
    files = [class3d.with_name(f"run_it016_class00{k}.mrc") for k in (1, 2, 3)]
    given = given_of(REGIONS, model, "--model", "m.pdb")
    assert given["maps"] == files
    assert np.allclose(np.array(given["weights"]) * sum(MEMBERS), MEMBERS, atol=0.01)
    given = given_of(BLOCKS, class3d.parent)
    assert given["volumes"] == files
    assert "weights" not in given


def test_what_is_given_counts_more_than_what_the_job_says(class3d):
    given = given_of(REGIONS, class3d.parent, "--weights", "1", "2", "3")
    assert given["weights"] == [1, 2, 3]


def test_maps_without_a_job_stay_as_they_are(tmp_path):
    given = given_of(REGIONS, "a.mrc", "b.mrc")
    assert [str(path) for path in given["maps"]] == ["a.mrc", "b.mrc"]
    assert given_of(SCALE, "a.mrc")["map"].name == "a.mrc"


def test_one_map_of_several_has_to_be_chosen(class3d):
    with pytest.raises(ParameterError, match="3 maps, but one is needed"):
        given_of(SCALE, class3d.parent)


def test_from_a_classification_to_the_particles_of_a_region(tmp_path, capsys):
    """The class maps of a job, the table, and the particles of the same job."""
    atoms = three_chains(tmp_path / "m.pdb")
    model = read_model(atoms)
    lacking = ({"B": 0.0}, {"C": 0.5}, {})
    data = write_classification(tmp_path, [density_of(model, x) for x in lacking])
    maps = [data.with_name(f"run_it016_class00{k}.mrc") for k in (1, 2, 3)]
    quick = ("--voxel-size", "1.5", "--no-plot", "--no-chimerax", "--quiet", "--scales", *maps)
    outdir = tmp_path / "regions"
    done = run_cli(capsys, "regions", data.parent, "--model", atoms, "--outdir", outdir, *quick)
    assert done[0] == 0
    record = json.loads((outdir / "result.json").read_text())
    mean = {row["region"]: row["occupancy"] for row in record["average"]}
    assert mean["B"] == pytest.approx(1 - MEMBERS[0] / sum(MEMBERS), abs=0.03)
    assert "densities of the maps" in record["answer"]["limits"][-1]
    with_b = tmp_path / "with_B"
    rule = ("--where", "B > 0.5", "--outdir", with_b)
    assert run_cli(capsys, "particles", outdir, "--particles", data.parent, *rule)[0] == 0
    chosen = starfile.read(with_b / "particles_run_it016_data.star", always_dict=True)
    assert len(chosen["particles"]) == MEMBERS[1] + MEMBERS[2]
    assert len(chosen["optics"]) == 1
