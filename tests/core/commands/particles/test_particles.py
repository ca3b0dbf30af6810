"""The command `particles`: from a table of occupancies to the particles of a rule."""

import csv
import hashlib
import json
import pickle

import numpy as np
import pytest
import starfile
from small_jobs import contents, run_cli

from occupy_core import ParameterError
from occupy_core.commands.particles.cli import COMMAND
from occupy_core.commands.particles.job import ParticlesJob
from occupy_core.commands.particles.occupancies import class_numbers
from occupy_core.maps.grid import Grid
from occupy_core.regions.share import share_of_particles
from occupy_core.regions.table import RegionTable, make_row

MAPS = ("run_it025_class001", "run_it025_class002", "run_it025_class003")
VALUES = {"D": (0.02, 1.0, 0.98), "E": (1.0, 0.0, 1.01), "A:1-20": (1.0, 1.0, np.nan)}
SIZES = (30, 20, 50)
LABELS = np.repeat([1, 2, 3], SIZES)


@pytest.fixture
def regions(tmp_path):
    """Folder with the record of a region job."""
    rows = [
        make_row(name, region, values[i], 0.01, n_voxels=10, resolution=8.0)
        for i, name in enumerate(MAPS)
        for region, values in VALUES.items()
    ]
    table = RegionTable(
        rows=tuple(rows),
        maps=MAPS,
        regions=tuple(VALUES),
        reference=("D",),
        grid=Grid.cubic(8, 1.0),
    )
    folder = tmp_path / "regions"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(table.record()), encoding="utf-8")
    return folder


@pytest.fixture
def blocks(tmp_path):
    """Record of a search for blocks."""
    path = tmp_path / "blocks.json"
    rows = [{"volume": f"vol_{i:03d}", "file": "x", "B1": i / 4} for i in range(5)]
    path.write_text(json.dumps({"table": rows, "blocks": [{"name": "B1"}]}), encoding="utf-8")
    return path


@pytest.fixture
def star(tmp_path):
    """Particles of the three classes."""
    path = tmp_path / "run_it025_data.star"
    lines = [f"{i + 1:06d}@x.mrcs {label}" for i, label in enumerate(LABELS)]
    head = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n"
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_result(folder):
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_particles_of_the_classes_of_a_rule_are_written_with_their_occupancies(
    regions, star, tmp_path, capsys
):
    out = tmp_path / "out"
    status, text, error = run_cli(
        capsys, "particles", regions, "-p", star, "--where", "D > 0.8 and E < 0.2", "--outdir", out
    )
    assert (status, error.count("error")) == (0, 0)
    assert "20 of 100 particles where D > 0.8 and E < 0.2, from 1 of 3 maps." in text
    assert "D: in 1.00 ± 0.01 of the chosen particles" in text
    table = starfile.read(out / "particles_run_it025_data.star")
    assert table["rlnImageName"].tolist() == [f"{i + 1:06d}@x.mrcs" for i in range(30, 50)]
    assert set(table["occupyD"]) == {1.0}
    assert set(table["occupyE"]) == {0.0}
    purity = {p["region"]: p for p in read_result(out)["purity"]}
    assert purity["D"]["share"] == 1.0
    assert purity["E"]["share"] == 0.0
    share, _ = share_of_particles(np.array(VALUES["D"]), np.zeros(3))
    having = share @ SIZES
    assert purity["D"]["of_all"] == pytest.approx(20 / having)


def test_the_record_has_the_checksum_of_the_occupancies(regions, star, tmp_path, capsys):
    table = regions / "result.json"
    for k, given in enumerate((regions, table)):
        out = tmp_path / f"out_{k}"
        run_cli(capsys, "particles", given, "-p", star, "--outdir", out)
        entry = read_result(out)["inputs"]["occupancies"]
        digest = hashlib.sha256(table.read_bytes()).hexdigest()
        assert entry == {"file": str(table), "sha256": digest}
    # Whoever repeats it after the occupancies have changed is told.
    table.write_text(table.read_text() + " ")
    (record,) = out.glob("*.json")
    words = ("particles", "--params", record, "--outdir", tmp_path / "again")
    _, _, error = run_cli(capsys, *words)
    assert table.name in error


def test_without_a_rule_all_particles_are_written(regions, star, tmp_path, capsys):
    out = tmp_path / "out"
    assert run_cli(capsys, "particles", regions, "-p", star, "--outdir", out)[0] == 0
    assert len(starfile.read(out / "particles_run_it025_data.star")) == 100
    assert read_result(out)["particles"] == {"given": 100, "assigned": 100, "chosen": 100}


def test_a_map_whose_occupancy_is_not_known_fits_no_rule_about_it(regions, star, tmp_path, capsys):
    for rule in ('"A:1-20" > 0.5', 'not "A:1-20" > 0.5 or D > 0.5'):
        out = tmp_path / str(len(rule))
        assert run_cli(capsys, "particles", regions, "-p", star, "--where", rule, "--outdir", out)
        chosen = {row["map"] for row in read_result(out)["groups"] if row["chosen"]}
        assert MAPS[2] not in chosen


