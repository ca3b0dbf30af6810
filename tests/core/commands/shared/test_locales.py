"""Locales tried for real: built here, and the same bytes come out under each of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_jobs import contents, write_small_map

LOCALES = {
    "C": None,
    "de_DE.ISO-8859-1": ("de_DE", "ISO-8859-1"),  # the decimal comma
    "tr_TR.UTF-8": ("tr_TR", "UTF-8"),  # the i without a dot
    "zh_CN.GBK": ("zh_CN", "GBK"),  # two bytes for a letter, the second in ASCII
}


def run(outdir, small, places, name):
    """Run a job with figures under a locale of the C library."""
    env = {
        **os.environ,
        "LOCPATH": str(places),
        "LC_ALL": name,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    command = [sys.executable, "-m", "occupy_core", "scale", str(small), "--plot", "--verbose"]
    done = subprocess.run(
        [*command, "--outdir", str(outdir)], env=env, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return contents(outdir)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folder with the locales."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("locales cannot be built here")
    for name, source in LOCALES.items():
        if source is not None:
            language, encoding = source
            command = ["localedef", "-i", language, "-f", encoding, str(folder / name)]
            subprocess.run(command, capture_output=True, check=False)
            assert (folder / name).is_dir()
    return folder


@pytest.mark.slow
def test_every_locale_gives_the_same_bytes(tmp_path, places):
    small = write_small_map(tmp_path / "x.mrc")
    found = {name: run(tmp_path / "out", small, places, name) for name in ["C.UTF-8"]}
    for name in LOCALES:
        shutil.rmtree(tmp_path / "out")
        found[name] = run(tmp_path / "out", small, places, name)
    for name, files in found.items():
        different = [k for k in found["C.UTF-8"] if files.get(k) != found["C.UTF-8"][k]]
        assert different == [], name
