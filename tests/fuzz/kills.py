"""`make kills`: every command is hit by signals at random moments, and then run to its end.

    python tests/fuzz/kills.py --hits 200 [--start SEED] [--minutes M]

After SIGINT, SIGTERM and SIGHUP the output folder is as it was. After any of them, SIGKILL too, the
next run writes the bytes of an undisturbed run, and nothing else is left.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from fuzz_files import whole_files
from fuzz_runs import make_inputs

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HITS_IN_A_ROW = 4
COMMANDS = {
    "scale": "scale {map} --amplify 3 --plot",
    "regions": "regions {map} --masks {mask} {mask2}",
    "regions by model": "regions {map} --model {model}",
    "resolution": "resolution --half1 {half1} --half2 {half2} --filter",
    "resolution bench": "resolution bench --half1 {half1} --half2 {half2}",
    "blocks": "blocks --volumes-dir {volumes}",
    "blocks sketch": "blocks sketch {blocks}",
    "blocks expand": "blocks expand {blocks}",
    "blocks subset": "blocks subset {blocks} --where B1>=0 --copy",
    "particles": "particles {blocks} --particles {star}",
    "report": "report {blocks} {scaled} --output {outdir}/report.html",
    "classes": "classes {map} {map3} --masks {mask} {mask2}",
}
KEEPS_STEPS = {"classes"}  # from which the next run goes on


def started(command, inputs, outdir, state):
    """Start a run."""
    words = [word.format(outdir=outdir, **inputs) for word in COMMANDS[command].split()]
    if "{outdir}" not in COMMANDS[command]:
        words += ["--outdir", str(outdir)]
    # Signals that the shell of this process ignores must not be ignored there.
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    start += "from occupy_core.commands.main import console; console()"
    return subprocess.Popen(
        [sys.executable, "-c", start, *words, "--force", "--quiet"],
        env={**os.environ, "XDG_STATE_HOME": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(folder):
    """Bytes of all files, hidden ones too, by name; None for a folder."""
    if not folder.exists():
        return None
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def undisturbed(commands, inputs, folder):
    """What each command writes into `folder`, and how long it takes, s."""
    expected = {}
    for command in commands:
        for _ in range(2):  # the first one compiles
            outdir = folder / "out"
            shutil.rmtree(outdir, ignore_errors=True)
            begun = time.monotonic()
            process = started(command, inputs, outdir, folder / "state")
            _, said = process.communicate()
            took = time.monotonic() - begun
        if process.returncode:
            print(f"{command} is not hit, for it ends with: {said.strip()}")
        else:
            expected[command] = contents(outdir), took
        shutil.rmtree(outdir, ignore_errors=True)
    return expected


def one_row(command, expected, inputs, folder, seed):
    """Hit a command some times and let it end; return the counts and what is wrong."""
    draw = random.Random(seed)
    whole, took = expected
    counts, problems = collections.Counter(), []
    place = folder / f"row{seed}"
    # The folder has the same name in all rows: scripts for ChimeraX name it.
    outdir, state = place / "out", place / "state"
    place.mkdir()
    if draw.random() < 0.5:  # an earlier result is there
        outdir.mkdir()
        for name, content in sorted(whole.items()):
            if content is None:
                (outdir / name).mkdir()
            else:
                (outdir / name).write_bytes(content)
    for _ in range(HITS_IN_A_ROW):
        before = contents(outdir)
        process = started(command, inputs, outdir, state)
        time.sleep(draw.uniform(0.0, 1.05 * took))
        number = draw.choice(SIGNALS)
        alive = process.poll() is None
        process.send_signal(number)
        _, said = process.communicate()
        counts[f"{'hit' if alive else 'too late'} {number.name}"] += 1
        if "Traceback" in said and "import" not in said:
            problems.append(f"{command} {seed}: a traceback after {number.name}: {said[-300:]}")
        found = contents(outdir)
        tidy = found == before or same(found, whole, place, folder) or command in KEEPS_STEPS
        after_a_kill = any("/." in f"/{name}" for name in before or {})
        if number != signal.SIGKILL and not tidy and not after_a_kill:
            left = "no folder" if found is None else sorted(found)
            was = "no folder" if before is None else sorted(before)
            problems.append(f"{command} {seed}: {number.name} left {left} of {was}: {said[-200:]}")
    process = started(command, inputs, outdir, state)
    _, said = process.communicate()
    found = contents(outdir)
    if process.returncode or not same(found, whole, place, folder):
        names = set(found or {}) ^ set(whole)
        problems.append(f"{command} {seed}: another result at the end: {names} {said}")
    counts["row"] += 1
    shutil.rmtree(place)
    return counts, problems


def same(found, whole, place, folder):
    """Whether two results have the same bytes, but for the name of their folder."""
    here, there = (str(p / "out").encode() for p in (place, folder))
    moved = {name: each and each.replace(here, there) for name, each in (found or {}).items()}
    return moved == whole


def main():
    """Hit until there are enough; the exit status is 1 when anything was lost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hits", type=int, default=200)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--only", default="", help="commands, with commas between them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=600.0)
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    folder = Path(tempfile.mkdtemp(prefix="occupy_kills_"))
    whole_files(folder)
    inputs = make_inputs(folder, folder / "volumes", folder / "blocks")
    chosen = [name for name in COMMANDS if name in asked.only.split(",") or not asked.only]
    expected = undisturbed(chosen, inputs, folder)
    commands = list(expected)
    counts, problems, seed = collections.Counter(), [], asked.start
    with ThreadPoolExecutor(asked.workers) as pool:
        while _hits(counts) < asked.hits and time.monotonic() < end:
            rows = []
            for command in commands:
                row = (command, expected[command], inputs, folder, seed)
                rows.append(pool.submit(one_row, *row))
                seed += 1
            for done in as_completed(rows):
                found, wrong = done.result()
                counts.update(found)
                problems += wrong
                print("\n".join(wrong), end="\n" if wrong else "", flush=True)
            print(_hits(counts), "live hits", flush=True)
    print(json.dumps(dict(sorted(counts.items()))), f"{len(problems)} problems")
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if problems else 0


def _hits(counts):
    return sum(n for name, n in counts.items() if name.startswith("hit"))


if __name__ == "__main__":
    sys.exit(main())
