// The surface of a map in the colours of a second one, with models, clipping and a cursor.
// A viewer of our own: it makes the mesh from the bytes of the slices in a worker within a fraction of a
// second in software rendering, where 3Dmol.js needs seconds, and adds no library to the file.

const MESH_VOXELS = 84 ** 3; // more are averaged before the surface is made
const FEW_TRIANGLES = 12000; // are drawn fluently also in software
const COARSEST = 3; // voxels of the mesh, averaged for the coarsest one
const RESTS_AFTER = 250; // ms after which what was turned is drawn in full again
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

// Runs in a worker: surface nets (Gibson 1998), a vertex for each cell that the surface crosses.
function meshOf(bytes, values, shape, level) {
  const [nz, ny, nx] = shape;
  const plane = ny * nx;
  const slots = new Int32Array(2 * plane).fill(-1);
  let points = new Float32Array(3 << 16);
  let colors = new Uint8Array(1 << 16);
  let faces = new Uint32Array(6 << 16);
  let [n, m] = [0, 0];
  for (let z = 0; z < nz - 1; z++) {
    const now = (z & 1) * plane;
    const before = plane - now;
    slots.fill(-1, now, now + plane);
    for (let y = 0; y < ny - 1; y++) {
      let i = z * plane + y * nx;
      for (let x = 0; x < nx - 1; x++, i++) {
        let inside = 0;
        for (let c = 0; c < 8; c++)
          if (bytes[i + (c & 1) + (c & 2 ? nx : 0) + (c & 4 ? plane : 0)] > level) inside |= 1 << c;
        if (inside === 0 || inside === 255) continue;
        let [px, py, pz, crossed, value] = [0, 0, 0, 0, 0];
        for (let c = 0; c < 8; c++) {
          const at = i + (c & 1) + (c & 2 ? nx : 0) + (c & 4 ? plane : 0);
          if (values && inside & (1 << c) && values[at] > value) value = values[at];
          for (const bit of [1, 2, 4]) {
            if (c & bit || (inside >> c & 1) === (inside >> (c | bit) & 1)) continue;
            const other = at + (bit === 1 ? 1 : bit === 2 ? nx : plane);
            const t = (level - bytes[at]) / (bytes[other] - bytes[at]);
            px += (c & 1 ? 1 : 0) + (bit === 1 ? t : 0);
            py += (c & 2 ? 1 : 0) + (bit === 2 ? t : 0);
            pz += (c & 4 ? 1 : 0) + (bit === 4 ? t : 0);
            crossed++;
          }
        }
        if (3 * n + 3 > points.length) {
          const [morePoints, moreColors] = [new Float32Array(2 * points.length), new Uint8Array(2 * colors.length)];
          morePoints.set(points);
          moreColors.set(colors);
          [points, colors] = [morePoints, moreColors];
        }
        points[3 * n] = x + px / crossed;
        points[3 * n + 1] = y + py / crossed;
        points[3 * n + 2] = z + pz / crossed;
        colors[n] = value;
        slots[now + y * nx + x] = n++;
        if (m + 18 > faces.length) {
          const more = new Uint32Array(2 * faces.length);
          more.set(faces);
          faces = more;
        }
        const here = n - 1;
        const quad = (a, b, c, turned) => {
          if (a < 0 || b < 0 || c < 0) return;
          faces.set(turned ? [here, a, b, here, b, c] : [here, b, a, here, c, b], m);
          m += 6;
        };
        const first = inside & 1;
        // Edges that leave the first corner of the cell, each shared by four cells.
        if (y && z && first !== (inside >> 1 & 1))
          quad(slots[now + (y - 1) * nx + x], slots[before + (y - 1) * nx + x], slots[before + y * nx + x], first);
        if (x && z && first !== (inside >> 2 & 1))
          quad(slots[before + y * nx + x], slots[before + y * nx + x - 1], slots[now + y * nx + x - 1], first);
        if (x && y && first !== (inside >> 4 & 1))
          quad(slots[now + y * nx + x - 1], slots[now + (y - 1) * nx + x - 1], slots[now + (y - 1) * nx + x], first);
      }
    }
  }
  points = points.slice(0, 3 * n);
  faces = withoutDust(faces.subarray(0, m), n);
  m = faces.length;
  const normals = new Float32Array(3 * n);
  for (let f = 0; f < m; f += 3) {
    const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
    const [ux, uy, uz] = [points[b] - points[a], points[b + 1] - points[a + 1], points[b + 2] - points[a + 2]];
    const [vx, vy, vz] = [points[c] - points[a], points[c + 1] - points[a + 1], points[c + 2] - points[a + 2]];
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c]) for (let k = 0; k < 3; k++) normals[corner + k] += normal[k];
  }
  return { points, normals, colors: colors.slice(0, n), faces };
}

