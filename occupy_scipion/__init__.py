# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin: local scale (occupancy) of cryo-EM maps in Scipion.

The numerics are in `occupy_core`, which knows nothing of Scipion; here are forms, pointers,
outputs and viewers.
"""

import os
import shlex
import sys

import pwem
import pyworkflow.utils as pwutils
from pyworkflow import Config, VarTypes

from occupy_core import __version__
from occupy_scipion.constants import FORSBERG_2023, OCCUPY_PYTHON
from occupy_scipion.preferred_viewers import preferOurs

_logo = "logo.png"
_references = [FORSBERG_2023]


class Plugin(pwem.Plugin):
    _supportedVersions = [__version__]
    _url = ""  # or the help of a form would lead to pwem
    # No binaries: without _homeVar and _pathVars the installation is always valid.

    def getName(self):
        """What stands before the labels of the protocols, in the tree and in a project."""
        return "occupy"

    @classmethod
    def _defineVariables(cls):
        cls._defineVar(
            OCCUPY_PYTHON,
            "",
            var_type=VarTypes.PATH,
            description="A Python with scipion-em-occupy installed, to run the calculations of "
            "OccuPy protocols in another environment. Empty: the Python of Scipion.",
        )
        preferOurs(Config.VIEWERS)

    @classmethod
    def getEnviron(cls):
        """Environment of the calculations (runJob wants an Environ, not a dict)."""
        environ = pwutils.Environ(os.environ)
        environ["PYTHONUNBUFFERED"] = "1"  # progress reaches the log at once
        return environ

    @classmethod
    def getActiveVersion(cls, *args):
        return __version__

    @classmethod
    def getProgram(cls):
        """Command that runs `occupy_core`, quoted for a shell."""
        # sys.executable, not the python3 of PATH: Scipion may run without its environment active.
        return f"{shlex.quote(cls.getVar(OCCUPY_PYTHON) or sys.executable)} -m occupy_core"

    @classmethod
    def defineBinaries(cls, env):
        """Nothing to install: the distribution brings all it needs."""
