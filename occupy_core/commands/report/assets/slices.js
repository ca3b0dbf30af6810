// Linked slices on three axes, with overlay, contour and crosshair.

const PLANES = [
  // axis of the normal, across, up (0, 1, 2 = z, y, x)
  { name: "xy", axis: 0, across: 2, up: 1 },
  { name: "zy", axis: 2, across: 0, up: 1 },
  { name: "xz", axis: 1, across: 2, up: 0 },
];
const AXES = ["z", "y", "x"];

// A canvas that is painted by the processor: what passes through a graphics card that is software
// costs seconds, and holds up the surface.
function flat(canvas) {
  return canvas.getContext("2d", { willReadFrequently: true });
}

class Plane {
  constructor(view, plane) {
    this.view = view;
    Object.assign(this, plane);
    const { shape, voxel } = view.grid;
    this.width = shape[this.across];
    this.height = shape[this.up];
    this.wide = this.width * voxel[2 - this.across];
    this.high = this.height * voxel[2 - this.up];
    this.image = new ImageData(this.width, this.height);
    this.small = el("canvas", { width: this.width, height: this.height });
    this.canvas = el("canvas", {
      tabindex: "0",
      role: "img",
      style: `aspect-ratio:${this.wide}/${this.high}`,
      "data-plane": this.name,
    });
    this.slider = slider(
      `${AXES[this.axis]} slice`,
      {
        min: 0,
        max: shape[this.axis] - 1,
        value: view.cursor[this.axis],
        format: (i) => `${i + 1} of ${shape[this.axis]}`,
      },
      (i) => this.move(this.axis, i),
    );
    this.box = el("div", { class: "plane" }, this.canvas, this.slider);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.move(this.axis, this.view.cursor[this.axis] - Math.sign(event.deltaY));
    }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    const drag = (event) => {
      if (event.buttons & 1) this.pick(event);
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      drag(event);
    });
    this.canvas.addEventListener("pointermove", drag);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  move(axis, index) {
    const cursor = [...this.view.cursor];
    cursor[axis] = clamp(index, 0, this.view.grid.shape[axis] - 1);
    this.view.set({ cursor });
  }

  pick(event) {
    const box = this.canvas.getBoundingClientRect();
    const cursor = [...this.view.cursor];
    const right = Math.floor(((event.clientX - box.left) / box.width) * this.width);
    const down = Math.floor(((event.clientY - box.top) / box.height) * this.height);
    cursor[this.across] = clamp(right, 0, this.width - 1);
    cursor[this.up] = clamp(this.height - 1 - down, 0, this.height - 1);
    this.view.set({ cursor });
  }

  key(event) {
    const far = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowLeft: [this.across, -far],
      ArrowRight: [this.across, far],
      ArrowUp: [this.up, far],
      ArrowDown: [this.up, -far],
      PageUp: [this.axis, far],
      PageDown: [this.axis, -far],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    this.move(move[0], this.view.cursor[move[0]] + move[1]);
    say(this.view.reading().map((line) => line.join(" ")).join("; "));
  }

  // Offset of the first voxel of the slice, and the steps to the right and up.
  strides() {
    const [, ny, nx] = this.view.grid.shape;
    const stride = [ny * nx, nx, 1];
    return [this.view.cursor[this.axis] * stride[this.axis], stride[this.across], stride[this.up]];
  }

  draw() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const box = this.canvas.getBoundingClientRect();
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height)
      Object.assign(this.canvas, { width, height });
    this.paint();
    flat(this.small).putImageData(this.image, 0, 0);
    const context = flat(this.canvas);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "medium";
    context.drawImage(this.small, 0, 0, width, height);
    this.hatch(context);
    if (this.view.showContour) this.contour(context);
    this.cross(context, ratio);
    const place = this.view.place(this.view.cursor)[2 - this.axis];
    this.canvas.setAttribute(
      "aria-label",
      `${this.view.name ? `${this.view.name}, slice` : "Slice"} ${this.name} at ${AXES[this.axis]} = ${place.toFixed(1)} Å. Arrow keys move the cursor, page up and page down the slice.`,
    );
    this.slider.set(this.view.cursor[this.axis]);
  }

  // Fill the image: density in grey, dense is dark, with the overlay over it.
  paint() {
    const { base, colored, contrast, opacity, band, after, wipe } = this.view;
    const [start, right, up] = this.strides();
    const pixels = this.image.data;
    const grey = greyTable(base, contrast);
    const lit = colored && band ? band.map((value) => colored.byteOf(value)) : null;
    const changed = after ? after.factors() : null;
    const edge = after ? wipe * this.width : Infinity;
    let p = 0;
    for (let row = this.height - 1; row >= 0; row--) {
      let i = start + row * up;
      for (let column = 0; column < this.width; column++, i += right, p += 4) {
        let g = grey[base.bytes[i]];
        if (column >= edge) g = after.grey(changed, i, grey);
        let [r, v, b] = [g, g, g];
        const byte = colored ? colored.bytes[i] : 0;
        if (byte && colored.table && !colored.hidden.has(byte)) {
          const alpha = !lit || (byte >= lit[0] && byte <= lit[1]) ? opacity : 0.06;
          r += (colored.table[3 * byte] - r) * alpha;
          v += (colored.table[3 * byte + 1] - v) * alpha;
          b += (colored.table[3 * byte + 2] - b) * alpha;
        }
        pixels[p] = r;
        pixels[p + 1] = v;
        pixels[p + 2] = b;
        pixels[p + 3] = 255;
      }
    }
  }

  // Hatch what is guessed, at the size of the screen.
  hatch(context) {
    const key = this.view.hatched;
    const guessed = key && this.view.overlay !== "map" ? this.view.volumes.get(key) : null;
    if (!guessed || !this.view.overlay) return;
    const [start, right, up] = this.strides();
    const mask = new ImageData(this.width, this.height);
    let any = false;
    for (let row = 0; row < this.height; row++)
      for (let column = 0; column < this.width; column++)
        if (guessed.bytes[start + row * up + column * right] > 127) {
          mask.data[4 * ((this.height - 1 - row) * this.width + column) + 3] = 255;
          any = true;
        }
    if (!any) return;
    const { width, height } = this.canvas;
    const layer = el("canvas", { width, height });
    const own = flat(layer);
    flat(this.small).putImageData(mask, 0, 0);
    own.imageSmoothingEnabled = false;
    own.drawImage(this.small, 0, 0, width, height);
    own.globalCompositeOperation = "source-in";
    own.fillStyle = own.createPattern(hatchTile(), "repeat");
    own.fillRect(0, 0, width, height);
    context.drawImage(layer, 0, 0);
  }

  // The contour at the level: marching squares.
  contour(context) {
    const { base, level } = this.view;
    const [start, right, up] = this.strides();
    const at = base.byteOf(level);
    const [sx, sy] = [this.canvas.width / this.width, this.canvas.height / this.height];
    const bytes = base.bytes;
    context.beginPath();
    for (let row = 0; row < this.height - 1; row++) {
      for (let column = 0; column < this.width - 1; column++) {
        const i = start + row * up + column * right;
        const [a, b, c, d] = [bytes[i], bytes[i + right], bytes[i + right + up], bytes[i + up]];
        const kind = (a > at) | ((b > at) << 1) | ((c > at) << 2) | ((d > at) << 3);
        if (kind === 0 || kind === 15) continue;
        const points = [];
        if (a > at !== b > at) points.push([column + (at - a) / (b - a), row]);
        if (b > at !== c > at) points.push([column + 1, row + (at - b) / (c - b)]);
        if (d > at !== c > at) points.push([column + (at - d) / (c - d), row + 1]);
        if (a > at !== d > at) points.push([column, row + (at - a) / (d - a)]);
        for (let k = 0; k + 1 < points.length; k += 2) {
          context.moveTo((points[k][0] + 0.5) * sx, (this.height - 0.5 - points[k][1]) * sy);
          context.lineTo((points[k + 1][0] + 0.5) * sx, (this.height - 0.5 - points[k + 1][1]) * sy);
        }
      }
    }
    context.strokeStyle = "rgba(20,20,20,0.85)";
    context.lineWidth = Math.max(1, 0.18 * sx);
    context.stroke();
  }

  cross(context, ratio) {
    const [sx, sy] = [this.canvas.width / this.width, this.canvas.height / this.height];
    const x = (this.view.cursor[this.across] + 0.5) * sx;
    const y = (this.height - 0.5 - this.view.cursor[this.up]) * sy;
    context.strokeStyle = "rgba(0,110,90,0.75)";
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, this.canvas.height);
    context.moveTo(0, y);
    context.lineTo(this.canvas.width, y);
    context.stroke();
    if (this.view.after) {
      const at = this.view.wipe * this.canvas.width;
      context.strokeStyle = "rgba(0,0,0,0.8)";
      context.setLineDash([6 * ratio, 4 * ratio]);
      context.beginPath();
      context.moveTo(at, 0);
      context.lineTo(at, this.canvas.height);
      context.stroke();
      context.setLineDash([]);
    }
    const length = niceLength(this.wide / 4);
    const pixels = (length / this.wide) * this.canvas.width;
    context.fillStyle = "rgba(255,255,255,0.8)";
    context.fillRect(6 * ratio, this.canvas.height - 26 * ratio, Math.max(pixels, 34 * ratio) + 8 * ratio, 21 * ratio);
    context.fillStyle = "#111";
    context.fillRect(10 * ratio, this.canvas.height - 10 * ratio, pixels, 2.5 * ratio);
    context.font = `${11 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
    context.fillText(`${length} Å`, 10 * ratio, this.canvas.height - 13 * ratio);
  }
}

function niceLength(most) {
  const ten = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((n) => n * ten).find((length) => length <= most) || ten;
}

// Grey of each byte: dense is dark.
function greyTable(volume, [low, high]) {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++)
    table[byte] = 255 * (1 - clamp((volume.valueOf(byte) - low) / (high - low), 0, 1));
  return table;
}

function hatchTile() {
  const tile = el("canvas", { width: 8, height: 8 });
  const context = flat(tile);
  context.strokeStyle = "#fff";
  context.lineWidth = 1.8;
  context.beginPath();
  for (const shift of [-8, 0, 8]) {
    context.moveTo(shift - 1, 9);
    context.lineTo(shift + 9, -1);
  }
  context.stroke();
  return tile;
}

// Pictures beside each other on one sheet.
function saveCanvases(canvases, name) {
  const columns = Math.ceil(Math.sqrt(canvases.length * 2));
  const [width, height] = ["width", "height"].map((side) => 10 + Math.max(...canvases.map((canvas) => canvas[side])));
  const sheet = el("canvas", { width: Math.min(columns, canvases.length) * width, height: Math.ceil(canvases.length / columns) * height });
  const context = flat(sheet);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  canvases.forEach((canvas, i) => context.drawImage(canvas, (i % columns) * width, Math.floor(i / columns) * height));
  sheet.toBlob((blob) => download(name, blob), "image/png");
}
