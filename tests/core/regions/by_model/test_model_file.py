"""Model files of every make are read as they are meant, or refused in one sentence."""

import bz2
import gzip

import gemmi
import numpy as np
import pytest
from small_models import three_chains

from occupy_core.errors import ParameterError
from occupy_core.regions.by_model.atoms import read_model


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
def test_no_flipped_bit_of_a_packed_model_gives_other_atoms(tmp_path, packed):
    path = three_chains(tmp_path / "m.pdb")
    right = read_model(path).positions
    content = packed(path.read_bytes())
    refused = 0
    for bit in np.random.default_rng(0).integers(0, 8 * len(content), 60):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        try:
            model = read_model(path)
        except ParameterError:
            refused += 1
        else:
            np.testing.assert_array_equal(model.positions, right)
    assert refused > 50


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
def test_truncated_model_is_refused(tmp_path, packed):
    path = three_chains(tmp_path / "m.pdb")
    path.write_bytes(packed(path.read_bytes())[:-20])
    with pytest.raises(ParameterError, match="cannot be read"):
        read_model(path)


@pytest.mark.parametrize("start", ["\ufeff", "\n\n", "# a comment\n"])
def test_marks_and_comments_before_a_model_do_not_matter(tmp_path, start):
    path = three_chains(tmp_path / "m.pdb")
    plain = read_model(path)
    if not start.startswith("#"):
        path.write_text(start + path.read_text())
        np.testing.assert_array_equal(read_model(path).positions, plain.positions)
    structure = plain.regions[0].model
    whole = gemmi.Structure()
    whole.add_model(structure)
    whole.setup_entities()
    path.write_text(start + whole.make_mmcif_document().as_string())
    assert len(read_model(path).positions) == len(plain.regions[0].positions)
