"""The command line of blocks: its options, its steps, and its answers to what cannot be done."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest
from ensembles import ellipsoids
from small_jobs import ROOT, contents, run_cli

from occupy_core import ParameterError
from occupy_core.blocks.params import CORRECTIONS, THRESHOLD_RULES, BlocksParams
from occupy_core.commands.blocks import cli
from occupy_core.commands.blocks.cli import COMMAND, EXPAND, SKETCH, SUBSET, job_values
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.plain_values import value_types

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

KNOWN = ellipsoids(
    (17, 20, 22), 50, n_blocks=2, seed=2, noise=0.1, size=(0.14, 0.17), agreeing=None
)
COMMANDS = (COMMAND, SKETCH, EXPAND, SUBSET)
# Set by other options: the steps give the states, Scipion the names, --threshold the thresholds.
NO_OPTION = {"occupied", "communities", "names", "thresholds", "blocks.threshold"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("volumes")
    KNOWN.write(place)
    return place


@pytest.fixture(scope="module")
def earlier(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("earlier") / "out"
    command = [sys.executable, "-m", "occupy_core", "blocks", "--volumes-dir", folder]
    subprocess.run([*command, "--outdir", out, "--no-plot", "--quiet"], check=True)
    return out


def job(*arguments):
    return BlocksJob.from_dict(job_values(COMMAND.parse([str(a) for a in arguments])))


def record(folder):
    return json.loads((folder / "blocks.json").read_text())


# ---- options


def parameters():
    for field in dataclasses.fields(BlocksJob):
        if field.name != "blocks":
            yield field.name, value_types(BlocksJob)[field.name], field
    for field in dataclasses.fields(BlocksParams):
        yield f"blocks.{field.name}", value_types(BlocksParams)[field.name], field


@pytest.mark.parametrize(("name", "kind", "field"), list(parameters()), ids=lambda v: str(v)[:30])
def test_every_parameter_has_an_option_of_its_type_with_its_default(name, kind, field):
    if name in NO_OPTION:
        return
    options = [option for option in COMMAND.options() if option.field == name]
    assert options, f"no option sets {name}"
    assert all(option.kind is kind.kind for option in options)
    assert options[0].many == kind.many
    default = field.default
    if default not in (None, False, True, dataclasses.MISSING) and name != "outdir":
        assert f"default {default}" in options[0].text
    if default is True:
        assert "this is the default" in options[0].text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_no_option_sets_what_does_not_exist(command):
    known = {name for name, _, _ in parameters()} | command.command_fields
    assert {option.field for option in command.options()} <= known
    flags = [flag for option in command.options() for flag in option.flags]
    assert len(flags) == len(set(flags))


def test_choices_are_named_in_the_help():
    texts = {option.field: option.text for option in COMMAND.options()}
    assert all(f"{rule}: " in texts["blocks.threshold_rule"] for rule in THRESHOLD_RULES)
    assert all(f"{name}: " in texts["blocks.correction"] for name in CORRECTIONS if name != "bh")
    assert "bh (" in texts["blocks.correction"]


def test_defaults_are_those_of_the_dataclasses():
    plain = job("a.mrc", "b.mrc")
    assert [path.name for path in plain.volumes] == ["a.mrc", "b.mrc"]
    assert plain.blocks == BlocksParams()
    assert plain == BlocksJob(plain.volumes, plain.outdir)


def test_a_threshold_is_a_number_a_table_or_automatic(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("vol_1,0.5\n")
    assert job("a.mrc", "--threshold", "-0.003").blocks.threshold == -0.003
    assert job("a.mrc", "--threshold=1e-2").blocks.threshold == 0.01
    assert job("a.mrc", "--threshold", table).thresholds == table
    assert job("a.mrc", "--threshold", "auto") == job("a.mrc")
    with pytest.raises(ParameterError, match=r"'x\.csv' but must be auto, a number or a table"):
        job("a.mrc", "--threshold", "x.csv")


def test_a_new_threshold_replaces_that_of_the_record(tmp_path):
    params, table = tmp_path / "params.json", tmp_path / "t.csv"
    table.write_text("vol_1,0.5\n")
    params.write_text('{"volumes": ["a.mrc"], "blocks": {"threshold": 2.0, "seed": 3}}')
    assert job("--params", params).blocks.threshold == 2.0
    changed = job("--params", params, "--threshold", table)
    assert (changed.blocks.threshold, changed.thresholds) == (None, table)
    assert changed.blocks.seed == 3
    assert job("--params", params, "--threshold", "auto").blocks.threshold is None


def test_the_factors_of_autoseg_multiply_the_levels(tmp_path):
    assert job("a.mrc", "--posp_factor", "2").blocks.posp == 0.02
    both = job("a.mrc", "--negp", "0.01", "--negp-factor", "3")
    assert both.blocks.negp == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        # autoseg and SIREN, as their READMEs have it
        (SKETCH, "--voldir v --threads 20 --bin 1 --outdir o"),
        (SKETCH, "--voldir v --threads 20 --binfile p.csv --apix 4 --filter --subsample 2"),
        (SKETCH, "--voldir v --posp 0.01 --posp_factor 1 --negp 0.05 --negp_factor 1"),
        (EXPAND, "--config o/blocks.json --blockdir o --threads 20 --exp_frac 0.25"),
        (EXPAND, "--config o/blocks.json --posp 0.1 --posp_factor 1 --negp 0.1 --negp_factor 1"),
    ],
)
def test_the_options_of_autoseg_and_siren_are_known(command, text):
    assert command.parse(text.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "No volume is given"),
        (["--volumes-dir", "none"], "The folder none does not exist"),
        (["--volumes-dir", "."], "be taken for volumes the next time"),
        (["a.mrc", "--volumes-dir", "v"], "Both volumes and the folder"),
        (["a.mrc", "--binning", "0.5"], "'0.5' is not a whole number"),
        (["a.mrc", "--bin", "1"], "--bin is the threshold in autoseg"),
        (["a.mrc", "--bin=0.5"], "give --threshold to contour the volumes, or --binning"),
        (["a.mrc", "--threshhold", "1"], "The option --threshhold is unknown"),
        (["a.mrc", "--correction", "fdr"], "correction' of the command line is 'fdr'"),
        (["a.mrc", "b.mrc"], "a.mrc does not exist"),
        (["a.mrc", "--where", "B1 and"], "lacks a comparison"),
        (["sketch", "--outdir", "o"], "No earlier run is given"),
        (["sketch", "earlier"], "No folder is given for what is written"),
        (["sketch", "earlier", "--bin", "1", "--outdir", "o"], "contoured already"),
        (["sketch", "earlier", "--voldir", "v", "--outdir", "o"], "leave out one"),
        (["expand", "earlier", "--outdir", "o"], "earlier cannot be read"),
        (["subset", "--where", "B1 > 0"], "No search is given"),
        (["subset", "earlier"], "No rule"),
        (["subset", "e", "--where", "B1 > 0", "--link", "--copy"], "Both --copy and --link"),
        (["subset", "e", "--where", "B1 > 0", "--link"], "--link needs a folder"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(capsys, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, err = run_cli(capsys, "blocks", *arguments, "--quiet")
    assert (status, out) == (2, "")
    assert err.startswith("occupy-core: error: ")
    assert sentence in err
    assert "Traceback" not in err
    assert contents(tmp_path) == {}


# ---- runs


def test_a_search_tells_what_it_found(capsys, folder, tmp_path):
    status, out, err = run_cli(
        capsys, "blocks", "--volumes-dir", folder, "--outdir", tmp_path / "o"
    )
    assert (status, err) == (0, "")
    assert "2 blocks come and go in 50 volumes: B1" in out
    assert re.search(r"  B1 +\d+ Å3, in \d+ volumes, mean occupancy 0\.\d\d", out)
    for name in contents(tmp_path / "o"):
        assert f"  {name}" in out.splitlines()


@pytest.mark.usefixtures("empty_figures")
def test_in_the_step_of_autoseg_bin_is_the_threshold(capsys, folder, tmp_path):
    arguments = ["--voldir", folder, "--outdir", tmp_path / "o", "--bin", "0.5", "--no-plot"]
    assert run_cli(capsys, "blocks", "sketch_communities", *arguments, "--quiet") == (0, "", "")
    assert record(tmp_path / "o")["parameters"]["threshold"] == 0.5
    assert record(tmp_path / "o")["parameters"]["bin"] == 1


@pytest.mark.usefixtures("empty_figures")
def test_steps_are_done_again_from_the_saved_state(capsys, earlier, tmp_path):
    before = record(earlier)
    given = ["--outdir", tmp_path / "a", "--correction", "bh", "--quiet", "--no-plot"]
    status, _, _ = run_cli(capsys, "blocks", "sketch", earlier, *given)
    assert status == 0
    sketched = record(tmp_path / "a")
    assert sketched["parameters"]["correction"] == "bh"
    assert sketched["job"]["occupied"] == str(earlier / "state_occupied.npz")
    given = ["--config", earlier / "blocks.json", "--exp_frac", "0.9", "--outdir", tmp_path / "b"]
    status, out, _ = run_cli(capsys, "blocks", "expand_communities", *given, "--no-plot")
    assert status == 0
    assert "%  communities" not in out  # that step is not done again
    expanded = record(tmp_path / "b")
    assert expanded["parameters"]["exp_frac"] == 0.9
    assert len(expanded["blocks"]) == len(before["blocks"])
    assert expanded["union_voxels"] == before["union_voxels"]
    # A step writes a whole result, which can be run again and gone on with.
    again = ["--params", tmp_path / "b" / "blocks.json", "--outdir", tmp_path / "c", "--quiet"]
    assert run_cli(capsys, "blocks", *again)[0] == 0
    assert contents(tmp_path / "c")["block_001.mrc"] == contents(tmp_path / "b")["block_001.mrc"]


def test_a_state_in_the_output_folder_is_not_replaced(capsys, earlier):
    before = contents(earlier)
    status, _, err = run_cli(capsys, "blocks", "sketch", earlier, "--outdir", earlier, "--force")
    assert status == 2
    assert "is an input and is never replaced" in err
    assert contents(earlier) == before


@pytest.mark.usefixtures("empty_figures")
def test_a_rule_with_an_unknown_block_writes_the_rest_and_fails(capsys, folder, tmp_path):
    arguments = ["--volumes-dir", folder, "--outdir", tmp_path / "o", "--no-plot", "--quiet"]
    status, _, err = run_cli(capsys, "blocks", *arguments, "--where", "B7 > 0.5")
    assert status == 2
    assert err.count("names 'B7'") == 1
    written = contents(tmp_path / "o")
    assert {"block_001.mrc", "block_002.mrc", "blocks.json"} <= set(written)
    assert "subset.csv" not in written


def test_a_subset_is_listed_and_linked(capsys, folder, earlier, tmp_path):
    table = record(earlier)["table"]
    expected = [row["file"] for row in table if row["B1"] > 0.5 and not row["B2"] > 0.5]
    rule = ["--where", "B1 > 0.5 and not B2 > 0.5"]
    status, out, err = run_cli(capsys, "blocks", "subset", earlier, *rule)
    assert (status, out.splitlines()) == (0, expected)
    assert err == f"{len(expected)} of 50 volumes\n"
    run_cli(capsys, "blocks", "subset", earlier, *rule, "--outdir", tmp_path / "s", "--link")
    linked = [path for path in (tmp_path / "s").iterdir() if path.is_symlink()]
    assert {str(path.readlink()) for path in linked} == set(expected)
    status, _, err = run_cli(capsys, "blocks", "subset", earlier, "--where", "B8 > 0.5")
    assert status == 2
    assert "names 'B8', but the blocks are B1, B2" in err


@pytest.mark.usefixtures("empty_figures")
def test_an_input_that_changed_since_the_record_is_told(capsys, folder, earlier, tmp_path):
    changed = tmp_path / "v"
    changed.mkdir()
    for path in folder.iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    first = ["--volumes-dir", changed, "--outdir", tmp_path / "a", "--no-plot", "--quiet"]
    run_cli(capsys, "blocks", *first)
    (changed / "vol_2.mrc").write_bytes((changed / "vol_3.mrc").read_bytes())
    again = ["expand", tmp_path / "a", "--outdir", tmp_path / "b", "--quiet"]
    status, _, err = run_cli(capsys, "blocks", *again)
    assert status == 0
    assert "vol_2.mrc has changed since" in err


# ---- help


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_help_names_every_option(capsys, command):
    words = command.name.split()[1:]
    status, out, _ = run_cli(capsys, "blocks", *words, "--help-all")
    assert status == 0
    for options in command.sections.values():
        for option in options:
            assert option.flags[0] in out
    for example in command.examples:
        assert f"occupy-core {example}" in out


def test_the_manual_page_is_what_help_all_prints():
    page = (ROOT / "docs" / "blocks.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- help-all -->\n```text\n(.*?)```\n<!-- /help-all -->", page, re.DOTALL)
    assert match, "docs/blocks.md lacks the block between the help-all marks"
    assert match.group(1) == COMMAND.help_text(long=True)


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from occupy_core.commands.main import main; "
        "main(['blocks', 'subset', '--help']); "
        "print([m for m in ('numpy', 'numba', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_steps_are_those_that_the_help_shows():
    assert cli.run(["expand", "--help"]) == 0
