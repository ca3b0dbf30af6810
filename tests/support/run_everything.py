"""Run every command once, in this process's locale: python run_everything.py INPUTS.json FOLDER."""

import json
import locale
import sys
from pathlib import Path

from copies import load_everything, start_copy
from every_command import IN_OTHER_PROCESSES, RUNS, Inputs


def main(inputs, folder):
    """Run everything; print the encoding, and what a run said that did not end well."""
    # As programs with windows do; Python itself takes the letters of the locale only.
    locale.setlocale(locale.LC_ALL, "")
    files = json.loads(Path(inputs).read_text(encoding="utf-8"))
    made = Inputs({name: Path(path) for name, path in files.items()})
    load_everything()
    print(locale.getpreferredencoding(False), f"{0.5:n}")
    for number, run in enumerate(RUNS):
        words = made.words(run, Path(folder) / f"out{number}")
        copy = start_copy(words, Path(folder) / "notes", new=run in IN_OTHER_PROCESSES)
        if copy.wait():
            print(run, copy.status, copy.text())


if __name__ == "__main__":
    main(*sys.argv[1:])
