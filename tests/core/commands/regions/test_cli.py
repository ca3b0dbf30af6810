"""The command `regions`: its options are those of the job, its help says all, bad input is told."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from small_jobs import ROOT, run_cli
from small_models import GRID, density_of, noisy, three_chains, write_pdb

from occupy_core.commands.regions.cli import COMMAND, job_values
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map
from occupy_core.plain_values import value_types
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


def list_parameters():
    """The fields of a job and of its two groups, with the class that has them."""
    for field in dataclasses.fields(RegionsJob):
        if field.name not in ("by_model", "by_masks"):
            yield field.name, RegionsJob, field
    for group, cls in (("by_model", ChainParams), ("by_masks", RegionParams)):
        for field in dataclasses.fields(cls):
            # One option names the reference, whether it is of a model or of masks.
            name = "reference" if field.name == "reference" else f"{group}.{field.name}"
            yield name, cls, field


PARAMETERS = tuple(list_parameters())


def job(*arguments):
    return RegionsJob.from_dict(job_values(COMMAND.parse([str(a) for a in arguments])))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    model = read_model(three_chains(folder / "m.pdb"))
    write_map(folder / "map.mrc", noisy(density_of(model, {"B": 0.5}), 0.03, 1))
    return folder


# ---- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "cls", "field"), PARAMETERS)
def test_every_parameter_has_an_option_of_its_type_that_tells_its_default(name, cls, field):
    options = [option for option in COMMAND.options() if option.field == name]
    assert options, f"no option sets {name}"
    expected = value_types(cls)[field.name]
    for option in options:
        assert option.kind is expected.kind
        assert option.many == expected.many
    if field.default is True:
        assert "this is the default" in options[0].text
    elif isinstance(field.default, int | float | str) and field.default is not False:
        assert f"default {field.default}" in options[0].text


def test_no_option_sets_what_does_not_exist():
    known = {name for name, _, _ in PARAMETERS} | COMMAND.command_fields
    assert {option.field for option in COMMAND.options()} == known


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("a.mrc b.mrc --model m.cif", "maps", ["a.mrc", "b.mrc"]),
        ("--model m.cif --input-maps a.mrc b.mrc", "maps", ["a.mrc", "b.mrc"]),
        ("a.mrc --masks m.mrc n.mrc --whole", "masks", ["m.mrc", "n.mrc"]),
    ],
)
def test_files_are_read_in_their_order(text, field, value):
    assert [path.name for path in getattr(job(*text.split()), field)] == value


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("--reference-region A,B", "by_model.reference", "A,B"),
        ("--by residues", "by_model.by", "residues"),
        ("--window=15", "by_model.window", 15),
        ("--chains D G", "chains", ("D", "G")),
        ("--weights 100 2.5", "weights", (100.0, 2.5)),
        ("--no-align", "by_model.align", False),
        ("--no-plot", "plot", False),
        ("--write_masks", "write_masks", True),
        ("-r 4", "by_model.resolution", 4.0),
        ("-o run1", "name", "run1"),
    ],
)
def test_options_set_their_field(text, field, value):
    found = job("a.mrc", "--model", "m.cif", *text.split())
    for part in field.split("."):
        found = getattr(found, part)
    assert found == value


def test_the_reference_of_masks_is_no_reference_of_a_model():
    found = job("a.mrc", "--masks", "m.mrc", "--reference", "m")
    assert (found.by_masks.reference, found.by_model.reference) == ("m", None)


# ---- help -------------------------------------------------------------------------------------


def test_the_manual_page_is_what_help_all_prints():
    page = (ROOT / "docs" / "regions.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- help-all -->\n```text\n(.*?)```\n<!-- /help-all -->", page, re.DOTALL)
    assert match, "docs/regions.md lacks the block between the help-all marks"
    assert match[1] == COMMAND.help_text(long=True)


def test_the_manual_page_knows_every_option_and_file_it_names():
    page = (ROOT / "docs" / "regions.md").read_text(encoding="utf-8")
    known = {flag for option in COMMAND.options() for flag in option.flags} | {"--option"}
    named = set(re.findall(r"(?<![\w-])--[A-Za-z][A-Za-z0-9-]*", page))
    assert {flag for flag in named if not flag.endswith("-")} <= known


def test_help_lines_fit_and_load_nothing_heavy():
    assert all(len(line) <= 92 for line in COMMAND.help_text(long=False).splitlines())
    script = (
        "import sys; from occupy_core.commands.main import main; main(['regions', '--help']); "
        "heavy = {'scipy', 'gemmi', 'matplotlib', 'numba'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_gemmi_is_not_loaded_for_masks(inputs, tmp_path):
    mask = write_map(tmp_path / "m.mrc", DensityMap(np.ones(GRID.shape), GRID))
    arguments = [str(inputs / "map.mrc"), "--masks", str(mask), "--outdir", str(tmp_path / "out")]
    script = (
        "import sys; from occupy_core.commands.main import main; "
        f"assert main({['regions', *arguments]!r}) == 0; assert 'gemmi' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- runs -------------------------------------------------------------------------------------


def test_a_run_prints_the_table_and_what_it_wrote(inputs, tmp_path, capsys):
    arguments = ("regions", inputs / "map.mrc", "--model", inputs / "m.pdb", "--outdir")
    status, out, err = run_cli(capsys, *arguments, tmp_path / "out")
    assert (status, err) == (0, "")
    assert re.search(
        r"^Chain B is at 0\.[45]\d+ ± 0\.0\d+; both other chains are full\.$", out, re.MULTILINE
    )
    assert "  - Occupancies are relative to A and C, taken as full.\n" in out
    assert re.search(r"^  B  0\.(49|50|51) ± 0\.0\d$", out, re.MULTILINE)
    assert "result.json" in out
    status, out, _ = run_cli(capsys, *arguments, tmp_path / "quiet", "--quiet")
    assert (status, out) == (0, "")


def test_a_record_runs_again_with_other_options(inputs, tmp_path, capsys):
    arguments = (inputs / "map.mrc", "--model", inputs / "m.pdb", "--outdir", tmp_path / "one")
    run_cli(capsys, "regions", *arguments)
    record = tmp_path / "one" / "result.json"
    more = ("--outdir", tmp_path / "two", "--reference", "B")
    assert run_cli(capsys, "regions", "--params", record, *more)[0] == 0
    again = json.loads((tmp_path / "two" / "result.json").read_text(encoding="utf-8"))
    assert again["reference"] == ["B"]


def no_atoms(folder):
    return write_pdb(folder / "empty.pdb")


def only_water(folder):
    lines = three_chains(folder / "w.pdb").read_text().splitlines()
    water = [
        "HETATM" + line[6:12] + " O   HOH" + line[20:76] + " O" for line in lines if " CA " in line
    ]
    return write_pdb(folder / "w.pdb", water)


def no_model(folder):
    return folder / "none.cif"


def a_map(folder):
    return write_map(folder / "not_a_model.mrc", DensityMap(np.zeros(GRID.shape), GRID))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_atoms, "holds no atoms"),
        (only_water, "holds no atoms of a macromolecule"),
        (no_model, "does not exist"),
        (a_map, "cannot be read as a PDB or mmCIF model|holds no atoms"),
    ],
)
def test_bad_models_are_told_in_a_sentence(inputs, tmp_path, capsys, make, sentence):
    model = make(tmp_path)
    out = tmp_path / "out"
    status, _, err = run_cli(
        capsys, "regions", inputs / "map.mrc", "--model", model, "--outdir", out
    )
    assert status == 2
    (line,) = err.splitlines()
    assert re.search(sentence, line)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "{m}"], "No map is given"),
        (["{map}"], "No region is given"),
        (["{map}", "--model", "{m}", "--masks", "{map}"], "give one of them"),
        (["{map}", "--model", "{m}", "--reference-region", "Q"], "reference region is 'Q'"),
        (["{map}", "--model", "{m}", "--chains", "Q"], "'Q' is no chain"),
        (["{map}", "--model", "{m}", "--assembly", "7"], "no assembly '7'"),
        (["{map}", "--model", "{m}", "--by", "atom"], "chain or residues"),
        (["{map}", "--model", "{m}", "--resolution", "1.1"], "voxels of the map allow"),
        (["{map}", "--masks", "{empty}"], "empty is empty"),
        (["{map}", "--masks", "{small}"], "mask"),
        (["{map}", "{small}", "--model", "{m}"], "small"),
        (["{constant}", "--model", "{m}"], "everywhere"),
        (["{map}", "--model", "{m}", "--half1", "{map}"], "one side only"),
        (["{missing}", "--model", "{m}"], "does not exist"),
        (["{map}", "--model", "{m}", "--nonsense"], "--nonsense is unknown"),
        (["{map}", "--model", "{far}", "--no-align"], "lies outside"),
    ],
)
def test_bad_input_is_told_in_a_sentence(inputs, tmp_path, capsys, arguments, sentence):
    far = tmp_path / "far.pdb"
    lines = (inputs / "m.pdb").read_text().splitlines()
    write_pdb(far, [f"{x[:30]}{900 + i % 9:8.3f}{x[38:]}" for i, x in enumerate(lines[:-3])])
    places = {
        "map": inputs / "map.mrc",
        "m": inputs / "m.pdb",
        "far": far,
        "missing": tmp_path / "missing.mrc",
        "empty": write_map(tmp_path / "empty.mrc", DensityMap(np.zeros(GRID.shape), GRID)),
        "constant": write_map(tmp_path / "constant.mrc", DensityMap(np.ones(GRID.shape), GRID)),
        "small": write_map(
            tmp_path / "small.mrc", DensityMap(np.ones((40, 40, 40)), Grid.cubic(40, 1.5))
        ),
    }
    out = tmp_path / "out"
    given = [text.format(**places) for text in arguments]
    status, _, err = run_cli(capsys, "regions", *given, "--outdir", out)
    assert status == 2
    (line,) = err.splitlines()
    assert sentence in line
    assert not out.exists()
