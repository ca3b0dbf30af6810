"""The command line takes what the seed programs took, and its help says all about it."""

import dataclasses
import re
from pathlib import Path

import pytest
from small_jobs import ROOT, run_cli

import occupy_core
from occupy_core import ParameterError
from occupy_core.commands.scale.cli import COMMAND, job_values
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.options import SECTIONS
from occupy_core.plain_values import value_types
from occupy_core.scale.params import METHODS, MODES, ModifyParams, ScaleParams


def job(*arguments):
    return ScaleJob.from_dict(job_values(COMMAND.parse([str(a) for a in arguments])))


# ---- options ----------------------------------------------------------------------------------

CLASSES = {"": ScaleJob, "scale": ScaleParams, "modify": ModifyParams}


def list_parameters():
    """Fields of the job and of its parts, as options name them, with their dataclass."""
    for group, cls in CLASSES.items():
        for field in dataclasses.fields(cls):
            if field.name not in CLASSES:
                yield (f"{group}.{field.name}" if group else field.name), cls, field


@pytest.mark.parametrize(
    ("name", "cls", "field"), list(list_parameters()), ids=lambda v: str(v)[:30]
)
def test_every_parameter_has_an_option_of_its_type(name, cls, field):
    options = [option for option in COMMAND.options() if option.field == name]
    assert options, f"no option sets {name}"
    expected = value_types(cls)[field.name]
    for option in options:
        if option.kind is bool and not isinstance(option.constant, bool):
            assert option.constant in expected.choices
        else:
            assert option.kind is expected.kind


@pytest.mark.parametrize(
    ("name", "cls", "field"), list(list_parameters()), ids=lambda v: str(v)[:30]
)
def test_the_help_states_the_default_that_the_parameter_has(name, cls, field):
    default = field.default
    if default is None or default is False or default is dataclasses.MISSING:
        return
    options = [option for option in COMMAND.options() if option.field == name]
    if default is True:
        assert any("default" in option.text for option in options)
    elif name == "scale.mode":
        assert "res otherwise" in options[0].text
    elif name != "outdir":
        assert any(f"default {default}" in option.text for option in options)


def test_no_option_sets_what_does_not_exist():
    known = {name for name, _, _ in list_parameters()} | COMMAND.command_fields
    assert {option.field for option in COMMAND.options()} == known


def test_no_spelling_means_two_things():
    flags = [flag for option in COMMAND.options() for flag in option.flags]
    assert len(flags) == len(set(flags))


def test_defaults_are_those_of_the_dataclasses():
    plain = job("x.mrc")
    assert plain == dataclasses.replace(ScaleJob(Path("x.mrc")), map=plain.map, outdir=plain.outdir)
    assert plain.map == Path("x.mrc").absolute()


