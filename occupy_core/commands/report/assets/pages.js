// What belongs to each kind of result. `pages[kind](page)` gets { article, data, view, viewer }.

const pages = {};

function sectionOf(article, heading) {
  return [...article.querySelectorAll("section")].find((s) => s.querySelector("h2").textContent === heading);
}

function addSection(article, heading, before, ...content) {
  const section = el("section", {}, el("h2", {}, heading), ...content);
  const next = before && sectionOf(article, before);
  if (next) next.before(section);
  else article.append(section);
  return section;
}

// Sections of which one is seen, chosen by tabs above them.
function tabbed(article, label, headings) {
  const sections = headings.map((heading) => sectionOf(article, heading)).filter(Boolean);
  if (sections.length < 2) return;
  const tabs = sections.map((section, i) => {
    section.id = `${article.dataset.kind}-${++tabbed.count}`;
    section.setAttribute("role", "tabpanel");
    section.setAttribute("aria-labelledby", `tab-${section.id}`);
    return el("button", { type: "button", role: "tab", id: `tab-${section.id}`, "aria-controls": section.id }, headings[i]);
  });
  sections[0].before(el("div", { role: "tablist", class: "within", "aria-label": label }, ...tabs));
  for (const section of sections.slice(1).reverse()) sections[0].after(section);
  wireTabs(tabs, (number) => sections.forEach((section, i) => (section.hidden = i !== number)));
}
tabbed.count = 0;

pages.scale = ({ article, data, view }) => {
  if (data.histogram) addSection(article, "How much has which scale", "Weak parts", histogram(data.histogram, view));
  linkWeakParts(article, data, view);
};

// Rows of the weak parts go there.
function linkWeakParts(article, data, view) {
  const section = sectionOf(article, "Weak parts");
  if (!section || !view) return;
  for (const row of section.querySelectorAll("tbody tr")) {
    const head = row.querySelector("th");
    const part = data.weak[Number(head.dataset.sort) - 1];
    const name = head.textContent;
    const go = el("button", { type: "button", onclick: () => {
      for (const other of section.querySelectorAll("tr.here")) other.classList.remove("here");
      row.classList.add("here");
      view.goTo(part.position);
      article.querySelector(".viewer").scrollIntoView({ behavior: "smooth", block: "start" });
      say(`${name}: the cursor is there.`);
    } }, name);
    head.replaceChildren(go);
  }
}

// ---- modify ------------------------------------------------------------------------------------

// The factor of the map at a scale; as `modification_factor` of the core.
function modificationFactor(scale, { kind, power, pivot, scaleLimit }) {
  if (scale <= scaleLimit) return 1;
  const s = clamp(scale, 1e-30, 1);
  if (kind === "amplified") return s ** (1 / power - 1);
  if (kind === "attenuated") return s ** (power - 1);
  const shift = (pivot / (1 - pivot)) ** (1 - 1 / power);
  return 1 / (s * (1 + ((shift * (1 - s)) / s) ** power));
}

// What the right half of a wiped slice shows: the map times the factor, as far as it is content.
class After {
  constructor(view, params) {
    Object.assign(this, { view, params });
    this.place = view.volumes.get("place"); // of a regional scale: places are weighed, not voxels
    this.scale = view.volumes.get(this.place ? "used" : "scale");
    this.told = this.place && view.volumes.get("told"); // what may be nothing is not amplified
    this.confidence = this.place || view.volumes.get("confidence");
  }

  factors() {
    const table = new Float64Array(256).fill(1);
    for (let byte = 1; byte < 256; byte++) table[byte] = modificationFactor(this.scale.valueOf(byte), this.params);
    table[0] = 1;
    return table;
  }

  value(factors, i) {
    const { base } = this.view;
    const sure = this.params.omitConfidence ? 1 : clamp(this.confidence.valueOf(this.confidence.bytes[i]) ?? 0, 0, 1);
    const before = base.valueOf(base.bytes[i]);
    const factor = factors[this.scale.bytes[i]];
    const change = sure * ((this.told && this.told.bytes[i] === 0 ? Math.min(factor, 1) : factor) - 1);
    const { excludeSolvent, level } = this.params;
    if (this.place) return this.clipped((before + change * (before - level)) * (excludeSolvent ? sure : 1));
    return this.clipped(before * (change + (excludeSolvent ? sure : 1)));
  }

