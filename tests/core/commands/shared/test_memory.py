"""What cannot fit into memory is told before anything is loaded; the need is that of the box."""

import gzip
import json
import resource
import subprocess
import sys

import pytest
from small_jobs import run_cli, write_small_map
from small_maps import raw_map, values

from occupy_core import ParameterError, machine
from occupy_core.commands.main import _COMMANDS
from occupy_core.commands.shared import memory
from occupy_core.commands.shared.memory import box_of, require_memory


def limited(arguments, megabytes):
    """Run the program with a limit of its address space."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    command = [sys.executable, "-m", "occupy_core", *map(str, arguments)]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("megabytes", [100, 300, 600])
def test_too_little_address_space_is_told_with_need_and_limit(tmp_path, megabytes):
    small = write_small_map(tmp_path / "x.mrc")
    status, out, err = limited(["scale", small, "--outdir", tmp_path / "out"], megabytes)
    assert (status, out) == (2, "")
    assert err.startswith("occupy-core: error: The command scale needs about ")
    assert f"(ulimit -v) is {(megabytes << 20) / 1e6:.0f} MB; raise it" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_enough_address_space_is_enough(tmp_path):
    small = write_small_map(tmp_path / "x.mrc")
    words = ["scale", small, "--outdir", tmp_path / "out", "--quiet", "--threads", "1"]
    assert limited(words, 4000) == (0, "", "")


@pytest.mark.parametrize("field", ["map", "half1", "maps", "volumes", "masks"])
@pytest.mark.parametrize("kind", ["plain", "other order", "gz", "of Scipion"])
def test_the_box_is_read_from_the_header_of_the_first_map(tmp_path, field, kind):
    path = tmp_path / "a.mrc"
    raw_map(path, values((4, 6, 7)), order=">" if kind == "other order" else "<")
    if kind == "gz":
        packed = tmp_path / "a.mrc.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    name = f"{path}:mrc" if kind == "of Scipion" else path
    given = {field: [name, "b.mrc"] if field.endswith("s") else name}
    assert box_of(given) == (7, 6, 4)
    params = tmp_path / "p.json"
    plain = json.loads(json.dumps(given, default=str))
    for record in (plain, {"job": plain}):
        params.write_text(json.dumps(record))
        assert box_of({"params": params}) == (7, 6, 4)


@pytest.mark.parametrize("content", [b"", b"x" * 2000, b"\x1f\x8b" + b"x" * 2000, b"\0" * 2000])
def test_what_is_no_map_is_left_to_its_reader(tmp_path, content):
    (tmp_path / "a.mrc").write_bytes(content)
    (tmp_path / "p.json").write_bytes(content)
    for given in ({"map": tmp_path / "a.mrc"}, {"params": tmp_path / "p.json"}, {}):
        assert box_of(given) is None
        require_memory("scale", given)


def test_volumes_of_a_folder_are_looked_at(tmp_path):
    raw_map(tmp_path / "v1.mrc", values((4, 6, 7)))
    assert box_of({"volumes_dir": tmp_path}) == (7, 6, 4)


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_of_a_control_group_or_of_one_above_counts(tmp_path, monkeypatch, version):
    groups = tmp_path / "groups"
    own = tmp_path / "own"
    if version == 2:
        folder, name = groups / "slurm" / "job1", "memory.max"
        own.write_text("0::/slurm/job1\n")
    else:
        folder, name = groups / "memory" / "slurm" / "job1", "memory.limit_in_bytes"
        own.write_text("5:cpu:/x\n4:memory:/slurm/job1\n")
    folder.mkdir(parents=True)
    (folder / name).write_text("max\n" if version == 2 else "9223372036854771712\n")
    (folder.parent / name).write_text("300000000\n")
    monkeypatch.setattr(machine, "_GROUPS", groups)
    monkeypatch.setattr(machine, "_OWN_GROUPS", own)
    assert (300000000, False, "the limit of this container or job (cgroup)") in (
        machine.memory_limits()
    )
    large = raw_map(tmp_path / "a.mrc", values((4, 6, 7)), nx=400, ny=400, nz=400)
    with pytest.raises(ParameterError, match=r"400 x 400 x 400 voxels, but the limit of this cont"):
        require_memory("resolution", {"map": large})
    (folder.parent / name).unlink()
    assert machine._group_limit() is None


def test_a_dry_run_says_time_and_memory_and_writes_nothing(capsys, tmp_path):
    small = write_small_map(tmp_path / "x.mrc")
    words = ("scale", small, "--outdir", tmp_path / "out", "--threads", "1", "--dry-run")
    status, out, err = run_cli(capsys, *words)
    assert (status, err) == (0, "")
    assert "on 1 maps of 40 x 32 x 30 voxels needs about" in out
    assert "on 1 threads. Nothing was computed or written." in out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["particles", "scale", "blocks"])
def test_a_dry_run_without_a_map_says_so(capsys, command):
    status, out, _ = run_cli(capsys, command, "--dry-run")
    assert status == 0
    assert "not known" in out or "less than" in out


def test_the_need_grows_with_the_box_and_not_with_what_is_binned_away():
    whole = memory._bytes("blocks", (64, 64, 64), {}, 1)
    assert memory._bytes("blocks", (128, 128, 128), {}, 1) > whole
    assert memory._bytes("blocks", (128, 128, 128), {"bin": 2}, 1) == whole


def test_each_volume_that_is_held_beside_the_others_counts(tmp_path):
    for i in range(40):
        raw_map(tmp_path / f"v{i:02d}.mrc", values((4, 6, 7)), nx=200, ny=200, nz=200)
    files = sorted(tmp_path.glob("*.mrc"))
    (tmp_path / "p.json").write_text(json.dumps({"job": {"volumes": [str(f) for f in files]}}))
    ways = [{"volumes": files}, {"volumes_dir": tmp_path}, {"params": tmp_path / "p.json"}]
    found = [memory.need_of("blocks", {**given, "threads": 1}) for given in ways]
    assert found[0] == found[1] == found[2]
    one = memory.need_of("blocks", {"volumes": files[:1], "threads": 1})
    assert found[0][0] > one[0] + 30e6
    assert found[0][1] > one[1]


def test_a_map_that_is_resampled_needs_little_more():
    small, large = (memory._bytes("scale", (n, n, n), {}, 1) for n in (256, 512))
    assert small < large < 3 * small
    assert memory._bytes("scale", (512,) * 3, {"scale.max_box": 512}, 1) > 2 * large


def test_every_command_of_maps_has_a_need():
    assert set(memory.NEEDS) >= {*_COMMANDS} - {
        "particles",
        "report",
        "batch",
        "relion-hook",
        "watch",
    }
