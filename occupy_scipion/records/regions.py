# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run of `occupy_core regions`, and what a protocol says of it."""

from occupy_core.maps.mrc import map_name
from occupy_core.regions.table import RegionTable, listed
from occupy_scipion.constants import BENJAMINI_1995, WOJDYR_2022
from occupy_scipion.records.record import Record, counted

_MOST_LINES = 30
_MOST_MAPS = 8
_SIGNIFICANT = 0.05  # false discovery rate up to which a difference is told


class RegionsRecord(Record):
    """Which regions were measured in which maps, and their occupancies."""

    pattern = "result.json"

    @property
    def table(self):
        """The occupancies, as `occupy_core` draws them."""
        return RegionTable.from_record(self.values)

    @property
    def name(self):
        """Name of the whole: that of the map, when there is one."""
        maps = self.table.maps
        return maps[0] if len(maps) == 1 else f"{len(maps)} maps"

    def rows(self):
        """Rows of the table, map by map, and those of the mean over the classes."""
        return [*self.values["table"], *self.values["average"]]

    def mask(self, region):
        """File of the mask made of a region, or None."""
        return self.files.get(f"mask_{region}")

    def mapFile(self):
        """File of the first map."""
        return self.inputs["maps_1"]

    def masks(self):
        """Files of the masks by the names of the regions: made by the run, or given to it."""
        made = {name: self.mask(name) for name in self.table.regions if self.mask(name)}
        given = [file for key, file in self.inputs.items() if key.startswith("masks")]
        return made or {map_name(file): file for file in given}

    def models(self):
        """Files of the models with the occupancies in their B column: one for each map."""
        several = len(self.table.maps) > 1
        keys = [f"model_{i}" if several else "model" for i in range(1, len(self.table.maps) + 1)]
        return [self.files[key] for key in keys if key in self.files]

    # --------------------------- Sentences -------------------------------------------------------
    def lines(self):
        """The best values, for the summary: a line for each region."""
        table, several = self.table, len(self.table.maps) > 1
        lines = self.answerLines()
        if several:
            lines.append(f"Maps, in this order: {listed(table.maps, _MOST_MAPS)}.")
        means = {row["region"]: row for row in self.values["average"]}
        for region in table.regions[:_MOST_LINES]:
            rows = [row for row in self.values["table"] if row["region"] == region]
            line = f"{region}: {listed([_value(row) for row in rows], _MOST_MAPS)}"
            if region in means:
                line += f"; weighted mean {_value(means[region])}"
            if not several and rows[0]["flags"]:
                line += f" ({'; '.join(rows[0]['flags'])})"
            lines.append(line)
        if len(table.regions) > _MOST_LINES:
            lines.append(f"... and {len(table.regions) - _MOST_LINES} more: see the table.")
        return lines + self._differences()

    def _differences(self):
        found = [d for d in self.values["differences"] if _isSignificant(d)]
        if not self.values["differences"]:
            return []
        if not found:
            return ["No region differs significantly between the maps."]
        largest = max(found, key=lambda d: abs(d["difference"]))
        return [
            f"{len(found)} of {len(self.values['differences'])} differences between maps are "
            f"significant (false discovery rate {_SIGNIFICANT:g}); the largest: "
            f"{largest['region']}, {largest['second']} less {largest['first']}, "
            f"{largest['difference']:+.2f}."
        ]

    def methodSentences(self):
        """How it was found, for the methods."""
        table = self.table
        maps = "the map" if len(table.maps) == 1 else f"each of {len(table.maps)} maps"
        reference = ", ".join(self.values["reference"])
        if "model" in self.inputs:
            how = (
                "by fitting the density of all regions of the atomic model together, each at full "
                f"occupancy and with its own blur [{WOJDYR_2022}]"
            )
        else:
            how = "from the mean density above the solvent within their masks"
        sentences = [
            f"The occupancies of {counted(len(table.regions), 'region')} in {maps} were measured "
            f"with {self.program} {how}, relative to {reference}; errors are one standard error."
        ]
        if self.values["differences"]:
            sentences.append(
                "The significance of differences between maps was corrected for their number by "
                f"the false discovery rate [{BENJAMINI_1995}]."
            )
        if self.values["average"]:
            sentences.append("Means over the classes are weighted with their sizes.")
        return sentences


def _value(row):
    if row["occupancy"] is None:
        return "not measured"
    occupancy = round(row["occupancy"], 2) + 0.0  # no -0.00
    return f"{occupancy:.2f} ± {row['sigma']:.2f}"


def _isSignificant(difference):
    return difference["q_value"] is not None and difference["q_value"] <= _SIGNIFICANT
