// The road of the ten steps. Steps are drawn once a message; canvases are redrawn by size, theme and time.

const RUN = 5_000;        // ms of a small picture's run, through real states only
const TILE = 62;          // about so many pixels is a tile of the large picture
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

class Small {
  constructor(canvas, stop) {
    Object.assign(this, { canvas, stop, started: null, tick: this.tick.bind(this) });
  }

  dress(part, table) {
    this.film = sheetOf(this.stop, part, table);
    this.frame = this.film.frames - 1;
    this.draw();
  }

  run() {
    if (this.started !== null || reducedMotion()) return;
    this.started = performance.now();
    requestAnimationFrame(this.tick);
  }

  tick(now) {
    const share = (now - this.started) / RUN;
    const last = this.film.frames - 1;
    this.frame = Math.min(last, Math.max(0, Math.floor(share * this.film.frames)));   // a frame's time may lie before the start
    this.draw();
    if (share < 1 && this.canvas.isConnected) requestAnimationFrame(this.tick);
    else this.started = null;
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

// ---- the large picture: a row is one image, from noise on the left to the end on the right --------------------------

class Large {
  constructor(canvas, stop) {
    Object.assign(this, { canvas, stop, shown: [], next: 0, turn: 0, tick: this.tick.bind(this) });
  }

  dress(part, table) {
    this.film = sheetOf(this.stop, part, table);
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
    if (!width || document.hidden || this.film.count <= rows || this.shown.length < rows) return;
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
  if (stop.picture) body.append(make("span", { class: "view" }, make("canvas", { role: "img", "aria-label": stop.alt })));
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
    const small = new Small(canvas, stop);
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
    const body = make(link ? "a" : "span", { class: "dot", title: name, "aria-label": name, href: link ? base(stop.href) : null });
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
    const table = grey(theme);
    state.canvases.forEach((c) => c.dress(state.part, table));
  }
}
