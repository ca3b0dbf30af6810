"""The hook in the iterations of a classification, with a stand-in for RELION's program."""

import subprocess
import sys

import numpy as np
import pytest
from small_jobs import run_cli

from occupy_core.commands.relion_hook.cli import VARIABLE
from occupy_core.maps import Grid, read_map, write_map
from occupy_core.maps.synthetic import two_bodies
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams
from occupy_core.scale.suppression import focus_factor, suppression_factor, with_power_of

GRID = Grid.cubic(40, 4.0)
WEIGHTS = (0.25, 0.75)
# Does what relion_external_reconstruct does with files: writes the map that the STAR file names.
PROGRAM = """\
#!/bin/sh
result=$(sed -n 's/^_rlnExtReconsResult  *//p' "$1")
[ "$2" = "--skip_gridding" ] || { echo "no option came" >&2; exit 3; }
cp "$(dirname "$1")/made_$(basename "$result" | sed 's/.*class\\(...\\).*/\\1/').mrc" "$result"
"""
INPUT = """
data_external_reconstruct_general

_rlnExtReconsDataReal          {root}_external_reconstruct_data_real.mrc
_rlnExtReconsDataImag          {root}_external_reconstruct_data_imag.mrc
_rlnExtReconsWeight            {root}_external_reconstruct_weight.mrc
_rlnExtReconsResult            {root}_external_reconstruct.mrc
_rlnExtReconsResultStarfile    {root}_external_reconstruct_out.star
_rlnReferenceDimensionality    {dimensions}
"""
MODEL = """
data_model_general

_rlnPixelSize           4.0
_rlnCurrentResolution   {resolution}

data_model_classes

loop_
_rlnReferenceImage #1
_rlnClassDistribution #2
run_it001_class001.mrc 0.25
run_it001_class002.mrc 0.75
"""