  // Within the grey values of the map, as the run writes it; without solvent there is zero, too.
  clipped(value) {
    const { range, excludeSolvent } = this.params;
    if (!range) return value;
    return excludeSolvent ? clamp(value, Math.min(range[0], 0), Math.max(range[1], 0)) : clamp(value, ...range);
  }

  grey(factors, i) {
    const [low, high] = this.view.contrast;
    return 255 * (1 - clamp((this.value(factors, i) - low) / (high - low), 0, 1));
  }
}

const FIELDS = { amplified: "Amplify, power", attenuated: "Attenuate, power", sigmoid: "Sigmoid, power" };
const VERBS = { amplified: "amplify", attenuated: "attenuate", sigmoid: "sigmoid" };

pages.modify = ({ article, data, view, viewer }) => {
  if (data.histogram) addSection(article, "How much has which scale", "Weak parts", histogram(data.histogram, view));
  linkWeakParts(article, data, view);
  const section = sectionOf(article, "Power and pivot");
  const params = data.modify;
  const points = () => Array.from({ length: 101 }, (_, i) => [i / 100, (i / 100) * modificationFactor(i / 100, params)]);
  const lines = () => [
    { name: "unchanged", points: [[0, 0], [1, 1]], color: "#7f7f7f", dash: "4 4" },
    { name: "modified", points: points(), color: "#4a1d96" },
  ];
  const chart = lineChart({ title: "Scale after the modification", lines: lines(), x: [0, 1], y: [0, 1.02], xLabel: "local scale of the input", yLabel: "local scale of the output" });
  const command = el("pre", { tabindex: "0", "aria-label": "values to use" });
  const form = el("p", { "aria-live": "polite" });
  const copy = el("button", { type: "button", onclick: () => copyText(command.textContent) }, "Copy values to use");
  const update = () => {
    chart.update(lines());
    pivot.hidden = params.kind !== "sigmoid";
    const flags = `--${VERBS[params.kind]} ${params.power}${params.kind === "sigmoid" ? ` --pivot ${params.pivot}` : ""}${params.excludeSolvent ? " --exclude-solvent" : ""}`;
    command.textContent = `occupy-core scale --params ${data.record} ${flags} --outdir tried`;
    form.textContent = `In the form of Scipion's modify map: ${FIELDS[params.kind]} ${params.power}${params.kind === "sigmoid" ? `, pivot ${params.pivot}` : ""}; Exclude solvent? ${params.excludeSolvent ? "Yes" : "No"}.`;
    if (view) view.set({ after: view.after });
  };
  const kinds = [["amplified", "amplify"], ["attenuated", "attenuate"], ["sigmoid", "sigmoid"]];
  const power = slider("Power", { min: 1, max: 10, step: 0.1, value: params.power, format: (v) => v.toFixed(1) }, (v) => {
    params.power = v;
    update();
  });
  const pivot = slider("Pivot", { min: 0.05, max: 0.95, step: 0.01, value: params.pivot, format: (v) => v.toFixed(2) }, (v) => {
    params.pivot = v;
    update();
  });
  const controls = el("div", { class: "controls" },
    choice("Modification", kinds, params.kind, (kind) => {
      params.kind = kind;
      update();
    }),
    power, pivot,
    check("Exclude the solvent", params.excludeSolvent, (value) => {
      params.excludeSolvent = value;
      update();
    }));
  if (view && view.volumes.has("scale")) {
    view.set({ after: new After(view, params), overlay: null });
    viewer.controls.prepend(slider("Wipe: before | after", { min: 0, max: 1, step: 0.01, value: 0.5, format: (v) => `${Math.round(100 * v)} % before` }, (wipe) => view.set({ wipe })));
  }
  section.append(controls, chart, form, el("div", { class: "copied" }, command, copy));
  update();
};

// ---- resolution --------------------------------------------------------------------------------

