"""Bad input: one sentence on stderr, exit status 2, no traceback, nothing written."""

import gzip
import struct

import numpy as np
import pytest
from small_jobs import SHAPE, contents, run_cli, write_small_map

from occupy_core.maps import Grid, read_map, write_map

HEADER = 1024


class Inputs:
    """A folder with one good map, and ways to make bad ones of it."""

    def __init__(self, folder):
        self.folder = folder
        self.map = write_small_map(folder / "x.mrc")

    def bytes(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def with_header(self, **fields):
        """The good map with other header fields: offset of a word and its value."""
        content = bytearray(self.map.read_bytes())
        for offset, value in fields.values():
            struct.pack_into("<f" if isinstance(value, float) else "<i", content, offset, value)
        return self.bytes("bad.mrc", content)

    def with_value(self, value):
        data = read_map(self.map).data.copy()
        data[3, 4, 5] = value
        return self.bytes("bad.mrc", self.map.read_bytes()[:HEADER] + data.tobytes())

    def constant(self):
        density = read_map(self.map)
        return write_map(self.folder / "bad.mrc", density.with_data(np.full(SHAPE, 2.5)))

    def on_other_grid(self, **options):
        grid = Grid(**{"shape": (24, 24, 24), "voxel_size": (2.0, 2.0, 2.0), **options})
        return write_small_map(self.folder / "bad.mrc", grid=grid)


def missing(inputs):
    return [inputs.folder / "bad.mrc"]


def folder(inputs):
    (inputs.folder / "bad.mrc").mkdir()
    return [inputs.folder / "bad.mrc"]


def empty(inputs):
    return [inputs.bytes("bad.mrc", b"")]


def only_half_a_header(inputs):
    return [inputs.bytes("bad.mrc", inputs.map.read_bytes()[:500])]


def truncated(inputs):
    return [inputs.bytes("bad.mrc", inputs.map.read_bytes()[:-1000])]


def truncated_gzip(inputs):
    return [inputs.bytes("bad.mrc.gz", gzip.compress(inputs.map.read_bytes(), mtime=0)[:-2000])]


def text(inputs):
    return [inputs.bytes("bad.mrc", b"data_model\nloop_\n_atom_site.id\n" * 100)]


def image(inputs):
    return [inputs.with_header(nz=(8, 1))]


def stack(inputs):
    return [inputs.with_header(ispg=(88, 0), mz=(36, 1))]


def transform(inputs):
    return [inputs.with_header(mode=(12, 4))]


def not_a_number(inputs):
    return [inputs.with_value(np.nan)]


def infinite(inputs):
    return [inputs.with_value(np.inf)]


def constant(inputs):
    return [inputs.constant()]


def no_voxel_size(inputs):
    return [inputs.with_header(x=(40, 0.0), y=(44, 0.0), z=(48, 0.0))]


def mask_on_another_grid(inputs):
    return [inputs.map, "--solvent-def", inputs.on_other_grid()]


def mask_with_another_voxel_size(inputs):
    mask = inputs.on_other_grid(shape=SHAPE, voxel_size=(4.0, 4.0, 4.0))
    return [inputs.map, "--solvent-def", mask]


def target_mask_on_another_grid(inputs):
    return [inputs.map, "--target-mask", inputs.on_other_grid()]


def target_mask_without_a_voxel(inputs):
    density = read_map(inputs.map)
    mask = write_map(inputs.folder / "bad.mrc", density.with_data(np.zeros(SHAPE)))
    return [inputs.map, "--target-mask", mask]


def scale_map_on_another_grid(inputs):
    return [inputs.map, "--scale-map", inputs.on_other_grid()]


def half_map_on_another_grid(inputs):
    halves = ["--half1", inputs.map, "--half2", inputs.on_other_grid()]
    return [inputs.map, *halves, "--amplify", "2"]


def one_half_map(inputs):
    return [inputs.map, "--half1", inputs.map, "--amplify", "2"]


def half_map_missing(inputs):
    halves = ["--half1", inputs.map, "--half2", inputs.folder / "bad.mrc"]
    return [inputs.map, *halves, "--amplify", "2"]


def given(*options):
    def arguments(inputs):
        return [inputs.map, *options]

    return arguments


def no_map(inputs):
    return []


BAD = "The map {bad}"
TABLE = {
    missing: BAD + " does not exist; check the path.",
    folder: "{bad} is a folder, not a map, and holds no finished job of RELION (…_model.star) or "
    "cryoSPARC (J…_volume.mrc); give the file in it.",
    empty: BAD + " is empty; copy it again.",
    only_half_a_header: (
        "{bad} has 500 bytes, but the header of a map alone has 1024; "
        "it is truncated or no MRC map."
    ),
    truncated: (
        BAD + " is truncated: it has 152600 bytes of data, but its header says 153600; "
        "copy it again."
    ),
    truncated_gzip: "The map {bad}.gz cannot be read: it is truncated.",
    text: "{bad} is not an MRC map: its first bytes are no MRC header.",
    image: "{bad} is an image of 40 x 32 x 1 voxels; give a volume.",
    stack: "{bad} is a stack of 30 images; give a volume.",
    transform: "{bad} is a transform (complex mode 4); give a real map.",
    not_a_number: (
        BAD
        + " has 1 values that are not numbers (NaN or infinite); make it again or set them to 0."
    ),
    infinite: (
        BAD
        + " has 1 values that are not numbers (NaN or infinite); make it again or set them to 0."
    ),
    constant: ("bad has the value 2.5 everywhere, so it has no solvent; give a map that varies."),
    no_voxel_size: (
        "The voxel size of {bad} is 0 x 0 x 0 Å but must be positive, from 0.01 to 1000; "
        "correct the header or give --voxel-size."
    ),
    mask_on_another_grid: (
        "The solvent definition bad has 24 x 24 x 24 voxels, but x has 30 x 32 x 40; "
        "resample it onto the grid of the map."
    ),
    mask_with_another_voxel_size: (
        "The solvent definition bad has a voxel size of 4 x 4 x 4 Å, but x has 2 x 2 x 2 Å "
        "(20.0 voxels over the box, limit 0.25); correct the header that is wrong."
    ),
    target_mask_on_another_grid: (
        "The target mask bad has 24 x 24 x 24 voxels, but x has 30 x 32 x 40; "
        "resample it onto the grid of the map."
    ),
    target_mask_without_a_voxel: (
        "The target mask bad has no voxel above 0.5; give a mask with values 0 and 1."
    ),
    scale_map_on_another_grid: (
        "The scale map bad has 24 x 24 x 24 voxels, but x has 30 x 32 x 40; "
        "resample it onto the grid of the map."
    ),
    half_map_on_another_grid: (
        "The half map 2 bad has 24 x 24 x 24 voxels, but x has 30 x 32 x 40; "
        "resample it onto the grid of the map."
    ),
    one_half_map: ("Only one half map is given, but there must be two; give --half1 and --half2."),
    half_map_missing: BAD + " does not exist; check the path.",
    given("--amplify", "0.5"): (
        "The power (gamma) of the amplification is 0.5 but must be a number of at least 1; "
        "2 to 5 are useful."
    ),
    given("--attenuate", "--gamma=-2"): (
        "The power (gamma) of the attenuation is -2.0 but must be a number of at least 1; "
        "2 to 5 are useful."
    ),
    given("--sigmoid", "0"): (
        "The power (gamma) of the sigmoid is 0.0 but must be a number of at least 1; "
        "2 to 5 are useful."
    ),
    given("--sigmoid", "4", "--pivot", "0"): (
        "The pivot of the sigmoid is 0.0 but must be above 0 and below 1."
    ),
    given("--sigmoid", "4", "--pivot", "1.2"): (
        "The pivot of the sigmoid is 1.2 but must be above 0 and below 1."
    ),
    given("--pivot", "-0.003"): (
        "The pivot of the sigmoid is -0.003 but must be above 0 and below 1."
    ),
    given("--kernel", "4"): (
        "The kernel size is 4 voxels but must be an odd number of at least 3; give 5."
    ),
    given("--kernel", "1"): (
        "The kernel size is 1 voxels but must be an odd number of at least 3; give 3."
    ),
    given("--kernel", "31"): (
        "The kernel size is 31 voxels but the shortest edge of the box has 30; "
        "give a smaller one or a larger box."
    ),
    given("--tile-size", "50"): (
        "The tile size is 50 voxels but the shortest edge of the box has 30; "
        "give a smaller one or a larger box."
    ),
    given("--tau", "1.5"): "Tau is 1.5 but must be above 0 and at most 1.",
    given("--lowpass", "-8"): "The low-pass is -8.0 but must be a positive number.",
    given("--lowpass", "500"): (
        "The low-pass is 500 Å but must not be larger than the shortest edge of the box, 60.0 Å."
    ),
    given("--voxel-size", "0"): "The voxel size is 0.0 Å but must be a positive number.",
    given("--subtraction-mask"): (
        "A subtraction mask is made of an attenuation or a sigmoid, but neither is given; "
        "give a power above 1 for one of them."
    ),
    given("--threads", "0"): "The number of threads is 0 but must be at least 1.",
    given("--seed", "-1"): "The seed is -1 but must not be negative.",
    given("--emdb", "3061"): ("Both the map {map} and --emdb 3061 are given; leave out one."),
    given("--params", "nowhere.json"): (
        "nowhere.json cannot be read: No such file or directory; check the path."
    ),
    no_map: "No map is given; give MAP, --emdb ID or --params FILE.",
}


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "in").mkdir()
    return Inputs(tmp_path / "in")


