"""From particles with a known truth to the subset that has a chain: the example, made small."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")
pytest.importorskip("relion", reason="scipion-em-relion is not installed")
if shutil.which("relion_refine") is None:
    pytest.skip("RELION is not installed (apt install relion)", allow_module_level=True)

from small_models import solid_chain, write_pdb

from occupy_core.commands.relion_hook.cli import VARIABLE

ROOT = Path(__file__).parents[2]
BALLS = {  # centre and radius in Å; A is always there
    "A": ((0, 0, 0), 24.0),
    "B": ((0, -34, 0), 11.0),
    "D": ((33, 0, 4), 12.0),
    "G": ((-22, 26, 0), 12.0),
    "K": ((0, 6, 34), 12.0),
}


def run_core(*words: str) -> str:
    """Run the command line; return what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "occupy_core", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def run_example(script: str, *arguments: object, cwd: Path) -> str:
    """Run an example as a user would; return what it prints."""
    place = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
        "RELION_HOME": os.environ.get("RELION_HOME", "/usr"),
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the example has worked on classes without D and G, and without K."""
    folder = tmp_path_factory.mktemp("example")
    parts = [solid_chain(c, p, r, seed=i) for i, (c, (p, r)) in enumerate(BALLS.items())]
    model = write_pdb(folder / "model.pdb", *parts)
    run_example(
        "classes_to_particles.py",
        *(model, "--folder", folder / "out", "--without", "DG", "K", "--particles", 1200),
        *("--box", 36, "--diameter", 110, "--iterations", 12, "--snr", 1.0),
        cwd=folder,
    )
    return folder


@pytest.fixture(scope="module")
def outcome(folder):
    """What it says, beside the truth."""
    return json.loads((folder / "out" / "classes_to_particles.json").read_text())


@pytest.mark.slow
def test_what_is_absent_from_a_class_is_called_absent_and_nothing_else(outcome):
    truly = [v for v in outcome["verdicts"] if v["share"] < 0.02]
    assert truly
    assert {v["verdict"] for v in truly} == {"absent"}
    there = [v for v in outcome["verdicts"] if v["share"] > 0.3]
    assert "absent" not in {v["verdict"] for v in there}


@pytest.mark.slow
def test_the_purity_of_the_selected_particles_is_as_predicted(outcome):
    assert set(outcome["purity"]) == {"D", "G"}
    for found in outcome["purity"].values():
        assert found["predicted"] == pytest.approx(found["true"], abs=0.05)
        assert found["true"] > 0.9


@pytest.mark.slow
def test_the_subset_shows_the_chains_better_than_any_single_class(outcome):
    subset = outcome["fsc"].pop("subset")
    assert subset > max(outcome["fsc"].values())


@pytest.mark.slow
def test_a_refined_map_with_halves_is_taken_and_a_processed_one_is_warned_of(outcome):
    warned = outcome["warnings"]
    assert any("post-processed" in text for text in warned["processed"])
    assert not any("post-processed" in text for text in warned["refined"])


@pytest.mark.slow
def test_the_template_runs_from_a_command_and_the_command_line_writes_the_same_bytes(folder):
    data = folder / "out" / "relion"
    said = run_example(
        "run_template.py",
        *("subset", f"particles={data / 'particles.star'}", f"model={data / 'model.cif'}"),
        *("voxel=4.0", "diameter=110", "iterations=5"),
        *("where=A > 0.5", "--folder", folder / "template"),
        cwd=folder,
    )
    assert said.count(" finished") == 7
    assert "mergedClasses" in said
    project = folder / "template" / "projects" / "subset"
    (parameters,) = project.glob("Runs/*AnalyseClasses/extra/analysis/params.json")
    again = folder / "again"
    subprocess.run(
        [sys.executable, "-m", "occupy_core", "classes", "--params", str(parameters), "--outdir",
         str(again), "--quiet"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )  # fmt: skip
    for name in ("classes.csv", "differences.csv", "dendrogram.png", "regions/regions.csv"):
        assert (again / name).read_bytes() == (parameters.parent / name).read_bytes(), name


@pytest.mark.slow
def test_the_template_of_the_focus_runs_with_the_variable_that_setup_prints(folder, monkeypatch):
    """The plugin of RELION takes PYTHONPATH away, so that the package must be installed."""
    printed = run_core("relion-hook", "--setup")
    (variable,) = shlex.split(re.search(rf"export {VARIABLE}=(.*)", printed)[1])
    monkeypatch.setenv(VARIABLE, f"env PYTHONPATH={shlex.quote(str(ROOT))} {variable}")
    data = folder / "out" / "relion"
    said = run_example(
        "run_template.py",
        *("focus", f"particles={data / 'particles.star'}", f"model={data / 'model.cif'}"),
        *("voxel=4.0", "diameter=110", "iterations=3", "--folder", folder / "focused"),
        cwd=folder,
    )
    assert said.count(" finished") == 5
    project = folder / "focused" / "projects" / "focus"
    (log,) = project.glob("Runs/*ProtRelionClassify3D/logs/run.stdout")
    done = re.findall(r"relion-hook: iteration (\d), class \d: (\w+)", log.read_text())
    assert done == [(i, w) for i, w in (("1", "passed"), ("2", "focused"), ("3", "passed"))
                    for _ in range(3)]  # fmt: skip
    assert not list(project.glob("Runs/*ProtRelionClassify3D/extra/*_data_real.mrc"))