def test_particles_without_a_map_are_left_out_with_a_word(regions, star, tmp_path, capsys):
    star.write_text(star.read_text(encoding="utf-8") + "000101@x.mrcs 7\n", encoding="utf-8")
    out = tmp_path / "out"
    _, _, error = run_cli(capsys, "particles", regions, "-p", star, "--outdir", out)
    assert "1 of 101 particles belong to no map" in error
    assert read_result(out)["particles"]["chosen"] == 100


def test_each_particle_of_latent_space_belongs_to_the_nearest_volume(blocks, tmp_path, capsys):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(5, 4))
    member = rng.integers(0, 5, 200)
    z = centers[member] + 0.05 * rng.normal(size=(200, 4))
    (tmp_path / "z.pkl").write_bytes(pickle.dumps(z.astype(np.float32)))
    np.savetxt(tmp_path / "centers.txt", centers)
    out = tmp_path / "out"
    status, *_ = run_cli(
        capsys, "particles", blocks, "-p", tmp_path / "z.pkl", "--centers",
        tmp_path / "centers.txt", "--where", "B1 >= 0.5", "--outdir", out, "--covariates",
    )  # fmt: skip
    assert status == 0
    chosen = pickle.loads((out / "particles_z.pkl").read_bytes())
    np.testing.assert_array_equal(chosen, np.flatnonzero(member >= 2))
    covariate = pickle.loads((out / "covariate_B1_z.pkl").read_bytes())
    np.testing.assert_allclose(covariate, member / 4, atol=1e-6)
    assert read_result(out)["purity"][0]["sigma"] is None  # blocks have no error bars


def test_labels_of_another_file_say_where_particles_belong(regions, tmp_path, capsys):
    table = np.zeros(100, dtype=[("uid", "<u8")])
    table["uid"] = np.arange(100)
    with (tmp_path / "particles.cs").open("wb") as file:
        np.save(file, table)
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps(LABELS - 1))  # numbered from 0
    out = tmp_path / "out"
    arguments = ["particles", regions, "-p", tmp_path / "particles.cs", "--labels"]
    arguments += [tmp_path / "labels.pkl", "--where", "D < 0.5", "--outdir", out]
    assert run_cli(capsys, *arguments, "--classes", 0, 1, 2)[0] == 0
    assert np.load(out / "particles_particles.cs")["uid"].tolist() == list(range(30))


@pytest.mark.parametrize("by", ["labels", "centers"])
def test_clusters_of_recovar_say_where_particles_belong(blocks, tmp_path, capsys, by):
    """Its kmeans_result.pkl holds both; latent coordinates are an array beside it."""
    rng = np.random.default_rng(3)
    centers = np.arange(10.0).reshape(5, 2)
    member = rng.integers(0, 5, 40)
    table = tmp_path / "kmeans_result.pkl"
    table.write_bytes(pickle.dumps({"centers": centers, "labels": member}, protocol=4))
    particles, more = table, ()
    if by == "centers":
        particles = tmp_path / "zs.pkl"
        latent = centers[member] + rng.normal(0, 0.05, (40, 2))
        particles.write_bytes(pickle.dumps(latent.astype(np.float32)))
        more = ("--centers", table)
    out = tmp_path / "out"
    choice = ("--where", "B1 >= 0.5", "--outdir", out, "--covariates")
    assert run_cli(capsys, "particles", blocks, "-p", particles, *more, *choice)[0] == 0
    indices = pickle.loads((out / f"particles_{particles.stem}.pkl").read_bytes())
    np.testing.assert_array_equal(indices, np.flatnonzero(member >= 2))
    assert indices.ndim == 1
    assert indices.dtype.kind == "i"  # what --ind of RECOVAR and cryoDRGN takes


def test_components_of_3d_variability_say_where_particles_belong(blocks, tmp_path, capsys):
    rng = np.random.default_rng(4)
    member = rng.integers(0, 5, 30)
    fields = [("uid", "<u8")]
    for mode in (0, 1):
        fields += [(f"components_mode_{mode}/component", "<u4")]
        fields += [(f"components_mode_{mode}/value", "<f4")]
    table = np.zeros(30, dtype=fields)
    table["uid"] = 100 + np.arange(30)
    centers = np.column_stack([np.arange(5.0), [0, 3, 0, 3, 0]])
    for mode in (0, 1):
        table[f"components_mode_{mode}/component"] = mode
        values = centers[member, mode] + rng.normal(0, 0.05, 30)
        table[f"components_mode_{mode}/value"] = values
    with (tmp_path / "J9_particles.cs").open("wb") as file:
        np.save(file, table)
    np.savetxt(tmp_path / "frames.txt", centers)
    out = tmp_path / "out"
    given = ("-p", tmp_path / "J9_particles.cs", "--centers", tmp_path / "frames.txt")
    choice = ("--where", "B1 < 0.2", "--outdir", out)
    assert run_cli(capsys, "particles", blocks, *given, *choice)[0] == 0
    chosen = np.load(out / "particles_J9_particles.cs")
    assert chosen["uid"].tolist() == (100 + np.flatnonzero(member == 0)).tolist()
    assert chosen["occupancy/B1"].tolist() == [0.0] * len(chosen)


