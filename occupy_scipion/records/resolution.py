# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run of `occupy_core resolution`, and what a protocol says of it."""

from occupy_core.maps.mrc import map_name
from occupy_scipion.constants import CARDONE_2013, FRANK_1975, VILAS_2018
from occupy_scipion.records.record import Record

_SOURCES = {
    "half maps": (
        f"as the Fourier shell correlation of the half maps in a Gaussian window [{CARDONE_2013}]"
    ),
    "solvent noise": (
        "from the map alone, by its local spectral signal-to-noise ratio over the noise of the "
        f"solvent, as the Fourier shell correlation that half maps would have [{FRANK_1975}]"
    ),
    "learned": (
        "from the map alone by a regression trained on simulated maps, as the noise of its solvent "
        "had been removed or filtered"
    ),
}


class ResolutionRecord(Record):
    """What a resolution was asked for, used and gave."""

    pattern = "resolution_*.json"

    @property
    def name(self):
        """Name of the map."""
        job = self.values["job"]
        return job["name"] or map_name(job["map"])

    @property
    def known(self):
        """Whether anything is resolved."""
        return self.values["quantiles"] is not None

    @property
    def globalResolution(self):
        """Global resolution at FSC 0.143, Å; None when it is not known."""
        return self.values["global_0143"]

    def filteredHalfMaps(self):
        """File names of the two filtered half maps, or nothing."""
        keys = ("filtered_half1", "filtered_half2")
        return [self.files[key] for key in keys if key in self.files]

    # --------------------------- Sentences -------------------------------------------------------
    def lines(self):
        """What was found, for the summary."""
        lines = self.answerLines()
        if self.known:
            volume = self.values["mask_volume"] / 1000
            lines.append(f"The mask of the molecule has {volume:.4g} nm³.")
        return lines

    def methodSentences(self):
        """How it was found, for the methods."""
        values = self.values
        if not self.known:
            return []
        sentences = [
            f"The local resolution (FSC 0.143, standard deviation of the window "
            f"{values['window']:.1f} Å) was estimated with {self.program} "
            f"{_SOURCES[values['source']]}."
        ]
        if self.globalResolution is not None:
            within = "the given mask" if "mask" in self.inputs else "a mask found automatically"
            sentences.append(f"Within {within} the global resolution is {self._global()}.")
        if "disagreement" in self.files:
            sentences.append(
                "A second opinion was taken from the monogenic amplitude of the map and its noise "
                f"[{VILAS_2018}]."
            )
        if "filtered" in self.files:
            sentences.append("The map was low-passed to its local resolution.")
        return sentences

    def _global(self):
        fine, coarse = self.values["global_0143"], self.values["global_05"]
        if fine is None:
            return "not known"
        better = " or better" if self.values["global_censored"] else ""
        half = "" if coarse is None else f", {coarse:.2f} Å (FSC 0.5)"
        return f"{fine:.2f} Å{better} (FSC 0.143){half}"
