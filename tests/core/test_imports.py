"""Who may import whom, and what must not be loaded before it is needed."""

import ast
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import occupy_core

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "occupy_core"

# A module may import from its own layer and from lower ones.
LAYERS = (
    {"errors"},
    {"progress", "plain_values", "machine", "files"},
    {"maps"},
    {"solvent", "params"},
    {"scale"},
    {"blocks", "regions", "resolution"},
    {"particles"},
    {"api"},
    {"commands"},
    {"__main__"},
)
LAYER = {name: level for level, names in enumerate(LAYERS) for name in names}
# A command that runs others knows them.
STEPS = {"classes": {"scale", "resolution", "blocks", "regions"}}
# What stands beside the local scale takes no more of it than this.
FROM_SCALE = {"occupy_core.scale.full_scale"}


def parts():
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def imported_modules(path):
    """Full names of what a module imports from this package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
            if (
                node.module == "occupy_core"
                or (PACKAGE.parent / node.module.replace(".", "/")).is_dir()
            ):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "occupy_core")


def part_of(path):
    """Name of the part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", parts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_from_its_own_layer_and_lower_ones_only(path):
    part = part_of(path)
    assert part in LAYER, f"{part} has no layer; give it one here"
    for module in imported_modules(path):
        names = module.split(".")
        if len(names) == 1 or names[1] not in LAYER:  # the version and the errors of the package
            continue
        assert LAYER[names[1]] <= LAYER[part], f"{path} imports {module}"
        if part in ("blocks", "resolution", "regions") and names[1] == "scale":
            assert ".".join(names[:3]) in FROM_SCALE, f"{path} imports {module}"
        if LAYER[names[1]] == LAYER[part] == LAYER["regions"]:
            assert names[1] == part, f"{path} imports {module}"


@pytest.mark.parametrize(
    "path",
    [p for p in parts() if part_of(p) == "commands"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_command_imports_its_own_folder_and_what_all_share(path):
    folder = path.relative_to(PACKAGE / "commands").parts[0]
    for module in imported_modules(path):
        names = module.split(".")
        if names[1:2] == ["commands"] and folder != "main.py":
            # Every run may write a report; a report knows records, no command.
            known = {folder, "shared", "report"} | STEPS.get(folder, set())
            assert names[2] in known, f"{path} imports {module}"


def test_what_the_package_offers_is_what_it_tells_type_checkers():
    """The imports of `__init__.py` that never run, beside those that happen on demand."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    pairs = {
        (node.module.removeprefix("occupy_core."), alias.name)
        for node in checked.body
        for alias in node.names
    }
    assert pairs == {(m, name) for m, names in occupy_core._HOMES.items() for name in names}


def modules_after(statement):
    script = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import occupy_core",
        "from occupy_core.commands.main import main; main(['scale', '--help'])",
        "from occupy_core.commands.main import main; main(['scale', '--nonsense'])",
    ],
)
def test_nothing_heavy_is_loaded_for_the_package_and_for_help(statement):
    loaded = modules_after(statement)
    for heavy in ("numba", "matplotlib", "scipy", "mrcfile", "pyworkflow", "tkinter"):
        assert heavy not in loaded


def test_the_list_of_commands_comes_without_loading_any():
    loaded = modules_after("from occupy_core.commands.main import main; main(['--help'])")
    assert not {"argparse", "numpy"} & loaded
    assert not [name for name in loaded if name.endswith((".cli", ".options"))]


@pytest.mark.parametrize(
    "statement",
    [
        "import occupy_core.commands.scale.run",
        "import occupy_core.commands.shared.plots, occupy_core.commands.scale.emdb",
    ],
)
def test_no_figure_library_and_no_scipion_is_loaded_for_a_job(statement):
    loaded = modules_after(statement)
    for heavy in ("matplotlib", "scipy.optimize", "scipy.stats", "pyworkflow", "tkinter"):
        assert heavy not in loaded


def test_help_comes_at_once():
    command = [sys.executable, "-m", "occupy_core", "scale", "--help"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time of the processor: other work on the machine must not count.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3