def name(case):
    return case.__name__ if case.__name__ != "arguments" else " ".join(case(Nothing)[1:])


class Nothing:
    map = None


@pytest.mark.parametrize(("case", "sentence"), TABLE.items(), ids=[name(case) for case in TABLE])
@pytest.mark.parametrize("outdir_exists", [True, False])
def test_bad_input_is_one_sentence(capsys, inputs, tmp_path, case, sentence, outdir_exists):
    outdir = tmp_path / "out"
    if outdir_exists:
        outdir.mkdir()
        (outdir / "of the user").write_text("x")
    arguments = case(inputs)
    status, _, err = run_cli(capsys, "scale", *arguments, "--outdir", outdir, "--quiet")
    expected = sentence.format(bad=inputs.folder / "bad.mrc", map=inputs.map)
    assert err == f"occupy-core: error: {expected}\n"
    assert status == 2
    assert outdir.exists() == outdir_exists
    if outdir_exists:
        assert contents(outdir) == {"of the user": b"x"}


def test_every_mistake_in_the_parameters_has_its_sentence(capsys, inputs, tmp_path):
    options = ["--kernel", "4", "--tau", "2", "--amplify", "0.5", "--outdir", tmp_path / "out"]
    status, _, err = run_cli(capsys, "scale", inputs.map, *options)
    assert status == 2
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("occupy-core: error: ") and line.endswith(".") for line in lines)


