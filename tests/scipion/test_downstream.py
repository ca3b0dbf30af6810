"""The protocols that users run next take our outputs: of relion, cryosparc2, xmipp3 and chimera.

Their programs are not needed. A plugin that is not installed is left out; so is what asks for a
program: of cryoSPARC whether it runs, of Xmipp one function of its Python binding.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")
pytest.importorskip("relion", reason="scipion-em-relion is not installed")

import numpy as np
import pwem.objects
import pyworkflow
import starfile
from pwem.objects import Pointer
from relion_classes import VOXEL
from scipion_project import read
from small_models import density_of, noisy, solid_chain, write_pdb

import occupy_scipion.objects
from occupy_core.maps.grid import Grid
from occupy_core.regions.by_model.atoms import read_model

GRID = Grid.cubic(32, VOXEL)
BALLS = {"A": ((64, 64, 64), 26.0), "B": ((64, 26, 64), 11.0), "D": ((100, 64, 68), 12.0)}
STATES = ({"B": 0.0}, {"D": 0.0}, {})


@dataclass(frozen=True)
class Use:
    """A protocol of another plugin and the inputs that it takes from us.

    Parameters
    ----------
    plugin, name : str
    inputs : dict
        Our output, as ``run.output``, by the parameter that takes it.
    says : dict
        A word in the label or help of a parameter, by the parameter: what white means there.
    values : dict
        What else is chosen in the form.
    asks : tuple of str
        What the form says of our small set of particles, and would not of a large one.
    """

    plugin: str
    name: str
    inputs: dict
    says: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    asks: tuple = ()


PARTICLES, MAP = "selected.selectedParticles", "modified.attenuatedVolume"
AMPLIFIED = "modified.amplifiedVolume"
KEEP, SUBTRACT, REGION = "modified.keepMask", "modified.subtractMask", "regions.regionMasks.2"
MODEL, CLASSES = "regions.occupancyModels.2", "analysed.mergedClasses"
USES = (
    Use(
        "relion",
        "ProtRelionSubtract",
        {"inputParticlesAll": PARTICLES, "inputVolume": MAP, "refMask": KEEP},
        {"refMask": "keep"},
        {"relionInput": False, "numberOfMpi": 1},
    ),
    Use(
        "relion",
        "ProtRelionClassify3D",
        {"inputParticles": PARTICLES, "referenceVolume": MAP, "referenceMask": REGION},
        {"referenceMask": "1 being 100% protein"},
    ),
    Use(
        "relion",
        "ProtRelionRefine3D",
        {"inputParticles": PARTICLES, "referenceVolume": MAP, "referenceMask": REGION},
        {"referenceMask": "1 being 100% protein"},
        {"numberOfMpi": 3},
    ),
    Use("relion", "ProtRelionReconstruct", {"inputParticles": PARTICLES}),
    Use(
        "cryosparc2",
        "ProtCryoSparcSubtract",
        {"inputParticles": PARTICLES, "refVolume": MAP, "refMask": SUBTRACT},
        {"refMask": "you wish to subtract"},
    ),
    Use(
        "cryosparc2",
        "ProtCryoSparcNew3DClassification",
        {"inputParticles": PARTICLES, "refVolumes": (MAP, AMPLIFIED), "refFocusMask": REGION},
        {"refFocusMask": "focus"},
        {"class3D_init_mode": 2, "class3D_N_K": 2},
        ("Not Enough Images! The set of particles must contain at least 1000 images",),
    ),
    Use(
        "cryosparc2",
        "ProtCryoSparcLocalRefine",
        {"inputParticles": PARTICLES, "refVolume": MAP, "refMask": REGION},
    ),
    Use(
        "cryosparc2",
        "ProtCryoSparc3DHomogeneousRefine",
        {"inputParticles": PARTICLES, "referenceVolume": MAP},
    ),
    Use(
        "cryosparc2",
        "ProtCryoSparcNewNonUniformRefine3D",
        {"inputParticles": PARTICLES, "referenceVolume": MAP},
    ),
    Use(
        "cryosparc2",
        "ProtCryoSparc3DVariability",
        {"inputParticles": PARTICLES, "refMask": REGION},
        values={"var_filter_res": 10.0},
    ),
    Use(
        "xmipp3",
        "XmippProtSubtractProjection",
        {"inputParticles": PARTICLES, "vol": MAP, "maskRoi": SUBTRACT},
        {"maskRoi": "avoiding masks with 1s in background", "subtract": "contains the part to"},
        {"subtract": 1},
    ),
    Use(
        "xmipp3",
        "XmippProtMaskVolumes",
        {"inputVolumes": MAP, "inputMask": REGION},
        values={"source": 1},
    ),
    Use("xmipp3", "XmippProtVolConsensus", {"vols": (MAP, AMPLIFIED)}),
    Use(
        "xmipp3",
        "XmippProtLocSharp",
        {"inputVolume": MAP, "resolutionVolume": "analysed.resolution_Volumes.2"},
    ),
    Use(
        "xmipp3",
        "XmippProtVolSubtraction",
        {"vol1": AMPLIFIED, "vol2": MAP, "mask1": REGION, "mask2": REGION},
    ),
    Use("xmipp3", "XmippProtConsensusClasses", {"inputClassifications": (CLASSES, CLASSES)}),
    Use("chimera", "ChimeraProtRigidFit", {"inputVolume": MAP, "pdbFileToBeRefined": MODEL}),
    Use("chimera", "ChimeraProtOperate", {"inputVolume": MAP, "inputVolumes": (REGION,)}),
    Use("chimera", "ChimeraSubtractionMaps", {"inputVolume": MAP, "inputVolume2": REGION}),
)


# ---- our outputs
@pytest.fixture(scope="module")
def made(runner, tmp_path_factory):
    """Runs of our protocols on the classes of a small complex of three chains, by a short name."""
    parts = [solid_chain(c, p, r, seed=i) for i, (c, (p, r)) in enumerate(BALLS.items())]
    file = write_pdb(tmp_path_factory.mktemp("model") / "model.pdb", *parts)
    atoms = read_model(file)
    maps = [
        noisy(density_of(atoms, state, grid=GRID), 0.03, i, GRID).data
        for i, state in enumerate(STATES)
    ]
    imported = runner.classes(runner.inputs / "downstream", maps)
    classes = {"inputVolumes": imported}
    given = runner.run("ProtImportPdb", inputPdbData=1, pdbFile=str(file))
    model = {"inputModel": (given, "outputPdb")}
    analysed = runner.run("OccupyProtAnalyseClasses", **classes, **model)
    selected = runner.run(
        "OccupyProtSelectParticles",
        inputClasses=classes["inputVolumes"],
        inputOccupancies=(analysed, "regionOccupancies"),
        where="B > 0.5",
    )
    modified = runner.run(
        "OccupyProtModifyMap",
        inputVolume=(imported[0], "outputClasses.1"),
        amplify=4.0,
        attenuate=4.0,
        subtractionMaskOf=1,
    )
    regions = runner.run("OccupyProtRegionOccupancy", **classes, **model, writeMasks=True)
    return {"analysed": analysed, "selected": selected, "modified": modified, "regions": regions}


# ---- other plugins without their programs
@pytest.fixture
def build(runner, made, monkeypatch):
    """A function that fills in the form of another plugin's protocol."""

    def build(use):
        pytest.importorskip(use.plugin, reason=f"scipion-em-{use.plugin} is not installed")
        if use.plugin == "xmipp3":
            # Two names of Xmipp's binding: without them not one of its forms can be loaded.
            binding = ModuleType("xmipp_base")
            binding.isMdEmpty = binding.createMetaDataFromPattern = _not_called
            monkeypatch.setitem(sys.modules, "xmipp_base", binding)
            monkeypatch.setattr("xmipp3.base.isMdEmpty", _not_called, raising=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the other plugins
            protocols = importlib.import_module(f"{use.plugin}.protocols")
        for name in [name for name in sys.modules if name.startswith("cryosparc2.protocols.")]:
            for asks in ("cryosparcValidate", "gpusValidate"):
                monkeypatch.setattr(f"{name}.{asks}", _nothing_wrong, raising=False)
        cls = getattr(protocols, use.name)
        monkeypatch.setattr(cls, "validateInstallation", classmethod(_nothing_wrong))
        protocol = runner.project.newProtocol(cls, **use.values)
        for parameter, ours in use.inputs.items():
            for pointer in _pointers(made, ours):
                value = getattr(protocol, parameter)
                if isinstance(ours, tuple) or hasattr(value, "append"):
                    value.append(pointer)
                else:
                    value.copy(pointer)
        return protocol

    return build


def _not_called(name):
    raise AssertionError("a form calls no function of Xmipp")


def _nothing_wrong(*arguments, **keywords):
    return []


def _pointers(made, ours):
    """Pointers to outputs of ours, as the form of Scipion makes them."""
    found = []
    for text in (ours,) if isinstance(ours, str) else ours:
        run, _, output = text.partition(".")
        found.append(Pointer(made[run], extended=output))
    return found


def _accepted(param):
    """The classes that a parameter takes."""
    domain = pyworkflow.Config.getDomain()
    known = {**domain.getObjects(), **vars(pwem.objects), **vars(occupy_scipion.objects)}
    return [known[name.strip()] for name in param.pointerClass.get().split(",")]


@pytest.mark.parametrize("use", USES, ids=[use.name for use in USES])
def test_a_protocol_takes_what_is_meant_for_it(runner, made, build, use):
    protocol = build(use)
    runner.project.getRuns(refresh=True)
    for parameter, ours in use.inputs.items():
        param = protocol.getParam(parameter)
        condition = getattr(param, "pointerCondition", None)
        offered = runner.project.getProtocolCompatibleOutputs(
            protocol, _accepted(param), condition.get() if condition else None
        )
        names = {pointer.getUniqueId() for pointer in offered}
        for pointer in _pointers(made, ours):
            assert pointer.getUniqueId() in names, parameter
    for parameter, words in use.says.items():
        param = protocol.getParam(parameter)
        text = " ".join(f"{param.label.get()} {param.help.get()}".lower().split())
        assert words.lower() in text
    assert [text for text in protocol.validate() if text not in use.asks] == []


# ---- what they hand to their programs
@pytest.fixture
def one_use():
    """A function that returns the use of a protocol by its name."""
    return {use.name: use for use in USES}.__getitem__


@pytest.fixture
def begun(runner):
    """A function that gives a protocol its folders, as the start of a run does."""

    def begun(protocol):
        runner.project.saveProtocol(protocol)
        protocol.makePathsAndClean()
        return protocol

    return begun


def test_cryosparc2_writes_the_particles_with_their_poses(made, build, one_use, tmp_path):
    build(one_use("ProtCryoSparcSubtract"))
    convert = importlib.import_module("cryosparc2.convert")
    selected = made["selected"].selectedParticles
    star = tmp_path / "input_particles.star"
    convert.writeSetOfParticles(selected, str(star), str(tmp_path))
    table = starfile.read(star)
    assert len(table) == selected.getSize()
    ours = starfile.read(made["selected"]._getExtraPath("selected_particles.star"))["particles"]
    for name in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"):
        difference = (table[name] - ours[name] + 180) % 360 - 180
        np.testing.assert_allclose(difference, 0, atol=1e-3)


def test_xmipp3_writes_the_particles_and_subtracts_what_the_mask_has(
    made, build, begun, one_use, monkeypatch
):
    protocol = begun(build(one_use("XmippProtSubtractProjection")))
    protocol.convertStep()
    written = Path(protocol._getExtraPath(protocol.INPUT_PARTICLES)).read_text()
    names = [f"{p.getIndex():06d}@" for p in made["selected"].selectedParticles]
    assert all(name in written for name in names)
    jobs = []
    monkeypatch.setattr(protocol, "runJob", lambda program, arguments: jobs.append(arguments))
    protocol.subtractionStep()
    assert "--subtract" in jobs[0]  # white is subtracted
    assert f"--mask_roi {made['modified'].subtractMask.getFileName()}:mrc" in jobs[0]
    # As its help wants it: nothing white outside of the molecule.
    assert read(made["modified"].subtractMask)[:3].max() == 0
    assert read(made["modified"].keepMask)[:3].min() == 1


def test_chimera_opens_the_map_and_the_model_where_they_lie(
    made, build, begun, one_use, monkeypatch
):
    protocol = begun(build(one_use("ChimeraProtRigidFit")))
    monkeypatch.setattr("chimera.Plugin.runChimeraProgram", _nothing_wrong)
    protocol.runChimeraStep()
    (script,) = Path(protocol._getTmpPath()).glob("*.cxc")
    lines = script.read_text().splitlines()
    volume = made["modified"].attenuatedVolume
    model = made["regions"].occupancyModels[2]
    for obj in (volume, model):
        assert f"open {Path(obj.getFileName()).absolute()}" in lines
    shifts = ",".join(f"{v:0.2f}" for v in volume.getShiftsFromOrigin())
    assert f"volume #2 origin {shifts}" in lines
