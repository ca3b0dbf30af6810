"""Rules that hold in all of the code, each a few lines."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest
from small_jobs import ROOT

import occupy_core
from occupy_core.params import Params

CORE = sorted((ROOT / "occupy_core").rglob("*.py"))
PLUGIN = sorted(p for p in (ROOT / "occupy_scipion").rglob("*.py") if "tests" not in p.parts)
MOST_UNNAMED = 2  # unlike things that a function returns without a name for each
MOST_BY_POSITION = 4  # arguments of a dataclass; beyond, nobody knows which is which


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def classes_of(package):
    """Every class that a package defines."""
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not info.name.endswith("__main__"):
            module = importlib.import_module(info.name)
            yield from (
                value
                for value in vars(module).values()
                if inspect.isclass(value) and value.__module__ == info.name
            )


@pytest.mark.parametrize("path", CORE + PLUGIN, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_relies_on_assert(path):
    """Scipion loads projects with -O, which takes assertions away."""
    found = [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Assert)]
    assert not found, f"lines {found}"


def test_large_dataclasses_take_their_fields_by_name():
    found = [
        f"{cls.__module__}.{cls.__name__}"
        for cls in classes_of(occupy_core)
        if dataclasses.is_dataclass(cls)
        and sum(not field.kw_only for field in dataclasses.fields(cls)) > MOST_BY_POSITION
    ]
    assert not found


def test_no_function_returns_a_bare_tuple_of_unlike_things():
    """Nobody knows which is which; a named tuple or a dataclass says so."""
    found = []
    for path in CORE:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.FunctionDef) or node.returns is None:
                continue
            for part in ast.walk(node.returns):
                if isinstance(part, ast.Subscript) and ast.unparse(part.value) == "tuple":
                    items = part.slice.elts if isinstance(part.slice, ast.Tuple) else []
                    kinds = {ast.unparse(item) for item in items} - {"..."}
                    if len(items) > MOST_UNNAMED and len(kinds) > 1:
                        found.append(f"{path.name}:{node.lineno} {node.name}")
    assert not found


def test_results_do_not_raise_their_warnings_too():
    """Only readers of files and grids warn by Python; estimates say it in their result."""
    warning = {
        str(path.relative_to(ROOT / "occupy_core"))
        for path in CORE
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
    }
    assert {path.split("/")[0] for path in warning} <= {"maps", "commands"}


def test_the_package_is_imported_at_once():
    """Nothing is loaded for the front door before it is used."""
    script = "import sys, occupy_core; print(len([m for m in sys.modules if 'occupy_core' in m]))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == 2  # itself and the errors


PARAMS = [cls for cls in classes_of(occupy_core) if cls.__name__.endswith("Params")]


@pytest.mark.parametrize("cls", PARAMS, ids=lambda cls: cls.__name__)
def test_all_parameters_have_one_contract(cls):
    grid = occupy_core.Grid((64, 70, 67), (1.5, 1.4, 1.6))
    assert issubclass(cls, Params)
    if cls is Params:
        return
    params = cls()
    assert cls.__dataclass_params__.frozen
    assert params.problems() == params.problems(grid) == []
    assert params.resolve(grid) == params.resolve(grid)
    assert params == cls()  # as it was


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (occupy_core.ScaleParams(lowpass=99.0), "low-pass is 99 Å"),
        (occupy_core.ModifyParams(lowpass_output=99.0), "low-pass of the output is 99.0 Å"),
        (occupy_core.ChainParams(resolution=1.1), "resolution is 1.1 Å"),
        (occupy_core.BlocksParams(smoothing=9.0), "smoothing is 9 Å but must be at most 4.8 Å"),
        (occupy_core.ResolutionParams(window=30.0), "needs 120 Å"),
    ],
)
def test_what_only_a_grid_forbids_is_told_with_a_grid(params, sentence):
    grid = occupy_core.Grid.cubic(32, 1.5)
    assert params.problems() == []
    assert any(sentence in problem for problem in params.problems(grid))
    with pytest.raises(occupy_core.ParameterError, match="but"):
        params.resolve(grid)


def test_a_name_has_one_unit():
    """Frequencies (1/Å) and lengths (Å) are not called alike."""
    from occupy_core.resolution.measure.spectrum import Spectrum

    frequencies = {field.name for field in dataclasses.fields(Spectrum)}
    lengths = {field.name for field in dataclasses.fields(occupy_core.ResolutionResult)}
    assert "cutoff_frequency" in frequencies - lengths
    assert "finest_detail" in lengths - frequencies
    assert "limit" not in frequencies | lengths


def test_every_kind_of_relation_is_drawn_and_said():
    from occupy_core.blocks.track.tracking import RELATION_KINDS
    from occupy_core.commands.blocks.answer import RELATIONS
    from occupy_core.commands.blocks.figures import _KINDS

    assert set(RELATIONS) == set(_KINDS) == set(RELATION_KINDS) - {"independent"}