// Drop pieces of the surface that are far smaller than the largest one: noise.
function withoutDust(faces, n) {
  const root = new Uint32Array(n).map((_, i) => i);
  const find = (i) => {
    while (root[i] !== i) i = root[i] = root[root[i]];
    return i;
  };
  for (let f = 0; f < faces.length; f += 3) {
    const a = find(faces[f]);
    root[find(faces[f + 1])] = a;
    root[find(faces[f + 2])] = a;
  }
  const sizes = new Uint32Array(n);
  let largest = 0;
  for (let f = 0; f < faces.length; f += 3) largest = Math.max(largest, ++sizes[find(faces[f])]);
  const least = 0.004 * largest;
  const kept = new Uint32Array(faces.length);
  let m = 0;
  for (let f = 0; f < faces.length; f += 3)
    if (sizes[find(faces[f])] >= least) {
      kept.set(faces.subarray(f, f + 3), m);
      m += 3;
    }
  return kept.slice(0, m);
}

// Average a volume over cubes of `step` voxels; of values, the largest that is known.
function thinned(volume, step) {
  const [nz, ny, nx] = volume.grid.shape;
  if (step === 1) return volume.bytes;
  const [mz, my, mx] = [nz, ny, nx].map((n) => Math.ceil(n / step));
  const result = new Uint8Array(mz * my * mx);
  for (let z = 0; z < mz; z++)
    for (let y = 0; y < my; y++)
      for (let x = 0; x < mx; x++) {
        let [sum, count, largest] = [0, 0, 0];
        for (let dz = 0; dz < step && z * step + dz < nz; dz++)
          for (let dy = 0; dy < step && y * step + dy < ny; dy++)
            for (let dx = 0; dx < step && x * step + dx < nx; dx++) {
              const byte = volume.bytes[((z * step + dz) * ny + y * step + dy) * nx + x * step + dx];
              sum += byte;
              count++;
              if (byte > largest) largest = byte;
            }
        result[(z * my + y) * mx + x] = volume.isValue ? largest : Math.round(sum / count);
      }
  return result;
}

// Blur a mask by one voxel, so that its surface is no staircase.
function softened(bytes, [nz, ny, nx]) {
  let from = bytes;
  for (const step of [1, nx, nx * ny]) {
    const to = new Uint8Array(from.length);
    for (let i = 0; i < from.length; i++)
      to[i] = (2 * from[i] + (from[i - step] ?? 0) + (from[i + step] ?? 0)) >> 2;
    from = to;
  }
  return from;
}

class Mesher {
  constructor() {
    const source = `${withoutDust};${meshOf};onmessage = (e) => {
      const mesh = meshOf(e.data.bytes, e.data.values, e.data.shape, e.data.level);
      mesh.job = e.data.job;
      postMessage(mesh, [mesh.points.buffer, mesh.normals.buffer, mesh.colors.buffer, mesh.faces.buffer]);
    };`;
    this.jobs = new Map();
    this.number = 0;
    try {
      this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      this.worker.onmessage = (event) => {
        this.jobs.get(event.data.job)(event.data);
        this.jobs.delete(event.data.job);
      };
    } catch {
      this.worker = null; // some browsers allow none for a file: the page waits then
    }
  }

  make(job) {
    if (!this.worker) return Promise.resolve(meshOf(job.bytes, job.values, job.shape, job.level));
    return new Promise((resolve) => {
      this.jobs.set(++this.number, resolve);
      this.worker.postMessage({ ...job, job: this.number });
    });
  }
}

