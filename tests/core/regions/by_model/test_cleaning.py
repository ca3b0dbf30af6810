"""What other programs write into models: solvent, odd B-factors, copies, mirror images."""

import numpy as np
import pytest
from small_models import chain_lines, density_of, noisy, pdb_line, three_chains, write_pdb

from occupy_core import ParameterError
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams, chain_occupancy

HALF = {"A": 1.0, "B": 1.0, "C": 0.5}


@pytest.fixture(scope="module")
def true_model(tmp_path_factory):
    return read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))


@pytest.fixture(scope="module")
def half_of_c(true_model):
    """A map in which chain C has half of its occupancy."""
    return noisy(density_of(true_model, HALF), 0.02, seed=1)


def occupancies(density, path):
    table = chain_occupancy([density], path, ChainParams(reference="A,B"))
    return {row.region: (row.occupancy, row.sigma) for row in table.rows}


def changed(path, change):
    """The model of three chains with each atom line changed."""
    lines = three_chains(path).read_text().splitlines()
    text = [change(line) if line.startswith("ATOM") else line for line in lines]
    path.write_text("\n".join(text) + "\n")
    return path


# ---- elements


def left_justified(line):
    return f"{line[:12]}{line[12:16].strip():<4}{line[16:66]}"


@pytest.mark.parametrize("chain", ["A", "B", "C", "ABC"])
def test_left_justified_names_without_elements_change_no_occupancy(
    tmp_path, chain, true_model, half_of_c
):
    path = changed(
        tmp_path / "m.pdb", lambda line: left_justified(line) if line[21] in chain else line
    )
    model = read_model(path)
    atoms = [s.atom.element.name for region in model.regions for s in region.model.all()]
    right = [s.atom.element.name for region in true_model.regions for s in region.model.all()]
    assert atoms == right
    assert any("elements of" in note for note in model.notes)


def elements(tmp_path, *lines):
    model = read_model(write_pdb(tmp_path / "m.pdb", lines))
    return {s.atom.name: s.atom.element.name for r in model.regions for s in r.model.all()}


def bare(name, residue, number, place=0.0, record="ATOM"):
    """A line with the name in its first column and no element."""
    line = pdb_line(number, name, residue, "A", number, (place, 0, 0), record=record)
    return line[:12] + f"{name:<4}" + line[16:66]


@pytest.mark.parametrize(
    ("residue", "names", "right"),
    [
        ("ALA", ["N", "CA", "C", "O", "CB"], "NCCOC"),
        ("GLU", ["N", "CA", "C", "O", "CB", "CG", "CD", "OE1"], "NCCOCCCO"),
        ("ARG", ["N", "CA", "C", "CD", "NE", "CZ", "NH1"], "NCCCNCN"),
        ("CYS", ["N", "CA", "C", "SG"], ["N", "C", "C", "S"]),
        ("HIE", ["N", "CA", "C", "ND1", "CE1", "NE2"], "NCCNCN"),
        ("MSE", ["N", "CA", "C", "SE", "CE"], ["N", "C", "C", "Se", "C"]),
        ("DA5", ["O5'", "C5'", "C4'", "C1'", "N9"], "OCCCN"),
        ("ATP", ["PB", "PA", "O3A", "C5'", "C4'", "C1'"], "PPOCCC"),
        ("HEM", ["CHA", "CHB", "C1A", "C2A", "NA", "NB", "FE"], [*"CCCCNN", "Fe"]),
        ("LIG", ["C1", "C2", "C3", "CL1", "BR2"], ["C", "C", "C", "Cl", "Br"]),
    ],
)
def test_element_follows_from_the_residue(tmp_path, residue, names, right):
    lines = [bare(name, residue, 1, 1.4 * i) for i, name in enumerate(names)]
    assert list(elements(tmp_path, *lines).values()) == list(right)


@pytest.mark.parametrize(
    ("residue", "name", "right"),
    [("CA", "CA", "Ca"), ("NA", "NA", "Na"), ("ZN", "ZN", "Zn"), ("MG", "MG", "Mg")],
)
def test_an_ion_is_no_carbon_or_nitrogen(tmp_path, residue, name, right):
    lines = chain_lines("A", (9, 0, 0))[:-1]
    found = elements(tmp_path, *lines, bare(name, residue, 300, record="HETATM"))
    if name == "CA":  # the carbons alpha of the chain have the same name
        model = read_model(tmp_path / "m.pdb")
        last = [s for r in model.regions for s in r.model.all() if s.residue.name == "CA"]
        assert [s.atom.element.name for s in last] == ["Ca"]
    else:
        assert found[name] == right


