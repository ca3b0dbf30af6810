# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run of `occupy_core blocks`, and what a protocol says of it."""

import numpy as np

from occupy_core.commands.blocks.answer import relation_texts
from occupy_core.commands.blocks.tables import choose
from occupy_scipion.constants import BENJAMINI_1995, CHAZAL_2013, FISHER_1935, KINMAN_2023
from occupy_scipion.records.record import Record, counted

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
        lines = self.answerLines()
        lines += [
            f"{block['name']}: {block['voxels']} voxels, {block['volume'] / 1000:.3g} nm³, there "
            f"in {block['present_in']} volumes, mean occupancy {block['mean_occupancy']:.2f}"
            for block in self.blocks
        ]
        return [*lines, *(f"{text}." for text in relation_texts(self.values))]

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
