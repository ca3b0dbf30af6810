"""The plugin is found, its forms say what the core takes, and its tree is Scipion's."""

from __future__ import annotations

import dataclasses
import json
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import pwem
import pyworkflow
import pyworkflow.protocol.params as params

import occupy_scipion
from occupy_core.blocks.params import BlocksParams
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.estimate import ChainParams
from occupy_core.resolution.result import ResolutionParams
from occupy_core.scale.params import ModifyParams, ScaleParams
from occupy_scipion.constants import OCCUPY_PYTHON
from occupy_scipion.convert.forms import formName, formValue, paramsFromForm

PACKAGE = Path(occupy_scipion.__file__).parent
FORMS = (
    ("OccupyProtLocalScale", ScaleParams, {"mode": "occ"}),
    ("OccupyProtModifyMap", ScaleParams, {"mode": "occ"}),  # maps are modified by occupancy
    ("OccupyProtModifyMap", ModifyParams, {}),
    ("OccupyProtLocalResolution", ResolutionParams, {}),
    ("OccupyProtRegionOccupancy", ChainParams, {}),
    ("OccupyProtRegionOccupancy", RegionParams, {}),
    ("OccupyProtBlocks", BlocksParams, {}),
)
VIEWERS = {
    "OccupyProtLocalScale": "OccupyViewer",
    "OccupyProtModifyMap": "OccupyViewer",
    "OccupyProtLocalResolution": "OccupyResolutionViewer",
    "OccupyProtRegionOccupancy": "OccupyRegionsViewer",
    "OccupyProtBlocks": "OccupyBlocksViewer",
    "OccupyProtAnalyseClasses": "OccupyClassesViewer",
}


# Its output is of Scipion, which has a viewer for it.
PROTOCOLS = (*VIEWERS, "OccupyProtSelectParticles")


@pytest.fixture(params=PROTOCOLS)
def protocol(request, runner):
    return runner.new(request.param)


def test_all_protocols_are_found():
    found = pyworkflow.Config.getDomain().getProtocols()
    assert set(PROTOCOLS) <= set(found)


def test_the_sets_are_known_by_their_names():
    found = pyworkflow.Config.getDomain().getObjects()
    assert {"SetOfVolumeMasks", "SetOfRegionOccupancies", "RegionOccupancy"} <= set(found)


@pytest.mark.parametrize("name", VIEWERS)
def test_our_viewer_is_the_first_one_of_a_protocol(runner, name):
    viewers = pyworkflow.Config.getDomain().findViewers(runner.new(name), "tkinter")
    assert viewers[0].__name__ == VIEWERS[name]


def test_possible_outputs_are_a_dictionary(protocol):
    # Members of an Enum that have equal values would be one and the same.
    assert isinstance(protocol._possibleOutputs, dict)


def test_a_protocol_needs_no_other_program(protocol):
    assert protocol.validateInstallation() == []


def test_the_references_are_known_and_open_in_a_browser(protocol):
    links = re.findall(r"\[\[(.*?)\]", " ".join(protocol.citations()))
    assert links != []
    assert all(link.startswith("https://doi.org/10.") for link in links)
    assert not any("not found" in line for line in protocol.citations())


def test_a_protocol_without_input_has_a_summary(protocol):
    assert "not ready" in protocol.summary()[0]
    assert protocol._methods() == []


def test_the_logo_is_that_of_the_plugin(protocol):
    assert Path(protocol.getPluginLogoPath()) == PACKAGE / "logo.png"
    assert (PACKAGE / "logo.png").is_file()


@pytest.mark.parametrize(("name", "cls", "others"), FORMS)
def test_a_form_has_every_parameter_of_the_core_under_its_name(runner, name, cls, others):
    protocol = runner.new(name)
    for field in dataclasses.fields(cls):
        param = protocol.getParam(formName(field.name))
        assert param is not None, f"the form lacks {field.name}"
        if field.name == "subtraction_mask":
            assert formValue(protocol, formName(field.name)) == "no"
            continue
        expected = others.get(field.name, field.default)
        assert formValue(protocol, formName(field.name)) == expected, field.name