SPELLINGS = [
    # The README of release 0.1.5 and the command line of 0.1.13, short and long.
    ("-i y.mrc", "map", Path("y.mrc").absolute()),
    ("--input-map y.mrc", "map", Path("y.mrc").absolute()),
    ("-r 8", "scale.resolution", 8.0),
    ("--resolution 8.5", "scale.resolution", 8.5),
    ("--granularity 8", "scale.granularity", 8.0),
    ("--report", "report", True),
    ("-am 4", "modify.amplify", 4.0),
    ("--amplify 4", "modify.amplify", 4.0),
    ("--amplify=4", "modify.amplify", 4.0),
    ("--amplify --gamma 4", "modify.amplify", 4.0),
    ("-am -g 4", "modify.amplify", 4.0),
    ("--gamma 4 --amplify", "modify.amplify", 4.0),
    ("-at 3", "modify.attenuate", 3.0),
    ("--attenuate 3", "modify.attenuate", 3.0),
    ("--attenuate -g 3", "modify.attenuate", 3.0),
    ("--sigmoid 5", "modify.sigmoid", 5.0),
    ("--sigmoid --gamma 5", "modify.sigmoid", 5.0),
    ("--pivot 0.3", "modify.pivot", 0.3),
    ("-t 0.9", "scale.tau", 0.9),
    ("--tau 0.9", "scale.tau", 0.9),
    ("-k 5", "scale.kernel_size", 5),
    ("--kernel 5", "scale.kernel_size", 5),
    ("--kernel-size 5", "scale.kernel_size", 5),
    ("--kernel-radius 2.5", "scale.kernel_radius", 2.5),
    ("--tile-size 10", "scale.tile_size", 10),
    ("-lp 12", "scale.lowpass", 12.0),
    ("--lowpass 12", "scale.lowpass", 12.0),
    ("--lowpass-output 6", "modify.lowpass_output", 6.0),
    ("--exclude-solvent", "modify.exclude_solvent", True),
    ("--retain-solvent", "modify.exclude_solvent", False),
    ("--exclude-solvent --retain-solvent", "modify.exclude_solvent", False),
    ("--max-box 200", "scale.max_box", 200),
    ("--hedge-confidence 10", "scale.hedge_confidence", 10.0),
    ("--solvent-def m.mrc", "solvent_def", Path("m.mrc").absolute()),
    ("--solvent-definition m.mrc", "solvent_def", Path("m.mrc").absolute()),
    ("--scale-limit 0.1", "modify.scale_limit", 0.1),
    ("--nlrc", "scale.nlrc", True),
    ("--no-nlrc", "scale.nlrc", False),
    ("--hist-match", "modify.hist_match", True),
    ("--hist_match", "modify.hist_match", True),
    ("--target-mask m.mrc", "target_mask", Path("m.mrc").absolute()),
    ("-o y.mrc", "name", "y"),
    ("--output-map y", "name", "y"),
    ("--plot", "plot", True),
    ("--no-plot", "plot", False),
    ("--save-all-maps", "save_all_maps", True),
    ("--save_all_maps", "save_all_maps", True),
    ("--chimerax", "chimerax", True),
    ("--no-chimerax", "chimerax", False),
    ("--chimerax-silent", "chimerax_silent", True),
    ("--chimerax_silent", "chimerax_silent", True),
    ("--min-vis-scale 0.1", "min_vis_scale", 0.1),
    ("--min_vis_scale 0.1", "min_vis_scale", 0.1),
    ("--S0", "scale.s0", True),
    ("--SW", "scale.s0", False),
    ("--lp-scale", "scale.mode", "occ"),
    ("--occupancy", "scale.mode", "occ"),
    ("--raw-scale", "scale.mode", "res"),
    ("--raw_scale --amplify 2", "scale.mode", "res"),
    ("--omit-confidence", "modify.omit_confidence", True),
    ("--keep-output-path", "outdir", Path.cwd()),
    # Ours.
    ("--mode occ", "scale.mode", "occ"),
    ("--method occupy", "scale.method", "occupy"),
    ("--outdir out", "outdir", Path("out").absolute()),
    ("--half1 a.mrc --half2 b.mrc", "half2", Path("b.mrc").absolute()),
    ("--resolution-map r.mrc", "resolution_map", Path("r.mrc").absolute()),
    ("--scale-map s.mrc", "scale_map", Path("s.mrc").absolute()),
    ("--scale-sigma e.mrc", "scale_sigma", Path("e.mrc").absolute()),
    ("--regional-confidence r.mrc", "regional_confidence", Path("r.mrc").absolute()),
    ("--confidence-map c.mrc", "confidence_map", Path("c.mrc").absolute()),
    ("--voxel-size 1.35", "voxel_size", 1.35),
    ("--subtraction-mask --attenuate 3", "modify.subtraction_mask", True),
    ("--solvent-def-scale 0.4", "scale.solvent_def_scale", 0.4),
    ("--seed 7", "modify.seed", 7),
    ("--threads 2", "threads", 2),
    ("--force", "force", True),
]


@pytest.mark.parametrize(("text", "name", "value"), SPELLINGS, ids=[s[0] for s in SPELLINGS])
def test_every_spelling_sets_its_parameter(text, name, value):
    options = text.split()
    inputs = [] if {"-i", "--input-map"} & set(options) else ["x.mrc"]
    for arguments in ([*inputs, *options], [*options, *inputs]):
        found = job(*arguments)
        for part in name.split("."):
            found = getattr(found, part)
        assert found == value
        assert type(found) is type(value)


def test_every_flag_stands_in_the_table_of_spellings():
    tried = {token.replace("_", "-") for text, _, _ in SPELLINGS for token in text.split()}
    flags = {
        flag
        for options in SECTIONS.values()
        for option in options
        for flag in option.flags
        if option.field not in COMMAND.command_fields - {"gamma", "keep_output_path"}
    }
    assert flags - {"--gamma", "-g"} <= {t.partition("=")[0] for t in tried}


