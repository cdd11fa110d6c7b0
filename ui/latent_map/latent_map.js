// A plane of two latent numbers; the picture of the place under the pointer; a posterior; a walk between two pictures.

const WALK = 7;                 // pictures of a walk, both ends among them
const STRIDE = 0.05;            // how far one arrow key moves, in latent units; with Shift five times as far
const EDGES = { left: 34, right: 10, top: 10, bottom: 26 };     // around the map, before type is scaled

class LatentMap {
  constructor(root) {
    this.root = root;
    this.place = [0, 0];
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.invite = make("div", { class: "invite" });
    this.ends = [0, 1];
    this.handles = ["A", "B"].map((name, k) => this.handle(name, k));
    this.stage = make("div", { class: "stage", tabindex: 0, role: "application" }, this.canvas, this.invite, ...this.handles);
    const column = (...names) => {
      const parts = Object.fromEntries(names.map((name) => [name, make("div", { class: name === "title" ? name : "note" })]));
      const canvas = make("canvas", { class: "picture", role: "img" });
      return { ...parts, canvas };
    };
    this.here = column("title", "place");
    this.close = column("title");
    this.bar = make("canvas", { role: "img" });
    this.side = make("div", { class: "column" }, this.here.title, this.here.canvas, this.here.place);
    this.truth = make("div", { class: "column" }, this.close.title, this.close.canvas, this.bar);
    this.strips = ["through", "blend"].map((name) => {
      const title = make("div", { class: "note" }), canvas = make("canvas", { class: "picture", role: "img" });
      return { name, title, canvas };
    });
    this.walkTitle = make("div", { class: "title" });
    this.walk = make("div", { class: "walk" }, this.walkTitle, ...this.strips.flatMap((s) => [s.title, s.canvas]));
    const right = make("div", { class: "right" }, make("div", { class: "pair" }, this.side, this.truth), this.walk);
    root.replaceChildren(make("div", { class: "row" }, this.stage, right));
    this.stage.addEventListener("pointermove", (event) => this.hover(event));
    this.stage.addEventListener("pointerdown", (event) => this.hover(event));
    this.stage.addEventListener("keydown", (event) => this.key(event));
    watchRoom(root, () => this.arrange());
    root.decodeAt = (x, y) => Array.from(this.decoder.at([x, y]));
    offer(root, { name: () => this.header.key, paint: () => this.arrange(), table: () => latentTable(this) });
  }

