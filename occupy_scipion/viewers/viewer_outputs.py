# SPDX-License-Identifier: GPL-3.0-or-later
"""A double click on what our protocols have made opens the view of it."""

import re

import pyworkflow
from pwem.objects import (
    AtomStruct,
    Float,
    SetOfAtomStructs,
    SetOfClasses3D,
    SetOfParticles,
    SetOfVolumes,
    Volume,
    VolumeMask,
)
from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from occupy_scipion.objects import SetOfRegionOccupancies, SetOfVolumeMasks

_RUN = re.compile(r"(?:^|/)(\d{6})_OccupyProt\w+/")
_WITHOUT_FILE = ("globalResolution",)  # names of outputs that are numbers


class OccupyOutputViewer(Viewer):
    """Opens an output of one of our protocols as the viewer of the protocol shows it.

    Scipion asks the viewers that it prefers for a class first (variable VIEWERS); this one stands
    before them, and declines what is not ours.
    """

    _name = "OccuPy"
    _environments = [DESKTOP_TKINTER]
    _targets = [
        SetOfRegionOccupancies,
        SetOfVolumeMasks,
        SetOfVolumes,
        SetOfAtomStructs,
        SetOfClasses3D,
        SetOfParticles,
        VolumeMask,
        Volume,
        AtomStruct,
        Float,
    ]

    @classmethod
    def can_handle_this_instance(cls, instance):
        return _isOurs(instance)

    def visualize(self, obj, **kwargs):
        for view in self._visualize(obj, **kwargs):
            view.show()

    def _visualize(self, obj, **kwargs):
        protocol = self._producer(obj)
        name = None if protocol is None else _nameOf(obj, protocol)
        viewers = (
            []
            if name is None
            else pyworkflow.Config.getDomain().findViewers(protocol, DESKTOP_TKINTER)
        )
        for cls in viewers:
            if hasattr(cls, "viewsOf"):
                viewer = cls(project=self._project, protocol=protocol)
                viewer.setProtocol(protocol)
                viewer.windows = self.formWindow
                return viewer.viewsOf(name)
        return [self.infoMessage(str(obj), "OccuPy")]

    def _producer(self, obj):
        """The protocol that has made an object: by what it is a part of, or by its file."""
        number = obj.getObjParentId()
        if number is None or not _isRun(self._project.getObject(number)):
            found = _RUN.search(_fileOf(obj))
            number = int(found[1]) if found else None
        made = None if number is None else self._project.getProtocol(number)
        return made if _isRun(made) else None


def _isOurs(obj):
    return _RUN.search(_fileOf(obj)) is not None or (
        isinstance(obj, Float) and obj.getLastName() in _WITHOUT_FILE
    )


def _isRun(obj):
    return type(obj).__name__.startswith("OccupyProt")


def _fileOf(obj):
    return (obj.getFileName() or "") if hasattr(obj, "getFileName") else ""


def _nameOf(obj, protocol):
    """Name of the output that an object is, or that it is an item of."""
    outputs = dict(protocol.iterOutputAttributes())
    for name, output in outputs.items():
        if output.getObjId() == obj.getObjId() and type(output) is type(obj):
            return name
    for name, output in outputs.items():  # an item of a set
        if hasattr(output, "iterItems") and any(
            _fileOf(item) == _fileOf(obj) for item in output.iterItems()
        ):
            return name
    return None
