"""Scripts of all results are what ChimeraX reads: commands, keywords, values, open models."""

import pytest
from chimerax_syntax import SyntaxFault, parts, read_script
from hostile import TEXTS

from occupy_core.commands.blocks.chimerax import BlockScene, write_block_scene
from occupy_core.commands.regions.files import RegionScene, scene_text
from occupy_core.commands.resolution.chimerax import ResolutionScene, write_resolution_chimerax
from occupy_core.commands.shared.chimerax import Scene, write_chimerax
from occupy_core.maps.grid import Grid
from occupy_core.regions.table import RegionTable, make_row

WARNINGS = ['Look twice; the solvent of #1 is "bad".', *TEXTS]


def scale_script(folder, *, pictures=False, min_scale=0.0):
    scene = Scene(
        density=folder / "a map.mrc",
        scale=folder / "s;cale.mrc",
        modified=[folder / "m1.mrc", folder / "m2.mrc"],
        level=-0.0213,
        min_scale=min_scale,
        tiles=((0.0, 1.5, -3.0), (4.0, 5.0, 6.0)),
        tile_radius=7.5,
        warnings=WARNINGS,
    )
    path = folder / "s.cxc"
    write_chimerax(path, scene, pictures=folder / "p" if pictures else None)
    return path.read_text(encoding="utf-8")


def resolution_script(folder, *, filtered=True, background=0.0):
    scene = ResolutionScene(
        density=folder / "a.mrc",
        resolution=folder / "r.mrc",
        limits=(3.04, 6.0),
        extremes=(2.5, 7.0),
        level=0.03,
        filtered=folder / "f.mrc" if filtered else None,
        background=background,
        warnings=WARNINGS,
    )
    path = folder / "r.cxc"
    write_resolution_chimerax(path, scene)
    return path.read_text(encoding="utf-8")


def blocks_script(folder, *, n=3):
    names = [*TEXTS, *"abcdefghijklmnopqrstuvwxyz"][:n]
    blocks = [(name, folder / f"b{i}.mrc") for i, name in enumerate(names)]
    path = folder / "b.cxc"
    write_block_scene(path, BlockScene(folder / "v.mrc", -0.25, blocks))
    return path.read_text(encoding="utf-8")


def regions_script(folder, *, masks, maps=2):
    regions = ("A", "B:1-20", "C/HEM 201")
    rows = [
        make_row(f"m{i}", name, 0.4 * j, 0.1, n_voxels=9, resolution=3.0)
        for i in range(maps)
        for j, name in enumerate(regions)
    ]
    table = RegionTable(
        rows=tuple(rows),
        maps=tuple(f"m{i}" for i in range(maps)),
        regions=regions,
        reference=("A",),
        grid=Grid.cubic(8, 2.0),
    )
    colored = [folder / f"c{i}.x" for i in range(len(regions) if masks else maps)]
    files = [folder / f"m {i}.mrc" for i in range(maps)]
    return scene_text(table, RegionScene(files, colored, masks=masks, volume=8e4))


@pytest.mark.parametrize(
    "make",
    [
        scale_script,
        lambda folder: scale_script(folder, pictures=True),
        lambda folder: scale_script(folder, min_scale=0.3),
        resolution_script,
        lambda folder: resolution_script(folder, filtered=False, background=99.0),
        blocks_script,
        lambda folder: blocks_script(folder, n=1),
        lambda folder: blocks_script(folder, n=40),
        lambda folder: regions_script(folder, masks=True),
        lambda folder: regions_script(folder, masks=False),
        lambda folder: regions_script(folder, masks=False, maps=1),
    ],
)
def test_chimerax_reads_every_line(tmp_path, make):
    assert len(read_script(make(tmp_path))) > 5


@pytest.mark.parametrize(
    "line",
    [
        "volume #1 style surface step x",
        "volume #1 stile surface",
        "volume 1 level 0.3",
        "volume #1 level 0.3 level 0.4",
        "color sample #1 map #2 palette 0,#ffffff",
        "color sample #1 map #2 palette 1,#ffffff:0,#000000",
        "key pos 0.1,0.2",
        "key #ff0000:1 pos 0.1",
        "2dlabels text",
        "turn w 30",
        "hide #1 model",
        "fly #1",
        "hide #9 models",
        "cartoon",
        "view; sing",
        "view;",
        "open 'a",
    ],
)
def test_what_chimerax_does_not_know_is_found(line):
    with pytest.raises(SyntaxFault):
        read_script(f"open a.mrc\n{line}")


def test_an_alias_is_read_with_its_arguments():
    script = "open a\nopen b\nalias paint color sample $1 map $2 palette 0,#fff:1,#000\n"
    read_script(script + "paint #1 #2")
    for wrong in ("paint #1", "paint #1 blue"):
        with pytest.raises(SyntaxFault):
            read_script(script + wrong)


def test_commands_end_at_semicolons_outside_of_quotation_marks():
    assert parts('a "b; c" d; e; f') == [["a", "b; c", "d"], ["e"], ["f"]]
