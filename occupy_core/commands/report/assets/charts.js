// Charts as SVG: they can be saved as they are.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function chartFrame(title, width, height) {
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  const hatch = svg("pattern", { id: `hatch-${++chartFrame.count}`, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  hatch.append(svg("rect", { width: 2, height: 7, fill: "#fff" }));
  root.append(svg("defs", {}, hatch));
  root.hatch = `url(#hatch-${chartFrame.count})`;
  const save = el("button", { type: "button", onclick: () => saveSvg(root, title) }, "Save as SVG");
  const box = el("div", { class: "chart" }, root, el("div", { class: "buttons" }, save));
  return { root, box, buttons: box.querySelector(".buttons") };
}
chartFrame.count = 0;

function saveSvg(root, title) {
  const copy = root.cloneNode(true);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("font-family", "sans-serif");
  copy.setAttribute("font-size", "12");
  download(`${title.replace(/[^\w-]+/g, "_")}.svg`, new Blob([copy.outerHTML], { type: "image/svg+xml" }));
}

function ticks(low, high, count = 6) {
  const rough = (high - low) / count;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((s) => s >= rough);
  const found = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + 1e-9 * step; t += step) found.push(Number(t.toPrecision(10)));
  return found;
}

// Axes of a chart; returns the functions from values to places.
function axes(root, { left, top, right, bottom, x, y, xLabel, yLabel }) {
  const atX = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (right - left);
  const atY = (v) => bottom - ((v - y[0]) / (y[1] - y[0])) * (bottom - top);
  root.append(svg("path", { d: `M${left},${top}V${bottom}H${right}`, fill: "none", stroke: "#555" }));
  for (const t of ticks(...x)) {
    root.append(svg("path", { d: `M${atX(t)},${bottom}v5`, stroke: "#555" }));
    root.append(svg("text", { x: atX(t), y: bottom + 18, "text-anchor": "middle" }, String(t)));
  }
  for (const t of ticks(...y, 4)) {
    root.append(svg("path", { d: `M${left},${atY(t)}h-5`, stroke: "#555" }));
    root.append(svg("text", { x: left - 8, y: atY(t) + 4, "text-anchor": "end" }, String(t)));
  }
  root.append(svg("text", { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" }, xLabel));
  const middle = (top + bottom) / 2;
  root.append(svg("text", { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, yLabel));
  return { atX, atY };
}

// A histogram whose brush lights the voxels of its range.
function histogram(data, view) {
  const { root, box, buttons } = chartFrame(`Histogram of the ${data.label}`, 720, 300);
  const place = { left: 62, top: 14, right: 706, bottom: 244 };
  const [low, high] = [data.edges[0], data.edges[data.edges.length - 1]];
  const most = Math.max(...data.shares, 1e-9);
  const { atX, atY } = axes(root, { ...place, x: [low, high], y: [0, most * 1.08], xLabel: data.label, yLabel: data.of });
  data.shares.forEach((share, i) => {
    const [x, width] = [atX(data.edges[i]), atX(data.edges[i + 1]) - atX(data.edges[i])];
    const bar = { x, y: atY(share), width, height: place.bottom - atY(share) };
    const tip = svg("title", {}, `${data.edges[i].toFixed(2)} to ${data.edges[i + 1].toFixed(2)}: ${share.toFixed(1)} %`);
    root.append(svg("rect", { ...bar, fill: data.colors[i], stroke: "#fff", "stroke-width": 0.4 }, tip));
    if (data.guessed != null && data.edges[i + 1] <= data.guessed + 1e-9) root.append(svg("rect", { ...bar, fill: root.hatch }));
  });
  let line = 0;
  for (const mark of data.marks || []) {
    if (mark.at < low || mark.at > high) continue;
    root.append(svg("path", { d: `M${atX(mark.at)},${place.top}V${place.bottom}`, stroke: "#111", "stroke-dasharray": mark.dash || "2 3" }));
    const leftSide = atX(mark.at) > 480;
    root.append(svg("text", { x: atX(mark.at) + (leftSide ? -6 : 6), y: place.top + 12 + 15 * line++, "text-anchor": leftSide ? "end" : "start", stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" }, mark.label));
  }
  if (view && view.volumes.has(data.volume)) addBrush({ root, box, buttons, data, view, atX, place, low, high });
  return box;
}

function addBrush({ root, box, buttons, data, view, atX, place, low, high }) {
  const shade = svg("rect", { x: 0, y: place.top, width: 0, height: place.bottom - place.top, fill: "rgba(0,110,90,0.16)", stroke: "#006e5a", visibility: "hidden" });
  root.append(shade);
  const step = (high - low) / 200;
  const format = (v) => v.toFixed(2);
  const ends = [
    slider("Light from", { min: low, max: high, step, value: low, format }, () => take()),
    slider("to", { min: low, max: high, step, value: high, format }, () => take()),
  ];
  const show = (band) => {
    shade.setAttribute("visibility", band ? "visible" : "hidden");
    if (band) {
      shade.setAttribute("x", atX(band[0]));
      shade.setAttribute("width", Math.max(atX(band[1]) - atX(band[0]), 1));
    }
    view.set(band ? { band, overlay: data.volume } : { band });
  };
  const take = () => {
    const band = ends.map((end) => Number(end.input.value)).sort((a, b) => a - b);
    show(band[0] <= low && band[1] >= high - step / 2 ? null : band);
  };
  const valueAt = (event) => {
    const frame = root.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * 720;
    return clamp(low + ((x - place.left) / (place.right - place.left)) * (high - low), low, high);
  };
  let from = null;
  root.style.touchAction = "none";
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    from = valueAt(event);
  });
  root.addEventListener("pointermove", (event) => {
    if (from === null || !(event.buttons & 1)) return;
    const band = [from, valueAt(event)].sort((a, b) => a - b);
    ends.forEach((end, i) => end.set(band[i]));
    show(band);
  });
  root.addEventListener("pointerup", () => (from = null));
  buttons.prepend(el("button", { type: "button", onclick: () => {
    ends.forEach((end, i) => end.set([low, high][i]));
    show(null);
  } }, "Light all"));
  box.append(el("div", { class: "controls" }, ...ends));
  box.append(el("p", { class: "note" }, "Draw over the bars, or move the two ends: only voxels in that range stay coloured, in slices and on the surface."));
}

// Lines over one axis: [{ name, points: [[x, y], …], color, dash }].
function lineChart({ title, lines, x, y, xLabel, yLabel, marks }) {
  const { root, box } = chartFrame(title, 720, 330);
  const place = { left: 62, top: 14, right: 706, bottom: 254 };
  const { atX, atY } = axes(root, { ...place, x, y, xLabel, yLabel });
  for (const mark of marks || [])
    if (mark.at >= x[0] && mark.at <= x[1]) {
      root.append(svg("path", { d: `M${atX(mark.at)},${place.top}V${place.bottom}`, stroke: "#111", "stroke-dasharray": mark.dash || "2 3" }));
      root.append(svg("text", { x: atX(mark.at) + 5, y: place.top + 12, stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" }, mark.label));
    }
  const paths = lines.map((line) => {
    const path = svg("path", { fill: "none", stroke: line.color, "stroke-width": 2, "stroke-dasharray": line.dash || "" });
    root.append(path);
    return path;
  });
  const update = (some) =>
    some.forEach((line, i) =>
      paths[i].setAttribute("d", line.points.map(([a, b], k) => `${k ? "L" : "M"}${atX(a).toFixed(1)},${atY(clamp(b, ...y)).toFixed(1)}`).join("")),
    );
  update(lines);
  lines.forEach((line, i) => {
    const at = place.left + 10 + 170 * i;
    root.append(svg("path", { d: `M${at},312h22`, stroke: line.color, "stroke-width": 2, "stroke-dasharray": line.dash || "" }));
    root.append(svg("text", { x: at + 28, y: 316 }, line.name));
  });
  box.update = update;
  return box;
}

// A table of colours: rows by columns; with errors it is one of dots, the smaller the larger the error.
function matrix({ title, data, palette, onpick }) {
  const [rows, columns] = [data.rows.length, data.columns.length];
  const cell = clamp(Math.floor(1100 / Math.max(columns, 1)), 9, 30);
  const high = clamp(Math.floor(900 / Math.max(rows, 1)), 9, 24);
  const left = 12 + 7 * Math.min(24, Math.max(...data.rows.map((name) => name.length), 1));
  const top = 14 + 7 * Math.min(16, Math.max(...data.columns.map((name) => name.length), 1));
  const { root, box } = chartFrame(title, left + cell * columns + 8, top + high * rows + 8);
  root.style.width = `${left + cell * columns + 8}px`;
  box.style.maxWidth = "none";
  const short = (name, n) => (name.length > n ? `${name.slice(0, n - 1)}…` : name);
  data.columns.forEach((name, j) => {
    if (cell < 12 && j % 2 && columns > 60) return;
    const x = left + cell * (j + 0.5) + 4;
    const text = svg("text", { x, y: top - 5, transform: `rotate(-90 ${x} ${top - 5})` }, short(name, 16) + (data.reference.includes(name) ? " *" : ""));
    if (cell < 13) text.setAttribute("style", "font-size:10px");
    root.append(text);
  });
  data.rows.forEach((name, i) => {
    const every = Math.ceil(12 / high);
    if (i % every) return;
    root.append(svg("text", { x: left - 5, y: top + high * (i + 0.5) + 4, "text-anchor": "end" }, short(name, 24)));
  });
  data.values.forEach((row, i) =>
    row.forEach((value, j) => {
      if (value == null) return;
      const sigma = data.errors ? data.errors[i][j] : 0;
      const share = clamp(1 - 1.4 * sigma, 0.3, 1) * 0.94;
      const error = data.errors ? ` ± ${sigma.toFixed(2)}` : "";
      const rect = svg("rect", {
        x: left + cell * (j + 0.5 - share / 2),
        y: top + high * (i + 0.5 - share / 2),
        width: cell * share,
        height: high * share,
        fill: cssColor(colorAt(palette, value)),
        ...(data.errors ? { rx: (cell * share) / 2, ry: (high * share) / 2 } : {}),
        "data-row": i,
        "data-column": j,
      }, svg("title", {}, `${data.columns[j]} in ${data.rows[i]}: ${value.toFixed(2)}${error}`));
      if (onpick) rect.addEventListener("click", () => onpick(i, j));
      root.append(rect);
    }),
  );
  const scroll = el("div", { class: "matrix", tabindex: "0", role: "region", "aria-label": title }, root);
  box.prepend(scroll);
  return box;
}

// How blocks depend on each other: discs on a circle, lines between them.
const RELATIONS = {
  same: ["#222222", "", "same"],
  together: ["#1f5fa8", "", "together more often than by chance"],
  "first only with second": ["#1f5fa8", "", "only with (arrow: needs)", "second"],
  "second only with first": ["#1f5fa8", "", "only with (arrow: needs)", "first"],
  apart: ["#c1272d", "6 4", "apart more often than by chance"],
  exclusive: ["#c1272d", "", "exclusive"],
};

function graph(blocks, relations) {
  const { root, box } = chartFrame("Dependences between the blocks", 620, 470);
  const places = new Map(blocks.map((block, i) => {
    const angle = (2 * Math.PI * i) / blocks.length - Math.PI / 2;
    return [block.name, [310 + 170 * Math.cos(angle), 220 + 165 * Math.sin(angle)]];
  }));
  const arrow = svg("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 10, refY: 5, markerWidth: 8, markerHeight: 8, orient: "auto-start-reverse" });
  arrow.append(svg("path", { d: "M0,0L10,5L0,10z", fill: "#1f5fa8" }));
  root.querySelector("defs").append(arrow);
  const largest = Math.max(...blocks.map((block) => block.volume), 1);
  const size = (block) => 15 + 15 * Math.sqrt(block.volume / largest);
  const sizes = new Map(blocks.map((block) => [block.name, size(block)]));
  const seen = new Set();
  for (const relation of relations) {
    const look = RELATIONS[relation.kind];
    if (!look) continue;
    seen.add(relation.kind);
    const [a, b] = look[3] === "first" ? [relation.second, relation.first] : [relation.first, relation.second];
    const [p, q] = [places.get(a), places.get(b)];
    const along = unit([q[0] - p[0], q[1] - p[1], 0]);
    const [from, to] = [p.map((v, k) => v + along[k] * sizes.get(a)), q.map((v, k) => v - along[k] * (sizes.get(b) + 2))];
    root.append(svg("path", {
      d: `M${from}L${to}`,
      stroke: look[0],
      "stroke-width": relation.kind === "same" || relation.kind === "exclusive" ? 4 : 2,
      "stroke-dasharray": look[1],
      ...(look[3] ? { "marker-end": "url(#arrow)" } : {}),
    }));
  }
  for (const block of blocks) {
    const [x, y] = places.get(block.name);
    root.append(svg("circle", { cx: x, cy: y, r: size(block), fill: block.color, stroke: "#222" }, svg("title", {}, `${block.name}: ${(block.volume / 1000).toFixed(2)} nm³`)));
    root.append(svg("text", { x, y: y + 4, "text-anchor": "middle", stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" }, block.name));
  }
  let line = 0;
  for (const kind of ["same", "together", "first only with second", "apart", "exclusive"]) {
    if (!seen.has(kind) && !(kind === "first only with second" && seen.has("second only with first"))) continue;
    const [color, dash, label] = RELATIONS[kind];
    const y = 452 - 18 * line++;
    root.append(svg("path", { d: `M12,${y}h26`, stroke: color, "stroke-width": kind === "same" || kind === "exclusive" ? 4 : 2, "stroke-dasharray": dash }));
    root.append(svg("text", { x: 46, y: y + 4 }, label));
  }
  return box;
}

// Thresholds of all volumes in a strip.
function thresholdStrip(rows) {
  const { root, box } = chartFrame("Threshold of each volume", 720, 260);
  const values = rows.map((row) => row.threshold);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low || Math.abs(high) || 1) * 0.1;
  const { atX, atY } = axes(root, {
    left: 70, top: 14, right: 706, bottom: 204,
    x: [0.5, rows.length + 0.5], y: [low - pad, high + pad], xLabel: "volume", yLabel: "threshold",
  });
  rows.forEach((row, i) => {
    const tip = svg("title", {}, `${row.volume}: ${row.threshold}, ${(100 * row.on_fraction).toFixed(2)} % on${row.used ? "" : ", left out"}`);
    const [x, y] = [atX(i + 1), atY(row.threshold)];
    if (row.outlying || !row.used) root.append(svg("path", { d: `M${x - 4},${y - 4}l8,8m0,-8l-8,8`, stroke: "#c1272d", "stroke-width": 2 }, tip));
    else root.append(svg("circle", { cx: x, cy: y, r: rows.length > 150 ? 2 : 3.5, fill: "#1f5fa8" }, tip));
  });
  box.append(el("p", { class: "note" }, "A cross is outside mean ± 2 standard deviations, or was left out."));
  return box;
}
