"""The distribution scipion-em-occupy: occupy_core (numerics) and occupy_scipion (the plugin)."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """Read the version without importing the package, which would need numpy at build time."""
    text = (HERE / "occupy_core" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)
    assert match is not None
    return match.group(1)


setup(
    name="scipion-em-occupy",
    version=version(),
    description="Occupancy of cryo-EM maps, in Scipion and on the command line",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="GPL-3.0-or-later",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Bio-Informatics",
    ],
    keywords="scipion cryoem occupancy local-scale local-resolution heterogeneity scipion-3.0",
    python_requires=">=3.10",
    # Namespace packages too: a folder without __init__.py must not be left out of the wheel.
    packages=find_namespace_packages(include=["occupy_core*", "occupy_scipion*"]),
    package_data={
        "occupy_core": ["py.typed", "resolution/learned/data/*"],
        "occupy_scipion": ["protocols.conf", "logo.png", "templates/*"],
    },
    install_requires=[
        "numpy>=1.24",
        "scipy>=1.10",
        "mrcfile>=1.4.3",
        "numba>=0.59",
        "matplotlib>=3.8",
        "gemmi>=0.6",
    ],
    extras_require={
        "scipion": ["scipion-em>=3.11", "scipion-pyworkflow>=3.11", "scipion-app>=3.8"],
        "test": ["pytest>=8", "hypothesis>=6", "scikit-learn>=1.4", "ruff>=0.14", "mypy>=1.11"],
    },
    entry_points={
        "console_scripts": ["occupy-core = occupy_core.commands.main:console"],
        # The name, not the value, is what Scipion imports.
        "pyworkflow.plugin": ["occupy_scipion = occupy_scipion"],
    },
)
