"""Locales tried for real: built here, and every command gives the same bytes under each of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import run_everything
from every_command import RUNS, make_all_inputs

LOCALES = {
    "C": (None, "ANSI_X3.4-1968 0.5"),
    "de_DE.ISO-8859-1": (("de_DE", "ISO-8859-1"), "ISO-8859-1 0,5"),  # the decimal comma
    "tr_TR.UTF-8": (("tr_TR", "UTF-8"), "UTF-8 0,5"),  # the i without a dot
    "zh_CN.GBK": (("zh_CN", "GBK"), "GBK 0.5"),  # two bytes for a letter, the second in ASCII
}


def run(name, inputs, folder, places):
    """Run every command under a locale of the C library; return the encoding and all files."""
    env = {
        **os.environ,
        "LOCPATH": str(places),
        "LC_ALL": name,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    command = [sys.executable, run_everything.__file__, str(inputs), str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), name
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != "notes"
    }
    shutil.rmtree(folder)
    return done.stdout.splitlines(), files


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folder with the locales."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("locales cannot be built here")
    for name, (source, _) in LOCALES.items():
        if source is not None:
            language, encoding = source
            command = ["localedef", "-i", language, "-f", encoding, str(folder / name)]
            subprocess.run(command, capture_output=True, check=False)
            assert (folder / name).is_dir()
    return folder


@pytest.mark.slow
def test_every_locale_gives_the_same_bytes(tmp_path, places):
    inputs = tmp_path / "inputs.json"
    files = make_all_inputs(tmp_path / "inputs").files
    inputs.write_text(json.dumps({name: str(path) for name, path in files.items()}))
    expected = {}
    for name, (_, told) in LOCALES.items():
        said, found = run(name, inputs, tmp_path / "out", places)
        assert said == [told], name
        expected = expected or found
        assert {path.split("/")[0] for path in found} == {f"out{i}" for i in range(len(RUNS))}
        different = [k for k in expected.keys() | found if found.get(k) != expected.get(k)]
        assert different == [], name