const VERTEX = `#version 300 es
in vec3 point; in vec3 normal; in float value;
uniform mat3 turn; uniform vec3 middle; uniform vec2 scale; uniform vec2 shift; uniform float depth;
out vec3 n; out vec3 p; out float v;
void main() {
  p = point; v = value; n = turn * normal;
  vec3 q = turn * (point - middle);
  gl_Position = vec4(q.xy * scale + shift, -q.z / depth, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 n; in highp vec3 p; in float v;
uniform sampler2D colors; uniform vec2 band; uniform highp vec4 clip; uniform float flat_;
out vec4 color;
void main() {
  if (dot(clip.xyz, p) > clip.w) discard;
  vec3 own = texture(colors, vec2((floor(v + 0.5) + 0.5) / 256.0, 0.5)).rgb;
  if (v < band.x || v > band.y) own = vec3(0.88);
  if (flat_ > 0.5) { color = vec4(own, 1.0); return; }
  vec3 m = normalize(n);
  if (!gl_FrontFacing) { color = vec4(own * 0.55, 1.0); return; }
  float toLight = max(dot(m, normalize(vec3(0.35, 0.5, 0.8))), 0.0);
  float shine = pow(max(m.z, 0.0), 24.0);
  color = vec4(own * (0.5 + 0.6 * toLight) + vec3(0.10 * toLight + 0.10 * shine), 1.0);
}`;

class Surface {
  constructor(view, box) {
    this.view = view;
    this.turn = turned([1, 0, 0, 0, 1, 0, 0, 0, 1], 0.35, -0.6);
    this.zoom = 1;
    this.clip = { axis: "", flip: false };
    this.models = [];
    this.showSurface = true;
    this.canvas = el("canvas", { tabindex: "0", role: "img", "data-surface": "" });
    this.busy = el("div", { class: "busy" }, "making the surface …");
    this.box = el("div", { class: "space" }, this.canvas, this.busy);
    box.append(this.box);
  }

