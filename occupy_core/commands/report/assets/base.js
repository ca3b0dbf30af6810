"use strict";
// Small helpers: elements, colours, numbers.

function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function say(text) {
  document.getElementById("said").textContent = text;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function hexToRgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

const NO_VALUE = [230, 230, 230];

// The colour of a value, mixed between the stops [value, colour].
function colorAt(colors, value) {
  const stops = colors.stops;
  if (value == null || Number.isNaN(value)) return NO_VALUE;
  let i = stops.findIndex((stop) => stop[0] >= value);
  if (i === 0) return hexToRgb(stops[0][1]);
  if (i < 0) return hexToRgb(stops[stops.length - 1][1]);
  const [a, b] = [stops[i - 1], stops[i]];
  const t = (value - a[0]) / (b[0] - a[0]);
  const [low, high] = [hexToRgb(a[1]), hexToRgb(b[1])];
  return low.map((channel, k) => Math.round(channel + (high[k] - channel) * t));
}

function cssColor(rgb) {
  return `rgb(${rgb.join(",")})`;
}

// What the colours mean: a bar with its title and values.
function colorKey({ low, high, title, ...rest }) {
  const at = (t) => low + (high - low) * t;
  const stops = Array.from({ length: 33 }, (_, i) => cssColor(colorAt(rest, at(i / 32))));
  return [
    el("div", {}, title[0].toUpperCase() + title.slice(1)),
    el("div", { class: "bar", style: `background:linear-gradient(90deg,${stops.join(",")})`, role: "img", "aria-label": `Colour key of the ${title}, ${low} to ${high}` }),
    el("div", { class: "ends" }, ...[0, 0.25, 0.5, 0.75, 1].map((t) => el("span", {}, digits(at(t), (high - low) / 200)))),
  ];
}

// A number with as many decimals as its precision carries.
function digits(value, precision) {
  const places = clamp(Math.ceil(-Math.log10(Math.max(precision, 1e-12) * 2)), 0, 6);
  return value.toFixed(places).replace(/^-(0(?:\.0*)?)$/, "$1");
}

function slider(label, options, onchange) {
  const shown = el("output", {}, "");
  const input = el("input", { type: "range", ...options });
  const update = () => {
    shown.textContent = (options.format || String)(Number(input.value));
  };
  input.addEventListener("input", () => {
    update();
    onchange(Number(input.value));
  });
  update();
  const box = el("label", {}, el("span", {}, `${label}: `, shown), input);
  box.set = (value) => {
    input.value = value;
    update();
  };
  box.input = input;
  return box;
}

function choice(label, entries, selected, onchange) {
  const select = el("select", { onchange: () => onchange(select.value) });
  for (const [value, text] of entries)
    select.append(el("option", { value, selected: value === selected }, text));
  const box = el("label", {}, label, select);
  box.select = select;
  return box;
}

function check(label, checked, onchange) {
  const input = el("input", { type: "checkbox", checked, onchange: () => onchange(input.checked) });
  const box = el("label", { class: "check" }, input, label);
  box.input = input;
  return box;
}

// Tabs that are chosen by a click or the arrow keys; shows the first.
function wireTabs(tabs, show) {
  const choose = (number) => {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", i === number);
      tab.tabIndex = i === number ? 0 : -1;
    });
    return show(number);
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(i));
    tab.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move) return;
      const next = (i + move + tabs.length) % tabs.length;
      tabs[next].focus();
      choose(next);
    });
  });
  return choose(0);
}

function download(name, blob) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { class: "unseen" }, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("Copied.");
}
