"""How many small faults in the numerics the tests notice: a sample of mutations, one at a time.

    python scripts/mutation.py [--count 60] [--seed 1] [--same-as OTHER_TREE] [--tree TREE]

A mutation changes one operator, constant or choice of extreme in the copy of one module; then the
tests that name this module run, after them those that name its package, until one fails. What no
test notices is printed: it wants a test, or it changes nothing that can be seen.

With --same-as only functions are changed that read the same in another tree (an older version),
so that one seed gives the same sample in both, and the scores can be compared.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Packages of numerics, by the names of today and of earlier versions. Compiled loops are left out:
# a minute of compiling for each mutation.
PACKAGES = ("maps", "solvent", "scale", "occupancy", "regions", "blocks", "resolution")
LEFT_OUT = ("_loops.py", "_numba.py", "kernels.py", "compiled.py", "synthetic.py", "__init__.py")
SECONDS = 300  # of the processor, for the tests of one mutation

SWAPPED_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip
SWAPPED_NAMES = {
    "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "argmin": "argmax",
    "argmax": "argmin", "any": "all", "all": "any", "sin": "cos", "cos": "sin", "floor": "ceil",
    "ceil": "floor",
}  # fmt: skip
_NOTHING = 1e-5  # smaller constants guard against a division by zero: any other will do
QUIET = ("report", "part", "warn")  # calls that say something and compute nothing


@dataclass(frozen=True)
class Mutation:
    """One change.

    Parameters
    ----------
    unit : str
        The function or assignment as text without its comments ...
    number : int
        ... and which of its expressions is changed: the same in two versions.
    path : Path
        Of the module.
    line : int
    before, after : str
        The expression.
    source : str
        Text of the whole changed module.
    """

    unit: str
    number: int
    path: Path
    line: int
    before: str
    after: str
    source: str


def units(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions, methods and assignments of a module, by name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner
        elif isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield ast.unparse(node.targets[0]), node


def text_of(unit: ast.AST) -> str:
    """A unit as text, without docstring, comments and layout."""
    unit = copy.deepcopy(unit)
    if isinstance(unit, ast.FunctionDef) and ast.get_docstring(unit):
        unit.body = unit.body[1:] or [ast.Pass()]
    return ast.unparse(unit)


def expressions(unit: ast.AST) -> Iterator[ast.expr]:
    """Expressions of a unit that compute: no annotation, message, docstring or report."""
    for node in ast.iter_child_nodes(unit):
        if isinstance(node, ast.Raise | ast.arguments | ast.JoinedStr):
            continue
        if isinstance(unit, ast.FunctionDef) and node is unit.returns:
            continue
        if isinstance(unit, ast.AnnAssign) and node is unit.annotation:
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) in QUIET:
            continue
        if isinstance(node, ast.expr):
            yield node
        yield from expressions(node)


def changed(node: ast.expr) -> ast.expr | None:
    """A changed copy of an expression, or None where there is nothing to change."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.BinOp | ast.BoolOp) and type(new.op) in SWAPPED_OPERATORS:
        new.op = SWAPPED_OPERATORS[type(new.op)]()  # type: ignore[assignment]
    elif isinstance(new, ast.Compare) and type(new.ops[0]) in SWAPPED_OPERATORS:
        new.ops[0] = SWAPPED_OPERATORS[type(new.ops[0])]()  # type: ignore[assignment]
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.USub | ast.Not | ast.Invert):
        return new.operand
    elif isinstance(new, ast.Constant) and isinstance(new.value, bool):
        new.value = not new.value
    elif isinstance(new, ast.Constant) and isinstance(new.value, int):
        new.value += 1
    elif isinstance(new, ast.Constant) and isinstance(new.value, float):
        if 0 < new.value < _NOTHING:
            return None
        new.value = 1.5 * new.value if new.value else 0.5
    elif isinstance(new, ast.Call) and isinstance(new.func, ast.Attribute | ast.Name):
        name = new.func.attr if isinstance(new.func, ast.Attribute) else new.func.id
        if name not in SWAPPED_NAMES:
            return None
        if isinstance(new.func, ast.Attribute):
            new.func.attr = SWAPPED_NAMES[name]
        else:
            new.func.id = SWAPPED_NAMES[name]
    else:
        return None
    return new


