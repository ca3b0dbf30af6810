"""``python -m occupy_core``."""

from occupy_core.commands.main import console

if __name__ == "__main__":
    console()
