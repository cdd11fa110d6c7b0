// The road of the ten steps. Steps are drawn once a message; canvases are redrawn by size, theme and time.

const RUN = 5_000;        // ms of a small picture's run, through real states only
const TILE = 62;          // about so many pixels is a tile of the large picture
const INSET = 6;          // pixels between a small drawing and its frame
const LAYER_ORDER = ["areas", "points", "lines"];
const TURN = 3_200;       // ms until another row of the large picture shows another image

const base = (path) => location.pathname.replace(/[^/]*$/, "") + path;

function grey(theme) {
  const [paper, ink] = [rgb(theme.canvas), rgb(theme.ink)];
  return Array.from({ length: 256 }, (_, v) => paper.map((p, c) => Math.round(p + ((ink[c] - p) * v) / 255)));
}

function sheetOf(stop, part, table) {
  const [frames, count, height, width] = stop.picture.shape;
  const values = part(stop.picture.part);
  const made = new Map();
  const sheet = (frame, item) => {
    const at = frame * count + item;
    if (!made.has(at)) {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width, height];
      const image = new ImageData(width, height);
      for (let i = 0, from = at * width * height; i < width * height; i++) {
        const [r, g, b] = table[values[from + i]];
        image.data.set([r, g, b, 255], 4 * i);
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
      made.set(at, canvas);
    }
    return made.get(at);
  };
  return { frames, count, sheet, levels: stop.picture.levels };
}

// ---- the small picture of a step: a grid of images, run once when pointed at ----------------------------------------

class Moving {
  constructor(canvas, stop) {
    Object.assign(this, { canvas, stop, started: null, tick: this.tick.bind(this) });
  }

  run() {
    if (this.started !== null || reducedMotion()) return;
    this.started = performance.now();
    requestAnimationFrame(this.tick);
  }

  tick(now) {
    const share = (now - this.started) / RUN;
    const at = Math.floor(share * this.frames);
    this.frame = Math.min(this.frames - 1, Math.max(0, at));             // a frame's time may lie before the start
    this.draw();
    if (share < 1 && this.canvas.isConnected) requestAnimationFrame(this.tick);
    else this.started = null;
  }
}

class Small extends Moving {
  dress(part, theme) {
    this.film = sheetOf(this.stop, part, grey(theme));
    this.frames = this.film.frames;
    this.frame = this.frames - 1;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !this.film) return;
    const { film } = this;
    const pen = sharpen(this.canvas, width, height);
    const rows = Math.max(1, Math.round(Math.sqrt((film.count * height) / width)));
    const size = height / rows;
    const columns = Math.min(Math.ceil(film.count / rows), Math.max(1, Math.floor(width / size)));
    const left = (width - columns * size) / 2;
    pen.imageSmoothingQuality = "high";
    for (let i = 0; i < rows * columns && i < film.count; i++) {
      const x = left + (i % columns) * size, y = Math.floor(i / columns) * size;
      pen.drawImage(film.sheet(this.frame, i), x + 1, y + 1, size - 2, size - 2);
    }
  }
}

// ---- the small picture of a step made of points and lines ------------------------------------------------------------

class Drawn extends Moving {
  dress(part, theme) {
    this.theme = theme;
    this.layers = this.stop.sketch.map((layer) => ({ ...layer, values: part(layer.part) }));
    this.layers.sort((a, b) => LAYER_ORDER.indexOf(a.what) - LAYER_ORDER.indexOf(b.what));
    this.frames = this.layers[0].shape[0];
    this.frame = this.frames - 1;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !this.layers) return;
    const pen = sharpen(this.canvas, width, height);
    const place = (values, at) => [INSET + values[at] * (width - 2 * INSET), height - INSET - values[at + 1] * (height - 2 * INSET)];
    for (const { what, role, shape, values } of this.layers) {
      const each = values.length / shape[0], begin = this.frame * each, colour = this.theme.mark[role];
      pen.setLineDash(role === "exact" ? [5, 3] : []);
      pen.strokeStyle = role === "noise" ? veil(colour, 0.5) : colour;
      pen.lineWidth = 1.75;
      if (what === "points") this.dots(pen, values, begin, each, colour, place);
      else for (let line = 0; line < shape[1]; line++) {
        const count = shape[2];
        pen.beginPath();
        for (let i = 0, from = begin + 2 * line * count; i < count; i++, from += 2) {
          if (Number.isNaN(values[from])) continue;
          pen.lineTo(...place(values, from));
        }
        if (what === "areas") {
          pen.fillStyle = veil(colour, 0.24);
          pen.fill();
        }
        pen.stroke();
      }
    }
    pen.setLineDash([]);
  }

  dots(pen, values, begin, each, colour, place) {
    const radius = each > 240 ? 1.6 : each > 40 ? 2 : 3.5;
    pen.fillStyle = veil(colour, each > 40 ? 0.7 : 0.9);
    for (let from = begin; from < begin + each; from += 2) {
      if (Number.isNaN(values[from])) continue;
      pen.beginPath();
      pen.arc(...place(values, from), radius, 0, 7);
      pen.fill();
    }
  }
}

// ---- the large picture: a row is one image, from noise on the left to the end on the right --------------------------

class Large {
  constructor(canvas, stop) {
    Object.assign(this, { canvas, stop, shown: [], next: 0, turn: 0, tick: this.tick.bind(this) });
  }

  dress(part, theme) {
    this.film = sheetOf(this.stop, part, grey(theme));
    this.draw();
    clearInterval(this.timer);
    if (!reducedMotion()) this.timer = setInterval(() => this.exchange(), TURN);
  }

