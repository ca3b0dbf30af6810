# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run of `occupy_core blocks`, and what a protocol says of it."""

import numpy as np

from occupy_core.commands.blocks.tables import choose
from occupy_scipion.constants import BENJAMINI_1995, CHAZAL_2013, FISHER_1935, KINMAN_2023
from occupy_scipion.records.record import Record, counted

_MOST_NAMES = 5
_RELATIONS = {
    "same": "{first} and {second} are there together or not at all",
    "together": "{first} and {second} are there together more often than by chance",
    "first only with second": "{first} is there only with {second}",
    "second only with first": "{second} is there only with {first}",
    "apart": "{first} and {second} are there together less often than by chance",
    "exclusive": "{first} and {second} exclude each other",
}
_CORRECTIONS = {
    "bonferroni": "Bonferroni's correction",
    "bh": f"the false discovery rate [{BENJAMINI_1995}]",
}


class BlocksRecord(Record):
    """Which blocks were found in which volumes."""

    pattern = "blocks.json"

    @property
    def blocks(self):
        """The blocks, the largest first: dictionaries."""
        return self.values["blocks"]

    @property
    def names(self):
        """Names of the blocks."""
        return [block["name"] for block in self.blocks]

    @property
    def rows(self):
        """The volumes used with their occupancies: dictionaries."""
        return self.values["table"]

    @property
    def name(self):
        """Name of the whole."""
        return f"{len(self.rows)} volumes"

    def maskFile(self, index):
        """File of the mask of a block."""
        return self.files[f"block_{index + 1:03d}"]

    def occupancy(self):
        """Occupancy of each block (columns) in each volume (rows)."""
        values = [[row[name] for name in self.names] for row in self.rows]
        return np.array(values, np.float64).reshape(len(self.rows), len(self.names))

    def threshold(self, volume):
        """Threshold of a volume by its name."""
        rows = {row["volume"]: row["threshold"] for row in self.values["thresholds"]}
        return rows[volume]

    def chosen(self, rule):
        """Names of the volumes for which a rule holds.

        Raises
        ------
        ParameterError
            When it names a block that was not found.
        """
        return [row["volume"] for row in choose(rule, self.rows, self.names)]

    # --------------------------- Sentences -------------------------------------------------------
    def lines(self):
        """What was found, for the summary."""
        volumes = self.values["volumes"]
        lines = [f"{volumes['used']} of {volumes['given']} volumes were used."]
        if volumes["left_out"]:
            lines.append(
                f"Left out, for their thresholds lie outside mean +- 2 standard deviations: "
                f"{_listed(volumes['left_out'])}."
            )
        elif volumes["outlying_thresholds"]:
            lines.append(
                "Their thresholds lie outside mean +- 2 standard deviations, but they were used: "
                f"{_listed(volumes['outlying_thresholds'])}."
            )
        if not self.blocks:
            return [*lines, "No block was found."]
        lines.append(f"{counted(len(self.blocks), 'block')}:")
        lines += [
            f"{block['name']}: {block['voxels']} voxels, {block['volume'] / 1000:.3g} nm³, there "
            f"in {block['present_in']} volumes, mean occupancy {block['mean_occupancy']:.2f}"
            for block in self.blocks
        ]
        return [*lines, *self.relationLines()]

    def relationLines(self):
        """How the blocks depend on each other; nothing of those that do not."""
        return [
            _RELATIONS[relation["kind"]].format_map(relation) + "."
            for relation in self.values["relations"]
            if relation["kind"] in _RELATIONS
        ]

    def methodSentences(self):
        """How it was found, for the methods."""
        volumes, used = self.values["volumes"], self.values["parameters"]
        sentences = [
            f"Structural blocks were searched for in {volumes['used']} volumes with {self.program}"
            f": pairs of voxels that are occupied in the same volumes were found by exact "
            f"hypergeometric tests [{FISHER_1935}] with {_CORRECTIONS[used['correction']]}, and "
            f"grouped by the density of their patterns [{CHAZAL_2013}]."
        ]
        if self.blocks:
            sentences.append(
                f"This gave {counted(len(self.blocks), 'block')}; occupancies were fitted together "
                f"in each volume and followed through the volumes [{KINMAN_2023}]."
            )
        return sentences


def _listed(names):
    text = ", ".join(names[:_MOST_NAMES])
    return text if len(names) <= _MOST_NAMES else f"{text} and {len(names) - _MOST_NAMES} more"
