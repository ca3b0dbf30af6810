"""Each report, opened in a real browser: nothing leaves it, and all of it works."""

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Report, start_browser

from occupy_core.blocks.track.rules import apply_rule
from occupy_core.commands.main import main
from occupy_core.commands.report.build import save_report
from occupy_core.commands.report.registry import results_in
from occupy_core.commands.shared.colors import OCCUPANCY
from occupy_core.commands.shared.trust import resolution_trust, trust
from occupy_core.maps.mrc import read_map
from occupy_core.scale.modify import modification_factor
from occupy_core.scale.params import ModifyParams

DRAWN = ("scale", "modify", "resolution", "regions", "blocks")
KINDS = (*DRAWN, "classes", "batch")
SLICES, SURFACE = ".plane canvas", ".space canvas"


@pytest.fixture(params=KINDS)
def report(request, driver, results):
    return Report(driver, results[request.param].files["report"])


@pytest.fixture(params=DRAWN)
def drawn(request, driver, results):
    """A report that begins with slices and a surface."""
    return Report(driver, results[request.param].files["report"])


@pytest.fixture
def opened(driver, results):
    return lambda kind: Report(driver, results[kind].files["report"])


def shown(pictures):
    """How many different pictures there are, none of them empty."""
    assert all(len(picture) > 500 for picture in pictures)
    return len(set(pictures))


# ---- every report -----------------------------------------------------------------------------


def test_nothing_leaves_the_page_and_the_console_is_silent(report):
    assert report.complaints() == []
    assert report.requests() == []


def test_the_answer_stands_first_as_in_the_record(report, results, request):
    kind = report.find("article").get_attribute("data-kind")
    report.run("document.querySelector('article').classList.add('first');")
    answer = results[kind].result["answer"]
    assert report.find(".answer").text == answer["sentence"]
    assert [card.text for card in report.all("article.first .numbers dd")] == [
        number["value"] for number in answer["numbers"]
    ]
    assert [item.text for item in report.all("article.first .limits li")] == list(answer["limits"])


def test_slices_and_surface_are_drawn_and_follow_cursor_and_level(drawn):
    before, surface = drawn.picture(SLICES), drawn.picture(SURFACE)
    assert shown(before) == 3
    colours = drawn.run(
        "const s = page.viewer.surface, px = new Uint8Array(4 * s.canvas.width * s.canvas.height);"
        "s.draw(); s.gl.readPixels(0, 0, s.canvas.width, s.canvas.height, s.gl.RGBA,"
        "s.gl.UNSIGNED_BYTE, px);"
        "return new Set(Array.from({length: px.length / 4}, (_, i) => px[4 * i] << 8 | px[4 * i + 1])).size;"
    )
    assert colours > 20
    drawn.run("page.view.set({ cursor: page.view.cursor.map((i) => i + 3) });")
    moved = drawn.picture(SLICES)
    assert all(a != b for a, b in zip(before, moved, strict=True))
    drawn.run("page.viewer.surface.showSurface = true;")
    surface = drawn.picture(SURFACE)
    drawn.run("page.view.set({ level: page.view.level * 1.3 + 0.01 });")
    drawn.wait_for("!page.viewer.surface.making")
    assert drawn.picture(SURFACE) != surface
    # A plane through flat density may have no contour at either level.
    assert any(a != b for a, b in zip(moved, drawn.picture(SLICES), strict=True))


def test_the_keyboard_moves_cursor_slice_and_surface(drawn):
    plane = drawn.find('[data-plane="xy"]')
    start = drawn.run("return page.view.cursor;")
    plane.send_keys("\ue014")  # right
    plane.send_keys("\ue013")  # up
    plane.send_keys("\ue00e")  # page up
    z, y, x = start
    assert drawn.run("return page.view.cursor;") == [z + 1, y + 1, x + 1]
    before = drawn.picture(SURFACE)
    drawn.find(SURFACE).send_keys("\ue012")
    assert drawn.picture(SURFACE) != before