def mutations_of(path: Path) -> Iterator[Mutation]:
    """All mutations of a module."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw = source.encode()
    for _, unit in units(ast.parse(source)):
        text = text_of(unit)
        for number, node in enumerate(expressions(unit)):
            new = changed(node)
            if new is None or node.end_lineno is None or node.end_col_offset is None:
                continue
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            after = ast.unparse(new)
            yield Mutation(
                unit=text,
                number=number,
                path=path,
                line=node.lineno,
                before=ast.unparse(node),
                after=after,
                source=(raw[:start] + f"({after})".encode() + raw[end:]).decode(),
            )


def modules(tree: Path) -> list[Path]:
    """The modules of numerics of a tree."""
    return [
        path
        for package in PACKAGES
        for path in sorted((tree / "occupy_core" / package).rglob("*.py"))
        if path.name not in LEFT_OUT
    ]


def units_once(tree: Path) -> set[str]:
    """Texts of the units that stand in a tree exactly once."""
    texts = Counter(
        text_of(unit)
        for path in modules(tree)
        for _, unit in units(ast.parse(path.read_text(encoding="utf-8")))
    )
    return {text for text, times in texts.items() if times == 1}


def sample(tree: Path, other: Path | None, count: int, seed: int) -> list[Mutation]:
    """Draw mutations of a tree, among the units that it shares with another one."""
    wanted = units_once(tree)
    if other is not None:
        wanted &= units_once(other)
    found = [m for path in modules(tree) for m in mutations_of(path) if m.unit in wanted]
    found.sort(key=lambda mutation: (mutation.unit, mutation.number))
    return random.Random(seed).sample(found, min(count, len(found)))


def tests_of(tree: Path, module: Path) -> list[Path]:
    """Test files that name a module, then those that name its package; commands excepted."""
    parts = module.relative_to(tree).with_suffix("").parts
    full, package = ".".join(parts), ".".join(parts[:2])
    ranked = []
    for path in sorted((tree / "tests" / "core").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name in ("test_imports.py", "test_docs.py", "test_training.py"):
            continue
        if any(word in str(path) for word in ("commands", "_cli", "_job", "_report", "bench")):
            continue
        if path.stem == f"test_{module.stem}" and parts[1] in str(path):
            ranked.append((0, path))
        elif full in text:
            ranked.append((1, path))
        elif package in text:
            ranked.append((2, path))
    return [path for _, path in sorted(ranked, key=lambda item: item[0])]


def run_tests(
    tree: Path, files: list[Path], *options: str, seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run test files of a tree, with a limit of processor time."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header"]
    return subprocess.run(
        [*command, *options, *map(str, files)],
        cwd=tree,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tree), str(tree / "tests" / "support")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DEBUG_TEMPROOT": str(tree.parent),
        },
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)),
    )


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Names of the tests that failed in a run."""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return [line.split(" - ")[0].split(" ", 1)[1] for line in lines]


def failing_already(tree: Path, drawn: list[Mutation]) -> list[str]:
    """Tests that fail on the tree as it is: they notice nothing."""
    files = sorted({f for m in drawn for f in tests_of(tree, tree / m.path.relative_to(tree))})
    return failures(run_tests(tree, files, seconds=10 * SECONDS))


def verdict(tree: Path, mutation: Mutation, left_out: list[str]) -> str:
    """Run the tests on a mutation: the name of the test that fails, "survived" or "timeout"."""
    target = tree / mutation.path.relative_to(tree)
    original = target.read_text(encoding="utf-8")
    target.write_text(mutation.source, encoding="utf-8")
    files = [file for file in tests_of(tree, target) if str(file.relative_to(tree)) not in left_out]
    deselected = [f"--deselect={name}" for name in left_out]
    try:
        done = run_tests(tree, files, "-x", *deselected, seconds=SECONDS)
    finally:
        target.write_text(original, encoding="utf-8")
    if done.returncode < 0:
        return "timeout"
    if done.returncode == 0:
        return "survived"
    failed = failures(done)
    if not failed:
        sys.exit(f"The tests could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[0]


def main() -> None:
    """Draw, try each and print the score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--same-as", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for name in ("occupy_core", "tests", "examples", "training", "benchmarks", "docs"):
            shutil.copytree(options.tree / name, tree / name)
        shutil.copy(options.tree / "pyproject.toml", tree)
        drawn = sample(tree, options.same_as, options.count, options.seed)
        left_out = failing_already(tree, drawn)
        for name in left_out:
            print(f"left out, as it fails without a mutation: {name}", flush=True)
        counts = {"killed": 0, "survived": 0, "timeout": 0}
        for mutation in drawn:
            found = verdict(tree, mutation, left_out)
            counts[found if found in counts else "killed"] += 1
            where = f"{mutation.path.relative_to(tree)}:{mutation.line}"
            print(f"{where}: {mutation.before} -> {mutation.after}\n    {found}", flush=True)
    noticed = counts["killed"] + counts["timeout"]
    print(f"{noticed} of {len(drawn)} noticed ({counts['timeout']} by taking too long)")


if __name__ == "__main__":
    main()
