# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of what Scipion has no sets of."""

from pwem.objects import EMObject, EMSet, SetOfVolumes, VolumeMask
from pyworkflow.object import Boolean, Float, Integer, String

from occupy_scipion.convert.forms import formName


class SetOfVolumeMasks(SetOfVolumes):
    """Masks on one grid, of which each can be chosen wherever a mask is asked for."""

    ITEM_TYPE = VolumeMask


class RegionOccupancy(EMObject):
    """Occupancy of one region in one map: a row of the table.

    An attribute is a column; one that is empty is not known.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.map = String()
        self.region = String()
        self.occupancy = Float()
        self.sigma = Float()
        self.low = Float()  # of the 68 % interval
        self.high = Float()
        self.nVoxels = Integer()
        self.meanScale = Float()
        self.resolutionUsed = Float()  # Å
        self.blur = Float()  # Å², above that of the reference
        self.blurSigma = Float()
        self.beside = Float()  # density without atoms, of its own volume
        self.resolution = Float()  # local, Å
        self.resolutionSigma = Float()
        self.coarser = Float()  # than its neighbours, in standard errors
        self.verdict = String()
        self.flags = String()
        self.isReference = Boolean()
        self.particles = Integer()  # size of the class

    @classmethod
    def of(cls, row):
        """Make one of a row in a record of `occupy_core regions`."""
        item = cls()
        for field, value in row.items():
            column = getattr(item, formName(field))
            column.set("; ".join(value) if field == "flags" else value)
        return item


class SetOfRegionOccupancies(EMSet):
    """Occupancies of regions in maps."""

    ITEM_TYPE = RegionOccupancy

    def __str__(self):
        return f"{self.getClassName()} ({self.getSize()} rows)"