def test_the_keyboard_alone_reaches_everything(report):
    """Tab stops at every control, canvas and scrolled part, one after the other."""
    wanted = report.run(
        "return [...document.querySelectorAll('button, input, select, canvas, summary, [tabindex]')]"
        ".filter((e) => e.checkVisibility() && e.tabIndex >= 0 && !e.disabled).length;"
    )
    report.run("document.activeElement.blur(); window.scrollTo(0, 0);")
    seen = report.driver.execute_async_script(
        "const done = arguments[0]; const seen = new Set(); window.__seen = seen;"
        "document.addEventListener('focusin', (e) => seen.add(e.target)); done(0);"
    )
    from selenium.webdriver import ActionChains

    ActionChains(report.driver).send_keys("\ue004" * (wanted + 5)).perform()
    seen = report.run("return window.__seen.size;")
    assert seen >= wanted


def test_tables_sort_by_each_column_up_and_down(report):
    for button in report.all("article[data-ready] table.sortable .sort"):
        head = report.run("return arguments[0].closest('th');", button)
        for order in ("ascending", "descending"):
            report.run("arguments[0].click();", button)
            assert head.get_attribute("aria-sort") == order
            values = report.run(
                "const h = arguments[0].closest('th');"
                "return [...h.closest('table').tBodies[0].rows].map(r => r.cells[h.cellIndex].dataset.sort);",
                button,
            )
            numbers = [float(v) for v in values if v not in ("", "None") and _is_number(v)]
            if len(numbers) == len(values):
                assert numbers == sorted(numbers, reverse=order == "descending")


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_texts_are_copied(report):
    report.run(
        "navigator.clipboard.writeText = (text) => { window.__copied = text; return Promise.resolve(); };"
    )
    for button in report.all("button.copy"):
        report.run("window.__copied = null; arguments[0].click();", button)
        text = report.run(
            "return arguments[0].parentElement.querySelector('pre').textContent;", button
        )
        assert report.run("return window.__copied;") == text
        assert len(text) > 20


def test_every_command_in_a_report_runs_as_it_stands_there(report, results, monkeypatch, tmp_path):
    kind = report.find("article").get_attribute("data-kind")
    folder = tmp_path / "as it lies"
    shutil.copytree(results[kind].files["report"].parent, folder)
    monkeypatch.chdir(folder)
    texts = report.run(
        "return [...document.querySelectorAll('article[data-ready] pre')].map((e) => e.textContent);"
    )
    commands = [text for text in texts if text.startswith("occupy-core ")]
    assert len(commands) == {"modify": 2, "blocks": 2}.get(kind, 1)
    for command in commands:
        words = shlex.split(command)[1:]
        made = folder / words[words.index("--outdir") + 1]
        assert main(words) == (2 if kind == "batch" else 0), command  # a job of it fails
        assert any(made.iterdir()), command


def test_charts_are_saved_as_svg_and_canvases_as_png(report):
    report.run(
        "window.__saved = []; URL.createObjectURL = (blob) => { window.__saved.push(blob.type); return 'data:,'; };"
    )
    buttons = [b for b in report.all("button") if b.text.startswith("Save")]
    for button in buttons:
        report.run("arguments[0].click();", button)
    report.wait_for(f"window.__saved.length >= {len(buttons)}")
    assert set(report.run("return window.__saved;")) <= {"image/svg+xml", "image/png"}


def violations(report):
    """What axe-core finds that people with impairments cannot use."""
    place = os.environ.get("OCCUPY_AXE")
    if not place:
        pytest.skip("OCCUPY_AXE does not name axe.min.js of axe-core")
    report.driver.execute_script(Path(place).read_text(encoding="utf-8"))
    return report.driver.execute_async_script(
        "const done = arguments[0];"
        "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'] }).then((r) => done("
        "r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 200))])));"
    )


def test_contrast_and_alternative_texts(report):
    assert violations(report) == []


# ---- one kind ---------------------------------------------------------------------------------


