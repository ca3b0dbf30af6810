// Volumes: unpacked once, bytes (z, y, x); of values, 0 is no value.

class Volume {
  constructor(meaning, grid, bytes) {
    Object.assign(this, meaning);
    this.grid = grid;
    this.bytes = bytes;
    this.steps = this.isValue ? 254 : 255;
    this.first = this.isValue ? 1 : 0;
    this.hidden = new Set(); // labels that are not shown
    this.table = this.colors || this.labels.length ? this.colorTable() : null;
  }

  // The volume of a page; one that two pages show is unpacked once.
  static read(meaning, grid) {
    if (!Volume.known.has(meaning.blob)) Volume.known.set(meaning.blob, Volume.unpacked(meaning, grid));
    return Volume.known.get(meaning.blob);
  }

  static async unpacked(meaning, grid) {
    const node = document.getElementById(meaning.blob);
    const text = atob(node.textContent);
    node.remove();
    const zipped = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) zipped[i] = text.charCodeAt(i);
    const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Volume(meaning, grid, new Uint8Array(await new Response(stream).arrayBuffer()));
  }

  valueOf(byte) {
    if (this.isValue && byte === 0) return null;
    return this.low + ((byte - this.first) / this.steps) * (this.high - this.low);
  }

  // The byte that stands for a value; not rounded.
  byteOf(value) {
    return this.first + ((value - this.low) / (this.high - this.low)) * this.steps;
  }

  at(z, y, x) {
    const [, ny, nx] = this.grid.shape;
    return this.bytes[(z * ny + y) * nx + x];
  }

  // Red, green, blue of each byte.
  colorTable() {
    const table = new Uint8Array(3 * 256);
    if (this.labels.length) {
      this.labels.forEach(([, color], i) => table.set(hexToRgb(color), 3 * (i + 1)));
      return table;
    }
    for (let byte = 0; byte < 256; byte++) table.set(colorAt(this.colors, this.valueOf(byte)), 3 * byte);
    return table;
  }
}

Volume.known = new Map();

// What is looked at: one cursor, one look, for slices and surface alike.
class View {
  constructor(data, volumes) {
    this.data = data;
    this.grid = data.grid;
    this.volumes = new Map(volumes.map((volume) => [volume.key, volume]));
    this.bases = volumes.filter((volume) => !volume.isValue && !volume.isMask);
    this.base = volumes[0];
    this.overlay = data.overlay;
    this.opacity = 0.75;
    this.level = data.level;
    this.showContour = true;
    this.contrast = greyRange(this.base);
    this.band = null; // values of the overlay that are lit
    this.cursor = this.grid.shape.map((n) => n >> 1);
    this.hatched = this.volumes.has("guess") ? "guess" : null; // what is guessed
    this.after = null; // what the second half of a wiped slice shows
    this.wipe = 0.5;
    this.listeners = [];
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  set(changes) {
    Object.assign(this, changes);
    for (const listener of this.listeners) listener(changes);
  }

  get colored() {
    return this.overlay ? this.volumes.get(this.overlay) : null;
  }

  // Place (x, y, z) in Å of voxels (z, y, x), as ChimeraX has it.
  place(index) {
    const [z, y, x] = index;
    return [x, y, z].map((i, k) => this.grid.first[k] + i * this.grid.voxel[k]);
  }

  goTo(place) {
    const index = place.map((value, k) => Math.round((value - this.grid.first[k]) / this.grid.voxel[k])).reverse();
    this.set({ cursor: index.map((i, axis) => clamp(i, 0, this.grid.shape[axis] - 1)) });
  }

  // What is under the cursor, as lines of name and value.
  reading() {
    const [z, y, x] = this.cursor;
    const lines = [["place x, y, z (Å)", this.place(this.cursor).map((v) => v.toFixed(1)).join(", ")]];
    for (const volume of this.volumes.values()) {
      if (volume.isMask || this.errors().has(volume.key)) continue;
      const value = volume.valueOf(volume.at(z, y, x));
      if (value === null) {
        lines.push([volume.title.toLowerCase(), "no value here"]);
        continue;
      }
      if (volume.labels.length) {
        lines.push([volume.title.toLowerCase(), volume.labels[volume.at(z, y, x) - 1][0]]);
        continue;
      }
      let text = digits(value, volume.precision);
      const error = volume.error && this.volumes.get(volume.error);
      const sigma = error ? error.valueOf(error.at(z, y, x)) : null;
      if (sigma !== null) text += ` ± ${Number(sigma.toPrecision(2))}`;
      lines.push([volume.title.toLowerCase(), volume.unit ? `${text} ${volume.unit}` : text]);
    }
    return lines;
  }

  errors() {
    return new Set([...this.volumes.values()].map((volume) => volume.error).filter(Boolean));
  }
}

// Grey values shown as white and black: nearly all, outliers apart.
function greyRange(volume) {
  const counts = new Float64Array(256);
  const step = Math.max(1, Math.floor(volume.bytes.length / 500000));
  for (let i = 0; i < volume.bytes.length; i += step) counts[volume.bytes[i]]++;
  const total = counts.reduce((sum, n) => sum + n, 0);
  const quantile = (share) => {
    let sum = 0;
    for (let byte = 0; byte < 256; byte++) {
      sum += counts[byte];
      if (sum >= share * total) return volume.valueOf(byte);
    }
    return volume.high;
  };
  const [low, high] = [quantile(0.005), quantile(0.998)];
  return high > low ? [low, high] : [volume.low, volume.high];
}