  layout() {
    const width = this.canvas.parentElement.clientWidth;
    const columns = Math.max(2, Math.min(this.film.frames, Math.round(width / (width < 600 ? 44 : TILE))));
    const size = width / columns;
    const rows = Math.max(1, Math.min(this.film.count, Math.round(190 / size)));
    return { width, columns, size, rows };
  }

  frameAt(column, columns) {
    return Math.round((column * (this.film.frames - 1)) / (columns - 1));
  }

  exchange() {
    if (!this.canvas.isConnected) { clearInterval(this.timer); return; }
    const { width, rows } = this.layout();
    if (!width || document.hidden || isFrozen() || this.film.count <= rows || this.shown.length < rows) return;
    const row = this.turn++ % rows;
    this.before = { row, item: this.shown[row], start: performance.now() };
    this.shown[row] = this.next++ % this.film.count;
    requestAnimationFrame(this.tick);
  }

  tick(now) {
    const share = Math.min(1, (now - this.before.start) / 900);
    this.draw(share);
    if (share < 1 && this.canvas.isConnected) requestAnimationFrame(this.tick);
    else this.before = null;
  }

  draw(share = 1) {
    if (!this.film) return;
    const { width, columns, size, rows } = this.layout();
    if (!width) return;
    while (this.shown.length < rows) this.shown.push(this.next++ % this.film.count);
    const pen = sharpen(this.canvas, width, rows * size);
    pen.imageSmoothingQuality = "high";
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const old = this.before?.row === row && column / columns > share;      // the new image comes in from the left
        const item = old ? this.before.item : this.shown[row];
        pen.drawImage(this.film.sheet(this.frameAt(column, columns), item), column * size + 1, row * size + 1, size - 2, size - 2);
      }
    }
  }
}

// ---- the elements -----------------------------------------------------------------------------------------------------

function stopOf(stop, header, go) {
  const link = stop.href !== null;
  const body = make(link ? "a" : "div", link ? { class: "stop", href: base(stop.href) } : { class: "stop" });
  if (link) follow(body, stop, go);
  const number = make("span", { class: "number" }, String(stop.number));
  const title = make("span", { class: "title" }, stop.title);
  body.append(make("span", { class: "head" }, number, title));
  if (stop.picture || stop.sketch) body.append(make("span", { class: "view" }, make("canvas", { role: "img", "aria-label": stop.alt })));
  body.append(make("span", { class: "question" }, stop.question));
  if (link) body.append(make("span", { class: "open" }, header.words.open));
  return make("li", { class: link ? "has-page" : "" }, body);
}

function follow(anchor, stop, go) {
  anchor.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(stop.id);
  });
}

function buildMap(root, header, go) {
  const canvases = [];
  if (header.hero) {
    const stop = header.stops.find((s) => s.id === header.hero);
    const canvas = make("canvas", { role: "img", "aria-label": header.words.hero });
    const frame = make("a", { class: "hero", href: base(stop.href) }, canvas);
    follow(frame, stop, go);
    const { levels } = stop.picture;
    const end = (name, t) => make("span", {}, `${name} · t = ${t}`);
    const what = make("figcaption", { class: "what" }, header.words.hero);
    const ends = make("div", { class: "ends" }, end(header.words.noise, levels[0]), what, end(header.words.image, levels.at(-1)));
    root.append(make("figure", {}, make("div", { class: "sheet" }, frame), ends));
    canvases.push(new Large(canvas, stop));
  }
  const list = make("ol", { class: "map" });
  for (const stop of header.stops) {
    const item = stopOf(stop, header, go);
    list.append(item);
    const canvas = item.querySelector("canvas");
    if (!canvas) continue;
    const small = new (stop.sketch ? Drawn : Small)(canvas, stop);
    item.addEventListener("pointerenter", () => small.run());
    item.addEventListener("focusin", () => small.run());
    canvases.push(small);
  }
  root.append(list);
  return canvases;
}

function buildStrip(root, header, go) {
  const list = make("ol", { class: "strip" });
  for (const stop of header.stops) {
    const here = stop.id === header.here;
    const name = `${stop.number} · ${stop.title}`;
    const link = stop.href !== null && !here;
    const body = make(link ? "a" : "span", { class: "dot", title: name, "aria-label": link && name, href: link ? base(stop.href) : null });
    if (link) follow(body, stop, go);
    if (here) body.setAttribute("aria-current", "step");
    body.append(make("b", {}, String(stop.number)));
    if (here) body.append(make("span", { class: "name" }, stop.title), make("span", { class: "quiet" }, header.words.here));
    list.append(make("li", { class: here ? "here" : link ? "has-page" : "" }, body));
  }
  root.append(make("nav", { "aria-label": header.words.label }, list));
  return [];
}

const built = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".road");
  let state = built.get(root);
  if (!state || state.data !== data) {
    state?.sized?.disconnect();
    const { header, part } = decode(data);
    root.replaceChildren();
    root.classList.toggle("small", header.mode === "strip");
    const go = (id) => setTriggerValue("go", id);
    const canvases = (header.mode === "strip" ? buildStrip : buildMap)(root, header, go);
    const sized = new ResizeObserver(() => canvases.forEach((c) => c.draw()));
    sized.observe(root);
    state = { data, canvases, part, sized };
    built.set(root, state);
  }
  const theme = readTheme(root);
  for (const role of ["data", "model"]) root.style.setProperty(`--${role}`, theme.text[role]);
  const look = JSON.stringify([theme.canvas, theme.ink]);
  if (look !== state.look) {
    state.look = look;
    state.canvases.forEach((c) => c.dress(state.part, theme));
  }
}
