"""The distribution: what is packed, what is said of it, and which copy the tests run on."""

from __future__ import annotations

import ast
import datetime
import importlib.util
import os
import re
import site
import subprocess
import sys
from pathlib import Path

import pytest

import occupy_core

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[1]
PACKAGES = ("occupy_core", "occupy_scipion")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def folders_of_modules():
    return sorted({path.parent for name in PACKAGES for path in (ROOT / name).rglob("*.py")})


@pytest.mark.parametrize(
    "folder", folders_of_modules(), ids=lambda folder: str(folder.relative_to(ROOT))
)
def test_a_folder_of_modules_is_a_package(folder):
    assert (folder / "__init__.py").is_file()


@pytest.mark.skipif(
    "OCCUPY_TEST_INSTALLED" not in os.environ, reason="the tests run on the checkout"
)
@pytest.mark.parametrize("name", PACKAGES)
def test_the_tests_run_on_the_installed_packages(name):
    installed = [Path(folder).resolve() for folder in site.getsitepackages()]
    here = Path(importlib.util.find_spec(name).origin).resolve()
    assert any(folder in here.parents for folder in installed)
    find = f"import importlib.util; print(importlib.util.find_spec({name!r}).origin)"
    command = [sys.executable, "-c", find]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).resolve() == here, "another process takes another copy"


def test_no_test_starts_a_process_on_the_checkout():
    """A process started in the checkout, or with it first in its path, would take that."""
    taken = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                if keyword.arg == "cwd" and ast.unparse(keyword.value) in ("ROOT", "str(ROOT)"):
                    taken.append(f"{path.relative_to(ROOT)}:{keyword.value.lineno}")
    assert taken == []


def test_metadata_say_what_the_citation_says():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    own = citation.split("references:")[0]
    assert re.search(r"^title: (.+)$", own, re.MULTILINE)[1] == PROJECT["name"]
    assert re.search(r"^version: (.+)$", own, re.MULTILINE)[1] == occupy_core.__version__
    names = re.findall(r"^  - name: (.+)$", own, re.MULTILINE)
    assert names == [author["name"] for author in PROJECT["authors"]]
    spdx = re.search(r"^license: (.+)$", own, re.MULTILINE)[1]
    assert f'license="{spdx}"' in (ROOT / "setup.py").read_text(encoding="utf-8")


def test_the_newest_entry_of_the_changes_is_of_this_version_and_has_a_date():
    first = (ROOT / "CHANGES.txt").read_text(encoding="utf-8").splitlines()[0]
    version, date = re.fullmatch(r"(\S+) \((.+)\):", first).groups()
    assert version == occupy_core.__version__
    datetime.date.fromisoformat(date)


# ---- what others run
def settings(name):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (extra [test])")
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_hosted_workflow_runs_the_script_that_runs_everywhere():
    jobs = settings(".github/workflows/ci.yml")["jobs"]
    commands = [step.get("run") for step in jobs["everything"]["steps"]]
    assert ".ci/run" in commands
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert jobs["everything"]["timeout-minutes"] == 90


def test_the_hosted_workflow_tries_every_python_that_the_metadata_name():
    core = settings(".github/workflows/ci.yml")["jobs"]["core"]
    named = [c.split(" :: ")[-1] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert core["strategy"]["matrix"]["python-version"] == named
    (command,) = (step["run"] for step in core["steps"] if "run" in step)
    target = command.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"make {target}" in (ROOT / ".ci" / "run").read_text()


def test_the_hosted_workflow_runs_weekly_on_pre_releases():
    workflow = settings(".github/workflows/ci.yml")
    when = workflow[True] if True in workflow else workflow["on"]  # YAML reads "on" as true
    (cron,) = (entry["cron"] for entry in when["schedule"])
    assert re.fullmatch(r"\d+ \d+ \* \* \d", cron)
    assert "schedule" in workflow["jobs"]["core"]["env"]["PIP_PRE"]


def test_the_hooks_of_pre_commit_are_local_and_are_those_of_lint():
    (repository,) = settings(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    entries = " ".join(hook["entry"] for hook in repository["hooks"])
    lint = (ROOT / "Makefile").read_text().split("lint:")[1].split("\n\n")[0]
    for tool in re.findall(r"python -m (\w+(?: check| format)?)", lint):
        assert f"python -m {tool}" in entries


def test_the_console_command_is_there():
    module, _, name = PROJECT["scripts"]["occupy-core"].partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
