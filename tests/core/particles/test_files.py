"""Files of particles: what is read comes back whole, with the columns that were added."""

import io
import os
import pickle

import numpy as np
import pytest
import starfile

from occupy_core import MapFormatError, ParameterError
from occupy_core.particles.files import (
    column_labels,
    read_latent,
    read_particles,
)
from occupy_core.particles.pickles import read_pickled_array

OPTICS = """
data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnImagePixelSize #3
opticsGroup1 1 4.000000
"""
PARTICLES = """
data_particles

loop_
_rlnImageName #1
_rlnAngleRot #2
_rlnClassNumber #3
_rlnOpticsGroup #4
_someUnknownColumn #5
000001@stack.mrcs 0.1234567 1 1 0012
000002@stack.mrcs -3.000000 2 1 1e-3
000003@stack.mrcs 12.50 1 1 abc
"""
GENERAL = """
data_general

_rlnTomoSubTomosAre2DStacks 1
_rlnTomoTomogramsFile tomograms.star
"""
FIVE = OPTICS.replace("_rlnImagePixelSize #3", "_rlnImagePixelSize #3\n_rlnMtfFileName #4").replace(
    "4.000000", '4.000000 "mtf of camera.star"'
)
CHOSEN = np.array([True, False, True])
COLUMNS = {"A": np.array([1.0, 0.5, 0.25]), "A:1-20": np.array([0.1, 0.2, 1 / 3])}


def write_star(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [OPTICS + PARTICLES, PARTICLES.replace("_particles", "_"), GENERAL + FIVE + PARTICLES],
    ids=["3.1", "3.0", "5"],
)
def test_a_star_file_keeps_optics_unknown_columns_and_digits(tmp_path, text):
    particles = read_particles(write_star(tmp_path / "run_data.star", text))
    assert len(particles) == 3
    assert particles.groups().tolist() == [1, 2, 1]
    particles.write(tmp_path / "out.star", CHOSEN, COLUMNS)
    blocks = starfile.read(
        tmp_path / "out.star",
        always_dict=True,
        parse_as_string=["rlnAngleRot", "someUnknownColumn", "rlnImagePixelSize"],
    )
    table = blocks["particles"] if "particles" in blocks else blocks[""]
    assert list(table["rlnImageName"]) == ["000001@stack.mrcs", "000003@stack.mrcs"]
    assert list(table["rlnAngleRot"]) == ["0.1234567", "12.50"]
    assert list(table["someUnknownColumn"]) == ["0012", "abc"]
    assert list(table["occupyA"]) == [1.0, 0.25]
    assert list(table["occupyA_1_20"]) == pytest.approx([0.1, 1 / 3], rel=1e-5)
    if "optics" in blocks:
        assert blocks["optics"]["rlnImagePixelSize"].tolist() == ["4.000000"]
    if "general" in blocks:
        assert list(blocks) == ["general", "optics", "particles"]
        assert blocks["general"]["rlnTomoTomogramsFile"] == "tomograms.star"
        assert blocks["optics"]["rlnMtfFileName"].tolist() == ["mtf of camera.star"]


def test_the_same_star_file_is_written_with_the_same_bytes(tmp_path):
    particles = read_particles(write_star(tmp_path / "a.star", OPTICS + PARTICLES))
    for name in ("one.star", "two.star"):
        particles.write(tmp_path / name, CHOSEN, COLUMNS)
    assert (tmp_path / "one.star").read_bytes() == (tmp_path / "two.star").read_bytes()
    assert b" at " not in (tmp_path / "one.star").read_bytes()  # no time of day


def cs_table(n, *fields):
    table = np.zeros(n, dtype=[("uid", "<u8"), ("blob/path", "S20"), *fields])
    table["uid"] = np.arange(n) + 7
    return table


def save_cs(path, table):
    with path.open("wb") as file:
        np.save(file, table)
    return path


def test_a_cs_file_keeps_its_fields_and_gets_occupancies(tmp_path):
    table = cs_table(3, ("alignments3D/class", "<u4"), ("alignments3D/pose", "<f4", (3,)))
    table["alignments3D/class"] = [0, 2, 0]
    table["alignments3D/pose"] = np.arange(9).reshape(3, 3)
    particles = read_particles(save_cs(tmp_path / "J1.cs", table))
    assert particles.groups().tolist() == [0, 2, 0]
    assert particles.latent() is None
    particles.write(tmp_path / "out.cs", CHOSEN, COLUMNS)
    written = np.load(tmp_path / "out.cs")
    for name in table.dtype.names:
        np.testing.assert_array_equal(written[name], table[name][CHOSEN])
    np.testing.assert_allclose(written["occupancy/A_1_20"], [0.1, 1 / 3], rtol=1e-6)


def test_of_several_classes_of_cryosparc_the_most_probable_counts(tmp_path):
    table = cs_table(
        2,
        ("alignments3D_multi/class", "<u4", (2,)),
        ("alignments3D_multi/class_posterior", "<f4", (2,)),
    )
    table["alignments3D_multi/class"] = [[0, 1], [0, 1]]
    table["alignments3D_multi/class_posterior"] = [[0.9, 0.1], [0.2, 0.8]]
    assert read_particles(save_cs(tmp_path / "J2.cs", table)).groups().tolist() == [0, 1]


