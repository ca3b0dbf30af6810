"""The command `resolution`: options, help, bad input, and what it prints."""

import dataclasses
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from resolution_maps import lowpassed
from small_jobs import ROOT, contents, run_cli
from small_resolution import GRID, write_resolution_maps

from occupy_core.commands.resolution import cli as resolution
from occupy_core.commands.resolution.bench import cli as resolution_bench
from occupy_core.commands.resolution.bench.run import ResolutionBenchJob
from occupy_core.commands.resolution.cli import job_values
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.options import BENCH_SECTIONS, SECTIONS
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.plain_values import value_types
from occupy_core.resolution.result import ResolutionParams

COMMANDS = {"resolution": resolution.COMMAND, "bench": resolution_bench.COMMAND}


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return write_resolution_maps(tmp_path_factory.mktemp("maps"))


def job(*arguments):
    given = resolution.COMMAND.parse([str(a) for a in arguments])
    return ResolutionJob.from_dict(job_values(given))


# ---- options ----------------------------------------------------------------------------------


def list_parameters(job_class):
    for group, cls in (("", job_class), ("resolution", ResolutionParams)):
        for field in dataclasses.fields(cls):
            if field.name != "resolution":
                yield (f"{group}.{field.name}" if group else field.name), cls, field


# Of the parameters the bench needs the window only. Only `occupy-core classes`, which runs one job
# for each of its maps, asks for maps of zeros instead of an error.
ELSEWHERE = {
    "resolution": {"or_nothing"},
    "bench": {"resolution.filter", "resolution.second_opinion", "resolution.background"},
}


@pytest.mark.parametrize(
    ("name", "job_class"), [("resolution", ResolutionJob), ("bench", ResolutionBenchJob)]
)
def test_every_parameter_has_an_option_of_its_type_that_states_its_default(name, job_class):
    command = COMMANDS[name]
    known = set()
    for field_name, cls, field in list_parameters(job_class):
        if field_name in ELSEWHERE[name]:
            continue
        known.add(field_name)
        options = [option for option in command.options() if option.field == field_name]
        assert options, f"no option sets {field_name}"
        assert all(o.kind is value_types(cls)[field.name].kind for o in options)
        if field.default is True:
            assert any("the default" in option.text for option in options)
        elif isinstance(field.default, float):
            assert f"default {field.default}" in options[0].text
    assert {option.field for option in command.options()} == known | command.command_fields


def test_defaults_are_those_of_the_dataclasses():
    plain = job("x.mrc")
    assert plain == ResolutionJob(Path("x.mrc"))


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("-i y.mrc", "map", Path("y.mrc").absolute()),
        ("y.mrc --half1 a --half2 b", "half2", Path("b").absolute()),
        ("y.mrc --mask m.mrc", "mask", Path("m.mrc").absolute()),
        ("y.mrc --voxel_size 1.2", "voxel_size", 1.2),
        ("y.mrc --window 8", "resolution.window", 8.0),
        ("y.mrc --background -1", "resolution.background", -1.0),
        ("y.mrc --no-second-opinion", "resolution.second_opinion", False),
        ("y.mrc --filter", "resolution.filter", True),
        ("y.mrc --no-chimerax", "chimerax", False),
        ("y.mrc -o other.mrc", "name", "other"),
        ("y.mrc --threads 2", "threads", 2),
        ("y.mrc --force --plot", "force", True),
    ],
)
def test_options_reach_the_job(text, field, value):
    found = job(*text.split())
    for part in field.split("."):
        found = getattr(found, part)
    assert found == value


def test_options_count_more_than_the_file(tmp_path):
    params = tmp_path / "params.json"
    params.write_text(json.dumps({"map": "y.mrc", "filter": True, "resolution": {"window": 6}}))
    found = job("--params", params, "--no-filter", "--background", "3")
    assert not found.resolution.filter
    assert (found.resolution.window, found.resolution.background) == (6.0, 3.0)


# ---- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "mark"), [("resolution", ""), ("bench", "-bench")])
def test_the_manual_page_is_what_help_all_prints(name, mark):
    page = (ROOT / "docs" / "resolution.md").read_text(encoding="utf-8")
    block = rf"<!-- help-all{mark} -->\n```text\n(.*?)```\n<!-- /help-all{mark} -->"
    match = re.search(block, page, re.DOTALL)
    assert match, f"docs/resolution.md lacks the block between the help-all{mark} marks"
    assert match[1] == COMMANDS[name].help_text(long=True)


