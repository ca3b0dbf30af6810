"""What the tests of resolution jobs share: a small map of two resolutions, and its half maps."""

from resolution_maps import two_resolutions

from occupy_core.maps import Grid, write_map

GRID = Grid((44, 47, 52), (1.5, 1.4, 1.6), origin=(10.0, -20.0, 5.5), nstart=(3, -7, 11))


def write_resolution_maps(folder, *, grid=GRID, noise=12.0):
    """Write x.mrc and its halves h1.mrc and h2.mrc; return the paths by the field of a job."""
    known = two_resolutions(grid, noise=noise)
    first, second = known.half_maps
    maps = {"map": ("x", known.density), "half1": ("h1", first), "half2": ("h2", second)}
    return {field: write_map(folder / f"{name}.mrc", m) for field, (name, m) in maps.items()}
