"""The record of a run as text, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from occupy_core.commands.shared.quoting import one_line

_LABEL_WIDTH = 34  # [layout]

_PARAMETERS = (
    ("method", "Method", ""),
    ("mode", "Mode", ""),
    ("lowpass", "Low-pass", "Å"),
    ("kernel_size", "Kernel size", "voxels"),
    ("kernel_radius", "Kernel radius", "voxels"),
    ("n_voxels_in_kernel", "Voxels in the kernel", ""),
    ("tau", "Tau", ""),
    ("recommended_tau", "Tau recommended", ""),
    ("tile_size", "Tile size", "voxels"),
    ("granularity", "Granularity", "Å"),
    ("processing_shape", "Box processed (z, y, x)", "voxels"),
    ("processing_voxel_size", "Voxel size processed (x, y, z)", "Å"),
    ("hedge_confidence", "Power of the confidence", ""),
)
_LIMITS = (
    ("content_at_one_percent", "Content makes 1 %"),
    ("solvent_edge", "End of the solvent"),
    ("solvent_mean", "Mean of the solvent"),
    ("solvent_sigma", "Deviation of the solvent"),
    ("value_at_half_confidence", "Density of confidence 0.5"),
    ("full_scale", "Density of full scale"),
    ("variability_limit", "Variability limit (scale)"),
    ("confidence_limit", "Scale of confidence 0.5"),
    ("target_occupancy", "Occupancy of the target mask"),
    ("resolution_correlation", "Correlation with local resolution"),
)
_CALIBRATION = (
    ("noise_origin", "Noise taken from", ""),
    ("noise_sigma", "Deviation of the noise", ""),
    ("solvent_mean", "Level of the solvent", ""),
    ("occupancy", "Occupancies", ""),
    ("density", "Maxima above the solvent there", ""),
    ("sigma", "Deviation of these by noise", ""),
    ("spread", "Spread of full density (scale)", ""),
    ("full_fraction", "Part of the content that is full", ""),
)


def log_text(record: Mapping[str, Any]) -> str:
    """Write the record of a job (see `occupy_core.commands`) as text.

    Parameters
    ----------
    record : mapping
        As in result_X.json.
    """
    lines = ["Input"]
    for key, entry in record["inputs"].items():
        lines.append(_line(key, entry["file"]))
        if "shape" in entry:
            lines.append(_line("  box (z, y, x)", _value(entry["shape"]), "voxels"))
            lines.append(_line("  voxel size (x, y, z)", _value(entry["voxel_size"]), "Å"))
        lines.append(_line("  sha256", entry["sha256"]))
    lines += ["", "Local scale"]
    lines += _table(record["parameters"], _PARAMETERS)
    if record.get("scale_usage"):
        lines.append(_line("The scale that was given", record["scale_usage"]))
    lines += ["", "Limits"]
    lines += _table(record["limits"], [(key, label, "") for key, label in _LIMITS])
    if record.get("calibration"):
        lines += ["", "Calibration"]
        made = {
            key: ", ".join(map(_value, value)) if isinstance(value, list | tuple) else value
            for key, value in record["calibration"].items()
        }
        lines += _table(made, _CALIBRATION)
    lines += ["", "Modification"]
    modify = record["job"]["modify"]
    lines += [_line(key, _value(value)) for key, value in modify.items() if value is not None]
    lines += ["", "Files"]
    lines += [_line(key, name) for key, name in record["files"].items()]
    lines += ["", "Versions"]
    lines += [_line(key, version) for key, version in record["versions"].items()]
    if record["warnings"]:
        lines += ["", "Warnings", *(f"  {one_line(text)}" for text in record["warnings"])]
    return "\n".join(lines) + "\n"


def _table(values: Mapping[str, Any], rows: Sequence[tuple[str, str, str]]) -> list[str]:
    return [
        _line(label, _value(values[key]), unit)
        for key, label, unit in rows
        if values.get(key) is not None
    ]


def _line(label: str, value: str, unit: str = "") -> str:
    return one_line(f"  {label.replace('_', ' '):<{_LABEL_WIDTH}} {value} {unit}".rstrip())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " x ".join(_value(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
