"""The workflow templates are offered, can be imported and run."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import pyworkflow
from scipion_project import VOXEL, two_bodies, write_mrc


def load(runner, words: str, **values):
    """Fill in the template whose description has some words; return the runs that it makes."""
    plugin = pyworkflow.Config.getDomain().getPluginModule("occupy_scipion")
    templates = plugin._pluginInstance.getTemplates()
    (template,) = (each for each in templates if words in each.description)
    template.replaceEnvVariables()
    template.parseContent()
    for alias, value in values.items():
        assert template.setParamValue(alias, str(value)) == 1
    workflow = Path(template.createTemplateFile())
    before = {run.getObjId() for run in runner.project.getRuns()}
    runner.project.loadProtocols(str(workflow))
    workflow.unlink()
    made = [run for run in runner.project.getRuns() if run.getObjId() not in before]
    return {run.getClassName(): run for run in made}


def test_local_scale_is_imported_and_runs(runner):
    path = write_mrc(runner.inputs / "template.mrc", two_bodies())
    made = load(runner, "local scale", map=path, voxel=VOXEL, amplify=5.0)
    assert list(made) == ["ProtImportVolumes", "OccupyProtLocalScale", "OccupyProtModifyMap"]
    for run in made.values():
        runner.launch(run)
    modified = made["OccupyProtModifyMap"]
    assert "ampl_5.0" in modified.amplifiedVolume.getFileName()
    assert {name for name, _ in modified.iterOutputAttributes()} == {
        "amplifiedVolume",
        "attenuatedVolume",
        "subtractionMask",
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
    made = load(runner, "each chain", maps=f"{folder}/", voxel=voxel, model=model)
    assert list(made) == ["ProtImportVolumes", "ProtImportPdb", "OccupyProtRegionOccupancy"]
    for run in made.values():
        runner.launch(run)
    rows = [row.clone() for row in made["OccupyProtRegionOccupancy"].regionOccupancies]
    values = [row.occupancy.get() for row in rows if row.region.get() == "B"]
    assert values == pytest.approx([0.3, 0.7], abs=0.05)
