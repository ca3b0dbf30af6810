"""Compare the files of the installed distribution with those of the tree: contents.py ROOT."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

PACKAGES = ("occupy_core", "occupy_scipion")


def files_of_tree(root: Path) -> set[str]:
    """Names of all files of the packages, from the root."""
    return {
        str(path.relative_to(root))
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def files_installed() -> set[str]:
    """Names of the installed files of the packages, from site-packages."""
    files = importlib.metadata.files("scipion-em-occupy") or ()
    return {
        str(file)
        for file in files
        if file.parts[0] in PACKAGES and "__pycache__" not in file.parts and file.locate().is_file()
    }


def main() -> None:
    """Compare names and bytes; end with status 1 and a list where they differ."""
    root = Path(sys.argv[1])
    tree, installed = files_of_tree(root), files_installed()
    site = Path(str(importlib.metadata.distribution("scipion-em-occupy").locate_file("")))
    problems = [f"  is not packed: {name}" for name in sorted(tree - installed)]
    problems += [f"  is packed but not in the tree: {name}" for name in sorted(installed - tree)]
    problems += [
        f"  is packed with other bytes: {name}"
        for name in sorted(tree & installed)
        if (root / name).read_bytes() != (site / name).read_bytes()
    ]
    if problems:
        sys.exit("The distribution is not the tree:\n" + "\n".join(problems))
    print(f"install-check: {len(installed)} files are packed as in the tree")


if __name__ == "__main__":
    main()
