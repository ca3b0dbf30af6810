"""``python -m occupy_core``."""

from occupy_core.cli.main import console

if __name__ == "__main__":
    console()