def test_left_justified_hydrogens_are_left_out(tmp_path):
    names = ["N", "CA", "C", "O", "CB", "OG", "H", "HA", "HB2", "HG", "HG1", "HE", "HO"]
    path = write_pdb(tmp_path / "m.pdb", [bare(name, "SER", 1, i) for i, name in enumerate(names)])
    model = read_model(path)
    assert model.n_atoms.sum() == 6
    assert any(note.startswith("7 hydrogens") for note in model.notes)


def test_given_elements_stay(tmp_path):
    lines = [
        pdb_line(i, name, "CMH", "A", 1, (1.4 * i, 0, 0), element=element)
        for i, (name, element) in enumerate([(" N", "N"), (" CA", "C"), (" C", "C"), ("HG", "HG")])
    ]
    assert elements(tmp_path, *lines)["HG"] == "Hg"


# ---- solvent


def water(name, number, atoms):
    rng = np.random.default_rng(number)
    place = rng.uniform(5, 65, 3)
    return [
        pdb_line(900, atom, name[:3], "C", number, place + 0.5 * i, element=element)
        for i, (atom, element) in enumerate(atoms)
    ]


ALONE = [("OW", "O")]
WITH_HYDROGENS = [("OH2", "O"), ("H1", "H"), ("H2", "H")]
FOUR_SITES = [("OW", "O"), ("HW1", "H"), ("HW2", "H"), ("MW", " ")]


@pytest.mark.parametrize(
    "name", ["SOL", "TIP3", "TP3", "T4P", "SPC", "WAT", "HOH", "H2O", "DOD", "OPC", "XYZ"]
)
@pytest.mark.parametrize("atoms", [ALONE, WITH_HYDROGENS, FOUR_SITES])
def test_waters_of_every_name_are_left_out_and_counted(tmp_path, name, atoms):
    waters = [line for i in range(12) for line in water(name, 500 + i, atoms)]
    model = read_model(write_pdb(tmp_path / "m.pdb", chain_lines("C", (9, 0, 0)), waters))
    assert model.names == ("C",)
    assert list(model.n_atoms) == [120]
    assert "12 waters were left out." in model.notes


def test_salt_of_a_simulation_goes_with_its_water_and_sites_of_a_structure_stay(tmp_path):
    salt = [
        pdb_line(900 + i, name, residue, "A", 600 + i, (i, 9, 9), element=element)
        for i, (name, residue, element) in enumerate(
            [("SOD", "SOD", " "), ("NA", "NA", "NA"), ("CL", "CL", "CL"), ("ZN", "ZN", "ZN")]
        )
    ]
    chain = chain_lines("A", (9, 0, 0))
    simulated = read_model(write_pdb(tmp_path / "m.pdb", chain, salt, water("SOL", 1, ALONE)))
    assert "3 ions of the salt of a simulation were left out." in simulated.notes
    assert list(simulated.n_atoms) == [121]
    deposited = read_model(write_pdb(tmp_path / "m.pdb", chain, salt[1:]))
    assert list(deposited.n_atoms) == [123]


def test_waters_in_a_chain_do_not_change_its_occupancy(tmp_path, half_of_c):
    lines = three_chains(tmp_path / "m.pdb").read_text().splitlines()
    waters = [line for i in range(120) for line in water("SOL", 500 + i, WITH_HYDROGENS)]
    found = occupancies(half_of_c, write_pdb(tmp_path / "m.pdb", lines[:-1], waters))
    assert found["C"][0] == pytest.approx(0.5, abs=0.02)


# ---- B-factors


@pytest.mark.parametrize("chain", ["A", "C"])
@pytest.mark.parametrize("b", [-99.0, 0.0, 90.0, 200.0, 400.0, 700.0, 999.99])
def test_odd_b_factors_of_one_chain_make_no_other_uncertain(tmp_path, half_of_c, chain, b):
    path = changed(
        tmp_path / "m.pdb",
        lambda line: f"{line[:60]}{b:6.2f}{line[66:]}" if line[21] == chain else line,
    )
    found = occupancies(half_of_c, path)
    for name, right in HALF.items():
        assert found[name][0] == pytest.approx(right, abs=0.03)
        assert found[name][1] < 0.03


def test_odd_b_factors_of_some_atoms_become_the_median_of_their_chain(tmp_path):
    path = changed(
        tmp_path / "m.pdb",
        lambda line: f"{line[:60]}999.99{line[66:]}" if line[12:16].strip() == "CB" else line,
    )
    model = read_model(path)
    assert {s.atom.b_iso for r in model.regions for s in r.model.all()} == {30.0}
    assert any(note.startswith("72 B-factors that are none") for note in model.notes)


def test_column_that_holds_something_else_gives_the_same_occupancies(tmp_path, half_of_c):
    path = changed(
        tmp_path / "m.pdb", lambda line: f"{line[:60]}{float(line[22:26]) / 24:6.2f}{line[66:]}"
    )
    found = occupancies(half_of_c, path)
    assert found["C"][0] == pytest.approx(0.5, abs=0.03)


