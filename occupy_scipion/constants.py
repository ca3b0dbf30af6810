# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Scipion stores or shows."""

OCCUPY_PYTHON = "OCCUPY_PYTHON"
"""Configuration variable: the Python that runs the numerics (empty: the one of Scipion)."""

FORSBERG_2023 = "Forsberg2023"
CARDONE_2013 = "Cardone2013"
VILAS_2018 = "Vilas2018"
FRANK_1975 = "FrankAlAli1975"
FISHER_1935 = "Fisher1935"
CHAZAL_2013 = "Chazal2013"
WOJDYR_2022 = "Wojdyr2022"
KINMAN_2023 = "Kinman2023"
BENJAMINI_1995 = "BenjaminiHochberg1995"
"""Keys of the papers of the methods in bibtex.py."""