@pytest.mark.parametrize(("name", "cls", "others"), FORMS)
def test_an_untouched_form_makes_the_default_parameters(runner, name, cls, others):
    choice = {"subtraction_mask": False} if cls is ModifyParams else {}
    made = paramsFromForm(runner.new(name), cls, **choice)
    assert made == dataclasses.replace(cls(), **others)


def test_every_parameter_is_explained_and_has_its_unit(protocol):
    common = {"hostName", "numberOfThreads", "numberOfMpi", "scaleNote"}
    for name, param in protocol.getDefinition().iterParams():
        if name in common or isinstance(param, params.Line | params.Group):
            continue
        # In a line, the line has the help.
        inLine = re.search(r"\(voxels\)|\(Å\)|power|pivot|tau|^on$|^off$", param.label.get(""))
        assert param.help.get() or inLine, f"{name} has no help"


def test_empty_fields_mean_automatic_and_are_valid(protocol):
    errors = protocol.validate()
    assert all("cannot be EMPTY" in error for error in errors), errors


# ---- the tree of protocols
def tree(path: Path) -> list:
    parser = ConfigParser()
    parser.optionxform = str
    parser.read(path)
    return json.loads(parser["PROTOCOLS"]["Protocols SPA"])


def leaves(node, above=()):
    for child in node.get("children", []):
        texts = (*above, child["text"])
        if child["tag"] == "protocol":
            yield above, child["value"]
        yield from leaves(child, texts)


def test_the_tree_file_is_in_the_package_and_is_the_one_at_the_top():
    here = PACKAGE / "protocols.conf"
    assert here.is_file()
    top = PACKAGE.parent / "protocols.conf"
    if top.exists():
        assert here.read_bytes() == top.read_bytes()


def test_the_tree_has_known_protocols_at_places_that_scipion_has():
    scipion = {
        texts
        for node in tree(Path(pwem.__file__).parent / "protocols.conf")
        for texts in paths(node, (node["text"],))
    }
    found = {}
    for node in tree(PACKAGE / "protocols.conf"):
        for place, name in leaves(node, (node["text"],)):
            assert place in scipion
            found[name] = place
    assert found == {
        "OccupyProtModifyMap": ("3D", "Postprocess"),
        "OccupyProtLocalScale": ("3D", "Analysis", "Heterogeneity"),
        "OccupyProtRegionOccupancy": ("3D", "Analysis", "Heterogeneity"),
        "OccupyProtSelectParticles": ("3D", "Analysis", "Heterogeneity"),
        "OccupyProtAnalyseClasses": ("3D", "Analysis", "Heterogeneity"),
        "OccupyProtBlocks": ("3D", "Analysis", "Heterogeneity"),
        "OccupyProtLocalResolution": ("3D", "Analysis", "Resolution"),
    }


def paths(node, above):
    yield above
    for child in node.get("children", []):
        yield from paths(child, (*above, child["text"]))


# ---- how the core is run
def test_the_core_runs_with_the_python_of_scipion(monkeypatch):
    monkeypatch.delenv(OCCUPY_PYTHON, raising=False)
    program = occupy_scipion.Plugin.getProgram()
    assert program.endswith(" -m occupy_core")
    assert Path(program.split(" ")[0]).is_file()


def test_another_python_can_be_named_even_with_a_space_in_its_path(monkeypatch):
    monkeypatch.setitem(occupy_scipion.Plugin._vars, OCCUPY_PYTHON, "/my env/bin/python")
    assert occupy_scipion.Plugin.getProgram() == "'/my env/bin/python' -m occupy_core"


def test_the_output_of_the_core_reaches_the_log_at_once():
    assert occupy_scipion.Plugin.getEnviron()["PYTHONUNBUFFERED"] == "1"


def test_the_plugin_has_a_name_that_can_be_read(protocol):
    assert protocol.getClassLabel() == f"occupy - {protocol._label}"
