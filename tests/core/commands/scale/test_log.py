"""The record of a run as text."""

from copy import deepcopy

from occupy_core.commands.scale.log import log_text

RECORD = {
    "inputs": {
        "map": {
            "file": "m.mrc",
            "shape": [30, 32, 40],
            "voxel_size": [1.5, 1.5, 2.0],
            "sha256": "ab" * 32,
        },
        "model": {"file": "m.cif", "sha256": "cd" * 32},
    },
    "parameters": {"method": "calibrated", "lowpass": 8.0, "kernel_size": 5, "tau": None},
    "limits": {"full_scale": 0.123456789, "target_occupancy": None},
    "calibration": {"occupancy": [0.0, 0.5, 1.0], "noise_origin": "solvent"},
    "job": {"modify": {"amplify": 4.0, "attenuate": None, "subtraction_mask": True}},
    "files": {"scale": "scale_m.mrc"},
    "versions": {"numpy": "2.0"},
    "warnings": ["First.", "Two\nlines."],
}


def lines(**changes):
    return log_text({**deepcopy(RECORD), **changes}).splitlines()


def value_of(label, text):
    (found,) = (line for line in text if line.startswith(f"  {label} "))
    return found.removeprefix(f"  {label}").strip()


def test_values_stand_beside_their_labels_with_units():
    text = lines()
    assert value_of("Low-pass", text) == "8 Å"
    assert value_of("Kernel size", text) == "5 voxels"
    assert value_of("  box (z, y, x)", text) == "30 x 32 x 40 voxels"
    assert value_of("  voxel size (x, y, z)", text) == "1.5 x 1.5 x 2 Å"
    assert value_of("Density of full scale", text) == "0.123457"
    assert value_of("Occupancies", text) == "0, 0.5, 1"
    assert value_of("subtraction mask", text) == "yes"


def test_what_is_not_known_has_no_line():
    text = "\n".join(lines())
    assert "Tau" not in text
    assert "target mask" not in text
    assert "attenuate" not in text


def test_a_file_without_a_box_has_its_checksum_only():
    text = lines()
    after = text[text.index(next(line for line in text if "m.cif" in line)) + 1]
    assert after.split() == ["sha256", "cd" * 32]


def test_sections_that_say_nothing_are_left_out():
    assert "Calibration" in lines()
    assert "Warnings" in lines()
    plain = lines(calibration=None, warnings=[])
    assert "Calibration" not in plain
    assert "Warnings" not in plain


def test_a_warning_is_one_line():
    text = lines()
    assert len(text) - text.index("Warnings") - 1 == 2