def test_a_brush_lights_the_voxels_of_its_range_only(opened):
    report = opened("scale")
    before, surface = report.picture(SLICES), report.picture(SURFACE)
    first, second = report.all('.chart input[type="range"]')[:2]
    set_to = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'));"
    report.run(set_to, first, 0.7)
    report.run(set_to, second, 1.0)
    low, high = report.run("return page.view.band;")
    assert (low, high) == (pytest.approx(0.7, abs=0.01), pytest.approx(1.0, abs=0.01))
    assert any(a != b for a, b in zip(before, report.picture(SLICES), strict=True))
    assert report.picture(SURFACE) != surface
    lit = report.run(
        "const v = page.view, c = v.colored, p = page.viewer.planes[0]; v.opacity = 1; v.showContour = false;"
        "p.draw(); const [start, right, up] = p.strides(); const out = [];"
        "for (let r = 0; r < p.height; r++) for (let x = 0; x < p.width; x++) {"
        "const k = 4 * ((p.height - 1 - r) * p.width + x);"
        "out.push([c.valueOf(c.bytes[start + r * up + x * right]), ...p.image.data.slice(k, k + 3)]); }"
        "return out;"
    )
    step = 0.005
    bright = [row for row in lit if row[0] is not None and low + step < row[0] < high - step]
    assert bright
    for value, *rgb in bright:
        expected = OCCUPANCY.rgb(np.array(value)) * 255
        np.testing.assert_allclose(rgb, expected, atol=4)
    dim = [row for row in lit if row[0] is not None and row[0] < low - step]
    assert dim
    assert all(max(rgb) - min(rgb) < 40 for _, *rgb in dim)  # nearly grey


@pytest.mark.parametrize(("kind", "value"), [("scale", "scale"), ("resolution", "resolution")])
def test_trust_is_a_colour_of_its_own(opened, results, kind, value):
    report, files = opened(kind), results[kind].files
    choose(report, "Coloured by", "trust")
    assert report.run("return page.view.colored.title;") == "Trust"
    grid = report.run("return page.view.grid;")
    part = tuple(slice(a, a + n) for a, n in zip(grid["start"], grid["shape"], strict=True))
    found = report.run(
        "const v = page.view.colored; return Array.from(v.bytes, (b) => v.valueOf(b));"
    )
    found = np.array(found, float).reshape(grid["shape"])
    data = {key: read_map(path).data[part] for key, path in files.items() if path.suffix == ".mrc"}
    if kind == "scale":
        expected = trust(data["scale_sigma"], data["confidence"])
    else:
        limit = results[kind].result["limit"]
        expected = resolution_trust(data["sigma"], data["resolution"], limit)
    known = np.isfinite(found)
    assert known.any()
    np.testing.assert_allclose(found[known], expected[known], atol=0.003)


def test_a_weak_part_is_gone_to_and_the_numbers_under_the_cursor_are_those_of_the_maps(
    opened, results
):
    report, result = opened("scale"), results["scale"]
    part = result.result["parts"]["weak_parts"][0]
    report.run(
        "[...document.querySelectorAll('section')].find(s => s.querySelector('h2').textContent === 'Weak parts').querySelector('tbody button').click();"
    )
    index = tuple(part["index"])
    crop = report.run("return page.view.grid;")
    cursor = [
        s + i * crop["step"]
        for s, i in zip(crop["start"], report.run("return page.view.cursor;"), strict=True)
    ]
    assert tuple(cursor) == index
    lines = dict(report.run("return page.view.reading();"))
    scale, sigma = (read_map(result.files[key]).data[index] for key in ("scale", "scale_sigma"))
    value, error = (float(number) for number in lines["local scale"].split(" ± "))
    precision = report.run("return page.view.volumes.get('scale').precision;")
    assert value == pytest.approx(scale, abs=precision + 0.0006)
    assert error == pytest.approx(sigma, rel=0.06, abs=0.002)


@pytest.mark.parametrize("kind", ["amplified", "attenuated", "sigmoid"])
def test_the_preview_has_the_factors_of_the_run(opened, kind):
    report = opened("modify")
    power, pivot, limit = 3.7, 0.35, 0.05
    scales = np.linspace(0.01, 1.0, 41, dtype=np.float32)
    found = report.run(
        "return arguments[0].map((s) => modificationFactor(s, arguments[1]));",
        scales.tolist(),
        {"kind": kind, "power": power, "pivot": pivot, "scaleLimit": limit},
    )
    field = {"amplified": "amplify", "attenuated": "attenuate", "sigmoid": "sigmoid"}[kind]
    params = ModifyParams(**{field: power}, pivot=pivot)
    (output,) = params.kinds()
    np.testing.assert_allclose(found, modification_factor(scales, output, limit), rtol=1e-4)