pages.resolution = ({ article, data, view }) => {
  if (data.histogram) addSection(article, "How much has which resolution", "Global resolution", histogram(data.histogram, view));
  if (!data.fsc) return;
  const lines = [{ name: "share resolved", points: data.fsc.share, color: "#2e8b57" }];
  if (data.fsc.fsc) lines.push({ name: "FSC of the whole", points: data.fsc.fsc, color: "#1f5fa8", dash: "7 3" });
  sectionOf(article, "Global resolution").append(lineChart({
    title: "FSC of the whole, and share of the molecule that is resolved",
    lines, x: [0, data.fsc.end], y: [0, 1.02], xLabel: "frequency (1/Å)", yLabel: "FSC, or share",
    marks: [{ at: data.fsc.limit, label: "limit of the map" }],
  }));
};

// ---- regions -----------------------------------------------------------------------------------

pages.regions = ({ article, data, view, viewer }) => {
  tabbed(article, "Tables", ["Occupancies", "Differences between maps"]);
  const show = (row) => {
    paintModel(data, viewer, row);
    if (viewer && viewer.models) viewer.models.select.value = String(row);
  };
  const heat = matrix({ title: "Occupancy of each region in each map", data: data.matrix, palette: data.palette, onpick: (i) => show(i) });
  heat.append(el("p", { class: "note" }, "A small dot is uncertain, an empty cell not measured; * marks the reference. A click shows that map."));
  sectionOf(article, "Heat map").append(heat);
  if (!viewer || !data.traces.length) return;
  viewer.models = choice("Model coloured by its occupancy in", data.matrix.rows.map((name, i) => [String(i), name]), "0", (i) => show(Number(i)));
  viewer.controls.prepend(viewer.models);
  viewer.surface.showSurface = false;
  viewer.surface.surfaceBox.input.checked = false;
  viewer.key.replaceChildren(...colorKey(data.palette));
  show(0);
};

// The chains as tubes, in the colours of their occupancy in one of the maps.
function paintModel(data, viewer, row) {
  if (!viewer || !data.traces.length) return;
  const table = new Uint8Array(768);
  for (let byte = 0; byte < 256; byte++) table.set(byte ? colorAt(data.palette, (byte - 1) / 254) : NO_VALUE, 3 * byte);
  const parts = data.traces.map((trace) => {
    const value = trace.column == null ? null : data.matrix.values[row][trace.column];
    return tubeOf(trace.points, value == null ? 0 : 1 + Math.round(254 * clamp(value, 0, 1)), 1.1);
  });
  viewer.surface.removeModel(viewer.model);
  viewer.model = viewer.surface.addModel(parts, table);
  const key = row === 0 ? "map" : `map_${row}`;
  if (viewer.view.volumes.has(key)) viewer.showBase(key);
}

// ---- blocks ------------------------------------------------------------------------------------

pages.blocks = ({ article, data, view, viewer }) => {
  const section = sectionOf(article, "Blocks");
  if (viewer && data.blocks.length) {
    const volume = view.volumes.get("blocks");
    const models = data.blocks.slice(0, 254).map((_, i) => viewer.surface.addLabel(volume, i + 1));
    viewer.surface.showSurface = false;
    viewer.surface.surfaceBox.input.checked = false;
    const boxes = data.blocks.slice(0, 254).map((block, i) => {
      const box = check(block.name, true, async (shown) => {
        volume.hidden[shown ? "delete" : "add"](i + 1);
        (await models[i]).shown = shown;
        view.set({ overlay: view.overlay });
      });
      box.prepend(el("span", { class: "swatch", style: `background:${block.color}` }));
      return box;
    });
    section.querySelector("h2").after(el("div", { class: "controls", role: "group", "aria-label": "Blocks that are shown" }, ...boxes));
  }
  if (data.blocks.length) {
    sectionOf(article, "Occupancy of blocks in volumes").append(matrix({ title: "Occupancy of each block in each volume", data: data.matrix, palette: data.palette }));
    if (data.blocks.length > 1) sectionOf(article, "Dependences").append(graph(data.blocks, data.relations));
  }
  sectionOf(article, "Thresholds").append(thresholdStrip(data.thresholds));
  addRuleBox(sectionOf(article, "Subset"), data);
};

