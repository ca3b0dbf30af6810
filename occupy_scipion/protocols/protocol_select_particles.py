# SPDX-License-Identifier: GPL-3.0-or-later
import importlib
import json
import math
import os

import numpy as np
import pyworkflow.protocol.params as params
from pwem.objects import SetOfParticles
from pyworkflow.object import Float, String

from occupy_core.blocks.track.rules import rule_names
from occupy_core.errors import ParameterError
from occupy_core.particles.files import column_labels, star_labels
from occupy_core.particles.selection import maps_that_fit, purities
from occupy_core.regions.share import share_of_particles
from occupy_core.regions.table import listed
from occupy_scipion.convert.forms import formValue
from occupy_scipion.convert.volumes import distinctNames, volumesOf
from occupy_scipion.objects import SetOfRegionOccupancies
from occupy_scipion.protocols.protocol_base import OccupyProtBase

_MOST_LINES = 10  # [guard] of the summary
_RESULT = "selection.json"
_STAR = "selected_particles.star"


class OccupyProtSelectParticles(OccupyProtBase):
    """Selects the particles of the classes that have a region, or lack another one.

    *Inputs*: the classes of a 3D classification, and the occupancies that the protocol _region
    occupancy_ measured in them. A rule such as _D > 0.8 and E < 0.2_ says which classes are wanted.

    *Output*: the particles of these classes, with their alignment, CTF and all other columns. Each
    has the occupancy of every region in its class as a further column. Use them in the next
    refinement or classification. With scipion-em-relion the same particles stand in a STAR file
    in the folder of the run, for RELION outside of Scipion.

    *What to check*: the summary says what share of the selected particles has each region of the
    rule, with its standard error, and how many of all particles with it were selected.
    """

    _label = "select particles"
    _possibleOutputs = {"selectedParticles": SetOfParticles}

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam(
            "inputClasses",
            params.PointerParam,
            pointerClass="SetOfClasses3D, SetOfClassesFlex",
            important=True,
            label="3D classes",
            help="The classes whose particles are wanted.",
        )
        form.addParam(
            "inputOccupancies",
            params.PointerParam,
            pointerClass="SetOfRegionOccupancies",
            important=True,
            label="Region occupancies",
            help="The table of the protocol _region occupancy_ for these classes.",
        )
        form.addParam(
            "where",
            params.StringParam,
            default="",
            label="Rule",
            help="Which classes are wanted, by the occupancies of regions in them: comparisons "
            "joined by _and_, _or_, _not_ and brackets, such as _D > 0.8 and E < 0.2_. A name with "
            "other signs than letters, digits and underscores stands in double quotation marks: "
            '_"A:1-20" > 0.5_. Empty: all classes, so that all particles get the occupancies as '
            "columns.",
        )

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase.
        self._insertFunctionStep(self.createOutputStep, self._outputArguments(), needsGPU=False)

    def _outputArguments(self):
        names, regions, values, sigma = self._table()
        return json.dumps([formValue(self, "where"), names, regions, values, sigma, self._sizes()])

    # --------------------------- STEPS functions -------------------------------------------------
    def createOutputStep(self, arguments):
        rule, names, regions, values, sigma, sizes = json.loads(arguments)
        values, sigma = (np.array(table, np.float64) for table in (values, sigma))
        wanted = maps_that_fit(rule, dict(zip(regions, values.T, strict=True)))
        selected = self._newParticles(dict(zip(names, wanted, strict=True)), regions, values)
        self._writeResult(rule, regions, wanted, values, sigma, sizes)
        self._writeStar(selected, regions)
        self._replaceOutputs({"selectedParticles": selected})
        for pointer in (self.inputClasses, self.inputOccupancies):
            self._defineSourceRelation(pointer, selected)

    def _newParticles(self, wanted, regions, values):
        classes = self.inputClasses.get()
        selected = SetOfParticles.create(self._getPath())
        selected.copyInfo(classes.getImages())
        labels = column_labels(regions)
        names = distinctNames(volumesOf([self.inputClasses]))
        for row, (name, group) in enumerate(zip(names, classes.iterItems(), strict=True)):
            if not wanted[name]:
                continue
            selected.setAlignment(group.getAlignment())
            for particle in group.iterItems():
                particle = particle.clone()
                for label, value in zip(labels, values[row], strict=True):
                    known = Float(None if np.isnan(value) else round(float(value), 4))
                    setattr(particle, f"occupancy_{label}", known)
                particle.occupancyClass = String(name)
                selected.append(particle)
        return selected

    def _writeStar(self, selected, regions):
        """Write the particles as RELION has them, with columns that scipion-em-relion leaves out.

        Nothing is written without that plugin, which knows the conventions of RELION.
        """
        file = self._getExtraPath(_STAR)
        if os.path.exists(file):
            os.remove(file)  # of an earlier run with another rule
        try:
            convert = importlib.import_module("relion.convert")
        except ImportError:
            return
        labels = zip(star_labels(regions), column_labels(regions), strict=True)
        columns = [(label, f"occupancy_{name}") for label, name in labels]

        def addColumns(particle, row):
            row["rlnClassNumber"] = particle.getClassId() or 0
            for label, attribute in columns:
                value = particle.getAttributeValue(attribute)
                row[label] = math.nan if value is None else value

        selected.write()  # what is iterated is what is stored
        try:
            convert.writeSetOfParticles(selected, f"{file}.tmp", postprocessImageRow=addColumns)
        except Exception as error:  # of the other plugin, which does not know every alignment
            self.warning(f"scipion-em-relion could not write the particles ({error}).")
            return
        os.replace(f"{file}.tmp", file)

    def _writeResult(self, rule, regions, wanted, values, sigma, sizes):
        groups = np.repeat(np.arange(len(sizes)), sizes)
        share, error = share_of_particles(values, sigma)
        found = purities(wanted[groups], groups, share, error, regions)
        result = {
            "rule": rule,
            "classes": int(wanted.sum()),
            "particles": [int(np.array(sizes)[wanted].sum()), int(sum(sizes))],
            "purity": [[p.region, p.share, p.sigma, p.of_all] for p in found],
        }
        file = self._getExtraPath(_RESULT)
        with open(f"{file}.tmp", "w", encoding="utf-8") as stream:
            json.dump(result, stream)
        os.replace(f"{file}.tmp", file)

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        classes, occupancies = self.inputClasses.get(), self.inputOccupancies.get()
        if classes is None or occupancies is None:
            return []  # Scipion says which field is empty
        if not isinstance(occupancies, SetOfRegionOccupancies):
            return [
                f"The region occupancies are a {type(occupancies).__name__}, but must be the "
                "output of the protocol region occupancy."
            ]
        if not hasattr(classes, "getImages"):
            return [f"The input is a {type(classes).__name__}, but must be 3D classes."]
        if classes.getImages() is None or not sum(self._sizes()):
            return ["The classes hold no particles; choose the output of a classification."]
        names, regions, values, _ = self._table()
        known = {row.map.get() for row in occupancies.iterItems()}
        missing = [name for name in names if name not in known]
        if missing:
            return [
                f"The occupancies are those of {listed(sorted(known), 3)}, but the classes are "
                f"{listed(names, 3)}; measure the occupancies of these classes."
            ]
        try:
            columns = dict(zip(regions, np.array(values, np.float64).T, strict=True))
            wanted = maps_that_fit(formValue(self, "where"), columns)
        except ParameterError as error:
            return list(error.problems)
        if not any(size for size, yes in zip(self._sizes(), wanted, strict=True) if yes):
            return [f"No class fits {self.where.get()}; loosen the rule."]
        return []

    def _inputWarnings(self):
        return []

    def _summary(self):
        result = self._readResult()
        if result is None:
            return ["The particles are not ready yet."]
        (chosen, given), rule = result["particles"], result["rule"]
        lines = [f"{chosen} of {given} particles{f' where {rule}' if rule else ''}."]
        for region, share, sigma, ofAll in _ofRule(result)[:_MOST_LINES]:
            lines.append(
                f"{region}: in {share:.2f} ± {sigma:.2f} of them, which are {ofAll:.0%} of all "
                "particles with it."
            )
        if os.path.exists(self._getExtraPath(_STAR)):
            lines.append(f"For RELION outside of Scipion: {self._getExtraPath(_STAR)}")
        return lines

    def _methods(self):
        result = self._readResult()
        if result is None:
            return []
        (chosen, given), rule = result["particles"], result["rule"]
        if not rule:
            return [f"The occupancies of regions were assigned to {given} particles by class."]
        return [
            f"The {chosen} of {given} particles of classes with {rule} (occupancies of regions) "
            "were selected."
        ]

    # --------------------------- UTILS functions -------------------------------------------------
    def inputPointers(self):
        """The pointers to the maps, for the base."""
        return [self.inputClasses] if self.inputClasses.get() is not None else []

    def _sizes(self):
        return [group.getSize() for group in self.inputClasses.get().iterItems()]

    def _table(self):
        """Names of the classes and regions, occupancies and errors; None where not known."""
        names = distinctNames(volumesOf([self.inputClasses]))
        regions, cells = [], {}
        for row in self.inputOccupancies.get().iterItems():
            region = row.region.get()
            if region not in regions:
                regions.append(region)
            cells[row.map.get(), region] = (row.occupancy.get(), row.sigma.get())
        nothing = (None, None)
        values, sigma = (
            [[cells.get((name, region), nothing)[k] for region in regions] for name in names]
            for k in range(2)
        )
        return names, regions, values, sigma

    def getPurities(self):
        """Region, share, its standard error and share of all with it; None while not ready."""
        result = self._readResult()
        return None if result is None else result["purity"]

    def _readResult(self):
        file = self._getExtraPath(_RESULT)
        if not os.path.exists(file):
            return None
        with open(file, encoding="utf-8") as stream:
            return json.load(stream)


def _ofRule(result):
    """The purities of the regions in the rule."""
    named = rule_names(result["rule"]) if result["rule"] else ()
    return [purity for purity in result["purity"] if purity[0] in named]
