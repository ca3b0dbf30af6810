"""Let Scipion find what the tree has: plugin_contents.py ROOT HOME.

Every protocol, viewer and wizard that is written in occupy_scipion must be offered by an
installation, and every protocol of the tree of protocols must be among them.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import sys
import warnings
from configparser import ConfigParser
from pathlib import Path

# Folder of the plugin: name of the kind in Scipion, and a word that all bases of the kind have.
KINDS = {
    "protocols": ("Protocols", "Prot"),
    "viewers": ("Viewers", "Viewer"),
    "wizards": ("Wizards", "Wizard"),
}


def classes_of_tree(folder: Path, word: str) -> set[str]:
    """Names of the classes that Scipion is to find in a folder: those without heirs."""
    bases: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {ast.unparse(base).split(".")[-1] for base in node.bases}

    def is_of_kind(name: str) -> bool:
        if name in bases:
            return any(is_of_kind(base) for base in bases[name])
        return word in name  # a class of Scipion

    inherited = set().union(*bases.values())
    return {name for name in bases if name not in inherited and is_of_kind(name)}


def protocols_of_menu(path: Path) -> set[str]:
    """Names of the protocols in the tree of protocols."""
    parser = ConfigParser()
    parser.read(path)

    def leaves(node: object) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(leaves, node))
        if not isinstance(node, dict):
            return set()
        own = {node["value"]} if node.get("tag") == "protocol" else set()
        return own | leaves(node.get("children", []))

    return leaves([json.loads(text) for text in parser["PROTOCOLS"].values()])


def main() -> None:
    """Compare; end with status 1 and a list where something is not offered."""
    root, home = Path(sys.argv[1]), Path(sys.argv[2])
    home.mkdir(parents=True)
    from scipion.utils import getTemplatesPath

    os.environ.update(
        SCIPION_HOME=str(home),
        SCIPION_USER_DATA=str(home),
        SCIPION_DOMAIN="pwem",
        SCIPION_NOTIFY="False",
        SCIPION_HOSTS=str(Path(getTemplatesPath()) / "hosts.template"),
        SCIPION_PYTHON=sys.executable,
        MPLBACKEND="Agg",
    )
    warnings.simplefilter("ignore")  # of the packages that Scipion pins
    import pyworkflow

    domain = pyworkflow.Config.getDomain()
    problems = []
    for folder, (kind, word) in KINDS.items():
        found = getattr(domain, f"get{kind}")()
        offered = {
            cls.__name__ for cls in found.values() if cls.__module__.startswith("occupy_scipion.")
        }
        wanted = classes_of_tree(root / "occupy_scipion" / folder, word)
        if not wanted:
            problems.append(f"  the tree has no {folder}")
        lost = wanted - offered
        problems += [f"  {kind}: {name}" for name in sorted(lost)]
        print(
            f"install-check: Scipion offers {len(offered)} {folder}: {', '.join(sorted(offered))}"
        )
    lost = protocols_of_menu(root / "protocols.conf") - set(domain.getProtocols())
    problems += [f"  in the menu, but unknown: {name}" for name in sorted(lost)]
    place = importlib.util.find_spec("occupy_scipion").origin
    if "site-packages" not in place:
        problems.append(f"  the plugin is that of the checkout: {place}")
    if problems:
        sys.exit("Scipion does not offer:\n" + "\n".join(problems))


if __name__ == "__main__":
    main()
