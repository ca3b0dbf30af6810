// Bring the pages to life.

class Viewer {
  constructor(box, view) {
    this.view = view;
    const grid = el("div", { class: "viewer-grid" });
    box.append(grid);
    this.planes = PLANES.map((plane) => new Plane(view, plane));
    this.reading = el("div", { class: "value" });
    // One scale for all: xy and xz are as wide as x, zy is as wide as z and as high as xy.
    const columns = this.planes.slice(0, 2).map((plane) => `minmax(0, ${plane.wide.toFixed(1)}fr)`);
    const style = `grid-template-columns:${columns.join(" ")}`;
    grid.append(el("div", { class: "planes", style }, ...this.planes.map((plane) => plane.box), this.reading));
    const right = el("div", {});
    grid.append(right);
    this.surface = new Surface(view, right);
    this.key = el("div", { class: "key" });
    right.append(this.key);
    this.controls = el("div", { class: "controls" });
    box.append(this.controls);
    this.addControls();
    box.append(el("div", { class: "buttons" },
      el("button", { type: "button", onclick: () => saveCanvases(this.planes.map((plane) => plane.canvas), "slices.png") }, "Save slices as PNG"),
      el("button", { type: "button", onclick: async () => download("surface.png", await this.surface.picture()) }, "Save surface as PNG")));
    box.append(el("p", { class: "note" }, this.exactness()));
    view.listen((changes) => {
      this.drawSlices();
      if ("overlay" in changes) this.showKey();
      if ("overlay" in changes && this.overlays.select.value !== (view.overlay || "")) this.overlays.select.value = view.overlay || "";
    });
    this.showKey();
  }

  addControls() {
    const { view } = this;
    const { base } = view;
    const step = (base.high - base.low) / 400;
    const format = (v) => v.toPrecision(3);
    const overlays = [["", "nothing"]];
    for (const volume of view.volumes.values()) if (volume.table) overlays.push([volume.key, volume.title]);
    this.overlays = choice("Coloured by", overlays, view.overlay || "", (value) => view.set({ overlay: value || null, band: null }));
    if (view.bases.length > 1)
      this.controls.append(choice("Map", view.bases.map((volume) => [volume.key, volume.title]), view.base.key, (key) => this.showBase(key)));
    const levels = this.levels = slider("Contour level", { min: base.low, max: base.high, step, value: view.level, format }, (level) => view.set({ level }));
    this.controls.append(
      this.overlays,
      slider("Strength of the colours", { min: 0, max: 1, step: 0.05, value: view.opacity, format: (v) => `${Math.round(100 * v)} %` }, (opacity) => view.set({ opacity })),
      levels,
      slider("Grey: white at", { min: base.low, max: base.high, step, value: view.contrast[0], format }, (v) => view.set({ contrast: [v, Math.max(view.contrast[1], v + step)] })),
      slider("Grey: black at", { min: base.low, max: base.high, step, value: view.contrast[1], format }, (v) => view.set({ contrast: [Math.min(view.contrast[0], v - step), v] })),
      check("Contour in the slices", true, (showContour) => view.set({ showContour })),
      ...this.surface.controls(),
    );
  }

  // Show another map, at its own level and contrast.
  showBase(key) {
    const base = this.view.volumes.get(key);
    this.view.set({ base, level: base.level ?? this.view.level, contrast: greyRange(base) });
    Object.assign(this.levels.input, { min: base.low, max: base.high, step: (base.high - base.low) / 400 });
    this.levels.set(this.view.level);
  }

  drawSlices() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const plane of this.planes) plane.draw();
      this.reading.replaceChildren(...this.view.reading().map(([name, value]) => el("div", {}, `${name}: `, el("b", {}, value))));
    });
  }

  showKey() {
    const { colored } = this.view;
    this.key.replaceChildren();
    if (!colored) return;
    if (colored.labels.length) {
      this.key.append(...colored.labels.map(([name, color]) => el("span", {}, el("span", { class: "swatch", style: `background:${color}` }), name)));
      this.key.style.flexFlow = "row wrap";
      this.key.style.gap = "0.2rem 0.9rem";
      return;
    }
    this.key.append(
      ...colorKey(colored.colors),
      el("div", { class: "note" }, "Grey: no value" + (this.view.hatched ? "; hatched: a guess, finer than the map holds." : ".")),
    );
  }

  // How near the numbers under the cursor come to those of the maps.
  exactness() {
    const { grid } = this.view;
    const every = grid.step === 1 ? "Every voxel is shown" : `Every ${grid.step}th voxel along each axis is shown (values as they are, densities averaged)`;
    const errors = [...this.view.volumes.values()].filter((volume) => !volume.labels.length && !volume.isMask).map((volume) => `${volume.title.toLowerCase()} to ±${volume.precision.toPrecision(1)}${volume.unit ? ` ${volume.unit}` : ""}`);
    return `${every}; the box is cropped to what is in it. Numbers under the cursor are exact to one step of a byte: ${errors.join(", ")}. Wheel or page keys go through the slices, arrow keys move the cursor.`;
  }
}

function sortable(table) {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row, i) => ({ row, i, by: row.cells[column].dataset.sort }));
      const numbers = rows.every(({ by }) => by === "" || by === "None" || Number.isFinite(Number(by)));
      const compare = (a, b) => {
        const [x, y] = [a.by, b.by];
        const missing = (v) => v === "" || v === "None";
        if (missing(x) || missing(y)) return missing(x) - missing(y) || a.i - b.i; // always last
        const order = numbers ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
        return (up ? order : -order) || a.i - b.i;
      };
      body.append(...rows.sort(compare).map(({ row }) => row));
      say(`Sorted by ${button.textContent}, ${up ? "rising" : "falling"}.`);
    });
  });
}

// Until what has changed is on the screen: the frame after the one that draws it.
async function drawn() {
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
}

async function startPage(article, data, all) {
  const box = article.querySelector("[data-viewer]");
  let [view, viewer] = [null, null];
  if (box && data.grid) {
    const volumes = await Promise.all(data.volumes.map((meaning) => Volume.read(meaning, data.grid)));
    view = new View(data, volumes);
    viewer = new Viewer(box, view);
    viewer.drawSlices();
    await drawn();
    performance.mark("slices");
    viewer.surface.start();
  }
  const more = pages[data.kind] && (await pages[data.kind]({ article, data, view, viewer, all }));
  for (const table of article.querySelectorAll("table.sortable")) sortable(table);
  return { article, data, view, viewer, more };
}

async function startAll() {
  performance.mark("parsed");
  const all = JSON.parse(document.getElementById("data").textContent);
  const articles = [...document.querySelectorAll("article.page")];
  const started = (window.reportPages = articles.map(() => null));
  const begun = new Set();
  for (const button of document.querySelectorAll("button.copy"))
    button.addEventListener("click", () => copyText(button.parentElement.querySelector("pre").textContent));
  const show = async (number) => {
    articles.forEach((article, i) => ((article.closest("[role=tabpanel]") || article).hidden = i !== number));
    if (begun.has(number)) return;
    begun.add(number);
    started[number] = await startPage(articles[number], all[number], all);
    const { viewer } = started[number];
    if (viewer) await viewer.surface.make();
    await drawn();
    performance.mark("surface");
    articles[number].dataset.ready = "";
  };
  await wireTabs([...document.querySelectorAll("header [role=tab]")], show);
}

startAll();
