"""`make kills`: every command is hit by signals at random moments, and then run to its end.

    python tests/fuzz/kills.py --hits 200 [--start SEED] [--minutes M] [--log FILE]

A moment is a change of files (one that is opened to be written, made, renamed, removed) or a time
of the processors, both drawn from those of an undisturbed run; so a busy machine hits as a quiet
one does. One run in ten is a new process, which is hit while it loads too; the others are copies of
a process that has loaded its libraries.

After SIGINT, SIGTERM and SIGHUP the output folder is as it was. After any of them, SIGKILL too, the
next run writes the bytes of an undisturbed run, and nothing else is left.
"""

import argparse
import collections
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from os import kill
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from copies import count_changes, kill_at_change, load_everything, start_copy
from disk_faults import contents, put
from every_command import IN_OTHER_PROCESSES, KEEPS_PARTS, RUNS, make_all_inputs

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HITS_IN_A_ROW = 4
NEW_PROCESSES = 0.1


@dataclass(frozen=True)
class Whole:
    """An undisturbed run: its files, its changes of files, and its time, s.

    The time is that of a copy, and of a new process.
    """

    files: dict
    changes: int
    seconds: float
    seconds_of_new: float


def undisturbed(run, inputs, place):
    """Run to the end, as a copy and as a new process, which must write the same."""
    outdir = place / "out"
    words = inputs.words(run, outdir)
    copy, changes = count_changes(words, place)
    files = contents(outdir)
    if copy.status:
        raise RuntimeError(f"{run}: {copy.status} {copy.text()}")
    shutil.rmtree(outdir)
    new = start_copy(words, place, new=True)
    if new.wait() or contents(outdir) != files:
        raise RuntimeError(f"{run} in a new process: {new.status} {new.text()}")
    shutil.rmtree(outdir)
    return Whole(files, changes, copy.seconds, new.seconds)


def hit(run, whole, words, place, draw):
    """Start a run and hit it; return the run, the signal, and whether it was alive."""
    number = draw.choice(SIGNALS)
    new = run in IN_OTHER_PROCESSES or draw.random() < NEW_PROCESSES
    if not new and draw.random() < 0.5:
        copy = start_copy(words, place, kill_at_change(draw.randint(1, whole.changes), number))
        copy.wait()
        return copy, number, True
    copy = start_copy(words, place, new=new)
    at = draw.uniform(0.0, whole.seconds_of_new if new else whole.seconds)
    several = run in IN_OTHER_PROCESSES
    while not copy.ended() and copy.processor_time(of_all=several) < at:
        time.sleep(0.02 if several else 0.001)
    alive = not copy.ended()
    if alive:
        kill(copy.number, number)
    copy.wait()
    return copy, number, alive


def one_row(run, whole, inputs, folder, seed):
    """Hit a command some times and let it end; return the counts and what is wrong."""
    draw = random.Random(seed)
    counts, problems = collections.Counter(), []
    place = folder / f"row{seed}"
    outdir = place / "out"
    words = inputs.words(run, outdir)
    place.mkdir()
    if draw.random() < 0.5:  # an earlier result is there
        put(whole.files, outdir)
    for _ in range(HITS_IN_A_ROW):
        before = contents(outdir)
        copy, number, alive = hit(run, whole, words, place, draw)
        counts[f"{'hit' if alive else 'too late'} {number.name}"] += 1
        counts[f"{'hit' if alive else 'too late'} {run}"] += 1
        said, found = copy.text(), contents(outdir)
        if "Traceback" in said and "import" not in said:
            problems.append(f"{run} {seed}: a traceback after {number.name}: {said[-600:]}")
        if copy.status not in (0, 128 + number, -number):
            problems.append(f"{run} {seed}: {number.name} ended with {copy.status}: {said[-300:]}")
        after_a_kill = any("/." in f"/{name}" for name in before or {})
        if number != signal.SIGKILL and not after_a_kill:
            parts = run in KEEPS_PARTS and are_parts(found, whole, place, folder)
            if found != before and not same(found, whole, place, folder) and not parts:
                left = "no folder" if found is None else sorted(found)
                was = "no folder" if before is None else sorted(before)
                problems.append(f"{run} {seed}: {number.name} left {left} of {was}: {said[-200:]}")
    copy = start_copy(words, place, new=run in IN_OTHER_PROCESSES)
    found = contents(outdir) if copy.wait() == 0 else None
    if not same(found, whole, place, folder):
        names = set(found or {}) ^ set(whole.files)
        problems.append(f"{run} {seed}: another result at the end: {names} {copy.text()}")
    notes = [p for p in (place / "state").rglob("*") if p.is_file()]
    if notes:
        problems.append(f"{run} {seed}: {len(notes)} notes of unfinished runs are left")
    counts["rows"] += 1
    shutil.rmtree(place)
    return counts, problems


def moved(found, place, folder):
    """Files of a row, as they would be in the folder of the undisturbed run."""
    here, there = (str(p / "out").encode() for p in (place, folder / "whole"))
    return {name: each and each.replace(here, there) for name, each in (found or {}).items()}


def same(found, whole, place, folder):
    """Whether two results have the same bytes, but for the name of their folder."""
    return moved(found, place, folder) == whole.files


def are_parts(found, whole, place, folder):
    """Whether what is there is whole parts of the result, or tables of a part of it."""
    files = moved(found, place, folder)
    return all(
        name in whole.files and (each == whole.files[name] or name.startswith("batch."))
        for name, each in files.items()
    )


class Log:
    """The rows that were tried before, a line each."""

    def __init__(self, path):
        self.path, self.next = path, None
        self.counts, self.problems = collections.Counter(), []
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                seed, counts, problems = json.loads(line)
                self.take(counts, problems)
                self.next = seed + 1

    def take(self, counts, problems):
        """Add a row."""
        self.counts.update(counts)
        self.problems += problems

    def keep(self, seed, counts, problems):
        """Add a row, and write it down."""
        self.take(counts, problems)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as stream:
                print(json.dumps([seed, counts, problems]), file=stream)

    @property
    def hits(self):
        """How many hits met a live process."""
        signals = {f"hit {number.name}" for number in SIGNALS}
        return sum(self.counts[name] for name in signals)


def main():
    """Hit until there are enough; the exit status is 1 when anything was lost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hits", type=int, default=200)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--only", default="", help="names of runs, with ; between them")
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--log", type=Path, help="what was tried; a stopped run goes on from it")
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    folder = Path(tempfile.mkdtemp(prefix="occupy_kills_"))
    load_everything()
    inputs = make_all_inputs(folder)
    log = Log(asked.log)
    runs = [name for name in RUNS if name in asked.only.split(";") or not asked.only]
    seed, wholes = asked.start if log.next is None else log.next, {}
    while log.hits < asked.hits and time.monotonic() < end:
        run = runs[seed % len(runs)]
        if run not in wholes:
            wholes[run] = undisturbed(run, inputs, folder / "whole")
        counts, problems = one_row(run, wholes[run], inputs, folder, seed)
        log.keep(seed, counts, problems)
        print(*problems, f"{log.hits} live hits", sep="\n", flush=True)
        seed += 1
    print(json.dumps(dict(sorted(log.counts.items()))), f"{len(log.problems)} problems")
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if log.problems else 0


if __name__ == "__main__":
    sys.exit(main())