def test_an_output_that_exists_is_said_and_kept(capsys, inputs, tmp_path):
    outdir = tmp_path / "out"
    assert run_cli(capsys, "scale", inputs.map, "--outdir", outdir, "--quiet")[0] == 0
    before = contents(outdir)
    status, _, err = run_cli(capsys, "scale", inputs.map, "--outdir", outdir, "--amplify", "2")
    assert (status, err) == (
        2,
        f"occupy-core: error: {outdir}/scale_sigma_x.mrc exists already (and 4 more); give another "
        "--outdir, or --force to replace it.\n",
    )
    assert contents(outdir) == before


def test_a_file_in_place_of_the_output_folder_is_said(capsys, inputs, tmp_path):
    # Stands for every folder that cannot be made: permissions do not stop root.
    (tmp_path / "file").write_text("x")
    for outdir in (tmp_path / "file", tmp_path / "file" / "deeper"):
        status, _, err = run_cli(capsys, "scale", inputs.map, "--outdir", outdir)
        assert status == 2
        assert err == (
            f"occupy-core: error: The output folder {outdir} cannot be made, for a file has its "
            "name; give another one.\n"
        )
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(13, "Permission denied"), (28, "No space left on device"), (30, "Read-only file system")],
)
def test_a_folder_that_takes_no_file_is_said(capsys, inputs, tmp_path, monkeypatch, number, reason):
    # The system call fails in place of the file system: permissions do not stop root, and tests
    # may not mount.
    def refused(*args, **kwargs):
        raise OSError(number, reason)

    (tmp_path / "out").mkdir()
    monkeypatch.setattr("occupy_core.commands.shared.unfinished.tempfile.mkdtemp", refused)
    status, _, err = run_cli(capsys, "scale", inputs.map, "--outdir", tmp_path / "out")
    assert (status, err) == (
        2,
        f"occupy-core: error: Nothing can be written into {tmp_path}/out: {reason}; free space "
        "there or give another folder.\n",
    )
    assert contents(tmp_path / "out") == {}


def test_too_little_memory_is_said(capsys, inputs, tmp_path, monkeypatch):
    def exhausted(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("occupy_core.commands.scale.estimate.estimate_scale", exhausted)
    status, _, err = run_cli(capsys, "scale", inputs.map, "--outdir", tmp_path / "out")
    assert status == 2
    assert err.startswith("occupy-core: error: There is not enough memory")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["classify"],
            "'classify' is not a command; give one of scale, regions, blocks, resolution, "
            "classes, particles, report, batch, watch, relion-hook, as in occupy-core scale "
            "map.mrc.",
        ),
        (
            ["x.mrc"],
            "'x.mrc' is not a command; give one of scale, regions, blocks, resolution, "
            "classes, particles, report, batch, watch, relion-hook, as in occupy-core scale "
            "map.mrc.",
        ),
        (["scale", "x", "--nope"], "The option --nope is unknown; see occupy-core scale --help."),
    ],
)
def test_a_command_that_does_not_exist_is_said(capsys, arguments, sentence):
    assert run_cli(capsys, *arguments) == (2, "", f"occupy-core: error: {sentence}\n")