def test_power_and_pivot_change_slice_curve_and_the_values_to_use(opened):
    report = opened("modify")
    before = report.picture(SLICES)
    curve = "const s = [...document.querySelectorAll('.chart path[stroke=\"#4a1d96\"]')][0]; return s.getAttribute('d');"
    old = report.run(curve)
    section = "[...document.querySelectorAll('section')].find(s => s.querySelector('h2').textContent === 'Power and pivot')"
    report.run(
        f"const box = {section}.querySelectorAll('input[type=range]');"
        "box[0].value = 8; box[0].dispatchEvent(new Event('input'));"
        "box[1].value = 0.7; box[1].dispatchEvent(new Event('input'));"
    )
    assert report.run(curve) != old
    assert shown([*before, *report.picture(SLICES)]) > 3
    command = report.run(f"return {section}.querySelector('pre').textContent;")
    assert "--sigmoid 8 --pivot 0.7 --exclude-solvent" in command
    form = report.run(f"return {section}.querySelector('p[aria-live]').textContent;")
    assert "Sigmoid, power 8, pivot 0.7; Exclude solvent? Yes" in form


@pytest.mark.parametrize(
    ("name", "kind"),
    [("modify", "sigmoid"), ("modify by voxels", "sigmoid"), ("amplify", "amplified")],
)
def test_the_preview_is_what_the_run_has_written(opened, results, name, kind):
    """Right of the line, to within the steps of the bytes."""
    report, result = opened(name), results[name]
    crop = report.run("return page.view.grid;")
    values = report.run(
        "const a = page.view.after, f = a.factors();"
        "return Array.from({length: a.scale.bytes.length}, (_, i) => a.value(f, i));"
    )
    shape, start = crop["shape"], crop["start"]
    part = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    written = read_map(result.files[kind]).data[part]
    spread = float(np.ptp(written))
    difference = np.abs(np.array(values).reshape(shape) - written)
    assert np.quantile(difference, 0.99) < 0.02 * spread
    assert difference.max() < 0.1 * spread
    assert report.run("return page.view.after.place !== undefined;") == (name != "modify by voxels")


def test_a_guess_is_hatched_where_the_map_cannot_tell(opened, results):
    report = opened("resolution")
    if "censored" not in results["resolution"].files:
        pytest.skip("nothing is guessed in this map")
    before = report.picture(SLICES)
    report.run("page.view.set({ hatched: null });")
    assert report.picture(SLICES) != before


def test_the_model_takes_the_colours_of_the_chosen_map(opened):
    report = opened("regions")
    first = report.picture(SURFACE)
    report.run(
        "const s = page.viewer.models.select; s.value = '1'; s.dispatchEvent(new Event('change'));"
    )
    assert report.picture(SURFACE) != first
    cells = report.run(
        "return [...document.querySelectorAll('rect[data-row]')].map((r) => [r.dataset.row, r.dataset.column, r.getAttribute('fill')]);"
    )
    values = report.run("return page.data.matrix.values;")
    for row, column, fill in cells:
        rgb = [int(n) for n in fill[4:-1].split(",")]
        value = float(np.clip(values[int(row)][int(column)], 0, 1))
        np.testing.assert_allclose(rgb, OCCUPANCY.rgb(np.array(value)) * 255, atol=1.01)