# ---- copies and molecules under one letter


def test_residues_that_are_there_twice_count_once(tmp_path, half_of_c):
    lines = three_chains(tmp_path / "m.pdb").read_text().splitlines()[:-1]
    again = [line for line in lines if line[21:22] == "C"]
    path = write_pdb(tmp_path / "m.pdb", lines, again)
    model = read_model(path)
    assert any("120 atoms are in the file twice at one place" in note for note in model.notes)
    assert not model.doubts
    assert occupancies(half_of_c, path)["C"][0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("divided", [True, False])
@pytest.mark.parametrize("first", [1, 25])
def test_two_molecules_under_one_letter_are_told(tmp_path, divided, first):
    one, other = chain_lines("A", (0, 0, 0)), chain_lines("A", (40, 0, 0), seed=3)
    if not divided:
        one = one[:-1]
        if first == 25:
            return  # numbers go on and nothing divides: one molecule
    other = [
        f"{line[:22]}{int(line[22:26]) + first - 1:>4}{line[26:]}" if line != "TER" else line
        for line in other
    ]
    model = read_model(write_pdb(tmp_path / "m.pdb", one, other))
    (doubt,) = model.doubts
    assert f"Chain A holds 2 molecules (residues 1-24, {first}-{first + 23})" in doubt
    assert model.n_atoms.sum() == 240
    assert not any("twice" in note for note in model.notes)


def test_alternate_conformers_of_two_molecules_are_not_mixed(tmp_path):
    def pair(place):
        return [
            pdb_line(1, " CB", "SER", "A", 50, (place, 1, 1), altloc="A", occupancy=0.5),
            pdb_line(2, " CB", "SER", "A", 50, (place + 1, 1, 1), altloc="B", occupancy=0.5),
        ]

    path = write_pdb(
        tmp_path / "m.pdb", chain_lines("A", (0, 0, 0))[:-1], pair(0), ["TER"], pair(50)
    )
    (region,) = read_model(path).regions
    assert sum(s.atom.occ for s in region.model.all()) == pytest.approx(122)


# ---- hand


def real_amino_acids(sign):
    """Twenty alanines of textbook geometry, of the hand of life for sign +1."""
    places = {
        "N": (-0.52, 1.36, 0.0), "CA": (0, 0, 0), "C": (1.53, 0, 0),
        "O": (2.15, -1.06, 0), "CB": (-0.53, -0.77, -1.21),
    }  # fmt: skip
    lines = []
    for i in range(20):
        for name, (x, y, z) in places.items():
            place = (x + 4 * (i % 5), y + 4 * (i // 5), sign * z)
            lines.append(pdb_line(len(lines), f" {name}", "ALA", "A", i + 1, place))
    return lines


def test_mirror_image_of_amino_acids_is_told(tmp_path):
    assert not read_model(write_pdb(tmp_path / "m.pdb", real_amino_acids(1))).doubts
    (doubt,) = read_model(write_pdb(tmp_path / "m.pdb", real_amino_acids(-1))).doubts
    assert "mirror image: 20 of its 20 amino acids" in doubt


def test_models_of_the_archive_are_of_the_hand_of_life(shared):
    for name in ("4opj.cif", "50S_RNA_5S.pdb", "3bep.cif", "7a4m.cif"):
        assert not read_model(shared / "data" / "models" / f"{name}.gz").doubts


# ---- atoms that were not seen


@pytest.mark.parametrize("place", ["9999.000", "-999.999", " 500.000"])
def test_an_atom_far_away_changes_no_occupancy_and_is_told(tmp_path, half_of_c, place):
    def far(line):
        chosen = line[12:16] == " CB " and line[21:26] == "C   7"
        return f"{line[:30]}{place}{line[38:]}" if chosen else line

    table = chain_occupancy([half_of_c], changed(tmp_path / "m.pdb", far))
    rows = {row.region: row for row in table.rows}
    assert [rows[name].occupancy for name in "ABC"] == pytest.approx([1, 1, 0.5], abs=0.02)
    assert any("outside the map" in flag for flag in rows["C"].flags)


@pytest.mark.parametrize("chains", ["C", "ABC"])
def test_chains_without_any_occupancy_are_named(tmp_path, chains):
    path = changed(
        tmp_path / "m.pdb",
        lambda line: f"{line[:54]}  0.00{line[60:]}" if line[21] in chains else line,
    )
    if chains == "ABC":
        with pytest.raises(ParameterError, match="with them all of chain A, B, C"):
            read_model(path)
    else:
        model = read_model(path)
        assert [region.name for region in model.regions] == ["A", "B"]
        assert "120 atoms with zero occupancy were left out, with them all of chain C." in (
            model.notes
        )