def test_the_manual_page_knows_every_option_and_file_it_names():
    page = (ROOT / "docs" / "resolution.md").read_text(encoding="utf-8")
    known = {flag for c in COMMANDS.values() for option in c.options() for flag in option.flags}
    named = set(re.findall(r"(?<![\w-])--[A-Za-z][A-Za-z0-9-]*", page)) - {"--option", "--no-"}
    assert {flag for flag in named if not flag.endswith("-")} <= known
    everything = ResolutionJob(
        Path("X.mrc"),
        half1=Path("a"),
        half2=Path("b"),
        plot=True,
        resolution=ResolutionParams(filter=True),
    )
    for key, file in everything.output_names().items():
        assert f"`{file}`" in page
        assert f"`{key}`" in page or key.startswith("filtered_half")


@pytest.mark.parametrize(
    ("sections", "name"), [(SECTIONS, "resolution"), (BENCH_SECTIONS, "bench")]
)
def test_help_has_every_option_and_fits_the_screen(sections, name):
    text = COMMANDS[name].help_text(long=False)
    long = " ".join(COMMANDS[name].help_text(long=True).split())
    for option in (option for section in sections.values() for option in section):
        assert all(re.search(rf"(^|\s){re.escape(flag)}\b", text) for flag in option.flags)
        assert option.text in long
    assert all(len(line) <= 92 for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--help"], "resolution "),
        (["resolution", "--help"], "usage: occupy-core resolution MAP"),
        (["resolution", "--help-all"], "A larger window is less noisy"),
        (["resolution", "bench", "--help"], "usage: occupy-core resolution bench"),
        (["resolution", "--version"], "occupy_core "),
    ],
)
def test_help_is_printed_and_nothing_is_done(capsys, arguments, text):
    status, out, err = run_cli(capsys, *arguments)
    assert (status, err) == (0, "")
    assert text in out


# ---- runs -------------------------------------------------------------------------------------


def test_the_summary_says_what_was_found_and_written(capsys, maps, tmp_path):
    status, out, _ = run_cli(
        capsys, "resolution", maps["map"], "--outdir", tmp_path / "out", "--verbose"
    )
    assert status == 0
    record = json.loads((tmp_path / "out" / "resolution_x.json").read_text())
    told = " ".join(out.split())
    assert (
        f"x.mrc: The map is resolved to {record['global_0143']:.2f} Å (FSC 0.143, "
        f"{record['global_05']:.2f} Å at 0.5; from the noise of the solvent); locally"
    ) in told
    assert f"at {record['quantiles']['50%']:.2f} ± {record['sigma_median']:.2f} Å (median)" in told
    assert f"State of the map: {record['state']}" in out
    assert record["model_checksum"] in out
    for name in contents(tmp_path / "out"):
        assert f"  {name}\n" in out


def test_quiet_prints_nothing_but_warnings(capsys, tmp_path):
    noise = np.random.default_rng(1).standard_normal(GRID.shape)
    path = write_map(tmp_path / "n.mrc", DensityMap(noise, GRID))
    assert run_cli(capsys, "resolution", path, "--outdir", tmp_path / "out", "--quiet") == (
        0,
        "",
        "Warning: Nothing stands out of the noise; no resolution is reported.\n",
    )


def test_noise_only_is_said_in_the_summary(capsys, tmp_path):
    noise = np.random.default_rng(1).standard_normal(GRID.shape)
    path = write_map(tmp_path / "n.mrc", DensityMap(noise, GRID))
    status, out, _ = run_cli(capsys, "resolution", path, "--outdir", tmp_path / "out")
    assert status == 0
    assert "n.mrc: Nothing is resolved in this map" in out
    assert "nothing stands out of the noise" in out
    assert "chimerax" not in out


def test_a_changed_input_is_said(capsys, maps, tmp_path):
    path = tmp_path / "x.mrc"
    path.write_bytes(maps["map"].read_bytes())
    assert run_cli(capsys, "resolution", path, "--outdir", tmp_path / "a", "--quiet")[0] == 0
    record = tmp_path / "a" / "resolution_x.json"
    again = ("resolution", "--params", record, "--quiet", "--outdir")
    assert "has changed" not in run_cli(capsys, *again, tmp_path / "b")[2]
    density = read_map(path)
    write_map(path, density.with_data(1.5 * density.data))
    assert (
        f"The input {path} has changed since {record} was written"
        in (run_cli(capsys, *again, tmp_path / "c")[2])
    )


