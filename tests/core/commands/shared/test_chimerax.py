"""The ChimeraX script, read as ChimeraX reads it."""

import ast
import os
from pathlib import Path

import pytest
from chimerax_commands import arguments, commands, tokens
from hypothesis import given
from hypothesis import strategies as st

from occupy_core import ParameterError
from occupy_core.commands.shared.chimerax import (
    Scene,
    write_chimerax,
)
from occupy_core.commands.shared.colors import COLORS, NO_VALUE, OCCUPANCY
from occupy_core.commands.shared.quoting import chimerax_path, chimerax_text


def script(tmp_path, *, pictures=None, **options):
    values = {"density": tmp_path / "map.mrc", "scale": tmp_path / "scale.mrc", **options}
    path = tmp_path / "show.cxc"
    write_chimerax(path, Scene(**values), pictures=pictures)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [tokens(line) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    "name",
    ["map.mrc", "my map.mrc", "a'b.mrc", "a' b.mrc", 'a"b.mrc', 'a" b.mrc', "a;b.mrc", "æ #1.mrc"],
)
def test_every_file_name_is_opened_as_it_is(tmp_path, name):
    lines = script(tmp_path, density=tmp_path / name)
    assert commands(lines, "open")[0] == [str(tmp_path / name)]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0/\n\r"), min_size=1))
def test_a_path_is_read_back_or_refused(name):
    path = Path("/data") / name
    try:
        written = chimerax_path(path)
    except ParameterError:
        return
    assert tokens(f"open {written}")[1:] == [os.path.abspath(path)]  # noqa: PTH100


def test_relative_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = script(tmp_path, density=Path("map.mrc"))
    assert commands(lines, "open")[0] == [str(tmp_path / "map.mrc")]


@pytest.mark.parametrize("name", ["a\" b' c.mrc", "a\nb.mrc"])
def test_a_name_that_chimerax_cannot_read_is_refused(tmp_path, name):
    with pytest.raises(ParameterError, match=r"ChimeraX cannot open a file named .*; rename it"):
        chimerax_path(tmp_path / name)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Zl", "Zp", "Cc", "Zs"])))
def test_a_label_reads_as_it_was_written_but_for_its_quotation_marks(text):
    (read,) = tokens(chimerax_text(text))
    meant = ast.literal_eval('"""' + read.replace('"', '\\"') + '"""') if read else ""
    assert meant == text.replace('"', "'")


def test_the_scale_is_model_2_and_the_modified_maps_follow(tmp_path):
    modified = [tmp_path / "ampl.mrc", tmp_path / "attn.mrc"]
    lines = script(tmp_path, modified=modified)
    opened = [line[0] for line in commands(lines, "open")]
    assert opened == [str(tmp_path / name) for name in ("map.mrc", "scale.mrc")] + [
        str(path) for path in modified
    ]
    colored = commands(lines, "scale_color")
    assert colored == [["#1", "#2"], ["#3", "#2"], ["#4", "#2"]]
    assert commands(lines, "hide") == [[m, "models"] for m in ("#2", "#3", "#4")]


def test_maps_are_whole_surfaces_at_the_level(tmp_path):
    maps, scale = commands(script(tmp_path, level=0.0251, modified=[tmp_path / "a"]), "volume")
    assert maps[0] == "#1,3"
    assert arguments(maps[1:]) == {
        "style": "surface",
        "region": "all",
        "step": "1",
        "level": "0.0251",
    }
    assert scale[0] == "#2"
    assert arguments(scale[1:])["style"] == "mesh"


def test_the_two_commands_for_users_are_defined(tmp_path):
    aliases = {line[0]: line[1:] for line in commands(script(tmp_path), "alias")}
    assert aliases["occupy_level"] == ["volume", "#1", "level", "$1"]
    assert aliases["scale_color"][:6] == ["color", "sample", "$1", "map", "$2", "palette"]
    assert len(aliases["scale_color"]) == 7


@pytest.mark.parametrize("min_scale", [0.0, 0.2, 0.5])
def test_palette_and_key_show_the_same_colours_at_the_same_scale(tmp_path, min_scale):
    lines = script(tmp_path, min_scale=min_scale)
    (alias,) = (line for line in commands(lines, "alias") if line[0] == "scale_color")
    pairs = [pair.split(",") for pair in alias[-1].split(":")]
    levels, colors = [float(level) for level, _ in pairs], [color for _, color in pairs]
    assert (levels[0], levels[-1], colors[-1]) == (0.0, 1.0, COLORS[-1])
    assert levels == sorted(set(levels))
    for level, color in zip(levels, colors, strict=True):
        assert color == (NO_VALUE if level < min_scale else OCCUPANCY.color(level))
    (key,) = commands(lines, "key")
    labels = [token.split(":") for token in key if token.startswith("#")]
    assert [color for color, _ in labels] == colors
    assert [float(text) for _, text in labels] == pytest.approx(levels, abs=0.0015)
    assert key[len(labels) :][:4] == ["pos", "0.25,0.08", "size", "0.5,0.04"]


def test_tiles_are_spheres_that_wait_hidden(tmp_path):
    lines = script(tmp_path, tiles=((1.0, 2.5, -3.0), (4.0, 5.0, 6.0)), tile_radius=7.5)
    full, lowest = commands(lines, "shape")
    assert full[0] == "sphere"
    assert arguments(full[1:])["center"] == "1.000,2.500,-3.000"
    assert arguments(full[1:])["radius"] == "7.500"
    assert arguments(lowest[1:])["name"] == "lowest tile"
    assert ["#100", "models"] in commands(lines, "hide")


def test_no_tiles_are_shown_when_there_are_none(tmp_path):
    assert commands(script(tmp_path), "shape") == []


def test_warnings_are_shown_in_lines_that_fit(tmp_path):
    text = 'The solvent model of "this map" is bad: C:\\temp; give another. ' * 4
    lines = [arguments(line) for line in commands(script(tmp_path, warnings=[text]), "2dlabels")]
    shown = [line["text"] for line in lines if line["size"] == "14"]
    assert all(len(line) <= 95 for line in shown)
    assert "this map" in " ".join(shown)
    places = [float(line["ypos"]) for line in lines if line["size"] == "14"]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == len(places) > 1


def test_every_command_is_one_of_the_user_guide(tmp_path):
    known = {
        *("open", "volume", "hide", "show", "set", "alias", "key", "2dlabels", "shape"),
        *("lighting", "graphics", "camera", "view", "turn", "save", "exit", "scale_color"),
    }
    lines = script(
        tmp_path,
        tiles=((0, 0, 0), (1, 1, 1)),
        warnings=["w"],
        modified=[tmp_path / "a"],
        pictures=tmp_path / "pictures",
    )
    assert {line[0] for line in lines} <= known


def test_the_silent_script_saves_four_pictures_and_ends(tmp_path):
    lines = script(tmp_path, pictures=tmp_path / "a b", modified=[tmp_path / "m.mrc"])
    saved = [line[0] for line in commands(lines, "save")]
    assert saved == [str(tmp_path / f"a b_rot{i}.png") for i in (1, 2, 3, 4)]
    assert lines[-1] == ["exit"]
    assert ["#1", "models"] in commands(lines, "hide")
    assert ["#3", "models"] in commands(lines, "show")


def test_the_script_for_people_does_not_end_chimerax(tmp_path):
    lines = script(tmp_path)
    assert ["exit"] not in lines
    assert commands(lines, "save") == []
