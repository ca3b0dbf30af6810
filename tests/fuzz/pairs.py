"""Two runs in one folder at once: one wins, the other says so; part of `make kills`.

    python tests/fuzz/pairs.py --pairs 50

Every second pair comes with --force. The folder holds the files of the winner and its record.
"""

import argparse
import collections
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from copies import load_everything, start_copy
from disk_faults import contents
from every_command import make_all_inputs

# What the two runs of a pair differ in, so that their files do.
DIFFERENT = {
    "scale": ("--lowpass 8.5", "--lowpass 9"),
    "regions": ("--names left", "--names right"),
    "resolution": ("--window 8", "--window 9"),
    "blocks sketch": ("--posp 1e-6", "--posp 1e-5"),
}


def one_pair(run, inputs, folder, *, forced):
    """Start two runs at once; say how they ended, and what is wrong (or nothing)."""
    outdir = folder / "out"
    plain = [w for w in inputs.words(run, outdir) if w != "--force"]
    force = ["--force"] if forced else []
    alone = []
    for more in DIFFERENT[run]:
        start_copy([*plain, *more.split()], folder / "notes").wait()
        alone.append(contents(outdir))
        shutil.rmtree(outdir, ignore_errors=True)
    copies = [
        start_copy([*plain, *more.split(), *force], folder / f"notes{i}")
        for i, more in enumerate(DIFFERENT[run])
    ]
    statuses, said = [copy.wait() for copy in copies], [copy.text() for copy in copies]
    found = contents(outdir)
    shutil.rmtree(outdir, ignore_errors=True)
    winners = [i for i, status in enumerate(statuses) if status == 0]
    if not winners or found not in [alone[i] for i in winners]:
        return statuses, f"{run}: {statuses} {said}, and the folder holds no whole result"
    told = ("Another run is writing", "exists already")
    lost = [said[i] for i, status in enumerate(statuses) if status]
    if not all(any(each in text for each in told) for text in lost):
        return statuses, f"{run}: {lost}"
    if len(winners) > 1 and not forced:
        return statuses, f"{run}: both went on"
    return statuses, None


def main():
    """Start pairs; the exit status is 1 when anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=50)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="occupy_pairs_"))
    load_everything()
    inputs = make_all_inputs(folder / "inputs")
    counts, problems = collections.Counter(), []
    for number in range(asked.pairs):
        run = list(DIFFERENT)[number // 2 % len(DIFFERENT)]
        statuses, wrong = one_pair(run, inputs, folder, forced=bool(number % 2))
        counts[f"{sum(status == 0 for status in statuses)} won"] += 1
        if wrong:
            problems.append(wrong)
            print(wrong, flush=True)
    print(json.dumps(counts), f"{len(problems)} problems")
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
