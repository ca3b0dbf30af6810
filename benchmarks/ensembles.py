"""The ensembles with known blocks of the tests, for the benchmarks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def _load() -> ModuleType:
    path = Path(__file__).parents[1] / "tests" / "support" / "ensembles.py"
    spec = importlib.util.spec_from_file_location("known_ensembles", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_known = _load()
KnownEnsemble = _known.KnownEnsemble
chains = _known.chains
ellipsoids = _known.ellipsoids
matched_jaccards = _known.matched_jaccards
null = _known.null
