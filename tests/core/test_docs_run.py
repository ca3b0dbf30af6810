"""The commands and the Python of the guides run, page by page, from top to bottom."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

import gemmi
import pytest
from example_files import inputs, particle_inputs
from relion_classes import write_model
from small_jobs import run_cli
from small_models import GRID, chain_lines, density_of, noisy, write_pdb

from occupy_core.maps import DensityMap, read_map, write_map
from occupy_core.regions.by_model.atoms import read_model

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# A line of a command (and those that it goes on in), or a block of Python.
PIECE = re.compile(
    r"^```python\n(?P<python>.*?)^```|^ *(?P<line>occupy-core (?:[^\n]*\\\n)*[^\n]+)",
    re.MULTILINE | re.DOTALL,
)
CENTRES = {
    name: (x, y, z)
    for name, x, y, z in (
        ("A", 22, 24, 30), ("B", 36, 24, 30), ("C", 50, 24, 30),
        ("D", 22, 46, 42), ("E", 36, 46, 42), ("G", 50, 46, 42),
    )
}  # fmt: skip
CLASSES = ({}, {"D": 0.0, "G": 0.0}, {"E": 0.0, "C": 0.5})


def pieces(page: str) -> list[tuple[str, str]]:
    """What a page lets the reader run, in order: ("line", a command) or ("python", code)."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    text = re.sub(r"^```text\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = [(str(m.lastgroup), m[str(m.lastgroup)]) for m in PIECE.finditer(text)]
    return [(kind, said.replace("\\\n", " ")) for kind, said in found if "`" not in said]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files that the pages name: classes of a complex of six chains, and the rest."""
    folder = tmp_path_factory.mktemp("pages") / "files"
    inputs(folder)
    particle_inputs(folder)
    for made in ("regions", "blocks"):  # the pages make these themselves
        shutil.rmtree(folder / made)
    lines = [chain_lines(c, at, n_residues=10, seed=i) for i, (c, at) in enumerate(CENTRES.items())]
    pdb = write_pdb(folder / "model.pdb", *lines)
    gemmi.read_structure(str(pdb)).make_mmcif_document().write_file(str(folder / "model.cif"))
    for number, without in enumerate(CLASSES, start=1):
        density = noisy(density_of(read_model(pdb), without), 0.02, seed=number)
        for name in (f"class{number}", f"run_it025_class{number:03d}"):
            write_map(folder / f"{name}.mrc", density)
    job = folder / "Class3D" / "job007"
    job.mkdir(parents=True)
    for file in folder.glob("run_it025_*"):
        shutil.copy(file, job)
    write_model(job / "run_it025_model.star", [0.5, 0.3, 0.2], box=GRID.shape[0], voxel_size=1.5)
    shutil.copy(folder / "class1.mrc", folder / "map.mrc")
    body = read_map(folder / "map.mrc").data > 0.3 * read_map(folder / "map.mrc").data.max()
    for name, part in (("core", slice(0, 20)), ("arm", slice(20, 28)), ("head", slice(28, 48))):
        mask = body.copy()
        mask[:, :, [i for i in range(48) if i not in range(48)[part]]] = False
        write_map(folder / f"{name}.mrc", DensityMap(mask.astype("float32"), GRID))
    return folder


@pytest.mark.parametrize(
    ("page", "some"),
    [
        ("regions", "B"),
        ("regions_method", "class2 D"),
        ("file_formats", "ampl_4.0_map.mrc"),
        ("particles", "chosen"),
        ("report", "html"),
    ],
)
def test_what_a_page_shows_runs(page, some, files, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "as a reader"
    shutil.copytree(files, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(webbrowser, "open", lambda *_, **__: True)
    found, printed = pieces(page), ""
    if page == "report":  # takes results that are there
        for name in ("class1", "class2"):
            assert run_cli(capsys, "scale", "map.mrc", "--outdir", name, "--quiet")[0] == 0
    assert found
    for kind, text in found:
        if kind == "python":
            for made in [name for name in ("regions", "scale") if Path(name).exists()]:
                shutil.move(made, f"{made} of a command")
            exec(compile(text, f"{page}.md", "exec"), {})
            printed += capsys.readouterr().out
            continue
        words = [
            name
            for word in shlex.split(text, comments=True)[1:]
            for name in (sorted(map(str, Path().glob(word))) if "?" in word else [word])
        ]
        if "--outdir" in words and Path(words[words.index("--outdir") + 1]).exists():
            words.append("--force")  # an earlier command of the page wrote there
        status, out, err = run_cli(capsys, *words)
        assert status == 0, f"{text}\n{err}"
        printed += out
    assert some in printed


def run_quietly(command: list[str]) -> str:
    """Run a command, which has to end well, and return what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", ["fuzz", "kills"])
def test_the_long_tests_are_called_as_the_page_says(target):
    page = (DOCS / "reliability.md").read_text(encoding="utf-8")
    calls = re.findall(rf"^ +(make {target}.*?)(?: +#.*)?$", page, re.MULTILINE)
    assert calls
    for call in calls:
        command = ["make", "--no-print-directory", "-C", str(ROOT), "--dry-run"]
        made = run_quietly([*command, *shlex.split(call)[1:]])
        program = shlex.split(made.splitlines()[-1])
        assert program[0].endswith("python")
        helped = run_quietly([sys.executable, str(ROOT / program[1]), "--help"])
        assert all(word in helped for word in program[2:] if word.startswith("--"))