  // WebGL takes its time where it is software, so the slices are drawn before it is asked for.
  start() {
    const { view } = this;
    Object.assign(this.canvas, this.pixels());
    this.gl = this.canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!this.gl) {
      this.busy.textContent = "This browser has no WebGL 2, so the surface is not drawn.";
      return;
    }
    this.program = linked(this.gl);
    const names = this.gl.getExtension("WEBGL_debug_renderer_info");
    const renderer = names ? String(this.gl.getParameter(names.UNMASKED_RENDERER_WEBGL)) : "";
    this.software = SOFTWARE.test(renderer);
    this.coarsest = this.software ? 0.6 : 1; // pixels while it turns, per pixel of the screen
    this.mesher = new Mesher();
    const [nz, ny, nx] = view.grid.shape;
    this.step = Math.max(1, Math.ceil(Math.cbrt((nz * ny * nx) / MESH_VOXELS) - 0.25));
    this.thin = new Map();
    this.size = view.grid.shape.map((n, axis) => n * view.grid.voxel[2 - axis]).reverse();
    this.middle = view.place([nz / 2, ny / 2, nx / 2]);
    this.radius = Math.hypot(...this.size) / 2;
    this.reach = this.radius;
    this.listen();
    this.colorTable();
    new ResizeObserver(() => this.later()).observe(this.canvas);
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.rotate(event.movementY * 0.01, event.movementX * 0.01);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.enlarge(Math.exp(-0.001 * event.deltaY));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [0, -0.15], ArrowRight: [0, 0.15], ArrowUp: [-0.15, 0], ArrowDown: [0.15, 0] };
      if (turns[event.key]) this.rotate(...turns[event.key]);
      else if (event.key === "+" || event.key === "=") this.enlarge(1.15);
      else if (event.key === "-") this.enlarge(1 / 1.15);
      else return;
      event.preventDefault();
    });
    this.view.listen((changes) => {
      if ("overlay" in changes) this.colorTable();
      if ("level" in changes || "overlay" in changes || "base" in changes) this.make();
      else this.later();
    });
  }

  rotate(down, right) {
    this.turn = turned(this.turn, down, right);
    this.moves();
  }

  enlarge(factor) {
    this.zoom = clamp(this.zoom * factor, 0.5, 12);
    this.moves();
  }

  // While it moves, less is drawn where WebGL is software; when it rests, all of it again.
  moves() {
    this.turning = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.turning = false;
      this.quality = 1;
      this.last = 0;
      this.later();
    }, RESTS_AFTER);
    this.later();
  }

  bytesOf(volume, step) {
    const key = `${volume.key} ${step}`;
    if (!this.thin.has(key)) this.thin.set(key, thinned(volume, step));
    return this.thin.get(key);
  }

  // Make the mesh at the level; of several wishes in a row the last one counts.
  make() {
    if (!this.gl) return Promise.resolve();
    this.wished = true;
    this.making ??= this.work().finally(() => (this.making = null));
    return this.making;
  }

  async work() {
    while (this.wished) {
      this.wished = false;
      this.busy.hidden = Boolean(this.mesh);
      this.upload(await this.meshAt(this.step));
      this.busy.hidden = true;
      this.later();
      if (this.software) await this.coarsen();
    }
  }

  // A mesh to turn where WebGL is software: of ever coarser averages, until it has few triangles.
  async coarsen() {
    let few = this.triangles;
    for (let times = 2; few > FEW_TRIANGLES && times <= COARSEST && !this.wished; times++) {
      const coarse = this.toPlaces(await this.meshAt(times * this.step), times * this.step);
      if (this.coarse) this.release(this.coarse);
      this.coarse = this.buffered(coarse);
      few = this.coarse.count / 3;
    }
  }

  // The mesh of what is looked at, of averages over cubes of `step` voxels.
  meshAt(step) {
    const { base, colored, grid } = this.view;
    return this.mesher.make({
      bytes: this.bytesOf(base, step),
      values: colored ? this.bytesOf(colored, step) : null,
      shape: grid.shape.map((n) => Math.ceil(n / step)),
      level: base.byteOf(this.view.level),
    });
  }

  // From voxels of the thinned grid to Å.
  toPlaces(mesh, step) {
    const { first, voxel } = this.view.grid;
    const middle = (step - 1) / 2;
    for (let i = 0; i < mesh.points.length; i += 3)
      for (let k = 0; k < 3; k++) {
        mesh.points[i + k] = first[k] + (mesh.points[i + k] * step + middle) * voxel[k];
        mesh.normals[i + k] /= voxel[k];
      }
    return mesh;
  }

  upload(mesh) {
    this.toPlaces(mesh, this.step);
    if (!this.mesh) this.fit(mesh);
    for (const old of [this.mesh, this.coarse]) if (old) this.release(old);
    this.coarse = null; // of another level
    this.mesh = this.buffered(mesh);
    this.triangles = mesh.faces.length / 3;
    this.canvas.setAttribute(
      "aria-label",
      `Surface of the map at ${this.view.level.toPrecision(3)}, ${this.triangles} triangles` +
        `${this.view.colored ? `, in the colours of the ${this.view.colored.title.toLowerCase()}` : ""}. ` +
        "Arrow keys turn it, plus and minus enlarge it.",
    );
  }

  buffered({ points, normals, colors, faces }) {
    const gl = this.gl;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const buffers = [];
    const attribute = (name, data, size, type, normalized) => {
      const at = gl.getAttribLocation(this.program, name);
      buffers.push(gl.createBuffer());
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[buffers.length - 1]);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, type, normalized, 0, 0);
    };
    attribute("point", points, 3, gl.FLOAT, false);
    attribute("normal", normals, 3, gl.FLOAT, false);
    attribute("value", colors, 1, gl.UNSIGNED_BYTE, false);
    buffers.push(gl.createBuffer());
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers[buffers.length - 1]);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, faces, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    return { array, buffers, count: faces.length };
  }

  release({ array, buffers }) {
    this.gl.deleteVertexArray(array);
    for (const buffer of buffers) this.gl.deleteBuffer(buffer);
  }

  texture(table) {
    const gl = this.gl;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, table);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
    return texture;
  }

  colorTable() {
    const plain = new Uint8Array(768).fill(176);
    const colored = this.view.colored;
    this.colors = this.texture(colored && colored.table ? colored.table : plain);
  }

  // Add a mesh of its own: { points, normals, faces } in Å, and a colour table with its value.
  addModel(parts, table) {
    if (!this.gl) return null;
    const [points, normals, colors, faces] = [[], [], [], []];
    for (const part of parts) {
      const start = points.length / 3;
      points.push(...part.points);
      normals.push(...part.normals);
      for (let i = 0; i < part.points.length / 3; i++) colors.push(part.value);
      for (const corner of part.faces) faces.push(start + corner);
    }
    const mesh = this.buffered({
      points: Float32Array.from(points),
      normals: Float32Array.from(normals),
      colors: Uint8Array.from(colors),
      faces: Uint32Array.from(faces),
    });
    const model = { mesh, texture: this.texture(table), shown: true };
    this.models.push(model);
    this.later();
    return model;
  }

  removeModel(model) {
    if (!model) return;
    this.models = this.models.filter((other) => other !== model);
    this.release(model.mesh);
  }

  // A model of what has a label: the surface around its voxels.
  async addLabel(volume, label) {
    if (!this.gl) return {};
    const only = new Uint8Array(volume.bytes.length);
    for (let i = 0; i < only.length; i++) only[i] = volume.bytes[i] === label ? 255 : 0;
    const shape = this.view.grid.shape.map((n) => Math.ceil(n / this.step));
    const bytes = thinned({ bytes: only, grid: volume.grid, isValue: false }, this.step);
    const mesh = await this.mesher.make({ bytes: softened(bytes, shape), values: null, shape, level: 100 });
    this.toPlaces(mesh, this.step);
    mesh.colors.fill(label);
    const model = { mesh: this.buffered(mesh), texture: this.texture(volume.table), shown: true };
    this.models.push(model);
    this.later();
    return model;
  }

  // Turning must stay fluent: when frames still take long, it is drawn with fewer pixels.
  adapt(now) {
    const took = now - (this.last || 0);
    this.last = now;
    if (this.turning && took < 1000 && took > 45) this.quality = Math.max(0.5, (this.quality || 1) * 0.8);
  }

  later() {
    if (this.waiting || !this.gl) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.adapt(now);
      this.draw();
    });
  }

  // Size of the canvas as it is drawn.
  pixels() {
    const screen = Math.min(window.devicePixelRatio || 1, 2);
    const ratio = this.turning ? Math.min(screen, this.coarsest) * (this.quality || 1) : screen;
    const box = this.canvas.getBoundingClientRect();
    return { width: Math.round(box.width * ratio), height: Math.round(box.height * ratio) };
  }

  draw() {
    const { gl, canvas } = this;
    const { width, height } = this.pixels();
    if (!width || !height || !gl) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(1, 1, 1, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    // What faces away is hidden, unless the surface is cut or open at the edge of the box.
    gl[this.turning && !this.clip.axis ? "enable" : "disable"](gl.CULL_FACE);
    gl.useProgram(this.program);
    const uniform = (name) => gl.getUniformLocation(this.program, name);
    const reach = this.reach / this.zoom;
    gl.uniformMatrix3fv(uniform("turn"), false, this.turn);
    gl.uniform3fv(uniform("middle"), this.middle);
    gl.uniform2f(uniform("scale"), Math.min(1, height / width) / reach, Math.min(1, width / height) / reach);
    gl.uniform2f(uniform("shift"), 0, 0);
    gl.uniform1f(uniform("depth"), 2 * this.radius);
    gl.uniform4fv(uniform("clip"), this.clipPlane());
    gl.uniform1f(uniform("flat_"), 0);
    const { band, colored } = this.view;
    const lit = band && colored ? band.map((value) => colored.byteOf(value)) : [-1, 256];
    gl.uniform2fv(uniform("band"), lit);
    gl.bindTexture(gl.TEXTURE_2D, this.colors);
    if (this.mesh && this.showSurface) this.drawn((this.turning && this.coarse) || this.mesh);
    gl.uniform2f(uniform("band"), -1, 256);
    for (const model of this.models)
      if (model.shown) {
        gl.bindTexture(gl.TEXTURE_2D, model.texture);
        this.drawn(model.mesh);
      }
    this.frames = (this.frames || 0) + 1;
  }

  drawn(mesh) {
    this.gl.bindVertexArray(mesh.array);
    this.gl.drawElements(this.gl.TRIANGLES, mesh.count, this.gl.UNSIGNED_INT, 0);
    this.gl.bindVertexArray(null);
  }

  // Look at what there is: its middle, and the length (Å) that fills the canvas.
  fit({ points, faces }) {
    if (!faces.length) return;
    const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
    for (const corner of faces)
      for (let k = 0; k < 3; k++) {
        low[k] = Math.min(low[k], points[3 * corner + k]);
        high[k] = Math.max(high[k], points[3 * corner + k]);
      }
    this.middle = low.map((v, k) => (v + high[k]) / 2);
    this.reach = 0.42 * Math.hypot(...low.map((v, k) => high[k] - v));
  }

  clipPlane() {
    const k = ["x", "y", "z"].indexOf(this.clip.axis);
    if (k < 0) return [0, 0, 0, 1];
    const sign = this.clip.flip ? -1 : 1;
    const plane = [0, 0, 0, sign * this.view.place(this.view.cursor)[k]];
    plane[k] = sign;
    return plane;
  }

  controls() {
    const shown = check("Surface of the map", this.showSurface, (value) => {
      this.showSurface = value;
      this.later();
    });
    this.surfaceBox = shown;
    const axis = choice("Cut at the cursor", [["", "no cut"], ["x", "across x"], ["y", "across y"], ["z", "across z"]], "", (value) => {
      this.clip.axis = value;
      this.later();
    });
    const flip = check("Show the other half", false, (value) => {
      this.clip.flip = value;
      this.later();
    });
    return [shown, axis, flip];
  }

  async picture() {
    this.draw();
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }
}