@pytest.mark.parametrize("number", ["-0.003", "-3e-3", "-.5", "-4"])
@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("flag", ["--pivot", "-t", "--scale-limit", "--amplify"])
def test_a_negative_number_is_a_value_and_no_option(number, joined, flag):
    given = COMMAND.parse(["x.mrc", f"{flag}={number}"] if joined else ["x.mrc", flag, number])
    given.pop("map")
    assert list(given.values()) == [float(number)]


def test_a_map_after_a_bare_modification_is_not_its_power():
    found = job("--gamma", "3", "--attenuate", "x.mrc")
    assert found.modify.attenuate == 3.0
    assert found.map.name == "x.mrc"


def test_one_gamma_serves_several_modifications():
    modify = job("x.mrc", "--amplify", "--attenuate", "2", "--sigmoid", "--gamma", "5").modify
    assert (modify.amplify, modify.attenuate, modify.sigmoid) == (5.0, 2.0, 5.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x.mrc --amplify", r"--amplify has no power; give it one \(--amplify 4\) or --gamma\."),
        ("x.mrc --gamma 3", "--gamma 3 has no modification to go with"),
        ("x.mrc --gamma 3 --amplify 4", "--gamma 3 has no modification to go with"),
        ("x.mrc y.mrc", "The argument y.mrc is unknown"),
        ("x.mrc -i y.mrc", "Two maps are given, x.mrc and y.mrc"),
        ("x.mrc --nonsense", "The option --nonsense is unknown; see occupy-core scale --help."),
        ("x.mrc --plo", "The option --plo is unknown"),
        ("x.mrc --tau", "--tau: expected one argument; see occupy-core scale --help."),
        ("x.mrc --tau high", "'high' is not a number; see"),
        ("x.mrc --tau nan", "'nan' is not a number; see"),
        ("x.mrc --tau inf", "'inf' is not a number; see"),
        ("x.mrc --kernel 4.5", "'4.5' is not a whole number"),
        ("x.mrc --plot=yes", "ignored explicit argument 'yes'"),
        ("x.mrc --mode full", "'mode' of the job is 'full' but must be res or occ"),
        ("x.mrc --method other", "'method' of the job is 'other' but must be calibrated or occupy"),
        ("--keep-output-path", "No map is given"),
        ("x.mrc --keep-output-path --outdir a", "Both --outdir and --keep-output-path are given"),
    ],
)
def test_a_mistake_is_named(text, sentence):
    with pytest.raises(ParameterError, match=sentence):
        job(*text.split())


def test_choices_are_those_of_the_parameters():
    types = value_types(ScaleParams)
    assert types["mode"].choices == MODES
    assert types["method"].choices == METHODS


# ---- help -------------------------------------------------------------------------------------


def test_help_has_every_option_and_one_sentence_each():
    text = COMMAND.help_text(long=False)
    for options in SECTIONS.values():
        for option in options:
            assert all(re.search(rf"(^|\s){re.escape(flag)}\b", text) for flag in option.flags)
    assert all(len(line) <= 92 for line in text.splitlines())


def test_help_all_has_every_word_about_every_option():
    text = " ".join(COMMAND.help_text(long=True).split())
    for options in SECTIONS.values():
        for option in options:
            assert option.text in text


def test_the_manual_page_is_what_help_all_prints():
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- help-all -->\n```text\n(.*?)```\n<!-- /help-all -->", page, re.DOTALL)
    assert match, "docs/command_line.md lacks the block between the help-all marks"
    assert match[1] == COMMAND.help_text(long=True)


def test_the_manual_page_knows_every_option_it_names():
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    known = {flag for option in COMMAND.options() for flag in option.flags} | {
        "--offscreen",
        "--option",
    }
    named = set(re.findall(r"(?<![\w-])--[A-Za-z][A-Za-z0-9-]*", page))
    assert {flag for flag in named if not flag.endswith("-")} <= known


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "commands:"),
        (["--help"], "commands:"),
        (["-h"], "commands:"),
        (["--version"], f"occupy_core {occupy_core.__version__}\n"),
        (["scale", "--version"], f"occupy_core {occupy_core.__version__}\n"),
        (["scale", "--help"], "See --help-all for more"),
        (["scale", "-h"], "See --help-all for more"),
        (["scale", "--help-all"], "led by single heavy"),
        (["scale", "x.mrc", "--amplify", "2", "--help"], "usage:"),
    ],
)
def test_help_and_version_are_printed_and_nothing_is_done(capsys, arguments, text):
    status, out, err = run_cli(capsys, *arguments)
    assert status == 0
    assert text in out
    assert err == ""