// A box for rules, with the number of volumes that follow and the command that lists them.
function addRuleBox(section, data) {
  if (!data.blocks.length) return;
  const input = el("input", { type: "text", size: "42", value: data.where || `${data.blocks[0].name} > 0.7`, spellcheck: "false" });
  const result = el("p", { class: "rule-result", "aria-live": "polite" });
  const command = el("pre", { tabindex: "0", "aria-label": "command of the subset" });
  const names = el("details", {}, el("summary", {}, "Names of these volumes"), el("p", {}));
  const update = () => {
    try {
      const rule = parseRule(input.value, [...data.matrix.columns, ...data.matrix.columns.map((name) => `${name}_on`)]);
      const chosen = data.matrix.rows.filter((_, i) => rule([...data.matrix.values[i], ...data.on[i]]));
      result.textContent = `${chosen.length} of ${data.matrix.rows.length} volumes`;
      names.querySelector("p").textContent = chosen.join(", ") || "none";
      command.textContent = `occupy-core blocks subset ${data.folder} --where '${input.value}' --outdir subset`;
    } catch (error) {
      result.textContent = error.message;
      command.textContent = "";
      names.querySelector("p").textContent = "";
    }
  };
  input.addEventListener("input", update);
  section.append(
    el("label", {}, "Rule, such as B2 > 0.7 and not B1 > 0.2: ", input), result, names,
    el("div", { class: "copied" }, command, el("button", { type: "button", onclick: () => copyText(command.textContent) }, "Copy command of the subset")));
  update();
}

// Rules as `occupy_core.blocks.track.rules` reads them; returns a function of a row of numbers.
function parseRule(text, columns) {
  const pattern = /\s*(?:([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([A-Za-z_]\w*)|"([^"]+)"|(<=|>=|==|!=|<|>|\(|\)))/y;
  const tokens = [];
  while (pattern.lastIndex < text.trimEnd().length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(text);
    if (!found) throw new Error(`The rule cannot be read at '${text.slice(at).trim()}'.`);
    const [, number, word, name, sign] = found;
    const lower = word && word.toLowerCase();
    if (number !== undefined) tokens.push({ number: Number(number) });
    else if (["and", "or", "not"].includes(lower)) tokens.push({ sign: lower });
    else if (sign) tokens.push({ sign });
    else tokens.push({ name: word ?? name });
  }
  let i = 0;
  const next = (sign) => tokens[i] && tokens[i].sign === sign && ++i;
  const joined = (part, sign, merge) => {
    let left = part();
    while (next(sign)) {
      const [a, b] = [left, part()];
      left = (row) => merge(a(row), b(row));
    }
    return left;
  };
  const rule = () => joined(term, "or", (a, b) => a || b);
  const term = () => joined(factor, "and", (a, b) => a && b);
  const factor = () => {
    if (next("not")) {
      const inner = factor();
      return (row) => !inner(row);
    }
    if (next("(")) {
      const inner = rule();
      if (!next(")")) throw new Error("A closing bracket is missing.");
      return inner;
    }
    return comparison();
  };
  const operand = () => {
    const token = tokens[i++];
    if (token && token.number !== undefined) return () => token.number;
    if (!token || token.name === undefined) throw new Error("A name or a number is missing.");
    const column = columns.indexOf(token.name);
    if (column < 0) throw new Error(`There is no block '${token.name}'.`);
    return (row) => row[column];
  };
  const compare = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b,
    ">=": (a, b) => a >= b, "==": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  const comparison = () => {
    const parts = [operand()];
    const signs = [];
    while (tokens[i] && compare[tokens[i].sign]) {
      signs.push(compare[tokens[i++].sign]);
      parts.push(operand());
    }
    if (!signs.length) throw new Error("A comparison is missing, as in B1 > 0.5.");
    return (row) => signs.every((sign, k) => sign(parts[k](row), parts[k + 1](row)));
  };
  const found = rule();
  if (i < tokens.length) throw new Error("The rule goes on after its end; join with and, or.");
  return found;
}
