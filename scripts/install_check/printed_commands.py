"""Run every command line that the program prints as an example: printed_commands.py ROOT FOLDER.

The commands are those of the installed program's own table, so that a new command is tried as soon
as it is there; one whose help has no example fails. Those of the README are run too. Examples name
files such as map.mrc or model.cif: `example_files` of tests/support (which is to be in the path)
makes them, and an example of a file that is not there fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

from example_files import inputs, particle_inputs

import occupy_core.commands
from occupy_core.commands.shared.command import Command

ROOT, FOLDER = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
PROGRAM = Path(sys.executable).parent / "occupy-core"
SAMPLE = ROOT / "examples" / "emd_11007_120.map.gz"
ON_THE_SAMPLE = {"scale", "resolution"}  # the others get a map whose model is known


def report_inputs(folder: Path) -> None:
    """Write the results that the examples of the report name."""
    for name in ("scale", "class1", "class2", "class3"):
        run(f"occupy-core scale map.mrc --outdir {name} --quiet", folder)


def printed(*arguments: str) -> str:
    """Run the program and return what it prints."""
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, cwd=FOLDER, check=False
    )
    if done.returncode:
        sys.exit(f"occupy-core {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def commands_in(text: str) -> list[str]:
    """Command lines of the program in what it prints."""
    return [line.strip() for line in re.findall(r"^ *occupy-core .*$", text, re.MULTILINE)]


def examples_of(command: str, seen: dict[str, list[str]]) -> None:
    """Collect the examples of a command and of the commands under it, in `seen`."""
    seen[command] = examples = commands_in(printed(*command.split(), "--help"))
    for example in examples:
        words = example.split()[1:]
        longer = " ".join(words[: len(command.split()) + 1])
        if longer not in seen and "-" not in longer and "." not in longer:
            usage = printed(*longer.split(), "--help").split("\n")[0]
            if usage.startswith(f"usage: occupy-core {longer} "):
                examples_of(longer, seen)


def table() -> list[str]:
    """Names of the commands in the program's own table."""
    lines = printed("--help").split("commands:")[1].split("\n\n")[0]
    return [line.split()[0] for line in lines.splitlines() if line.strip()]


def commands_in_code() -> set[str]:
    """Names of all commands that are written anywhere in the package."""
    package = occupy_core.commands
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not info.name.endswith("__main__")
    ]
    return {
        value.name for module in modules for value in vars(module).values()
        if isinstance(value, Command)
    }  # fmt: skip


def run(line: str, folder: Path) -> str:
    """Run a command line in a shell, as a user would; return what it prints."""
    outdir = re.search(r"--outdir (\S+)", line)
    # A shell in which nothing is set. Nobody is here to close a browser.
    environment = {
        "PATH": f"{PROGRAM.parent}:/usr/bin:/bin",
        "HOME": str(FOLDER),
        "BROWSER": "true",
    }
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode == 2 and "exists already" in said and not line.endswith(" --force"):
        return run(f"{line} --force", folder)  # an earlier example wrote there
    print(f"install-check: {line}", flush=True)
    if done.returncode or "Traceback" in said:
        sys.exit(f"This command failed with status {done.returncode}:\n  {line}\n{said}")
    if outdir and not any((folder / outdir.group(1)).iterdir()):
        sys.exit(f"This command wrote nothing:\n  {line}\n{said}")
    return done.stdout


def batch_inputs(folder: Path) -> None:
    """Write what the examples of batch name: a table, a list, and a folder of maps."""
    (folder / "jobs.csv").write_text("command,input-map\nscale,map.mrc\nresolution,map.mrc\n")
    jobs = [{"command": "regions", "input-maps": ["map.mrc"], "model": "model.cif"}]
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    (folder / "maps").mkdir()
    for name in ("class1.mrc", "class2.mrc"):
        shutil.copy(folder / name, folder / "maps")


MORE_INPUTS = {
    "particles": particle_inputs,
    "report": report_inputs,
    "batch": batch_inputs,
    "watch": batch_inputs,
}


def main() -> None:
    """Run all examples; end with status 1 at the first that fails."""
    if importlib.util.find_spec("pyworkflow") is not None:
        sys.exit("Scipion came along; the environment must be empty.")
    FOLDER.mkdir(parents=True)
    seen: dict[str, list[str]] = {}
    for name in table():
        examples_of(name, seen)
    lost = {name for name in commands_in_code() if not seen.get(name)}
    if lost:
        sys.exit(f"These commands are in no help, or have no example: {', '.join(sorted(lost))}.")
    printed_examples = [example for examples in seen.values() for example in examples]
    printed_examples += commands_in((ROOT / "README.md").read_text(encoding="utf-8"))
    for example in dict.fromkeys(printed_examples):
        command = example.split()[1]
        folder = FOLDER / command
        if not folder.exists():
            inputs(folder, sample=SAMPLE if command in ON_THE_SAMPLE else None)
            if command in MORE_INPUTS:
                MORE_INPUTS[command](folder)
        for further in commands_in(run(example, folder)):
            run(further, folder)


if __name__ == "__main__":
    main()