def test_the_bench_prints_its_table(capsys, maps, tmp_path):
    status, out, err = run_cli(
        capsys,
        *("resolution", "bench", "--half1", maps["half1"], "--half2", maps["half2"]),
        *("--outdir", tmp_path / "out", "--verbose"),
    )
    assert (status, err) == (0, "")
    assert set(contents(tmp_path / "out")) == {"bench_h1.csv", "bench_h1.json"}
    record = json.loads((tmp_path / "out" / "bench_h1.json").read_text())
    row = record["table"][0]
    lines = out.splitlines()
    (header,) = (line for line in lines if line.startswith("map "))
    (first,) = (line for line in lines if re.match(r"as reconstructed +0\.143 ", line))
    for column in ("RMSE (Å)", "log RMSE", "Spearman", "skill", "coverage"):
        assert column in header
    assert f"{row['spearman']:.2f}" in first
    assert header.index("RMSE (Å)") == first.index(f"{row['rmse']:.2f}")
    assert f"as reconstructed at 0.143: {row['state']}; {row['voxels']} voxels" in lines
    assert any(re.match(r"soft-masked +0\.5 +learned +- ", line) for line in lines)


# ---- bad input --------------------------------------------------------------------------------


class Inputs:
    """A folder with good maps and ways to make bad ones."""

    def __init__(self, folder, maps):
        self.folder, self.maps = folder, maps

    def bytes(self, content):
        path = self.folder / "bad.mrc"
        path.write_bytes(content)
        return path

    def data(self, data, grid=GRID):
        return write_map(self.folder / "bad.mrc", DensityMap(data, grid))


def other_grid(inputs):
    grid = Grid.cubic(40, 1.5)
    return inputs.data(np.random.default_rng(1).standard_normal(grid.shape), grid)


def flat(inputs):
    data = bytearray(inputs.maps["map"].read_bytes())
    struct.pack_into("<i", data, 8, 1)
    return inputs.bytes(data)


def not_a_number(inputs):
    data = read_map(inputs.maps["map"]).data.copy()
    data[3, 4, 5] = np.nan
    return inputs.bytes(inputs.maps["map"].read_bytes()[:1024] + data.tobytes())


def same_voxels_other_size(inputs):
    return inputs.data(read_map(inputs.maps["map"]).data, Grid(GRID.shape, (3.0, 2.8, 3.2)))


MADE = {
    "MISSING": lambda i: i.folder / "bad.mrc",
    "FOLDER": lambda i: i.folder,
    "EMPTY": lambda i: i.bytes(b""),
    "TEXT": lambda i: i.bytes(b"data_model\nloop_\n_atom_site.id\n" * 100),
    "IMAGE": flat,
    "NAN": not_a_number,
    "CONSTANT": lambda i: i.data(np.full(GRID.shape, 2.5)),
    "ZERO": lambda i: i.data(np.zeros(GRID.shape)),
    "OTHER": other_grid,
    "RESIZED": same_voxels_other_size,
    "TINY": lambda i: i.data(
        np.random.default_rng(1).standard_normal((12, 12, 12)), Grid.cubic(12, 1.5)
    ),
    "COARSE": lambda i: i.data(
        lowpassed(read_map(i.maps["map"]).data, GRID, 14.0), Grid(GRID.shape, GRID.voxel_size)
    ),
    "COPY": lambda i: i.bytes(i.maps["half1"].read_bytes()),
    "MAP": lambda i: i.maps["map"],
    "H1": lambda i: i.maps["half1"],
    "H2": lambda i: i.maps["half2"],
}

