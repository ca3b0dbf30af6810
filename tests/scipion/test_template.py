"""The workflow templates are offered, documented, can be imported and run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import pyworkflow
from pyworkflow.project import Manager
from scipion_project import VOXEL, two_bodies, write_mrc

from occupy_core.commands.main import main

ROOT = Path(__file__).parents[2]
NAMES = ("chain_occupancy", "classes", "ensemble", "focus", "local_scale", "subset")


def template_of(name: str):
    """The template that is offered under a name, with its parameters."""
    plugin = pyworkflow.Config.getDomain().getPluginModule("occupy_scipion")
    templates = {each.getObjId(): each for each in plugin._pluginInstance.getTemplates()}
    template = templates[f"occupy-{name}"]
    template.replaceEnvVariables()
    template.parseContent()
    return template


def load(runner, name: str, **values):
    """Fill in a template; return the runs that it makes."""
    template = template_of(name)
    for alias, value in values.items():
        assert template.setParamValue(alias, str(value)) == 1
    workflow = Path(template.createTemplateFile())
    before = {run.getObjId() for run in runner.project.getRuns()}
    runner.project.loadProtocols(str(workflow))
    workflow.unlink()
    made = [run for run in runner.project.getRuns() if run.getObjId() not in before]
    for run in made:
        if run.getClassName().startswith("Occupy"):
            run.numberOfThreads.set(1)
    return {run.getClassName(): run for run in made}


def test_the_templates_and_their_parameters_are_those_that_the_documents_name():
    plugin = pyworkflow.Config.getDomain().getPluginModule("occupy_scipion")
    offered = sorted(each.getObjId() for each in plugin._pluginInstance.getTemplates())
    assert offered == [f"occupy-{name}" for name in NAMES]
    text = (ROOT / "docs" / "scipion.md").read_text(encoding="utf-8")
    for name in NAMES:
        (row,) = re.findall(rf"^\| `occupy-{name}` \|.*$", text, re.MULTILINE)
        parameters = [p.getAlias() for p in template_of(name).getParams().values()]
        assert re.findall(r"`(\w+)`", row.split("|")[3]) == parameters


def test_local_scale_is_imported_and_runs(runner):
    path = write_mrc(runner.inputs / "template.mrc", two_bodies())
    made = load(runner, "local_scale", map=path, voxel=VOXEL, amplify=5.0)
    assert list(made) == ["ProtImportVolumes", "OccupyProtLocalScale", "OccupyProtModifyMap"]
    for run in made.values():
        runner.launch(run)
    modified = made["OccupyProtModifyMap"]
    assert "ampl_5.0" in modified.amplifiedVolume.getFileName()
    assert {name for name, _ in modified.iterOutputAttributes()} >= {
        "amplifiedVolume",
        "attenuatedVolume",
    }


def test_chain_occupancy_is_imported_and_runs(runner, tmp_path):
    from small_models import GRID, density_of, noisy, three_chains

    from occupy_core.regions.by_model.atoms import read_model

    model = three_chains(tmp_path / "chains.pdb")
    atoms = read_model(model)
    folder, voxel = runner.inputs / "chain_occupancy", GRID.voxel_size[0]
    for i, state in enumerate(({"B": 0.3}, {"B": 0.7})):
        data = noisy(density_of(atoms, state), 0.03, i).data
        write_mrc(folder / f"class_{i}.mrc", data, voxel)
    made = load(runner, "chain_occupancy", maps=f"{folder}/", voxel=voxel, model=model)
    assert list(made) == ["ProtImportVolumes", "ProtImportPdb", "OccupyProtRegionOccupancy"]
    for run in made.values():
        runner.launch(run)
    rows = [row.clone() for row in made["OccupyProtRegionOccupancy"].regionOccupancies]
    values = [row.occupancy.get() for row in rows if row.region.get() == "B"]
    assert values == pytest.approx([0.3, 0.7], abs=0.05)


def test_ensemble_is_imported_and_runs(runner):
    from ensembles import ellipsoids

    known = ellipsoids((20, 20, 20), 40, n_blocks=2, seed=4, noise=0.1, size=(0.12, 0.16))
    folder = runner.inputs / "template_ensemble"
    for i in range(len(known)):
        write_mrc(folder / f"vol_{i:03d}.mrc", known.volume(i), 4.0)
    made = load(runner, "ensemble", volumes=f"{folder}/", voxel=4.0)
    assert list(made) == ["ProtImportVolumes", "OccupyProtBlocks"]
    for run in made.values():
        runner.launch(run)
    assert made["OccupyProtBlocks"].blockMasks.getSize() == 2


# ---- without a screen
def written(folder: Path) -> dict[str, bytes]:
    """What the files of a result hold; the script of ChimeraX names the folder."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix != ".cxc" and path.name != "params.json"
    }