def test_components_of_a_variability_analysis_are_latent_coordinates_in_their_order(tmp_path):
    names = [(f"components_mode_{i}/value", "<f4") for i in (10, 0, 2)]
    table = cs_table(2, *names)
    for name, _ in names:
        table[name] = [int(name.split("_")[2].split("/")[0]), -1]
    latent = read_particles(save_cs(tmp_path / "J3.cs", table)).latent()
    assert latent.tolist() == [[0, 2, 10], [-1, -1, -1]]


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_pickled_arrays_of_every_protocol_are_read(tmp_path, protocol, dtype):
    values = np.arange(6).reshape(3, 2).astype(dtype)
    path = tmp_path / "z.pkl"
    path.write_bytes(pickle.dumps(values, protocol=protocol))
    np.testing.assert_array_equal(read_pickled_array(path), values)


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_arrays_pickled_by_old_and_new_numpy_are_read(tmp_path, core):
    data = pickle.dumps(np.arange(3.0), protocol=2)
    here = b"numpy._core" if b"numpy._core" in data else b"numpy.core"
    (tmp_path / "z.pkl").write_bytes(data.replace(here, core))
    np.testing.assert_array_equal(read_pickled_array(tmp_path / "z.pkl"), np.arange(3.0))


class Hostile:
    """A pickle that would run a program."""

    def __reduce__(self):
        return os.system, ("touch hostile",)


@pytest.mark.parametrize(
    "values", [Hostile(), [Hostile()], np.array([Hostile()], object), {"a": io.StringIO()}]
)
def test_a_pickle_that_is_no_array_of_numbers_runs_nothing(tmp_path, monkeypatch, values):
    monkeypatch.chdir(tmp_path)
    if isinstance(values, dict):
        values = {"a": os.getcwd}
    (tmp_path / "z.pkl").write_bytes(pickle.dumps(values))
    with pytest.raises(MapFormatError, match=r"only arrays are read|holds no array"):
        read_pickled_array(tmp_path / "z.pkl")
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize("size", [0, 1, 10, 60])
def test_a_pickle_cut_short_is_told_in_a_sentence(tmp_path, size):
    (tmp_path / "z.pkl").write_bytes(pickle.dumps(np.arange(30.0))[:size])
    with pytest.raises(MapFormatError, match="cannot be read as a pickled array"):
        read_pickled_array(tmp_path / "z.pkl")


def test_labels_and_latent_coordinates_of_cryodrgn_are_told_apart(tmp_path):
    for name, values in (("labels", np.array([0, 1, 1])), ("z", np.zeros((3, 8), np.float32))):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(values))
    labels, latent = (read_particles(tmp_path / f"{n}.pkl") for n in ("labels", "z"))
    assert labels.groups().tolist() == [0, 1, 1]
    assert labels.latent() is None
    assert latent.groups() is None
    assert latent.latent().shape == (3, 8)
    labels.write(tmp_path / "ind.pkl", CHOSEN, {})
    assert read_pickled_array(tmp_path / "ind.pkl").tolist() == [0, 2]


def test_a_table_keeps_its_columns_and_gets_occupancies(tmp_path):
    path = tmp_path / "particles.csv"
    path.write_text('image,Class\n"a,b",1\nc,2\nd,1\n', encoding="utf-8")
    particles = read_particles(path)
    assert particles.groups().tolist() == [1, 2, 1]
    particles.write(tmp_path / "out.csv", CHOSEN, COLUMNS)
    assert (tmp_path / "out.csv").read_text() == (
        'image,Class,occupancy_A,occupancy_A_1_20\n"a,b",1,1,0.1\nd,1,0.25,0.333333\n'
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.star", b"no table", "tables of particles"),
        ("x.star", OPTICS.encode(), "holds 0 tables of particles"),
        ("x.star", b"\xff\xfe", "cannot be read as a STAR file|tables of particles"),
        ("x.cs", b"PK", "cannot be read as a file of cryoSPARC"),
        ("x.csv", b"a,b\n1\n", "as many cells"),
        ("x.csv", b"class\n1.5\n", "whole numbers"),
        ("x.csv", b"class\nred\n", "no number everywhere"),
    ],
)
def test_bad_files_are_told_in_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MapFormatError, match=sentence):
        read_particles(tmp_path / name).groups()


@pytest.mark.parametrize("name", ["x.mrcs", "x"])
def test_an_unknown_format_names_the_known_ones(tmp_path, name):
    with pytest.raises(ParameterError, match=r"\.star, \.cs, \.pkl, \.csv"):
        read_particles(tmp_path / name)


@pytest.mark.parametrize("ending", ["pkl", "npy", "txt", "csv"])
def test_latent_coordinates_are_read_from_every_format(tmp_path, ending):
    values = np.array([[1.0, 2.0], [3.0, 4.5]])
    path = tmp_path / f"z.{ending}"
    if ending == "pkl":
        path.write_bytes(pickle.dumps(values))
    elif ending == "npy":
        np.save(path, values)
    else:
        np.savetxt(path, values, delimiter=", " if ending == "csv" else " ")
    np.testing.assert_array_equal(read_latent(path), values)


def test_latent_coordinates_that_are_no_numbers_are_told(tmp_path):
    np.save(tmp_path / "z.npy", np.array([[np.nan, 1.0]]))
    with pytest.raises(MapFormatError, match="finite numbers"):
        read_latent(tmp_path / "z.npy")


def test_labels_of_columns_are_plain_and_different():
    labels = column_labels(["A", "A:1-20", "A/1 20", "A_1_20", "é", "中", "A"])
    assert labels[:2] == ["A", "A_1_20"]
    assert len(set(labels)) == len(labels)
    assert all(label.isascii() and label.isidentifier() for label in labels)