BAD = [
    ("MISSING", "does not exist"),
    ("FOLDER", "is a folder, not a map"),
    ("EMPTY", "is empty"),
    ("TEXT", "is not an MRC map"),
    ("IMAGE", "is an image"),
    ("NAN", "has 1 values that are not numbers"),
    ("CONSTANT", "is 2.5 everywhere"),
    ("ZERO", "is 0 everywhere"),
    ("TINY", "12 x 12 x 12 voxels, but local resolution needs at least 16"),
    ("COARSE", "The map holds nothing finer than 1"),
    ("MAP --half1 H1", "Only one half map is given"),
    ("--half2 H2", "Only one half map is given"),
    ("MAP --half1 H1 --half2 H1", "Both half maps are"),
    ("MAP --half1 H1 --half2 COPY", "hold the same density"),
    ("H1 --half1 H1 --half2 H2", "is given as the map and as a half map"),
    ("MAP --half1 H1 --half2 OTHER", "The half map 2 bad has 40 x 40 x 40 voxels"),
    ("MAP --half1 OTHER --half2 H2", "The half map 2 h2 has"),
    ("OTHER --half1 H1 --half2 H2", "The half map 1 h1 has"),
    ("MAP --half1 H1 --half2 RESIZED", "has a voxel size of 3 x 2.8 x 3.2 Å"),
    ("MAP --half1 H1 --half2 CONSTANT", "is 2.5 everywhere"),
    ("MAP --half1 H1 --half2 MISSING", "does not exist"),
    ("MAP --mask OTHER", "The mask bad has 40 x 40 x 40 voxels"),
    ("MAP --mask ZERO", "The mask bad is nowhere above 0.5"),
    ("MAP --mask MISSING", "does not exist"),
    ("", "No map is given"),
    ("MAP H1", "The argument .* is unknown"),
    ("MAP --window 0.5", "The window is 0.5 Å but must lie between"),
    ("MAP --window wide", "'wide' is not a number"),
    ("MAP --background inf", "'inf' is not a number"),
    ("MAP --voxel-size -1", "The voxel size is -1.0 Å"),
    ("MAP --threads 0", "number of threads is 0"),
    ("MAP -o a/b", "base name of the outputs is 'a/b'"),
    ("MAP --nonsense", "The option --nonsense is unknown"),
    ("--params TEXT", "is not a JSON file"),
    ("bench --half1 H1", "Only one half map is given"),
    ("bench", "No half maps are given"),
    ("bench MAP", "The argument .* is unknown"),
    ("bench --half1 H1 --half2 OTHER", "The half map 2 bad has 40 x 40 x 40 voxels"),
    ("bench --half1 H1 --half2 COPY", "hold the same density"),
    ("bench --half1 H1 --half2 H2 --mask ZERO", "nowhere above 0.5"),
]


@pytest.mark.parametrize(("text", "sentence"), BAD, ids=[text or "nothing" for text, _ in BAD])
def test_bad_input_is_one_sentence_and_leaves_nothing(capsys, maps, tmp_path, text, sentence):
    inputs = Inputs(tmp_path, maps)
    arguments = [MADE[word](inputs) if word in MADE else word for word in text.split()]
    before = contents(tmp_path)
    status, _, err = run_cli(capsys, "resolution", *arguments, "--outdir", tmp_path / "out")
    assert status == 2
    (line,) = [line for line in err.splitlines() if "origin" not in line]
    assert re.match(rf"occupy-core: error: .*{sentence}", line), line
    assert line.endswith(".")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("what", ["resolution", "bench"])
def test_outputs_that_exist_are_kept(capsys, maps, tmp_path, what):
    name = {"resolution": "mask_x.mrc", "bench": "bench_h1.csv"}[what]
    (tmp_path / name).write_text("of mine")
    arguments = {
        "resolution": ["resolution", maps["map"]],
        "bench": ["resolution", "bench", "--half1", maps["half1"], "--half2", maps["half2"]],
    }[what]
    status, _, err = run_cli(capsys, *arguments, "--outdir", tmp_path)
    assert (status, err) == (
        2,
        f"occupy-core: error: {tmp_path / name} exists already; give another --outdir, or --force "
        "to replace it.\n",
    )
    assert contents(tmp_path) == {name: b"of mine"}


def test_a_folder_that_cannot_be_written_is_said(capsys, maps, tmp_path, monkeypatch):
    # An administrator may write anywhere, so the system is made to answer as it does for a user.
    def refused(*args, **kwargs):
        raise OSError(13, "Permission denied")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr("occupy_core.commands.shared.unfinished.tempfile.mkdtemp", refused)
    status, _, err = run_cli(capsys, "resolution", maps["map"], "--outdir", tmp_path / "out")
    assert status == 2
    assert err.startswith("occupy-core: error: Nothing can be written into")
    assert contents(tmp_path / "out") == {}


def test_an_outdir_that_is_a_file_is_said(capsys, maps, tmp_path):
    (tmp_path / "out").write_text("a file")
    status, _, err = run_cli(capsys, "resolution", maps["map"], "--outdir", tmp_path / "out")
    assert status == 2
    assert "cannot be made, for a file has its name" in err
