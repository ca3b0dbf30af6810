"""Model files of every make are read as they are meant, or refused in one sentence."""

import bz2
import gzip

import gemmi
import numpy as np
import pytest
from small_models import three_chains

from occupy_core.errors import ParameterError
from occupy_core.regions.by_model.atoms import read_model


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
def test_no_flipped_bit_of_a_packed_model_gives_other_atoms(tmp_path, packed):
    path = three_chains(tmp_path / "m.pdb")
    right = read_model(path).positions
    content = packed(path.read_bytes())
    refused = 0
    for bit in np.random.default_rng(0).integers(0, 8 * len(content), 60):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        try:
            model = read_model(path)
        except ParameterError:
            refused += 1
        else:
            np.testing.assert_array_equal(model.positions, right)
    assert refused > 50


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
def test_truncated_model_is_refused(tmp_path, packed):
    path = three_chains(tmp_path / "m.pdb")
    path.write_bytes(packed(path.read_bytes())[:-20])
    with pytest.raises(ParameterError, match="cannot be read"):
        read_model(path)


@pytest.mark.parametrize("start", ["\ufeff", "\n\n", "# a comment\n"])
def test_marks_and_comments_before_a_model_do_not_matter(tmp_path, start):
    path = three_chains(tmp_path / "m.pdb")
    plain = read_model(path)
    if not start.startswith("#"):
        path.write_text(start + path.read_text())
        np.testing.assert_array_equal(read_model(path).positions, plain.positions)
    structure = plain.regions[0].model
    whole = gemmi.Structure()
    whole.add_model(structure)
    whole.setup_entities()
    path.write_text(start + whole.make_mmcif_document().as_string())
    assert len(read_model(path).positions) == len(plain.regions[0].positions)


# ---- mmCIF of many makers


@pytest.fixture
def mmcif(tmp_path):
    """Write the three chains as mmCIF, changed by a function of the block."""
    structure = gemmi.read_structure(str(three_chains(tmp_path / "m.pdb")))
    structure.setup_entities()
    whole = structure.make_mmcif_document()
    labels, numbers = (whole[0].find_loop(f"_atom_site.{of}_seq_id") for of in ("label", "auth"))
    for i, number in enumerate(numbers):
        labels[i] = number
    text = whole.as_string()

    def make(change):
        document = gemmi.cif.read_string(text)
        change(document[0])
        path = tmp_path / "m.cif"
        path.write_text(document.as_string())
        return path

    return make


OPTIONAL = [
    "group_PDB", "id", "type_symbol", "label_alt_id", "label_asym_id", "label_entity_id",
    "label_seq_id", "label_comp_id", "label_atom_id", "auth_seq_id", "auth_asym_id",
    "pdbx_PDB_ins_code", "occupancy", "B_iso_or_equiv", "pdbx_PDB_model_num",
]  # fmt: skip


@pytest.mark.parametrize("column", OPTIONAL)
@pytest.mark.parametrize("how", ["absent", "unknown"])
def test_missing_column_is_read_from_the_others_or_named(mmcif, column, how):
    right = read_model(mmcif(lambda block: None))

    def without(block):
        tag = f"_atom_site.{column}"
        if tag not in block.find_mmcif_category("_atom_site.").tags:
            return
        if how == "absent":
            block.find_loop(tag).get_loop().remove_column(tag)
        else:
            column_values = block.find_loop(tag)
            for i in range(len(column_values)):
                column_values[i] = "?"

    path = mmcif(without)
    try:
        model = read_model(path)
    except ParameterError as error:
        message = str(error)
        model = None
    if model is None:
        assert column in ("label_comp_id", "label_atom_id")
        assert f"_atom_site.{column}" in message
        return
    np.testing.assert_allclose(model.positions, right.positions, atol=1e-3)
    assert len(model.names) == 3
    kinds = [s.atom.element.name for r in model.regions for s in r.model.all()]
    assert kinds == [s.atom.element.name for r in right.regions for s in r.model.all()]
    # No atom is taken for a conformer of another one.
    assert all(s.atom.occ == 1 for r in model.regions for s in r.model.all())
    assert [len(r.model[0]) for r in model.regions] == [len(r.model[0]) for r in right.regions]


