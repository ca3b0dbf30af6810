"""The page of a local resolution: global values, the histogram, and where values are guesses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from occupy_core.commands.report.page import Page, Result, Scene, pairs
from occupy_core.commands.report.volumes import Shown, trusted
from occupy_core.commands.shared.colors import ColorScale, error_scale, resolution_scale
from occupy_core.commands.shared.levels import surface_level
from occupy_core.commands.shared.trust import resolution_trust
from occupy_core.maps.grid import DensityMap, Mask
from occupy_core.maps.mrc import map_name, read_map

KIND = "resolution"
_BINS = 50  # [layout]
_SOURCES = {
    "half maps": "as the Fourier shell correlation of the half maps in a Gaussian window "
    "[Cardone2013]",
    "solvent noise": "from the map alone, by its local spectral signal-to-noise ratio over the "
    "noise of the solvent, as the Fourier shell correlation that half maps would have "
    "[FrankAlAli1975]",
    "learned": "from the map alone by a regression trained on simulated maps, as the noise of its "
    "solvent had been removed or filtered",
    "nothing": "from the map alone; nothing stood out of the noise",
}


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of a local resolution."""
    return "global_0143" in record and "quantiles" in record


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    job = record["job"]
    name = job["name"] or map_name(job["map"] or job["half1"])
    maps = _maps(result)
    colors = _colors(record)
    return Page(
        kind=KIND,
        title=f"Local resolution of {name}",
        name=name,
        sections=(("Global resolution", _global(record)),),
        data={
            "histogram": None
            if maps is None or colors is None
            else _histogram(record, maps, colors),
            "fsc": _curves(record, maps),
        },
        scene=None if maps is None or colors is None else _scene(result, maps, colors),
        methods=_methods(record),
        command=f"resolution --params {result.name} --outdir again",
    )


def _colors(record: Mapping[str, Any]) -> ColorScale | None:
    """Return the colours: from the 5 % to the 95 % quantile, but none past what the map holds."""
    quantiles = record["quantiles"]
    if quantiles is None:
        return None
    low, high = float(quantiles["5%"]), float(quantiles["95%"])
    if record["censored_fraction"] > 0:
        low = max(low, float(record["limit"]))
    return resolution_scale(low, max(low, high))


def _maps(result: Result) -> tuple[DensityMap, Mask] | None:
    """Return the local resolution and where it is known; None when a file is gone."""
    resolution, mask = result.file("resolution"), result.file("mask")
    if resolution is None or mask is None:
        return None
    return read_map(resolution), read_map(mask).data > 0.5


def _scene(result: Result, maps: tuple[DensityMap, Mask], colors: ColorScale) -> Scene | None:
    source = result.input("map") or result.input("half1")
    sigma_file = result.file("sigma")
    if source is None or sigma_file is None:
        return None
    density = read_map(source, voxel_size=result.record["job"]["voxel_size"])
    resolution, known = maps
    sigma = read_map(sigma_file)
    largest = float(np.percentile(sigma.data[known], 98)) if known.any() else 1.0
    of_error = error_scale(max(largest, 0.01), "standard error of the local resolution", "Å")
    volumes = [
        Shown(key="map", title="Map", density=density),
        Shown(
            key="resolution",
            title="Local resolution",
            density=resolution,
            colors=colors,
            known=known,
            unit="Å",
            error="sigma",
        ),
        Shown(
            key="sigma",
            title="Standard error",
            density=sigma,
            colors=of_error,
            known=known,
            unit="Å",
        ),
    ]
    finest = float(result.record["limit"] or 0.0)
    right = resolution_trust(sigma.data, resolution.data, finest)
    volumes.append(trusted(density.with_data(right), known))
    guess = result.file("censored")
    if guess is not None:
        volumes.append(Shown(key="guess", title="Guess", density=read_map(guess), is_mask=True))
    mask = density.with_data(known.astype(np.float32))
    level = surface_level(density, mask)
    return Scene(volumes=tuple(volumes), inside=known, level=level, overlay="resolution")


def _histogram(
    record: Mapping[str, Any], maps: tuple[DensityMap, Mask], colors: ColorScale
) -> dict[str, Any]:
    resolution, known = maps
    values = resolution.data[known]
    # A few voxels are far off: the range shows all but one in a thousand.
    start, stop = (float(v) for v in np.quantile(values, (0.001, 0.999)))
    counts, edges = np.histogram(values, _BINS, (start, max(stop, start + 0.1)))
    centres = 0.5 * (edges[1:] + edges[:-1])
    marks = [{"at": float(np.median(values)), "label": f"median {np.median(values):.2f} Å"}]
    if record["global_0143"] is not None:
        overall = record["global_0143"]
        marks.append({"at": overall, "label": f"whole map {overall:.2f} Å", "dash": "7 3"})
    return {
        "volume": "resolution",
        "edges": edges.tolist(),
        "shares": (100 * counts / max(values.size, 1)).tolist(),
        "colors": [colors.color(float(c)) for c in centres],
        "label": "local resolution (Å)",
        "of": "share of the molecule (%)",
        "marks": marks,
        "guessed": record["limit"] if record["censored_fraction"] > 0 else None,
    }


def _curves(
    record: Mapping[str, Any], maps: tuple[DensityMap, Mask] | None
) -> dict[str, Any] | None:
    """Return the FSC of the whole and the share that is resolved, over frequency."""
    if maps is None or not maps[1].any():
        return None
    local = np.sort(1 / maps[0].data[maps[1]].astype(np.float64))
    end = max(1.1 / record["limit"], float(local[-1 - local.size // 1000]))
    frequency = np.linspace(0, end, 120)
    share = 1 - np.searchsorted(local, frequency) / local.size
    fsc = record["fsc"]
    return {
        "end": end,
        "share": np.stack([frequency, share], axis=1).tolist(),
        "fsc": None if fsc is None else list(zip(fsc["frequency"], fsc["fsc"], strict=True)),
        "limit": 1 / record["limit"],
    }


def _global(record: Mapping[str, Any]) -> str:
    def ngstroms(value: float | None) -> str:
        return "not known" if value is None else f"{value:.2f} Å"

    better = " or better" if record["global_censored"] else ""
    values: dict[str, Any] = {
        "at FSC 0.143": ngstroms(record["global_0143"]) + better,
        "at FSC 0.5": ngstroms(record["global_05"]),
        "finest detail that the map holds": ngstroms(record["limit"]),
        "state of the map": record["state"],
        "volume of the mask": f"{record['mask_volume'] / 1000:.4g} nm³",
    }
    return pairs(values, "The map as a whole")


def _methods(record: Mapping[str, Any]) -> str:
    program = f"scipion-em-occupy {record['versions']['occupy_core']}"
    if record["window"] is None:
        return f"The map holds too little detail for a local resolution ({program})."
    text = (
        f"The local resolution (FSC 0.143, standard deviation of the window "
        f"{record['window']:.1f} Å) was estimated with {program} {_SOURCES[record['source']]}."
    )
    if record["global_0143"] is not None:
        within = "the given mask" if "mask" in record["inputs"] else "a mask found automatically"
        text += f" Within {within} the global resolution is {record['global_0143']:.2f} Å."
    if "disagreement" in record["files"]:
        text += (
            " A second opinion was taken from the monogenic amplitude of the map and its noise "
            "[Vilas2018]."
        )
    return text
