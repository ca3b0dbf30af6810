"""Protocols of scipion-em-relion take the masks for subtraction by what white means there."""

from __future__ import annotations

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

from scipion_project import two_bodies, write_mrc

# Protocol, its parameter, our output, and a word of its help or label that says what white means.
TAKES = [
    ("ProtRelionSubtract", "refMask", "keepMask", "keep"),
    ("ProtRelionClassify3D", "referenceMask", "keepMask", "mask"),
    ("ProtRelionRefine3D", "referenceMask", "keepMask", "mask"),
    ("ProtRelionPostprocess", "solventMask", "keepMask", "mask"),
    ("ProtRelionLocalRes", "solventMask", "keepMask", "mask"),
]


@pytest.fixture(scope="module")
def modified(runner):
    folder = runner.inputs / "downstream"
    imported = runner.volume(write_mrc(folder / "map.mrc", two_bodies()))
    values = {"attenuate": 4.0, "subtractionMaskOf": 1}
    return runner.run("OccupyProtModifyMap", "masks", inputVolume=imported, **values)


@pytest.mark.parametrize(("name", "parameter", "output", "word"), TAKES, ids=[t[0] for t in TAKES])
def test_a_protocol_takes_the_mask_that_is_meant_for_it(
    runner, modified, name, parameter, output, word
):
    if name not in runner.protocols:
        pytest.skip(f"the plugin with {name} is not installed")
    protocol = runner.new(name, **{parameter: (modified, output)})
    param = protocol.getParam(parameter)
    accepted = {text.strip() for text in param.pointerClass.get().split(",")}
    mask = getattr(modified, output)
    assert accepted & {cls.__name__ for cls in type(mask).__mro__}
    assert word in f"{param.label.get()} {param.help.get()}".lower()
    label = param.label.get()
    assert [text for text in protocol.validate() if label in text] == []
    assert getattr(protocol, parameter).get().getFileName() == mask.getFileName()


def test_the_volumes_go_on_too(runner, modified):
    if "ProtRelionPostprocess" not in runner.protocols:
        pytest.skip("scipion-em-relion is not installed")
    protocol = runner.new(
        "ProtRelionSubtract", relionInput=False, inputVolume=(modified, "attenuatedVolume")
    )
    assert protocol.inputVolume.get().getDim() == modified.keepMask.getDim()