def test_differences_of_regions_stand_in_a_tab_and_errors_are_the_size_of_dots(opened):
    report = opened("regions")
    first, second = report.all('article [role="tab"]')
    assert (first.text, second.text) == ("Occupancies", "Differences between maps")
    first.send_keys("\ue014")  # right
    assert second.get_attribute("aria-selected") == "true"
    panels = report.all('article [role="tabpanel"]')
    assert [panel.is_displayed() for panel in panels] == [False, True]
    assert "significant" in panels[1].text
    found = report.run(
        "const { errors } = page.data.matrix; return [...document.querySelectorAll('rect[data-row]')]"
        ".map((r) => [errors[r.dataset.row][r.dataset.column], r.width.baseVal.value]);"
    )
    sizes = [width for _, width in sorted(found)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_blocks_are_shown_and_hidden_in_slices_and_space(opened):
    report = opened("blocks")
    report.wait_for("page.viewer.surface.models.length === page.data.blocks.length")
    before = report.picture(SURFACE)
    boxes = "[...document.querySelectorAll('[aria-label=\"Blocks that are shown\"] input')]"
    report.run(f"{boxes}[0].click();")
    report.wait_for("page.viewer.surface.models.some((m) => !m.shown)")
    assert report.picture(SURFACE) != before


@pytest.mark.parametrize(
    "rule",
    [
        "B1 > 0.7",
        "B1 > 0.5 and not B2 > 0.5",
        "not (B1 > 0.2 or B2 >= 0.9) AND B1_on < 1",
        "0.2 < B1 <= 0.9",
        '"B1" != 0 or B2_on == 1',
    ],
)
def test_the_rule_box_counts_as_the_core_does(opened, results, rule):
    report = opened("blocks")
    record = json.loads(results["blocks"].files["result"].read_text())
    names = [block["name"] for block in record["blocks"]]
    columns = {
        name: np.array([row[name] for row in record["table"]])
        for block in names
        for name in (block, f"{block}_on")
    }
    expected = int(apply_rule(rule, columns).sum())
    report.run(
        "const i = document.querySelector('input[type=text]'); i.value = arguments[0]; i.dispatchEvent(new Event('input'));",
        rule,
    )
    assert report.find(".rule-result").text == f"{expected} of {len(record['table'])} volumes"


@pytest.mark.parametrize("rule", ["B1 >", "B9 > 1", "B1 > 0.5 B2 < 1", "(B1 > 1", "B1", "; drop"])
def test_a_rule_that_is_none_is_said(opened, rule):
    report = opened("blocks")
    report.run(
        "const i = document.querySelector('input[type=text]'); i.value = arguments[0]; i.dispatchEvent(new Event('input'));",
        rule,
    )
    assert "volumes" not in report.find(".rule-result").text
    assert report.complaints() == []


def test_the_mesh_of_a_ball_is_closed_and_faces_outwards(opened):
    report = opened("scale")
    found = report.run(
        "const n = 20, b = new Uint8Array(n ** 3);"
        "for (let z = 0, i = 0; z < n; z++) for (let y = 0; y < n; y++) for (let x = 0; x < n; x++, i++)"
        "b[i] = Math.max(0, 255 - 14 * Math.hypot(x - 9.3, y - 9.6, z - 9.1));"
        "const m = meshOf(b, null, [n, n, n], 150); const at = (c) => [0, 1, 2].map((k) => m.points[3 * c + k]);"
        "let inwards = 0, far = 0; const edges = new Map();"
        "for (let f = 0; f < m.faces.length; f += 3) { const c = [...m.faces.slice(f, f + 3)]; const [p, q, r] = c.map(at);"
        "const u = q.map((v, k) => v - p[k]), w = r.map((v, k) => v - p[k]);"
        "const out = p.map((v, k) => v - [9.3, 9.6, 9.1][k]);"
        "const dot = (u[1] * w[2] - u[2] * w[1]) * out[0] + (u[2] * w[0] - u[0] * w[2]) * out[1] + (u[0] * w[1] - u[1] * w[0]) * out[2];"
        "if (dot < 0) inwards++; far = Math.max(far, Math.abs(Math.hypot(...out) - 7.5));"
        "for (let k = 0; k < 3; k++) { const e = [c[k], c[(k + 1) % 3]]; const key = Math.min(...e) + '-' + Math.max(...e); edges.set(key, (edges.get(key) || 0) + 1); } }"
        "return [inwards, far, [...edges.values()].every((n) => n === 2), m.faces.length / 3];"
    )
    inwards, far, closed, triangles = found
    assert inwards == 0
    assert far < 0.35
    assert closed
    assert triangles > 500


@pytest.fixture
def compared(driver, results, tmp_path):
    """A report of the scales of two maps on one grid, and both results."""
    path = tmp_path / "set.html"
    pair = [results["scale"], results["other scale"]]
    save_report(path, [r for one in pair for r in results_in(one.files["result"].parent)])
    return Report(driver, path), pair


def choose(report, label, value):
    report.run(
        "const s = [...document.querySelectorAll('select')].find((s) => s.parentElement.firstChild.textContent === arguments[0]);"
        "s.value = arguments[1]; s.dispatchEvent(new Event('change'));",
        label,
        value,
    )


def test_a_set_shows_the_same_slice_of_all_maps(compared):
    report, _ = compared
    assert report.find("article").get_attribute("data-kind") == "comparison"
    assert report.find('[role="tab"]').text == "Comparison of 2 local scales"
    assert report.find(".answer").text.startswith("From ")
    drawn = "page.more.planes.forEach((p) => p.draw());"
    canvases = "return page.more.planes.map((p) => p.canvas.toDataURL());"
    before = report.run(drawn + canvases)
    assert shown(before) == 2
    report.find(".maps canvas").send_keys("\ue00e\ue014")  # page up, right
    assert len(set(report.run("return page.more.planes.map((p) => p.view.cursor.join());"))) == 1
    moved = report.run(drawn + canvases)
    assert all(a != b for a, b in zip(before, moved, strict=True))
    choose(report, "Slices across", "zy")
    assert report.run("return page.more.planes.map((p) => p.axis);") == [2, 2]
    assert report.complaints() == []
    assert report.requests() == []


def test_the_difference_of_two_maps_is_that_of_their_values(compared):
    report, pair = compared
    choose(report, "Show", "two")
    assert len(report.all(".maps figure")) == 3
    grid = report.run("return page.more.grid;")
    part = tuple(slice(a, a + n) for a, n in zip(grid["start"], grid["shape"], strict=True))
    for compare in ("scale", ""):
        choose(report, "Compare", compare)
        found, steps, content = report.run(
            "const { difference, planes, valueOf } = page.more, v = difference.colored;"
            "const parts = planes.slice(0, 2).map(({ view }) => (view.colored || view.base).precision);"
            "const content = planes.slice(0, 2).map(({ view }) => Array.from((view.colored || view.base).bytes, (b) => b > 0));"
            "return [Array.from(v.bytes, (b) => v.valueOf(b)), [v.precision, ...parts], content];"
        )
        found = np.array(found, float).reshape(grid["shape"])
        paths = [one.files["scale"] if compare else one.files["scale"].parents[1] / name
                 for one, name in zip(pair, ("x.mrc", "y.mrc"), strict=True)]  # fmt: skip
        first, second = (read_map(path).data[part] for path in paths)
        known = np.isfinite(found)
        if compare:  # what has no content has a scale of zero
            one, two = (np.array(inside).reshape(found.shape) for inside in content)
            assert (one != two).any()
            np.testing.assert_array_equal(known, one | two)
            first, second = np.where(one, first, 0), np.where(two, second, 0)
        error = np.abs(found - (first - second))[known]
        # Densities beyond their outermost hundred-thousandths are cut off.
        assert np.quantile(error, 1.0 if compare else 0.999) <= 1.01 * sum(steps)
        at = np.argwhere(known)[known.sum() // 2].tolist()
        report.run("page.more.go(arguments[0]);", at)
        report.wait_for("page.more.captions[2][1].textContent.length > 2")
        value = report.find("figure:last-child figcaption span").text
        assert float(value.split()[0]) == pytest.approx(found[tuple(at)], abs=2 * sum(steps))
        assert ("±" in value) == (compare == "scale")


def test_a_comparison_can_be_used_by_those_who_do_not_see_it(compared):
    report, _ = compared
    choose(report, "Show", "two")
    assert violations(report) == []


def test_without_webgl_all_but_the_surface_is_there(results):
    plain = start_browser(1500, 1300, "--disable-3d-apis")
    try:
        for kind in ("scale", "regions", "blocks"):
            report = Report(plain, results[kind].files["report"])
            assert "no WebGL" in report.find(".busy").text
            report.run("page.viewer.planes.forEach((p) => p.draw());")
            assert (
                shown(report.run("return page.viewer.planes.map((p) => p.canvas.toDataURL());"))
                == 3
            )
            report.run("page.view.set({ level: 0.3, overlay: page.view.overlay });")
            assert report.complaints() == []
    finally:
        plain.quit()


def test_several_results_stand_in_one_file_with_tabs(driver, results, tmp_path):
    path = tmp_path / "both.html"
    found = [
        r for kind in ("scale", "regions") for r in results_in(results[kind].files["result"].parent)
    ]
    save_report(path, found)
    report = Report(driver, path)
    first, second = report.all('[role="tab"]')
    assert first.get_attribute("aria-selected") == "true"
    for _ in range(2):  # people click again when nothing happens at once
        second.click()
    report.wait_for("document.querySelectorAll('article[data-ready]').length === 2")
    assert len(report.all("article:nth-of-type(1) [data-surface]")) == 2
    assert [a.is_displayed() for a in report.all("article")] == [False, True]
    assert report.complaints() == []
