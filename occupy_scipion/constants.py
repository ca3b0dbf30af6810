# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Scipion stores or shows."""

OCCUPY_PYTHON = "OCCUPY_PYTHON"
"""Configuration variable: the Python that runs the numerics (empty: the one of Scipion)."""

FORSBERG_2023 = "Forsberg2023"
"""Key of the method's paper in bibtex.py."""
