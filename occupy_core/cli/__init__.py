"""The command line: the only place that prints and exits."""

from occupy_core.cli.main import main

__all__ = ["main"]