@pytest.mark.parametrize(
    ("maps", "labels", "numbers"),
    [
        (("c_class003", "c_class001"), [1, 3], (3, 1)),
        (("vol_000", "vol_001", "vol_002"), [0, 1, 2], (0, 1, 2)),
        (("apo", "bound"), [1, 2], (1, 2)),
        (("apo", "bound"), [0, 1], (0, 1)),
        (("job7_1a", "job7_1b"), [1, 2], (1, 2)),  # one number in both names tells nothing
        (("map_10", "map_20"), [1, 2], (1, 2)),  # numbers that no particle has
    ],
)
def test_class_numbers_come_from_the_names_of_the_maps_or_their_order(maps, labels, numbers):
    assert class_numbers(maps, (), np.array(labels)) == numbers


def test_the_same_choice_writes_the_same_bytes_and_its_record_repeats_it(
    regions, star, tmp_path, capsys
):
    first, again = tmp_path / "first", tmp_path / "again"
    run_cli(capsys, "particles", regions, "-p", star, "--where", "D > 0.5", "--outdir", first)
    record = first / "particles_run_it025_data.json"
    assert run_cli(capsys, "particles", "--params", record, "--outdir", again)[0] == 0
    assert contents(first) == contents(again)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--where", "Q > 0.5"], "names 'Q', but the regions are D, E, A:1-20"),
        (["--where", "D >"], "ends where a name or a number should follow"),
        (["--where", "D > 2"], "No particle fits D > 2"),
        (["--classes", "1", "2"], "2 class numbers are given for 3 maps"),
        (["--classes", "7", "8", "9"], "give the number of each map with --classes"),
        (["--classes", "1", "1", "2"], "A class number stands for two maps"),
        (["--labels", "none.pkl"], "does not exist"),
        (["--centers", "none.txt"], "cannot be read"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(regions, star, tmp_path, capsys, more, sentence):
    out = tmp_path / "out"
    status, _, error = run_cli(capsys, "particles", regions, "-p", star, "--outdir", out, *more)
    assert status == 2
    assert sentence in error
    assert not out.exists() or not any(out.iterdir())


@pytest.mark.parametrize("content", ["{}", '{"table": [], "blocks": 3}', '{"table": 1}', "[]"])
def test_a_file_that_is_no_record_of_occupancies_is_told(star, tmp_path, capsys, content):
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    status, _, error = run_cli(capsys, "particles", path, "-p", star, "--outdir", tmp_path / "o")
    assert status == 2
    assert error.count("error") == 1


def test_every_field_of_a_job_has_an_option_and_the_help_names_it():
    fields = {option.field for option in COMMAND.options()}
    assert {f for f in ParticlesJob.__dataclass_fields__ if f.islower()} <= fields
    text = COMMAND.help_text(long=True)
    assert all(o.flags[0] in text for o in COMMAND.options() if o.constant is not False)


def test_problems_are_met_before_any_file_is_read():
    job = ParticlesJob(occupancies="a", particles="b.star", latent="z", labels="l", classes=(1, 1))
    assert len(job.problems()) == 2
    with pytest.raises(ParameterError):
        ParticlesJob.from_dict({"occupancies": "a"})


def test_a_mixed_class_tells_less_of_its_particles_than_of_its_density():
    value, sigma = np.array([0.0, 0.3, 0.65, 1.0, 1.2]), np.full(5, 0.01)
    share, error = share_of_particles(value, sigma)
    np.testing.assert_array_equal(share[[0, 3, 4]], [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(error[[0, 3, 4]], 0.01)
    assert (share[[1, 2]] > value[[1, 2]]).all()
    assert (share[[1, 2]] < value[[1, 2]] + 0.04).all()
    assert (error[[1, 2]] > 0.02).all()


def test_the_table_of_groups_has_the_share_of_the_particles_beside_the_density(
    regions, star, tmp_path, capsys
):
    out = tmp_path / "out"
    assert run_cli(capsys, "particles", regions, "-p", star, "--outdir", out)[0] == 0
    with (out / "groups_run_it025_data.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, density in zip(rows, VALUES["D"], strict=True):
        share, error = share_of_particles(np.array([density]), np.array([0.01]))
        assert float(row["D"]) == density
        assert float(row["share_D"]) == pytest.approx(share[0], abs=1e-4)
        assert float(row["share_error_D"]) == pytest.approx(error[0], abs=1e-4)
    assert rows[2]["share_A:1-20"] == ""
