"""The workflow template is offered, can be imported and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import pyworkflow
from scipion_project import VOXEL, two_bodies, write_mrc


def test_the_template_is_imported_and_runs(runner):
    path = write_mrc(runner.inputs / "template.mrc", two_bodies())
    plugin = pyworkflow.Config.getDomain().getPluginModule("occupy_scipion")
    (template,) = plugin._pluginInstance.getTemplates()
    assert "local scale" in template.description
    template.replaceEnvVariables()
    template.parseContent()
    for alias, value in (("map", str(path)), ("voxel", str(VOXEL)), ("amplify", "5.0")):
        assert template.setParamValue(alias, value) == 1
    workflow = Path(template.createTemplateFile())
    before = {run.getObjId() for run in runner.project.getRuns()}
    runner.project.loadProtocols(str(workflow))
    workflow.unlink()
    made = [run for run in runner.project.getRuns() if run.getObjId() not in before]
    assert [run.getClassName() for run in made] == [
        "ProtImportVolumes",
        "OccupyProtLocalScale",
        "OccupyProtModifyMap",
    ]
    for run in made:
        runner.launch(run)
    modified = made[-1]
    assert "ampl_5.0" in modified.amplifiedVolume.getFileName()
    assert {name for name, _ in modified.iterOutputAttributes()} == {
        "amplifiedVolume",
        "attenuatedVolume",
        "subtractionMask",
    }
