"""How fast a report opens in a browser, and how fluently its surface turns.

    python -m benchmarks.report REPORT.html [--repeats 5] [--cores 2] [--profile]

It needs Chromium, its driver and Selenium. Each repeat starts a browser without a window, which
draws WebGL in software, on so many cores, and opens the file. The page marks when its slices and
its surface are drawn (`performance.mark`). Then the surface is turned for some seconds: a frame
counts when the page has read a pixel of it back, so that none counts that is only queued. Printed
are wall time and processor time of all processes of the browser, of each repeat and the fastest.
With --profile, the functions of the page that took longest until the surface was drawn.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.measure import below

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

_TICKS = os.sysconf("SC_CLK_TCK")
_TURN_SECONDS = 4.0
_MILESTONES = ("parsed", "slices", "surface")
# Turns as a pointer does, once a frame, and waits for each frame by reading a pixel back.
_TURN = """
const [seconds, done] = arguments;
const surface = window.reportPages[0].viewer.surface, gl = surface.gl, pixel = new Uint8Array(4);
surface.canvas.scrollIntoView({ block: "center" });
const draw = surface.draw.bind(surface);
let frames = 0, first = 0, start = null, sizes = null;
surface.draw = () => {
  draw();
  const { width, height } = surface.canvas;
  gl.readPixels(width >> 1, height >> 1, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  if (surface.turning) { frames++; sizes = [width, height]; }
};
const step = (now) => {
  // The first second is not counted: the surface adapts to the speed of the computer in it.
  if (start === null) start = now;
  if (now - start < 1000) first = frames;
  if (now - start > 1000 + 1000 * seconds) {
    surface.draw = draw;
    const box = surface.canvas.getBoundingClientRect();
    return done({
      rate: (frames - first) / seconds, first, drawn: sizes,
      box: [box.width, box.height].map(Math.round),
      triangles: surface.triangles, turned: (surface.coarse ?? surface.mesh).count / 3,
    });
  }
  surface.rotate(0.004, 0.03);
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""


def processor_time(parent: int) -> float:
    """Seconds of processor time of all living descendants of a process, and of their dead ones."""
    total = 0.0
    for process in (parent, *below(parent)):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            total += sum(map(int, fields.split()[11:15])) / _TICKS
    return total


def open_once(report: Path, profile: bool) -> dict[str, Any]:
    """Open the report in a new browser, turn it, and return what it took."""
    from browser import start_browser

    driver = start_browser()
    try:
        driver.set_script_timeout(120)
        driver.get("about:blank")
        process = driver.service.process.pid
        if profile:
            driver.execute_cdp_cmd("Profiler.enable", {})
            driver.execute_cdp_cmd("Profiler.start", {})
        before, start = processor_time(process), time.perf_counter()
        driver.get(report.absolute().as_uri())
        ready = "return document.querySelector('article[data-ready]') !== null;"
        while not driver.execute_script(ready):
            time.sleep(0.1)
        took = {
            "wall": time.perf_counter() - start,
            "processor": processor_time(process) - before,
        }
        marks = driver.execute_script(
            "return performance.getEntriesByType('mark').map((m) => [m.name, m.startTime / 1000]);"
        )
        if profile:
            show_profile(driver.execute_cdp_cmd("Profiler.stop", {})["profile"])
        before = processor_time(process)
        turning = driver.execute_async_script(_TURN, _TURN_SECONDS)
        spent = processor_time(process) - before
        frames = turning["rate"] * _TURN_SECONDS + turning["first"]
        return took | dict(marks) | turning | {"frame": spent / max(frames, 1)}
    finally:
        driver.quit()


def show_profile(profile: dict[str, Any]) -> None:
    """Print the functions that took longest by themselves, with the line where each begins."""
    names = {
        node["id"]: f"{frame['functionName'] or '(no name)'}, line {frame['lineNumber'] + 1}"
        for node in profile["nodes"]
        for frame in (node["callFrame"],)
    }
    spent: Counter[str] = Counter()
    for node, micros in zip(profile["samples"], profile["timeDeltas"], strict=True):
        spent[names[node]] += micros
    for name, micros in spent.most_common(16):
        print(f"  {micros / 1000:8.0f} ms {name}")


def main() -> None:
    """Open a report several times and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="the HTML file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2, help="cores that the browser may use")
    parser.add_argument("--profile", action="store_true", help="list the slowest functions")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    print(f"{options.report.name}: {options.report.stat().st_size / 1e6:.1f} MB")
    runs = []
    for _ in range(options.repeats):
        run = open_once(options.report, options.profile)
        runs.append(run)
        times = ", ".join(f"{name} {run[name]:.2f} s" for name in _MILESTONES if name in run)
        print(
            f"{times}; all {run['wall']:.2f} s, processor {run['processor']:.2f} s; "
            f"turning {run['rate']:.1f} frames a second, {1000 * run['frame']:.0f} ms of processor "
            f"each (load {os.getloadavg()[0]:.1f})",
            flush=True,
        )
    best = {name: min(run[name] for run in runs) for name in ("slices", "surface", "processor")}
    fastest = max(runs, key=lambda run: run["rate"])
    shown, drawn = (" x ".join(map(str, fastest[name])) for name in ("box", "drawn"))
    print(
        f"fastest: slices {best['slices']:.2f} s, surface {best['surface']:.2f} s, processor "
        f"{best['processor']:.2f} s; turning {fastest['rate']:.1f} frames a second at {shown} "
        f"(drawn with {drawn} pixels and {fastest['turned']:.0f} of {fastest['triangles']:.0f} "
        "triangles)"
    )


if __name__ == "__main__":
    main()
