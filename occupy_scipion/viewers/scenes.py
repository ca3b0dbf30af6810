# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window for slices shows of each kind of result."""

from functools import partial

import numpy as np

from occupy_core.commands.resolution.run import color_limits
from occupy_core.commands.shared.colors import (
    CONFIDENCE,
    OCCUPANCY,
    TRUST,
    error_scale,
    local_scale,
    resolution_scale,
    several_colors,
)
from occupy_core.commands.shared.trust import resolution_trust, trust
from occupy_scipion.records.scale import TITLES
from occupy_scipion.viewers.palette import Palette
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import Item, Layer

SCALE, CONFIDENT, ERROR, TRUSTED = "Local scale", "Confidence", "Standard error", "Trust"
MASK, SOLVENT = "Mask", "Solvent definition"
SUBTRACTION = {
    "keep_mask": "Keep mask",
    "subtract_mask": "Subtract mask",
    "subtraction_mask": "Subtraction mask",
}
FINE, COARSE = "FSC 0.143", "FSC 0.5"
BLOCKS = "Blocks"
_OF_A_MASK = 0.02  # what is less is not seen as part of it


# ------------------------------- Local scale ------------------------------------------------------
def scaleItem(record, facts=None):
    """A map with its local scale."""
    density = Planes.of(record.inputs["map"])
    return Item(name=record.name, density=density, layers=scaleLayers(record), facts=facts or {})


def scaleLayers(record):
    """Scale, trust, standard error and confidence of a result."""
    confidence = Planes.of(record.files["confidence"])
    scale = Planes.of(record.scaleFile)
    sigma = Planes.of(record.files["scale_sigma"]) if "scale_sigma" in record.files else None
    layers = [scaleLayer(scale, sigma, confidence)]
    if sigma is not None:
        right = Planes.combined(trust, sigma, confidence)
        error = Palette.of(error_scale(_largestError(sigma)))
        layers += [
            Layer(title=TRUSTED, values=right, palette=Palette.of(TRUST)),
            Layer(title=ERROR, values=sigma, palette=error, within=confidence),
        ]
    layers.append(Layer(title=CONFIDENT, values=confidence, palette=Palette.of(CONFIDENCE)))
    if "solvent_definition" in record.files:
        layers.append(maskLayer(SOLVENT, record.files["solvent_definition"]))
    return tuple(layers)


def scaleLayer(scale, sigma, confidence):
    """The colours of a local scale, where there is content."""
    return Layer(
        title=SCALE,
        values=scale,
        palette=Palette.of(local_scale()),
        error=sigma,
        within=confidence,
    )


def _largestError(sigma):
    """The error at the end of the colours: what is nearly the same everywhere shall look so."""
    median, high = np.percentile(sigma.sample, (50, 99)) if sigma.sample.size else (0, 0)
    return max(2 * float(median), float(high)) or 1.0


def modifiedItems(record, facts=None):
    """A map and what was made of it, each with the scale."""
    layers = scaleLayers(record)
    layers += tuple(
        maskLayer(f"{title}, {kind.removeprefix(f'{mask}_')}", file)
        for mask, title in SUBTRACTION.items()
        for kind, file in record.files.items()
        if kind.startswith(f"{mask}_")
    )
    made = {"Input": record.inputs["map"]}
    made |= {TITLES[kind]: record.files[kind] for kind in record.modifiedKinds()}
    return [
        Item(name=title, density=Planes.of(file), layers=layers, facts=facts or {})
        for title, file in made.items()
    ]


def maskLayer(title, mask):
    """The colours of a mask, where it is not zero."""
    mask = Planes.of(mask)
    colors = Palette.of(OCCUPANCY)
    return Layer(title=title, values=mask, palette=colors, within=mask, least=_OF_A_MASK)


# ------------------------------- Local resolution -------------------------------------------------
def resolutionItem(record, facts=None):
    """A map with its local resolution."""
    density = Planes.of(record.inputs["map"])
    layers = resolutionLayers(record) if record.known else ()
    return Item(name=record.name, density=density, layers=layers, facts=facts or {})


def resolutionLayers(record):
    """Local resolution, trust and standard deviation of a result, and its mask."""
    mask, sigma = Planes.of(record.files["mask"]), Planes.of(record.files["sigma"])
    colors = Palette.of(resolution_scale(*color_limits(record.values)))
    layers = [
        Layer(
            title=title,
            values=Planes.of(record.files[key]),
            palette=colors,
            error=sigma if key == "resolution" else None,
            within=mask,
            unit="Å",
        )
        for key, title in (("resolution", FINE), ("resolution05", COARSE))
        if key in record.files
    ]
    believed = partial(resolution_trust, finest=record.values["limit"] or 0.0)
    right = Planes.combined(believed, sigma, layers[0].values)
    error = Palette.of(error_scale(_largestError(sigma), unit="Å"))
    layers += [
        Layer(title=TRUSTED, values=right, palette=Palette.of(TRUST), within=mask),
        Layer(title=ERROR, values=sigma, palette=error, within=mask, unit="Å"),
        maskLayer(MASK, record.files["mask"]),
    ]
    return tuple(layers)


def filteredItems(record):
    """A map, and the one low-passed to its local resolution."""
    first = resolutionItem(record)
    filtered = Planes.of(record.files["filtered"])
    return [
        Item(name="Map", density=first.density, layers=first.layers),
        Item(name="Filtered", density=filtered, layers=first.layers),
    ]


# ------------------------------- Masks and blocks -------------------------------------------------
def maskItems(density, masks, facts=()):
    """A map, once with each of some masks.

    Parameters
    ----------
    density : Planes
    masks : dict
        File of each mask by its name.
    facts : sequence of dict
        What is known of each.
    """
    known = [*facts, *({} for _ in range(len(masks) - len(facts)))]
    return [
        Item(name=name, density=density, layers=(maskLayer(MASK, file),), facts=fact)
        for (name, file), fact in zip(masks.items(), known, strict=True)
    ]


def blocksLayer(record):
    """The blocks in their colours; where two share a voxel, the smaller one is seen."""
    masks = [Planes.of(record.maskFile(i)) for i in range(len(record.blocks))]

    def labels(*planes):
        made = np.full(planes[0].shape, np.nan, np.float32)
        for number, plane in enumerate(planes, start=1):  # the largest first
            made[plane > 0.5] = number
        return made

    colors = Palette.named(record.names, several_colors(len(masks)))
    return Layer(title=BLOCKS, values=Planes.combined(labels, *masks), palette=colors)