class Job:
    """A classification of two classes in a folder, of which the second lacks a body."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.program = folder / "program"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        full, parts = two_bodies(GRID, occupancy=1.0, seed=1)
        weak, _ = two_bodies(GRID, occupancy=0.1, seed=2)
        self.maps = [full, weak]
        self.parts = parts
        for number, density in enumerate(self.maps, start=1):
            write_map(folder / f"made_{number:03d}.mrc", density)

    def star(self, iteration, number, *, dimensions=3, ending="", **more):
        self.before("run", iteration, **more)
        return self.asked(f"run_it{iteration:03d}{ending or f'_class{number:03d}'}", dimensions)

    def before(self, run, iteration, resolution=20.0, optimiser="", last=25):
        name = f"{run}_it{iteration - 1:03d}"
        (self.folder / f"{name}_model.star").write_text(MODEL.format(resolution=resolution))
        (self.folder / f"{name}_optimiser.star").write_text(
            f"\ndata_optimiser_general\n\n_rlnNumberOfIterations  {last}\n{optimiser}\n"
        )

    def asked(self, name, dimensions=3):
        root = self.folder / name
        for name in ("data_real", "data_imag", "weight"):
            (self.folder / f"{root.name}_external_reconstruct_{name}.mrc").write_bytes(b"big")
        path = self.folder / f"{root.name}_external_reconstruct.star"
        path.write_text(INPUT.format(root=root, dimensions=dimensions))
        return path

    def call(self, star, *options):
        words = ("--skip-gridding", "--program", self.program, *options, star)
        return run_cli(self.capsys, "relion-hook", *words)

    def iteration(self, iteration, *options, order=(1, 2), **more):
        said = []
        for number in order:
            status, out, err = self.call(self.star(iteration, number, **more), *options)
            assert (status, err) == (0, "")
            said.append(out)
        return said

    def result(self, iteration, number):
        name = f"run_it{iteration:03d}_class{number:03d}_external_reconstruct.mrc"
        return read_map(self.folder / name, voxel_size=4.0).data


@pytest.fixture
def job(tmp_path, capsys):
    return Job(tmp_path, capsys)


def mean_of(job):
    data = np.average([each.data for each in job.maps], axis=0, weights=WEIGHTS)
    return job.maps[0].with_data(data.astype(np.float32))


def scale_of(density):
    return estimate_scale(density, ScaleParams(mode="occ", resolution=20.0))


def factors(job, power=3.0):
    return suppression_factor(scale_of(mean_of(job)), power, exclude_solvent=True).data


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_classes_differ_only_where_their_mean_is_not_full(job, order):
    first = job.iteration(1, order=order)
    assert all("passed through, for the first iteration" in text for text in first)
    for number, made in enumerate(job.maps, start=1):
        assert np.array_equal(job.result(1, number), made.data)
    second = job.iteration(2, order=order)
    assert all("focused; classes may differ in" in text for text in second)
    mean = mean_of(job)
    factor = focus_factor(scale_of(mean)).data
    always, sometimes = job.parts
    assert factor.min() >= 0
    assert factor.max() <= 1
    assert np.median(factor[sometimes]) == 1
    assert np.median(factor[always]) < 0.2
    for number, made in enumerate(job.maps, start=1):
        wanted = mean.data + factor * (made.data - mean.data)
        assert np.allclose(job.result(2, number), wanted, atol=1e-5)


def test_one_class_without_others_is_left_as_it_is(job):
    """Its own map of the iteration before is the mean: there is nothing to set it apart from."""
    job.iteration(1, order=(1,))
    job.iteration(2, order=(1,))
    assert np.allclose(job.result(2, 1), job.maps[0].data, atol=1e-5)


def test_the_factors_are_made_once_in_an_iteration(job, monkeypatch):
    job.iteration(1)
    job.iteration(2, order=(1,))
    with monkeypatch.context() as patched:
        patched.setattr(
            "occupy_core.scale.estimate.estimate_scale", lambda *_: pytest.fail("made again")
        )
        job.iteration(2, order=(2,))
    (kept,) = job.folder.glob("run_it002_occupy_factors_*")
    job.iteration(2, "--attenuate", 2, order=(1,))
    assert len(list(job.folder.glob("run_it002_occupy_factors_*"))) == 2  # other options
    kept.write_bytes(b"damaged")
    job.iteration(2, order=(2,))
    assert read_map(kept, voxel_size=4.0).data.max() <= 1


def test_calls_at_the_same_time_make_the_same_maps(job):
    """As under MPI, where each process of RELION has its own class."""
    job.iteration(1)
    job.iteration(2)
    wanted = [job.result(2, number) for number in (1, 2)]
    for path in job.folder.glob("run_it002_occupy_factors_*"):
        path.unlink()
    stars = [job.star(2, number) for number in (1, 2)]
    words = [sys.executable, "-m", "occupy_core", "relion-hook", "--skip-gridding"]
    words += ["--program", str(job.program)]
    running = [subprocess.Popen([*words, star], stderr=subprocess.PIPE) for star in stars]
    assert [each.communicate()[1] for each in running] == [b"", b""]
    for number, data in enumerate(wanted, start=1):
        assert np.array_equal(job.result(2, number), data)
    assert not list(job.folder.glob(".*"))


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_an_attenuation_gives_all_classes_the_factors_of_their_mean(job, order):
    job.iteration(1, order=order)
    second = job.iteration(2, "--attenuate", 3, order=order)
    assert all("attenuated with a power of 3;" in text for text in second)
    factor = factors(job)
    assert factor.min() >= 0
    assert factor.max() <= 1
    assert np.median(factor[job.parts[1]]) < 0.5  # a third is there
    for number, made in enumerate(job.maps, start=1):
        assert np.allclose(job.result(2, number), made.data * factor, atol=1e-6)


def test_the_big_inputs_and_old_copies_go(job):
    for iteration in (1, 2, 3):
        job.iteration(iteration)
    left = {path.name for path in job.folder.glob("run_it*")}
    assert not [name for name in left if "_data_real" in name or "_weight" in name]
    copies = sorted(name for name in left if "occupy_unchanged" in name)
    assert [name[4:9] for name in copies] == ["it002", "it002", "it003", "it003"]
    assert [name[4:9] for name in left if "occupy_factors" in name] == ["it003"]
    assert not list(job.folder.glob(".*"))


def test_the_copies_are_of_the_maps_before_the_change(job):
    """A change must not be the reason of the next one."""
    for iteration in (1, 2, 3):
        job.iteration(iteration)
    assert np.array_equal(job.result(2, 1), job.result(3, 1))


@pytest.mark.parametrize(
    ("options", "more", "reason"),
    [
        ((), {"resolution": 60.0}, "resolution of 60.0 Å is worse than 45 Å"),
        (("--start-resolution", 10), {}, "worse than 10 Å"),
        (("--start-iteration", 3), {}, "first iteration to be changed is 3"),
        (("--stop-iteration", 1), {}, "last iteration to be changed was 1"),
        ((), {"last": 2}, "the maps of the last iteration show what the particles have"),
    ],
)
def test_maps_pass_through_when_asked_to(job, options, more, reason):
    job.iteration(1)
    for number, text in enumerate(job.iteration(2, *options, **more), start=1):
        assert reason in text
        assert np.array_equal(job.result(2, number), job.maps[number - 1].data)


def test_without_the_maps_before_they_pass_through(job):
    assert "there are no maps of the iteration before" in job.iteration(2)[0]


def test_a_class_without_particles_is_not_waited_for(job):
    """RELION makes no map of it."""
    empty = MODEL.replace("class001.mrc 0.25", "class001.mrc 1.0").replace(" 0.75", " 0.0")
    job.iteration(1, order=(1,))
    star = job.star(2, 2)
    (job.folder / "run_it001_model.star").write_text(empty.format(resolution=20.0))
    status, out, _ = job.call(star)
    assert status == 0
    assert "focused" in out


def test_each_class_may_have_its_own_factors(job):
    job.iteration(1)
    job.iteration(2, "--attenuate", 3, "--per-class")
    ratio = [
        float(np.sum(job.result(2, n)[job.parts[1]]) / np.sum(job.maps[n - 1].data[job.parts[1]]))
        for n in (1, 2)
    ]
    assert ratio[1] < 0.5 * ratio[0]


def test_the_power_falls_with_the_iterations(job):
    job.iteration(1)
    options = ("--attenuate", 3, "--decay", 0.5)
    job.iteration(2, *options)
    said = job.iteration(3, *options)
    assert "power of 2;" in said[0]
    assert np.allclose(job.result(3, 1), job.maps[0].data * factors(job, 2.0), atol=1e-6)


def test_shells_keep_their_power_when_asked_to(job):
    job.iteration(1)
    job.iteration(2, "--attenuate", 3, "--renormalise")

    def power(data):
        radius = np.sqrt(sum(np.ix_(*[np.fft.fftfreq(40) ** 2] * 3)))
        shells = [(radius >= a) & (radius < a + 0.05) for a in (0.05, 0.15, 0.25)]
        return np.array([np.sum(np.abs(np.fft.fftn(data)[shell]) ** 2) for shell in shells])

    assert np.allclose(power(job.result(2, 1)), power(job.maps[0].data), rtol=0.1)
    assert power(job.maps[0].data * factors(job))[2] < 0.9 * power(job.maps[0].data)[2]


def test_a_job_that_goes_on_under_another_name_finds_the_maps_before(job):
    """RELION adds _ct and the iteration to the name of a job that is continued."""
    for iteration in (1, 2):
        job.iteration(iteration)
    for run, iteration in (("run_ct2", 3), ("run_ct2", 4)):
        job.before(run, iteration)
        star = job.asked(f"{run}_it{iteration:03d}_class001")
        status, out, _ = job.call(star)
        assert status == 0
        assert "focused" in out
    assert np.array_equal(read_map(star.with_suffix(".mrc"), voxel_size=4.0).data, job.maps[0].data)


def test_a_job_that_goes_on_in_another_folder_passes_through_once(job):
    job.iteration(1)
    job.iteration(2)
    job.before("another", 3)
    status, out, _ = job.call(job.asked("another_it003_class001"))
    assert status == 0
    assert "there are no maps of the iteration before" in out


@pytest.mark.parametrize("leaves", ["", "cp made_001.mrc $result;"])
def test_a_killed_call_can_be_made_again(job, leaves):
    job.iteration(1)
    job.iteration(2, order=(1,))
    wanted = job.result(2, 1)
    star = job.star(2, 1)
    result = star.with_suffix(".mrc")
    result.unlink()
    killer = job.folder / "killer"
    killer.write_text(f"#!/bin/sh\nresult={result}; cd {job.folder}; {leaves} kill -9 $PPID\n")
    killer.chmod(0o755)
    words = [sys.executable, "-m", "occupy_core", "relion-hook", "--program", str(killer), star]
    assert subprocess.run(words, capture_output=True, check=False).returncode == -9
    assert star.with_name(star.name.replace(".star", "_weight.mrc")).exists()
    (job.folder / f".occupy_{result.name}").write_bytes(b"half")
    assert job.call(star)[0] == 0
    assert np.array_equal(job.result(2, 1), wanted)
    assert not list(job.folder.glob(".*"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"ending": "_half1_class001"}, "use it in a 3D classification"),
        ({"ending": "_body001"}, "use it in a 3D classification"),
        ({"ending": "_other"}, "Class3D only"),
        ({"dimensions": 2}, "belongs to 2D classes"),
        ({"optimiser": "_rlnDoGradientRefine 1"}, "follows gradients"),
        ({"optimiser": "_rlnDoStochasticGradientDescent 1"}, "follows gradients"),
        ({"optimiser": "_rlnDoAutoRefine 1"}, "a refinement of half maps"),
    ],
)
def test_other_jobs_are_refused(job, more, sentence):
    status, _, err = job.call(job.star(2, 1, **more))
    assert status == 2
    assert sentence in err


def test_a_failure_ends_the_job_with_its_reason(job):
    star = job.star(2, 1)
    words = ("relion-hook", "--program", job.program, star)
    status, _, err = run_cli(job.capsys, *words)  # without the option that the program wants
    assert status == 2
    assert "(status 3): no option came" in err
    assert not (job.folder / "run_it002_class001_external_reconstruct.mrc").exists()
    status, _, err = run_cli(job.capsys, "relion-hook", "--program", "nothing_of_that_name", star)
    assert status == 2
    assert "is not on the PATH" in err
    for option, value in (("--attenuate", 0.5), ("--decay", 2), ("--start-iteration", 1)):
        status, _, err = job.call(star, option, value)
        assert status == 2
        assert "but must" in err
    for option in (("--decay", 0.5), ("--keep-solvent",), ("--per-class",), ("--renormalise",)):
        status, _, err = job.call(star, *option)
        assert status == 2
        assert f"{option[0]} has no effect without an attenuation" in err


def test_setup_prints_what_to_export(capsys):
    status, out, _ = run_cli(capsys, "relion-hook", "--attenuate", 2, "--setup")
    assert status == 0
    assert f"export {VARIABLE}=" in out
    assert "relion-hook --attenuate 2'" in out
    assert "--external_reconstruct" in out


def test_power_is_given_back_shell_by_shell():
    density, _ = two_bodies(GRID, seed=3)
    weaker = density.with_data(density.data * np.float32(0.5))
    assert np.allclose(with_power_of(weaker, density).data, density.data, atol=1e-3)