function linked(gl) {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

// A rotation (columns) turned down and to the right, as seen on the screen.
function turned(m, down, right) {
  const [c, s, d, t] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
  const product = (a, b) =>
    Float32Array.from({ length: 9 }, (_, i) => {
      const [column, row] = [Math.floor(i / 3), i % 3];
      return a[row] * b[3 * column] + a[3 + row] * b[3 * column + 1] + a[6 + row] * b[3 * column + 2];
    });
  const aboutY = [c, 0, -s, 0, 1, 0, s, 0, c];
  const aboutX = [1, 0, 0, 0, d, t, 0, -t, d];
  return product(aboutX, product(aboutY, m));
}

// A tube through points (x, y, z), with a value for all of it: a chain of a model.
function tubeOf(points, value, radius) {
  const path = smoothed(points);
  const sides = 6;
  const [all, normals, faces] = [[], [], []];
  let across = null;
  path.forEach((point, i) => {
    const a = path[Math.max(i - 1, 0)];
    const b = path[Math.min(i + 1, path.length - 1)];
    const along = unit(b.map((v, k) => v - a[k]));
    if (!across) across = Math.abs(along[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0];
    const dot = along.reduce((sum, v, k) => sum + v * across[k], 0);
    across = unit(across.map((v, k) => v - dot * along[k]));
    const third = [1, 2, 0].map((j, k) => {
      const l = [2, 0, 1][k];
      return along[j] * across[l] - along[l] * across[j];
    });
    for (let side = 0; side < sides; side++) {
      const angle = (2 * Math.PI * side) / sides;
      const out = across.map((v, k) => v * Math.cos(angle) + third[k] * Math.sin(angle));
      all.push(...point.map((v, k) => v + radius * out[k]));
      normals.push(...out);
      if (i) {
        const [p, q] = [(i - 1) * sides + side, (i - 1) * sides + ((side + 1) % sides)];
        faces.push(p, q, p + sides, q, q + sides, p + sides);
      }
    }
  });
  return { points: all, normals, faces, value };
}

function unit(v) {
  const length = Math.hypot(...v) || 1;
  return v.map((x) => x / length);
}

// Catmull-Rom: two points between each two of a chain.
function smoothed(points) {
  if (points.length < 3) return points;
  const path = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b, c, d] = [points[Math.max(i - 1, 0)], points[i], points[i + 1], points[Math.min(i + 2, points.length - 1)]];
    for (const t of [0, 1 / 3, 2 / 3])
      path.push(b.map((_, k) => 0.5 * (2 * b[k] + (c[k] - a[k]) * t + (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t * t + (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t ** 3)));
  }
  path.push(points[points.length - 1]);
  return path;
}