@pytest.mark.usefixtures("real_figures")
def test_the_script_runs_a_template_and_the_command_line_writes_the_same_bytes(
    tmp_path, monkeypatch
):
    for i in range(2):
        write_mrc(tmp_path / "maps" / f"class_{i}.mrc", two_bodies(i, n=32), 3.0)
    script = [sys.executable, str(ROOT / "examples" / "run_template.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*script, "classes", "maps=maps", "voxel=3.0", "--folder", "out", "--project", "Mine"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" finished") == 4
    assert "attenuatedVolumes" in done.stdout
    project = tmp_path / "out" / "projects" / "Mine"
    parameters = sorted(project.glob("Runs/*/extra/**/params.json"))
    assert len(parameters) == 2 + 2 + 1 + 2  # scales, resolutions, the scale of the mean, modified
    monkeypatch.chdir(project)
    for number, file in enumerate(parameters):
        command = "resolution" if "window" in file.read_text() else "scale"
        values = {**json.loads(file.read_text()), "outdir": str(tmp_path / f"again_{number}")}
        (tmp_path / "again.json").write_text(json.dumps(values))
        assert main([command, "--params", str(tmp_path / "again.json"), "--quiet"]) == 0
        assert written(file.parent) == written(tmp_path / f"again_{number}")
        assert len(written(file.parent)) >= 3


PAUSE = 90.0  # s that the scale takes longer


@pytest.mark.slow
def test_a_template_scheduled_by_a_command_waits_for_a_slow_scale(runner, tmp_path, monkeypatch):
    """Import, local scale, modify map: what is modified comes from that scale."""
    path = write_mrc(tmp_path / "slow.mrc", two_bodies(n=64))
    name = "ScheduledChain"
    scipion = [sys.executable, "-m", "scipion", "template", "occupy-local_scale", "--nogui"]
    values = [f"map={path}", f"voxel={VOXEL}", "amplify=4.0", "attenuate=3.0"]
    place = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}"}
    with (tmp_path / "log").open("w") as log:
        subprocess.run(
            [*scipion, f"project_name={name}", *values], env=environment, stdout=log, check=True
        )
    project = Manager().loadProject(name)
    monkeypatch.chdir(project.path)
    runs = {run.getClassName(): run for run in project.getRuns()}
    scale, modify = runs["OccupyProtLocalScale"], runs["OccupyProtModifyMap"]

    runner.wait_until(lambda: runner.calculations(scale), scale, seconds=180)
    stopped = runner.calculations(scale)
    for process in stopped:
        os.kill(process.pid, signal.SIGSTOP)
    end = time.monotonic() + PAUSE
    while time.monotonic() < end:
        assert not Path(modify._getExtraPath("modified")).exists()
        assert not Path(modify._getExtraPath("scale")).exists()
        time.sleep(5)
    for process in stopped:
        os.kill(process.pid, signal.SIGCONT)

    def is_over():
        time.sleep(2)
        project._updateProtocol(modify, checkPid=True)
        return modify.isFinished() or modify.isFailed()

    runner.wait_until(is_over, modify, seconds=240)
    # What a window shows that is opened now; the first one must not hold the database meanwhile.
    project.mapper.commit()
    project.closeMapper()
    runs = {run.getClassName(): run for run in Manager().loadProject(name).getRuns()}
    scale, modify = runs["OccupyProtLocalScale"], runs["OccupyProtModifyMap"]
    assert modify.isFinished(), modify.getErrorMessage()
    (record,) = modify._records()
    assert Path(record.inputs["scale_map"]) == Path(scale.scaleVolume.getFileName())
    assert not Path(modify._getExtraPath("scale")).exists()
