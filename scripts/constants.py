"""List the numbers that modules of the core are tuned by, and where each comes from.

    python scripts/constants.py [--missing] [--table] [FOLDER]

A tuned number is one that a module binds to an upper-case name. The comment on its line, or the
lines of comment right above it, says where it comes from:

    [paper: DOI]        published, there
    [OccuPy], [SIREN]   of these programs, so that results agree
    [physics]           follows from a law, a definition or a unit
    [fit: COMMAND]      chosen on a benchmark; the command prints what other values give
    [measured: ON WHAT] a number that was measured, once; the comment says what came out
    [trained]           the learned model was trained with it: another value needs another model
    [format]            laid down by a file format, a system or a program that reads the file
    [guard]             keeps from dividing by zero, overflow, emptiness; any near value would do
    [machine]           how work is cut up or sampled; it decides on time, hardly on the result
    [words]             decides whether something is said, not what is computed
    [layout]            of figures, tables and progress
    [default]           default of what the user can set
    [sample]            of the simulated sample map
    [taste: not swept]  chosen by eye; nothing shows yet what other values give
    [taste: COMMAND]    chosen by eye; the command prints how much 30 % more or less moves
    [taste: nothing moved]  chosen by eye; 30 % more or less changed no figure of the benchmark of
                        its method (`python -m benchmarks.sensitivity`), which may not need it

Prints the counts by package and tag, or the numbers without a tag, or all of them as a table.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TAGS = (
    "paper", "OccuPy", "SIREN", "physics", "fit", "measured", "trained", "format", "guard",
    "machine", "words", "layout", "default", "sample", "taste",
)  # fmt: skip
NEED_SOURCE = {"paper", "fit", "measured"}
_TAG = re.compile(rf"\[({'|'.join(TAGS)})(?::\s*([^\]]+))?\]")


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A tuned number: where it stands, its source text and where it comes from."""

    package: str
    path: str
    line: int
    name: str
    value: str
    tag: str | None
    source: str


def constants(folder: Path = ROOT / "occupy_core") -> list[Constant]:
    """Return the tuned numbers of all modules in a folder, in order."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            for name, value in _bound(node):
                if name.strip("_").isupper() and _is_number(value):
                    comment = _comment(lines, node.lineno, node.end_lineno or node.lineno)
                    tag = _TAG.search(comment)
                    inside = path.relative_to(folder)
                    found.append(
                        Constant(
                            package=inside.parts[0] if len(inside.parts) > 1 else "(top)",
                            path=str(inside),
                            line=node.lineno,
                            name=name,
                            value=ast.unparse(value),
                            tag=tag[1] if tag else None,
                            source=(tag[2] or "") if tag else "",
                        )
                    )
    return found


def _bound(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    """Return the names and values that a statement binds."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        return [(node.target.id, node.value)]
    if not isinstance(node, ast.Assign):
        return []
    pairs: list[tuple[str, ast.expr]] = []
    for target in node.targets:
        if isinstance(target, ast.Name):
            pairs.append((target.id, node.value))
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs += [
                (one.id, value)
                for one, value in zip(target.elts, node.value.elts, strict=True)
                if isinstance(one, ast.Name)
            ]
    return pairs


def _is_number(value: ast.expr) -> bool:
    """Whether a value is made of numbers alone: literals, arithmetic and containers of them."""
    numbers = [n for n in ast.walk(value) if isinstance(n, ast.Constant) and _plain(n.value)]
    if not numbers:
        return False
    if isinstance(value, ast.Dict):
        return all(_is_number(v) for v in value.values)
    if isinstance(value, ast.Tuple | ast.List):
        return all(_is_number(v) for v in value.elts)
    if isinstance(value, ast.Call):
        return bool(value.args) and all(_is_number(a) for a in value.args[:1])
    if isinstance(value, ast.BinOp):
        return all(isinstance(v, ast.Name) or _is_number(v) for v in (value.left, value.right))
    if isinstance(value, ast.UnaryOp):
        return _is_number(value.operand)
    return isinstance(value, ast.Constant)


def _plain(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comment(lines: list[str], first: int, last: int) -> str:
    """Return the comments of the lines of a statement, and those right above it."""
    own = [line.split("#", 1)[1] for line in lines[first - 1 : last] if "#" in line]
    above = []
    for line in reversed(lines[: first - 1]):
        if not line.startswith("#"):
            break
        above.insert(0, line.lstrip("# "))
    return " ".join(own) if _TAG.search(" ".join(own)) else " ".join([*above, *own])


def counts(found: list[Constant]) -> str:
    """Count the numbers by package and tag, as a Markdown table."""
    columns = [*TAGS, "none"]
    number = Counter((c.package, c.tag or "none") for c in found)
    lines = [f"| package | {' | '.join(columns)} | all |", "|" + "---|" * (len(columns) + 2)]
    for package in [*sorted({c.package for c in found}), "all"]:
        row = [
            sum(n for (p, t), n in number.items() if t == tag and package in (p, "all"))
            for tag in columns
        ]
        lines.append(f"| {package} | {' | '.join(map(str, row))} | {sum(row)} |")
    return "\n".join(lines)


def table(found: list[Constant]) -> str:
    """List the numbers as a Markdown table."""
    lines = ["| file | name | value | from |", "|---|---|---|---|"]
    for c in found:
        tag = c.tag or "-"
        origin = f"{tag}: {c.source}" if c.source else tag
        lines.append(f"| {c.path}:{c.line} | `{c.name}` | {c.value} | {origin} |")
    return "\n".join(lines)


def main() -> int:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "occupy_core")
    parser.add_argument("--missing", action="store_true", help="list numbers without a tag")
    parser.add_argument("--table", action="store_true", help="list all numbers")
    given = parser.parse_args()
    found = constants(given.folder.resolve())
    if given.missing:
        print(table([c for c in found if c.tag is None]))
    elif given.table:
        print(table(found))
    else:
        print(counts(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
