"""How fast the window for slices opens a large map, and the memory that it takes.

    python -m benchmarks.viewer [--edge 400] [--display :1]

It needs a screen (Xvfb) and Scipion, writes a map of random numbers, its scale, standard error and
confidence, and opens them as the viewer of the protocol local scale does, in a process of its own.
Printed are the time until all is drawn, that of a step of the wheel on each axis, and the largest
memory of the process (resident) with what it was before the map was opened.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map

NAMES = ("map", "scale", "sigma", "confidence")
_STEPS = 10


def write_maps(folder: Path, edge: int) -> None:
    """Write the maps of a result, without holding more than one."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        data = rng.random((edge, edge, edge), np.float32)
        write_map(folder / f"{name}.mrc", DensityMap(data, Grid.cubic(edge, 1.0)))


def megabytes() -> float:
    """Largest resident memory of this process so far, MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")  # rusage has that of its parent
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def open_window(folder: Path) -> None:
    """Open the maps, use the window, and print what it took."""
    import tkinter

    from occupy_core.commands.shared.colors import TRUST, error_scale
    from occupy_core.commands.shared.trust import trust
    from occupy_scipion.viewers import scenes
    from occupy_scipion.viewers.palette import Palette
    from occupy_scipion.viewers.planes import Planes
    from occupy_scipion.viewers.scene import Item, Layer, Scene
    from occupy_scipion.viewers.slice_window import SliceWindow

    root = tkinter.Tk()
    root.update()
    before = megabytes()
    start = time.perf_counter()
    maps = {name: Planes.of(folder / f"{name}.mrc") for name in NAMES}
    sigma, confidence = maps["sigma"], maps["confidence"]
    layers = (
        scenes.scaleLayer(maps["scale"], sigma, confidence),
        Layer(
            title=scenes.TRUSTED,
            values=Planes.combined(trust, sigma, confidence),
            palette=Palette.of(TRUST),
        ),
        Layer(title=scenes.ERROR, values=sigma, palette=Palette.of(error_scale(1.0))),
    )
    scene = Scene([Item(name="map", density=maps["map"], layers=layers)])
    window = SliceWindow(scene, "benchmark", root)
    window.root.update()
    window.draw()
    window.root.update()
    print(f"opened and drawn in {time.perf_counter() - start:.2f} s")
    for axis in "zyx":
        start = time.perf_counter()
        for _ in range(_STEPS):
            scene.step(axis, 1)
            window.draw()
            window.root.update()
        print(f"a step across {axis}: {1000 * (time.perf_counter() - start) / _STEPS:.0f} ms")
    print(f"memory: {megabytes():.0f} MB at most, {before:.0f} MB before the map was opened")


def main() -> None:
    """Write the maps and open them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=400, help="voxels along an edge of the map")
    parser.add_argument("--display", help="default: that of the environment")
    options = parser.parse_args()
    if options.display:
        os.environ["DISPLAY"] = options.display
    with tempfile.TemporaryDirectory() as folder:
        write_maps(Path(folder), options.edge)
        process = multiprocessing.get_context("spawn").Process(
            target=open_window, args=(Path(folder),)
        )
        process.start()
        process.join()
    raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
