// Several maps on one grid: the same slice of all, or of two and their difference.

pages.comparison = async ({ article, data, all }) => {
  const members = await Promise.all(data.members.map(async ({ page, name }) => {
    const own = all[page];
    const overlay = own.volumes.find((volume) => volume.key === own.overlay);
    const wanted = own.volumes.filter((volume, i) => i === 0 || volume === overlay || (overlay && volume.key === overlay.error));
    return { name, view: new View(own, await Promise.all(wanted.map((meaning) => Volume.read(meaning, own.grid)))) };
  }));
  return new Comparison(article.querySelector("[data-comparison]"), members, data);
};

class Comparison {
  constructor(box, members, { palette, absent }) {
    Object.assign(this, { members, palette, absent, plane: PLANES[0], first: 0, second: 1, two: false });
    this.grid = members[0].view.grid;
    this.cursor = members[0].view.cursor;
    this.overlay = members[0].view.overlay;
    for (const { name, view } of members) view.name = name;
    this.maps = el("div", { class: "maps" });
    this.key = el("div", { class: "key" });
    this.controls = el("div", { class: "controls" });
    box.append(this.maps, this.key, this.controls, el("div", { class: "buttons" },
      el("button", { type: "button", onclick: () => saveCanvases(this.planes.map((plane) => plane.canvas), "comparison.png") }, "Save pictures as PNG")));
    this.addControls();
    this.arrange();
  }

  addControls() {
    const names = this.members.map(({ name }, i) => [String(i), name]);
    const changed = (key, number) => (value) => {
      this[key] = number ? Number(value) : value;
      this.arrange();
    };
    const { view } = this.members[0];
    const colored = view.overlay ? [[view.overlay, view.volumes.get(view.overlay).title]] : [];
    this.chosen = [choice("First", names, "0", changed("first", true)), choice("Second", names, "1", changed("second", true))];
    this.slider = slider("Slice", { min: 0, max: 1, value: 0, format: (i) => `${i + 1} of ${this.grid.shape[this.plane.axis]}` }, (i) => {
      this.go(this.cursor.map((at, axis) => (axis === this.plane.axis ? i : at)));
    });
    this.controls.append(
      choice("Show", [["all", "all maps"], ["two", "two and their difference"]], "all", (value) => {
        this.two = value === "two";
        this.arrange();
      }),
      ...this.chosen,
      choice("Slices across", PLANES.map((plane) => [plane.name, AXES[plane.axis]]), this.plane.name, (name) => {
        this.plane = PLANES.find((plane) => plane.name === name);
        this.arrange();
      }),
      this.slider,
      choice("Compare", [...colored, ["", "density"]], view.overlay || "", (value) => {
        this.overlay = value || null;
        this.arrange();
      }),
      slider("Strength of the colours", { min: 0, max: 1, step: 0.05, value: view.opacity, format: (v) => `${Math.round(100 * v)} %` }, (opacity) => {
        for (const { view: each } of this.members) each.set({ opacity });
      }),
    );
  }

  // What is shown: a view and a plane for each map, the difference last.
  arrange() {
    for (const box of this.chosen) box.hidden = !this.two;
    Object.assign(this.slider.input, { max: this.grid.shape[this.plane.axis] - 1 });
    const shown = this.two ? [this.members[this.first], this.members[this.second]] : this.members;
    for (const { view } of this.members) view.overlay = this.overlay;
    const views = shown.map(({ view }) => view);
    this.difference = this.two ? this.subtracted(...views) : null;
    if (this.two) views.push(this.difference);
    this.planes = views.map((view) => {
      view.cursor = this.cursor;
      view.listeners = [(changes) => ("cursor" in changes ? this.go(changes.cursor) : this.draw())];
      const plane = new Plane(view, this.plane);
      plane.slider.hidden = true;
      return plane;
    });
    this.captions = views.map((view) => [el("b", {}, view.name), el("span", {}, "")]);
    this.maps.replaceChildren(...this.planes.map((plane, i) => el("figure", {}, plane.box, el("figcaption", {}, ...this.captions[i]))));
    const colored = views[views.length - 1].colored;
    this.key.replaceChildren(...(colored ? colorKey(colored.colors) : []));
    if (this.two && this.overlay && this.absent !== null)
      this.key.append(el("div", { class: "note" }, `Where only one of the two maps has content, the other counts as ${this.absent}.`));
    this.draw();
  }

  go(cursor) {
    this.cursor = cursor;
    for (const plane of this.planes) plane.view.cursor = cursor;
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.slider.set(this.cursor[this.plane.axis]);
      for (const plane of this.planes) plane.draw();
      this.captions.forEach(([, value], i) => (value.textContent = ` ${this.reading(i)}`));
    });
  }

  // Value of a map under the cursor, with its error.
  valueOf(view) {
    const volume = view.colored || view.base;
    const value = volume.valueOf(volume.at(...this.cursor));
    const error = volume.error && view.volumes.get(volume.error);
    return { value, sigma: error && value !== null ? error.valueOf(error.at(...this.cursor)) : null, volume };
  }

  reading(i) {
    const told = ({ value, sigma, volume }, sign = "") => {
      if (value === null) return "no value here";
      const error = sigma === null ? "" : ` ± ${Number(sigma.toPrecision(2))}`;
      return `${value > 0 ? sign : ""}${digits(value, volume.precision)}${error} ${volume.unit}`.trim();
    };
    if (!this.two || i < 2) return told(this.valueOf(this.planes[i].view));
    const [a, b] = [0, 1].map((k) => this.valueOf(this.planes[k].view));
    const value = this.less(a.value, b.value);
    const sigma = a.sigma === null && b.sigma === null ? null : Math.hypot(a.sigma ?? 0, b.sigma ?? 0);
    return told({ value, sigma, volume: a.volume }, "+");
  }

  // A value less another one; what has no content in one map only counts as absent there.
  less(a, b) {
    const one = a === null ? (b === null ? null : this.absent) : a;
    const two = b === null ? this.absent : b;
    return one === null || two === null ? null : one - two;
  }

  // A view of the first map in the colours of what it has more than the second.
  subtracted(a, b) {
    const [one, two] = [a, b].map((view) => view.colored || view.base);
    const bytesOf = (volume) => Array.from({ length: 256 }, (_, byte) => volume.valueOf(byte));
    const others = bytesOf(two);
    const table = Float64Array.from(bytesOf(one).flatMap((value) => others.map((other) => this.less(value, other) ?? NaN)));
    const values = Float32Array.from(one.bytes, (byte, i) => table[256 * byte + two.bytes[i]]);
    const most = values.reduce((largest, value) => (Math.abs(value) > largest ? Math.abs(value) : largest), 0) || 1;
    const bytes = Uint8Array.from(values, (value) => (Number.isNaN(value) ? 0 : 1 + Math.round((127 * (value + most)) / most)));
    const title = `${one.title}: ${a.name} less ${b.name}`;
    const colors = { title, low: -most, high: most, stops: this.palette.stops.map(([value, color]) => [value * most, color]) };
    const meaning = { key: "difference", title, unit: one.unit, low: -most, high: most, isValue: true, labels: [], colors, precision: most / 254 };
    const view = new View({ ...a.data, overlay: "difference" }, [a.base, new Volume(meaning, a.grid, bytes)]);
    return Object.assign(view, { name: "Difference", opacity: 1 });
  }
}