  handle(name, k) {
    const button = make("button", { type: "button", class: "end", "data-end": name }, make("span", {}, name));
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      button.setPointerCapture(event.pointerId);
      this.dragged = k;
    });
    button.addEventListener("pointermove", (event) => {       // and the stage hears of it too
      if (this.dragged === k) this.bring(k, this.spot(event));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      button.addEventListener(end, () => {
        if (this.dragged !== k) return;
        this.dragged = null;
        this.tell();
      });
    }
    button.addEventListener("keydown", (event) => {
      const way = ARROWS[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.step(k, way);
    });
    return button;
  }

  load(message, report) {
    this.report = report;
    if (message !== this.message) {
      this.message = message;
      this.read(decode(message));
    }
    this.theme = readTheme(this.root);
    this.arrange();
  }

  read({ header, part }) {
    const before = this.header, { labels } = header;
    this.header = header;
    this.memory = remembered(`latent_map ${header.key}`);
    this.decoder = new Decoder(header, part);
    this.at = part("at");
    this.classes = part("classes");
    this.images = part("images");
    this.density = header.posterior && part("density");
    if (!before || before.scene !== header.scene) this.ends = header.ends;
    this.ends = this.ends.map((end) => Math.min(end, this.classes.length - 1));
    if (!before) this.place = this.memory.place ?? [0, 0];
    this.root.setAttribute("aria-label", labels.map);
    this.stage.setAttribute("aria-label", labels.keys);
    this.here.title.textContent = labels.here;
    const { posterior } = header;
    this.close.title.textContent = posterior ? fill(labels.posterior, { width: (posterior.box[1] - posterior.box[0]).toFixed(2) }) : "";
    this.walkTitle.textContent = labels.walk;
    for (const strip of this.strips) strip.title.textContent = labels[strip.name];
    this.invite.textContent = labels.invite;
    this.invite.hidden = Boolean(this.memory.used);
    this.truth.hidden = !header.posterior;
  }

  arrange() {
    if (!this.header || !this.theme || !this.root.clientWidth) return;
    if (typeScale() !== this.theme.scale) this.theme = readTheme(this.root);
    const { scale } = this.theme, fits = isPresented() ? Math.floor((this.root.clientWidth - 22) / 2) : Infinity;
    const height = Math.min(tall(this.header.height, this.root, 20), fits);                      // the pictures stay beside the map
    this.margin = { ...EDGES, left: EDGES.left * scale, bottom: EDGES.bottom * scale };
    this.size = Math.min(this.root.clientWidth - 2, height);
    this.picture = Math.min(Math.round(height / 2) - 12, Math.floor((this.root.clientWidth - 24) / 2));
    this.draw();
  }

  draw() {
    this.drawMap();
    this.drawHere();
    this.drawPosterior();
    this.drawWalk();
    Object.assign(this.root.dataset, { a: this.ends[0], b: this.ends[1], points: this.classes.length });
  }

  // ---- the map ----

  sx(x) { return this.margin.left + ((x + this.header.reach) / (2 * this.header.reach)) * (this.size - this.margin.left - this.margin.right); }

  sy(y) { return this.size - this.margin.bottom - ((y + this.header.reach) / (2 * this.header.reach)) * (this.size - this.margin.top - this.margin.bottom); }

  spot(event) {
    const box = this.canvas.getBoundingClientRect(), { reach } = this.header, { size } = this;
    const x = ((event.clientX - box.left) * size) / box.width, y = ((event.clientY - box.top) * size) / box.height;
    const clip = (v) => Math.max(-reach, Math.min(reach, v));
    return [
      clip(((x - this.margin.left) / (size - this.margin.left - this.margin.right)) * 2 * reach - reach),
      clip(((size - this.margin.bottom - y) / (size - this.margin.top - this.margin.bottom)) * 2 * reach - reach),
    ];
  }

  drawMap() {
    const { size, theme, header, classes, at } = this, { reach, labels, posterior } = header;
    const pen = sharpen(this.canvas, size, size);
    pen.fillStyle = theme.canvas;
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = veil(theme.ink, strong(0.08));
    pen.fillStyle = theme.muted;
    pen.font = theme.type(12);
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    for (let v = Math.ceil(-reach / 2) * 2; v <= reach; v += 2) {
      const x = Math.round(this.sx(v)) + 0.5, y = Math.round(this.sy(v)) + 0.5;
      pen.beginPath();
      pen.moveTo(x, this.margin.top); pen.lineTo(x, size - this.margin.bottom);
      pen.moveTo(this.margin.left, y); pen.lineTo(size - this.margin.right, y);
      pen.stroke();
      const text = String(v).replace("-", "−");
      pen.textAlign = "center";
      pen.fillText(text, Math.min(x, size - 8), size - this.margin.bottom / 2);
      pen.textAlign = "right";
      pen.fillText(text, this.margin.left - 7, y);
    }
    pen.save();
    pen.beginPath();
    pen.rect(this.margin.left, this.margin.top, size - this.margin.left - this.margin.right, size - this.margin.top - this.margin.bottom);
    pen.clip();
    const colours = header.colours[theme.dark ? "dark" : "light"];
    pen.font = theme.type(12, 700);
    pen.textAlign = "center";
    pen.globalAlpha = posterior ? 0.62 : 0.9;
    for (let k = 0; k < classes.length; k++) {
      pen.fillStyle = colours[classes[k] % colours.length];
      pen.fillText(String(classes[k]), this.sx(at[2 * k]), this.sy(at[2 * k + 1]));
    }
    pen.globalAlpha = 1;
    const [a, b] = this.ends.map((k) => [this.sx(at[2 * k]), this.sy(at[2 * k + 1])]);
    pen.strokeStyle = theme.ink;
    pen.lineWidth = 1.5;
    pen.setLineDash([2, 4]);
    pen.beginPath();
    pen.moveTo(...a);
    pen.lineTo(...b);
    pen.stroke();
    pen.setLineDash([]);
    if (posterior) {
      this.overlay(pen, (x) => this.sx(x), (y) => this.sy(y));
      const [x0, x1, y0, y1] = posterior.box;
      pen.lineWidth = 1;
      pen.strokeStyle = theme.ink;
      pen.strokeRect(this.sx(x0), this.sy(y1), this.sx(x1) - this.sx(x0), this.sy(y0) - this.sy(y1));
    }
    const x = this.sx(this.place[0]), y = this.sy(this.place[1]);
    pen.lineWidth = thick(1.5);
    pen.strokeStyle = theme.ink;
    pen.beginPath();
    pen.moveTo(x - 9, y); pen.lineTo(x - 3, y); pen.moveTo(x + 3, y); pen.lineTo(x + 9, y);
    pen.moveTo(x, y - 9); pen.lineTo(x, y - 3); pen.moveTo(x, y + 3); pen.lineTo(x, y + 9);
    pen.stroke();
    pen.restore();
    pen.font = theme.type(13);
    pen.textAlign = "left";
    pen.fillStyle = theme.text.latent;
    this.label(pen, labels.y, this.margin.left + 6, this.margin.top + 10, "left");
    this.label(pen, labels.x, size - this.margin.right - 6, size - this.margin.bottom - 10, "right");
    this.handles.forEach((handle, k) => {
      const [px, py] = [a, b][k], name = handle.dataset.end;
      Object.assign(handle.style, { left: `${px}px`, top: `${py}px` });
      const kept = this.sx(-reach) <= px && px <= this.sx(reach) && this.sy(reach) <= py && py <= this.sy(-reach);
      handle.hidden = !kept;
      handle.firstChild.textContent = this.ends[0] === this.ends[1] ? "AB" : name;
      handle.setAttribute("aria-label", fill(labels.end, { name, class: classes[this.ends[k]] }));
    });
  }

  label(pen, text, x, y, align) {
    pen.textAlign = align;
    pen.lineWidth = 4;
    pen.strokeStyle = this.theme.canvas;
    pen.lineJoin = "round";
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }

  // The true posterior as a cloud, the guess as its ellipses of one and two standard deviations.
  overlay(pen, sx, sy) {
    const { posterior } = this.header, { theme } = this, n = posterior.size;
    const [x0, x1, y0, y1] = posterior.box;
    const cloud = make("canvas", { width: n, height: n }), inner = cloud.getContext("2d"), data = inner.createImageData(n, n);
    const [r, g, b] = rgb(theme.mark.model);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        const from = row * n + column, to = 4 * ((n - 1 - row) * n + column);
        data.data[to] = r; data.data[to + 1] = g; data.data[to + 2] = b;
        data.data[to + 3] = Math.round(235 * Math.sqrt(this.density[from] / 255));
      }
    }
    inner.putImageData(data, 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(cloud, sx(x0), sy(y1), sx(x1) - sx(x0), sy(y0) - sy(y1));
    for (const [radius, alpha] of [[1, 1], [2, 0.7]]) {
      pen.beginPath();
      const [mx, my] = posterior.mean, [dx, dy] = posterior.std;
      pen.ellipse(sx(mx), sy(my), Math.max(2, Math.abs(sx(dx) - sx(0)) * radius), Math.max(2, Math.abs(sy(dy) - sy(0)) * radius), 0, 0, 7);
      pen.lineWidth = 4;
      pen.strokeStyle = veil(theme.canvas, 0.8 * alpha);
      pen.stroke();
      pen.lineWidth = thick(2);
      pen.setLineDash(radius === 1 ? [] : [4, 3]);
      pen.strokeStyle = veil(theme.text.latent, alpha);
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  hover(event) {
    if (this.dragged != null) return;
    const began = performance.now();
    this.place = this.spot(event);
    this.follow();
    this.root.dataset.took = (performance.now() - began).toFixed(2);
  }

  follow() {
    this.memory.place = this.place;
    this.memory.used = true;
    this.invite.hidden = true;
    this.drawHere();
    this.drawMap();
  }

  key(event) {
    const way = ARROWS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey || event.composedPath()[0] !== this.stage) return;
    event.preventDefault();
    const { reach } = this.header, stride = STRIDE * (event.shiftKey ? 5 : 1);
    this.place = this.place.map((v, i) => Math.max(-reach, Math.min(reach, v + way[i] * stride)));
    this.follow();
  }

  // ---- pictures ----

  drawHere() {
    const { place, header, picture } = this, [x, y] = place.map((v) => v.toFixed(2).replace("-", "−"));
    const pen = sharpen(this.here.canvas, picture, picture);
    this.paint(pen, this.decoder.at(place), 0, 0, picture);
    this.here.place.textContent = fill(header.labels.place, { x, y });
    this.here.canvas.setAttribute("aria-label", this.here.place.textContent);
    this.root.dataset.place = place.map((v) => v.toFixed(4)).join(" ");
  }

  // ink from 0 to 1, painted from the canvas' colour to the ink's
  paint(pen, ink, left, top, side) {
    const n = this.header.side;
    this.sheet ??= make("canvas", { width: n, height: n });
    const inner = this.sheet.getContext("2d"), data = inner.createImageData(n, n);
    const paper = rgb(this.theme.canvas), black = rgb(this.theme.ink);
    for (let i = 0; i < n * n; i++) {
      const v = Math.max(0, Math.min(1, ink[i]));
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = paper[c] + v * (black[c] - paper[c]);
      data.data[4 * i + 3] = 255;
    }
    inner.putImageData(data, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.sheet, left, top, side, side);
  }

  drawPosterior() {
    const { posterior, labels } = this.header, { theme, picture } = this;
    if (!posterior) return;
    const [x0, x1, y0, y1] = posterior.box;
    const pen = sharpen(this.close.canvas, picture, picture);
    pen.fillStyle = theme.canvas;
    pen.fillRect(0, 0, picture, picture);
    this.overlay(pen, (x) => ((x - x0) / (x1 - x0)) * picture, (y) => picture - ((y - y0) / (y1 - y0)) * picture);
    pen.font = theme.type(12);
    pen.textBaseline = "middle";
    pen.fillStyle = theme.text.model;
    this.label(pen, labels.truth, 6, 11, "left");
    pen.fillStyle = theme.text.latent;
    this.label(pen, labels.guess, picture - 6, picture - 11, "right");
    this.close.canvas.setAttribute("aria-label", `${this.close.title.textContent}: ${labels.truth}, ${labels.guess}`);
    this.drawBar();
  }

  // log p(x) as the bound and what is missing to it, the KL, to one scale: the bar ends at log p(x) and begins at least
  // four nats below the bound, farther where the gap is large
  drawBar() {
    const { posterior, labels } = this.header, { theme, picture } = this;
    const gap = Math.max(0, posterior.log_evidence - posterior.elbo), height = 20 + 36 * theme.scale;
    const pen = sharpen(this.bar, picture, height);
    const split = Math.round(picture * (1 - gap / (gap + Math.max(4, gap / 1.5))));
    pen.fillStyle = theme.mark.latent;
    pen.fillRect(0, 2, split - 1, 14);
    pen.fillStyle = theme.mark.condition;
    pen.fillRect(split + 1, 2, Math.max(0, picture - split - 1), 14);
    pen.fillStyle = theme.mark.model;
    pen.fillRect(picture - 2.5, 0, 2.5, 18);
    pen.font = theme.type(12);
    pen.textBaseline = "middle";
    const say = (name, value, colour, y, align) => {
      pen.fillStyle = colour;
      pen.textAlign = align;
      pen.fillText(fill(labels[name], { value: value.toFixed(2).replace("-", "−") }), align === "left" ? 0 : picture, y);
    };
    say("bound", posterior.elbo, theme.text.latent, 20 + 9 * theme.scale, "left");
    say("gap", gap, theme.text.condition, 20 + 9 * theme.scale, "right");
    say("evidence", posterior.log_evidence, theme.text.model, 20 + 27 * theme.scale, "right");
    const spoken = [["bound", posterior.elbo], ["gap", gap], ["evidence", posterior.log_evidence]];
    this.bar.setAttribute("aria-label", spoken.map(([name, value]) => fill(labels[name], { value: value.toFixed(2) })).join(", "));
  }

  drawWalk() {
    const { header, at, images } = this, n = header.side, size = n * n;
    const side = Math.floor((2 * this.picture - 50 * this.theme.scale) / WALK);
    const [a, b] = this.ends, blend = new Float32Array(size);
    this.strips.forEach(({ name, canvas, title }) => {
      const pen = sharpen(canvas, WALK * side, side);
      for (let k = 0; k < WALK; k++) {
        const share = k / (WALK - 1);
        let ink;
        if (name === "through") {
          ink = this.decoder.at([0, 1].map((i) => (1 - share) * at[2 * a + i] + share * at[2 * b + i]));
        } else {
          for (let i = 0; i < size; i++) blend[i] = ((1 - share) * images[a * size + i] + share * images[b * size + i]) / 255;
          ink = blend;
        }
        this.paint(pen, ink, k * side, 0, side);
      }
      canvas.setAttribute("aria-label", title.textContent);
    });
  }

  // ---- the ends of the walk ----

  bring(k, [x, y]) {
    let near = 0, least = Infinity;
    for (let i = 0; i < this.classes.length; i++) {
      const off = (this.at[2 * i] - x) ** 2 + (this.at[2 * i + 1] - y) ** 2;
      if (off < least) { least = off; near = i; }
    }
    this.moveEnd(k, near);
  }

  // The nearest point that lies more that way than any other way.
  step(k, [dx, dy]) {
    const from = this.ends[k];
    let near = from, least = Infinity;
    for (let i = 0; i < this.classes.length; i++) {
      const x = this.at[2 * i] - this.at[2 * from], y = this.at[2 * i + 1] - this.at[2 * from + 1];
      const along = x * dx + y * dy, off = Math.hypot(x, y);
      if (along > 0.7 * off && off > 0 && off < least) { least = off; near = i; }
    }
    this.moveEnd(k, near);
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.tell(), REST_DELAY);
  }

  moveEnd(k, to) {
    if (this.ends[k] === to) return;
    this.ends = this.ends.map((end, i) => (i === k ? to : end));
    this.drawMap();
    this.drawWalk();
    Object.assign(this.root.dataset, { a: this.ends[0], b: this.ends[1] });
  }

  tell() { this.report([...this.ends]); }
}

const ARROWS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const MAPS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  if (!MAPS.has(root)) MAPS.set(root, new LatentMap(root));
  MAPS.get(root).load(data, (ends) => setStateValue("ends", ends));
}
