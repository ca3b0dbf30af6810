"""`make fuzz`: as many mutated files and runs as are asked for, in several processes.

    python tests/fuzz/long.py --files 20000 --runs 2000 [--start SEED] [--minutes M] [--log FILE]

Prints each problem, with the seed from which it follows, and the counts at the end. With --log,
what was tried is kept, so that a run that was stopped goes on where it was.
"""

import argparse
import collections
import json
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from fuzz_files import try_file, whole_files
from fuzz_runs import make_inputs, try_run

_FILES_AT_ONCE, _RUNS_AT_ONCE = 500, 20
_made = {}


def prepared():
    """The whole files and inputs of this process."""
    if not _made:
        warnings.simplefilter("ignore")
        folder = Path(tempfile.mkdtemp(prefix="occupy_fuzz_"))
        _made["folder"] = folder
        _made["wholes"] = whole_files(folder)
        _made["inputs"] = make_inputs(folder, folder / "volumes", folder / "blocks")
    return _made


def slice_of(what, seeds):
    """Try the seeds of one slice: counts by outcome, and the problems."""
    made = prepared()
    counts, problems = collections.Counter(), []
    for seed in seeds:
        if what == "files":
            status, problem = "file", try_file(made["wholes"], seed, made["folder"])
        else:
            status, problem = try_run(made["inputs"], seed, made["folder"])
        counts[f"{what}: {'problem' if problem else status}"] += 1
        problems += [problem] if problem else []
    return counts, problems


def main():
    """Try everything; the exit status is 1 when anything was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20000)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--log", type=Path)
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    before = Log(asked.log)
    slices = [
        (what, range(first, min(first + size, asked.start + count)))
        for what, count, size in (
            ("files", asked.files, _FILES_AT_ONCE),
            ("runs", asked.runs, _RUNS_AT_ONCE),
        )
        for first in range(asked.start, asked.start + count, size)
    ]
    counts, problems = before.counts, before.problems
    print("\n".join(problems), end="\n" if problems else "")
    with ProcessPoolExecutor(asked.workers) as pool:
        waiting = {pool.submit(slice_of, *each): each for each in slices if each not in before}
        for done in as_completed(waiting):
            try:
                found, wrong = done.result()
            except BrokenProcessPool:
                found, wrong = {}, [f"a process died in {waiting[done]}"]
            else:
                before.keep(waiting[done], found, wrong)
            counts.update(found)
            problems += wrong
            print("\n".join(wrong), end="\n" if wrong else "", flush=True)
            if time.monotonic() > end:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    print(json.dumps(dict(sorted(counts.items()))), f"{len(problems)} problems")
    return 1 if problems else 0


class Log:
    """The slices that were tried before, a line each."""

    def __init__(self, path):
        self.path, self.done = path, set()
        self.counts, self.problems = collections.Counter(), []
        if path is None or not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            what, first, stop, counts, problems = json.loads(line)
            self.done.add((what, first, stop))
            self.counts.update(counts)
            self.problems += problems

    def __contains__(self, each):
        what, seeds = each
        return (what, seeds.start, seeds.stop) in self.done

    def keep(self, each, counts, problems):
        """Write a slice down."""
        if self.path is not None:
            what, seeds = each
            with self.path.open("a", encoding="utf-8") as stream:
                print(json.dumps([what, seeds.start, seeds.stop, counts, problems]), file=stream)


if __name__ == "__main__":
    sys.exit(main())