def test_atoms_without_any_residue_number_are_told(mmcif):
    def without(block):
        loop = block.find_loop("_atom_site.id").get_loop()
        for tag in ("_atom_site.auth_seq_id", "_atom_site.label_seq_id"):
            values = block.find_loop(tag)
            for i in range(5):
                values[i] = "?"
        assert loop.length() > 5

    with pytest.raises(ParameterError, match=r"5 atoms of the model m\.cif have no residue number"):
        read_model(mmcif(without))


@pytest.mark.parametrize("before", ["data_ligand\n_chem_comp.id X\n", "data_empty\n"])
def test_a_block_without_atoms_before_that_of_the_model_does_not_matter(mmcif, before):
    path = mmcif(lambda block: None)
    right = read_model(path).positions
    path.write_text(before + path.read_text())
    np.testing.assert_array_equal(read_model(path).positions, right)


def test_a_table_of_atoms_without_a_head_is_not_read_as_pdb(mmcif):
    path = mmcif(lambda block: None)
    path.write_text(path.read_text().replace("data_", "# data_", 1))
    with pytest.raises(ParameterError, match="cannot be read as a PDB or mmCIF model"):
        read_model(path)


@pytest.mark.parametrize("column", ["Cartn_x", "Cartn_z"])
def test_missing_coordinate_is_named(mmcif, column):
    def without(block):
        tag = f"_atom_site.{column}"
        block.find_loop(tag).get_loop().remove_column(tag)

    with pytest.raises(ParameterError, match=f"has no column _atom_site.{column}"):
        read_model(mmcif(without))


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("_pdbx_sifts_xref_db.", ["entity_id", "asym_id", "seq_id"]),
        ("_pdbx_sifts_xref_db_segments.", ["entity_id"]),
        ("_struct_conn.", ["id"]),
        ("_entity_poly_seq.", ["entity_id"]),
        ("_pdbx_struct_assembly_gen.", ["assembly_id"]),
        ("_struct_asym.", ["id"]),
    ],
)
def test_table_that_does_not_fit_does_not_decide(mmcif, table, columns):
    def add(block):
        block.find_mmcif_category(table).erase()
        loop = block.init_mmcif_loop(table, columns)
        loop.add_row(["99"] * len(columns))

    assert list(read_model(mmcif(add)).n_atoms) == [120, 120, 120]


def test_sifts_table_of_the_archive_that_does_not_fit(shared):
    model = read_model(shared / "data" / "faults" / "sifts.cif")
    assert list(model.n_atoms) == [120, 120, 120]


@pytest.mark.parametrize("labels", [["auth_asym_id"], ["auth_asym_id", "label_asym_id"]])
def test_two_molecules_under_one_letter_of_mmcif_are_told(mmcif, labels):
    def join(block):
        for label in labels:
            column = block.find_loop(f"_atom_site.{label}")
            for i in range(len(column)):
                column[i] = "A"

    model = read_model(mmcif(join))
    assert "Chain A holds 3 molecules (residues 1-24, 1-24, 1-24)" in model.doubts[0]
    (region,) = model.regions
    assert sum(site.atom.occ for site in region.model.all()) == 360


def test_atoms_without_a_place_are_told(tmp_path):
    path = three_chains(tmp_path / "m.pdb")
    lines = path.read_text().splitlines()
    lines[3] = lines[3][:30] + "     nan" + lines[3][38:]
    path.write_text("\n".join(lines))
    with pytest.raises(ParameterError, match=r"m\.pdb has 1 atoms whose coordinates are not numb"):
        read_model(path)
