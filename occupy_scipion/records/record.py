# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that a run of `occupy_core` leaves: what a protocol knows of it."""

import glob
import json
import os
import re
from pathlib import Path

from occupy_core.commands.shared.record import file_beside


class Record:
    """What a run was asked for, what it used and what it wrote.

    Parameters
    ----------
    path : str
        The file: JSON.
    """

    pattern = "*.json"
    """What its file is called."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as stream:
            self.values = json.load(stream)
        self.files = {
            key: str(file_beside(Path(path), name)) for key, name in self.values["files"].items()
        }

    @classmethod
    def of(cls, folder):
        """Return the record in the folder of a run, or None while there is none."""
        paths = glob.glob(os.path.join(glob.escape(folder), cls.pattern))
        return cls(paths[0]) if paths else None

    @property
    def inputs(self):
        """Names of the files that were read, by what they are."""
        return {key: _inProject(entry["file"]) for key, entry in self.values["inputs"].items()}

    @property
    def warnings(self):
        """Sentences that the user must read."""
        return [formWords(text) for text in self.values["warnings"]]

    @property
    def program(self):
        """Name and version of the program, for the methods."""
        return f"scipion-em-occupy {self.values['versions']['occupy_core']}"

    def answerLines(self):
        """The answer in a sentence, and what limits it: how a summary begins."""
        found = self.values.get("answer")
        if found is None:
            return []  # a record of before
        return [formWords(text) for text in (found["sentence"], *found["limits"])]

    def allFiles(self):
        """Names of all files written: a step returns them, so that none can be lost unnoticed."""
        return list(self.files.values())


def formWords(text):
    """A sentence of the command line for someone at a form: its options without their hyphens."""
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda option: option[1].replace("-", " "), text)


def counted(number, noun):
    """A number of things, which may be one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _inProject(file):
    """A file of the project by its name from there, so that the project can be moved."""
    start = file.rfind("/Runs/")
    inside = file[start + 1 :]
    return inside if start >= 0 and os.path.exists(inside) else file
