# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run of `occupy_core classes`, and what a protocol says of it."""

from occupy_core.regions.table import RegionTable
from occupy_scipion.constants import BENJAMINI_1995, WOJDYR_2022
from occupy_scipion.records.record import Record, counted


class ClassesRecord(Record):
    """What is in which class, what differs, and which classes may be one."""

    pattern = "result.json"

    @property
    def hasRegions(self):
        """Whether there were regions, given or found, to measure."""
        return "table" in self.values

    @property
    def table(self):
        """The occupancies and local resolutions, as `occupy_core` draws them."""
        return RegionTable.from_record(self.values)

    @property
    def name(self):
        """Name of the whole."""
        return counted(len(self.values["classes"]), "map")

    @property
    def groups(self):
        """Names of the maps of each proposed class."""
        found = self.values.get("regrouping")
        return [[row["map"]] for row in self.values["classes"]] if not found else found["groups"]

    def rows(self):
        """Rows of the table, map by map, and those of the mean over the classes."""
        return [*self.values["table"], *self.values["average"]] if self.hasRegions else []

    def lines(self):
        """The answer, for the summary: what is in which class first."""
        return self.answerLines()

    def methodSentences(self):
        """How it was found, for the methods."""
        maps = counted(len(self.values["classes"]), "map")
        if not self.hasRegions:
            return [f"The local resolution of {maps} was estimated with {self.program}."]
        fitted = f" by fitting the model [{WOJDYR_2022}]" if "model" in self.inputs else ""
        sentences = [
            f"The occupancy{fitted} and the local resolution of "
            f"{counted(len(self.table.regions), 'region')} in {maps} were measured with "
            f"{self.program}, relative to {', '.join(self.values['reference'])}; verdicts hold for "
            "95 % intervals."
        ]
        if self.values["differences"]:
            sentences.append(
                "The significance of differences between maps was corrected for their number by "
                f"the false discovery rate [{BENJAMINI_1995}]."
            )
        return sentences
