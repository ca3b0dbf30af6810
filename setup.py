"""The distribution scipion-em-occupy: occupy_core (numerics) and occupy_scipion (the plugin).

All there is to say stands in pyproject.toml; this file is for tools that still call setup.py.
"""

from setuptools import setup

setup(license="GPL-3.0-or-later")
