"""``python -m occupy_core``."""

import sys

from occupy_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
