"""`make disks`: the file system refuses every command something, at each of its changes of files.

    python tests/fuzz/disks.py [--sizes 12] [--every 1] [--only "scale;regions"]

First the changes themselves (a file opened to be written, made, renamed, removed) are refused one
after the other, for want of space or of a right, over a quota, by a fault of the device. Then real
file systems are mounted, which needs root: too small by any amount, out of inodes, behind a quota,
read-only. Each time the run ends in one sentence, and what was there is there still.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from copies import load_everything
from disk_faults import real_disks, refused_changes, whole_run
from disks import CannotMountError
from every_command import IN_OTHER_PROCESSES, RUNS, make_all_inputs


def main():
    """Print a row for each command; the exit status is 1 when anything was half written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, default=12, help="of real file systems")
    parser.add_argument("--every", type=int, default=1, help="refuse every so many changes only")
    parser.add_argument("--only", default="", help="names of runs, with ; between them")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="occupy_disks_"))
    load_everything()
    inputs = make_all_inputs(folder)
    n_wrong = 0
    print("| command | changes refused | real file systems | half written or unsaid |")
    print("|---|---|---|---|", flush=True)
    for run in RUNS:
        if asked.only and run not in asked.only.split(";"):
            continue
        whole = whole_run(run, inputs, folder / "place")
        tried = {"changes": [], "disks": []}
        if run not in IN_OTHER_PROCESSES:
            numbers = range(1, whole.changes + 1, asked.every)
            tried["changes"] += refused_changes(whole, folder / "place", numbers)
        try:
            tried["disks"] += real_disks(whole, folder / "place", asked.sizes)
        except CannotMountError as error:
            print(f"{run}: {error}", file=sys.stderr)
        wrong = [f"{what}: {each}" for found in tried.values() for what, each in found if each]
        n_wrong += len(wrong)
        counts = [len(found) for found in tried.values()]
        print(f"| {run} | {counts[0]} | {counts[1]} | {len(wrong)} |", flush=True)
        print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
