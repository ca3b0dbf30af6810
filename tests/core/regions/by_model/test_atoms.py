"""Models are cut into regions, and what they must not hold is left out and told."""

import gzip

import gemmi
import numpy as np
import pytest
from small_models import chain_lines, pdb_line, three_chains, write_pdb

from occupy_core.errors import ParameterError
from occupy_core.regions.by_model.atoms import read_model


def test_each_chain_is_a_region(tmp_path):
    model = read_model(three_chains(tmp_path / "m.pdb"))
    assert model.names == ("A", "B", "C")
    assert list(model.n_atoms) == [120, 120, 120]
    assert model.notes == ()


@pytest.mark.parametrize("suffix", [".pdb", ".cif", ".pdb.gz", ".cif.gz"])
def test_pdb_and_mmcif_give_the_same_atoms_also_zipped(tmp_path, suffix):
    plain = three_chains(tmp_path / "m.pdb")
    expected = read_model(plain).positions
    text = plain.read_text()
    if "cif" in suffix:
        structure = gemmi.read_structure(str(plain))
        structure.setup_entities()
        text = structure.make_mmcif_document().as_string()
    path = tmp_path / f"other{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode())
    assert np.allclose(read_model(path).positions, expected, atol=1e-3)


def test_windows_cover_a_chain_and_a_short_rest_joins_the_last(tmp_path):
    path = write_pdb(tmp_path / "m.pdb", chain_lines("A", (0, 0, 0), n_residues=49))
    model = read_model(path, by="residues", window=20)
    assert model.names == ("A:1-20", "A:21-49")
    assert model.n_atoms.sum() == 49 * 5


def test_insertion_codes_name_windows(tmp_path):
    lines = chain_lines("A", (0, 0, 0), n_residues=24)
    inserted = [pdb_line(900, " CA", "ALA", "A", 24, (1, 1, 1), icode="B")]
    path = write_pdb(tmp_path / "m.pdb", lines[:-1], inserted, ["TER"])
    assert read_model(path, by="residues", window=30).names == ("A:1-24B",)


def test_waters_hydrogens_and_absent_atoms_are_left_out_and_told(tmp_path):
    extra = [
        pdb_line(900, " H", "ALA", "A", 1, (1, 1, 1), element="H"),
        pdb_line(901, " CG", "ALA", "A", 1, (2, 1, 1), occupancy=0.0),
        pdb_line(902, " O", "HOH", "A", 300, (9, 9, 9), record="HETATM"),
        pdb_line(903, " N", "DUM", "Z", 301, (9, 9, -9), record="HETATM"),
    ]
    path = write_pdb(tmp_path / "m.pdb", extra, chain_lines("A", (0, 0, 0)))
    model = read_model(path)
    assert model.n_atoms.sum() == 24 * 5
    text = " ".join(model.notes)
    assert "1 hydrogens" in text
    assert "1 waters" in text
    assert "1 markers of membrane planes" in text
    assert model.names == ("A",)
    assert "1 atoms with zero occupancy" in text


def test_alternate_conformers_share_one_atom(tmp_path):
    conformers = [
        pdb_line(900, " CB", "SER", "A", 50, (1, 1, 1), altloc="A", occupancy=0.4),
        pdb_line(901, " CB", "SER", "A", 50, (2, 1, 1), altloc="B", occupancy=0.2),
        pdb_line(902, " CA", "SER", "A", 50, (2, 2, 1), occupancy=0.3),
    ]
    path = write_pdb(tmp_path / "m.pdb", chain_lines("A", (0, 0, 0)), conformers)
    (region,) = read_model(path).regions
    atoms = [s.atom for s in region.model.all() if s.residue.name == "SER"]
    assert sorted(round(a.occ, 3) for a in atoms) == [0.333, 0.667, 1.0]


def test_a_ligand_can_be_its_own_region(tmp_path):
    ligand = [
        pdb_line(900 + i, f" C{i}", "LIG", "A", 200, (i, 0, 0), record="HETATM") for i in range(6)
    ]
    path = write_pdb(tmp_path / "m.pdb", chain_lines("A", (9, 0, 0)), ligand)
    assert read_model(path).names == ("A",)
    together = read_model(path, ligands=True)
    assert together.names == ("A", "A/LIG 200")
    assert list(together.n_atoms) == [120, 6]


def test_an_assembly_is_built_by_name_and_told_of_when_not(tmp_path):
    assembly = [
        "REMARK 350 BIOMOLECULE: 1",
        "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A",
        "REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000",
        "REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000",
        "REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000",
        "REMARK 350   BIOMT1   2 -1.000000  0.000000  0.000000       60.00000",
        "REMARK 350   BIOMT2   2  0.000000 -1.000000  0.000000       60.00000",
        "REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000        0.00000",
    ]
    path = write_pdb(tmp_path / "m.pdb", assembly, chain_lines("A", (9, 0, 0)))
    alone = read_model(path)
    assert alone.names == ("A",)
    assert "2 times as many" in alone.notes[0]
    built = read_model(path, assembly="1")
    assert len(built.regions) == 2
    assert np.allclose(built.positions[120:, 0], 60 - built.positions[:120, 0], atol=1e-2)
    with pytest.raises(ParameterError, match="no assembly '7'; it has 1"):
        read_model(path, assembly="7")


def test_of_several_models_the_first_is_used_and_it_is_told(tmp_path):
    parts = [
        [f"MODEL {i:>8}", *chain_lines(chain, (20 * i, 0, 0)), "ENDMDL"]
        for i, chain in enumerate("AB", start=1)
    ]
    model = read_model(write_pdb(tmp_path / "m.pdb", *parts))
    assert model.names == ("A",)
    assert "the first of the 2 models" in model.doubts[0]


def test_a_moved_model_keeps_its_shape(tmp_path):
    model = read_model(three_chains(tmp_path / "m.pdb"))
    moved = model.moved(np.array([1.0, 2.0, 3.0])).moved(np.array([0.5, 0.0, 0.0]))
    assert np.allclose(moved.positions - model.positions, [1.5, 2, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "holds no atoms"), ("REMARK nothing\nEND\n", "holds no atoms")],
)
def test_files_that_are_no_models_are_refused(tmp_path, content, message):
    path = tmp_path / "m.pdb"
    path.write_text(content)
    with pytest.raises(ParameterError, match=message):
        read_model(path)


def test_a_model_without_any_occupancy_is_refused(tmp_path):
    lines = [pdb_line(1, " CA", "ALA", "A", 1, (1, 1, 1), occupancy=0.0)]
    with pytest.raises(ParameterError, match="holds no atoms of a macromolecule"):
        read_model(write_pdb(tmp_path / "m.pdb", lines))


def test_a_residue_without_occupancy_leaves_a_chain_in_order(tmp_path):
    lines = [pdb_line(1, " CA", "ALA", "A", 25, (1, 1, 1), occupancy=0.0)]
    path = write_pdb(tmp_path / "m.pdb", chain_lines("A", (0, 0, 0))[:-1], lines, ["TER"])
    assert read_model(path, by="residues", window=12).names == ("A:1-12", "A:13-24")


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="does not exist"):
        read_model(tmp_path / "none.pdb")
