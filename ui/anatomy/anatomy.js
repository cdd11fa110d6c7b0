// A network's stages in their places, each with its first maps; the chosen one large; time as a picture that is dragged.

// BIG: height of the maps of the chosen stage; LOOK: side of a picture of where a place looks.
const COLUMNS = 9, ROWS = 3, GAP = 10, EDGE = 14, BIG = 150, LOOK = 70;
const signs = (v, digits = 3) => (v === 0 ? "0" : Math.abs(v) < 1e-3 ? v.toExponential(1) : Number(v.toPrecision(digits)).toString()).replace(/-/g, "−");

class AnatomyView {
  constructor(root) {
    this.root = root;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.words = make("div");
    this.heat = make("div", { class: "heat", role: "slider", tabindex: 0 });
    this.stage = make("div", { class: "stage" }, this.canvas, this.words, this.heat);
    this.foot = make("div", { class: "word key foot" });                              // where the diagram has no room for it
    this.close = make("div", { class: "close", "aria-live": "polite" });
    root.replaceChildren(this.stage, this.foot, this.close);
    this.heat.addEventListener("pointerdown", (event) => this.grab(event));
    this.heat.addEventListener("pointermove", (event) => this.dragging && this.slide(this.levelAt(event)));
    for (const end of ["pointerup", "pointercancel"]) this.heat.addEventListener(end, () => this.drop());
    this.heat.addEventListener("keydown", (event) => this.keyHeat(event));
    offer(root, { name: () => this.header.key, paint: () => this.arrange(), table: () => anatomyTable(this) });
    watchRoom(root, () => {
      if (this.header) this.theme = readTheme(root);                                    // type may have grown
      this.arrange();
    });
  }

  load(message, report) {
    this.report = report;
    if (message !== this.message) {
      this.message = message;
      this.read(decode(message));
    }
    this.theme = readTheme(this.root);
    this.root.style.setProperty("--latent", this.theme.text.latent);
    this.arrange();
  }

  read({ header, part }) {
    const before = this.header;
    this.header = header;
    this.memory = remembered(`anatomy ${header.key}`);
    this.maps = header.stages.map((_, k) => part(`maps${k}`));
    this.moments = header.stages.map((_, k) => part(`moments${k}`));
    this.shares = part("looks");
    this.times = part("heat");
    this.levels = part("levels");
    if (!before || before.scene !== header.scene) Object.assign(this, { chosen: header.asked.stage, place: header.asked.place });
    if (!this.find(this.chosen)) this.chosen = header.stages[0].name;
    this.place = Math.max(0, Math.min(header.looks.places - 1, this.place ?? 0));
    this.t = header.heat.t;
    this.channels ??= {};
    this.root.setAttribute("aria-label", `${header.labels.diagram}. ${header.labels.keys}`);
    this.sheets = null;
    this.spots = null;
  }

  find(name) { return this.header.stages.find((stage) => stage.name === name); }

  index(name) { return this.header.stages.findIndex((stage) => stage.name === name); }

  // ---- the diagram ----

  arrange() {
    const { header, theme, root } = this;
    if (!header || !theme || !root.clientWidth) return;
    const width = root.clientWidth - 2, { scale } = theme;
    const column = (width - 2 * EDGE - (COLUMNS - 1) * GAP) / COLUMNS;
    const unit = Math.max(3, Math.min(6, Math.floor((column - 2) / 14)));           // of a map of 7 × 7, in pixels
    const side = 14 * unit + 2, over = 20 * scale, under = 19 * scale, between = Math.max(17, 13 * scale);  // an arrow and its word
    const pitch = over + side + under + between;
    const left = (k) => EDGE + k * (column + GAP) + (column - side) / 2;
    this.boxes = new Map(header.stages.map((stage) => {
      const x = Math.round(left(stage.column)), top = Math.round(8 + stage.row * pitch), y = Math.round(top + over);
      return [stage.name, { x, y, w: side, h: side, top, bottom: y + side + under, row: stage.row, column: stage.column, unit }];
    }));
    const y = 8 + over, from = Math.round(left(1)), to = Math.round(left(6) + side);
    this.heatBox = { x: from, y: Math.round(y), w: to - from, h: side };
    this.narrow = column < 60 + 24 * scale;
    this.footed = this.narrow || scale > 1.1;
    this.look = 7 * Math.round((LOOK * scale) / 7);
    Object.assign(this, { width, height: Math.round(8 + ROWS * pitch - between + 6), side, over, under, pitch, column, left });
    this.paintAll();
  }

  paintAll() {
    const { theme, header } = this;
    if (!this.sheets || this.sheetsDark !== theme.dark) {
      this.tables = Object.fromEntries(["grey", "signed", "maps"].map((kind) => [kind, colourTable(kind, theme)]));
      this.sheets = header.stages.map((stage, k) => {
        const [count, h, w] = stage.size;
        return Array.from({ length: count }, (_, c) => sheetOf(this.maps[k], c * h * w, h, w, stage.reach, this.tables[stage.kind]));
      });
      this.sheetsDark = theme.dark;
      const [count, channels] = header.heat.size;
      this.heatSheet = heatSheet(this.times, this.levels, count, channels, header.heat.T, this.tables.signed);
    }
    this.drawDiagram();
    this.layWords();
    this.drawClose();
    this.root.dataset.paint = Number(this.root.dataset.paint ?? 0) + 1;
  }

  drawDiagram() {
    const { theme, header, boxes, heatBox } = this;
    const pen = sharpen(this.canvas, this.width, this.height);
    pen.fillStyle = theme.canvas;
    pen.fillRect(0, 0, this.width, this.height);
    for (const [start, end, text, kind] of header.edges) {
      const a = boxes.get(start), b = boxes.get(end);
      const between = header.stages.some((s) => s.row === a.row && s.column > a.column && s.column < b.column);
      const said = this.narrow && kind !== "skip" ? "" : text;
      paintWay(pen, theme, wayBetween({ ...a, over: between }, b, kind), kind, said, theme.type(12));
    }
    header.stages.forEach((stage, k) => this.drawSmall(pen, stage, k));
    const { x, y, w, h } = heatBox;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.heatSheet, x, y, w, h);
    pen.strokeStyle = veil(theme.ink, 0.2);
    pen.lineWidth = 1;
    pen.strokeRect(x - 0.5, y - 0.5, w + 1, h + 1);
    const at = x + ((this.t - 1) / Math.max(1, header.heat.T - 1)) * w;
    for (const [colour, thick] of [[theme.canvas, 5], [theme.ink, 2]]) {
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(at, y - 2);
      pen.lineTo(at, y + h + 3);
      pen.stroke();
    }
    arrow(pen, [at, y + h], [at, y + h + 6], 9);
  }

  // Up to four maps, those that the order names first.
  drawSmall(pen, stage, k) {
    const { x, y, w, unit } = this.boxes.get(stage.name), { theme } = this, shown = stage.order.slice(0, 4);
    if (shown.length === 1) paintSheet(pen, this.sheets[k][shown[0]], x, y, w, w);
    else shown.forEach((c, i) => paintSheet(pen, this.sheets[k][c], x + (i % 2) * (7 * unit + 2), y + Math.floor(i / 2) * (7 * unit + 2), 7 * unit, 7 * unit));
    if (stage.name === this.chosen) ringAround(pen, theme, x, y, w, w, 2.5, 2.5);
    else {
      pen.strokeStyle = veil(theme.ink, 0.18);
      pen.lineWidth = 1;
      pen.strokeRect(x - 1, y - 1, w + 2, w + 2);
    }
  }

  // Titles and shapes are words of the page, so that they grow and are read aloud; the spots are buttons.
  layWords() {
    const { header, boxes, heatBox, theme } = this, { labels, heat } = header;
    if (!this.spots) {
      this.spots = header.stages.map((stage) => {
        const name = make("span", { class: "name" }, stage.label);
        if (stage.timed) name.append(make("span", { class: "badge", title: labels.timed }, "t"));
        const spot = make("button", { type: "button", class: "spot", "data-stage": stage.name }, name, make("span", { class: "size" }, stage.shape));
        spot.setAttribute("aria-label", fill(labels.stage, { name: stage.label, shape: stage.shape }));
        spot.addEventListener("click", () => this.choose(stage.name));
        spot.addEventListener("keydown", (event) => this.keySpot(event));
        return spot;
      });
      const word = (kind, text) => make("div", { class: `word ${kind}` }, text);
      this.notes = {
        heat: word("", heat.label), low: word("small", "t = 1"), high: word("small", `T = ${heat.T}`), now: word("small", ""),
        key: word("key", ""), invite: word("key invite", labels.invite),
      };
      this.notes.key.append(make("span", { class: "badge" }, "t"), ` ${labels.timed}`);
      this.foot.replaceChildren(make("span", { class: "badge" }, "t"), ` ${labels.timed} ${labels.invite}.`);
      this.words.replaceChildren(...this.spots, ...Object.values(this.notes));
      for (const [name, value] of [["aria-label", `${heat.label}. ${labels.heat_keys}`], ["aria-valuemin", 1], ["aria-valuemax", heat.T]]) this.heat.setAttribute(name, value);
    }
    header.stages.forEach((stage, k) => {
      const box = boxes.get(stage.name), room = Math.min(this.column + GAP - 4, box.w + 40);
      Object.assign(this.spots[k].style, { left: `${box.x + box.w / 2 - room / 2}px`, top: `${box.top}px`, width: `${room}px`, height: `${box.bottom - box.top}px` });
      this.spots[k].setAttribute("aria-pressed", stage.name === this.chosen);
      this.spots[k].lastChild.textContent = this.narrow ? stage.shape.replace(/^1×(1×)?/, "").replace(/×(\d+)×\1$/, "×$1²") : stage.shape;
    });
    const { x, y, w, h } = heatBox, set = (note, style) => Object.assign(note.style, style);
    set(this.heat, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
    const { notes } = this, share = (this.t - 1) / Math.max(1, heat.T - 1), under = `${y + h + 3}px`;
    set(notes.heat, { left: `${x}px`, top: `${y - this.over}px` });
    notes.low.hidden = share < 0.12;
    notes.high.hidden = share > 0.88;
    set(notes.low, { left: `${x}px`, top: under });
    set(notes.high, { left: `${x + w}px`, top: under, transform: "translateX(-100%)" });
    notes.now.textContent = fill(labels.heat_t, { t: this.t });
    set(notes.now, { left: `${x + share * w}px`, top: `${y + h + 6}px`, transform: `translateX(${share < 0.06 ? 0 : share > 0.94 ? -100 : -50}%)`, fontWeight: 700, color: theme.ink });
    this.foot.hidden = !this.footed;
    this.root.dataset.narrow = this.narrow;
    notes.key.hidden = this.footed;
    notes.invite.hidden = this.footed || Boolean(this.memory.used);
    const low = boxes.get(header.stages[1].name), bottom = 8 + 2 * this.pitch + this.over;
    set(notes.key, { left: `${EDGE}px`, top: `${bottom}px`, width: `${this.left(1) + 0.35 * low.w - EDGE}px` });
    set(notes.invite, { left: `${this.left(6) - 4}px`, top: `${bottom + this.side - 18 * theme.scale}px`, width: `${2 * (this.column + GAP) - 8}px` });
    this.heat.setAttribute("aria-valuenow", this.t);
    Object.assign(this.root.dataset, { stage: this.chosen, t: this.t, place: this.place });
  }

  // ---- the chosen stage, large ----

  drawClose() {
    const { header, theme } = this, { labels } = header, stage = this.find(this.chosen), k = this.index(this.chosen);
    const [count, h, w] = stage.size, total = header.stages.reduce((sum, s) => sum + (s.weights ?? 0), 0);
    const words = make("p", { class: "words" }, make("b", {}, stage.label), stage.note);
    const channel = Math.min(this.channels[stage.name] ?? stage.order[0], count - 1);
    const attends = stage.name === header.looks.stage;
    const right = attends ? (header.looks.heads + 1) * (this.look + 8) + 270 * theme.scale : 150 + 250 * theme.scale;
    const room = this.width - right < 300 ? this.width - 8 : this.width - right;
    const grid = this.drawGrid(stage, k, channel, room, theme);
    const rows = [];
    const add = (name, value) => rows.push(make("dt", {}, name), make("dd", {}, value));
    const over = (text) => rows.push(make("dt", { class: "over" }, text));
    const moment = (i) => [this.moments[k][2 * i], this.moments[k][2 * i + 1]];
    over(fill(labels.shape, { shape: `(1, ${count}, ${h}, ${w})` }));
    add(labels.mean, signs(moment(0)[0]));
    add(labels.std, signs(moment(0)[1]));
    add(labels.weights, stage.weights == null ? labels.none : stage.weights.toLocaleString("en"));
    add(labels.scale, `−${signs(stage.reach)} … ${signs(stage.reach)}`);
    if (count > 1) {
      over(fill(labels.channel, { number: channel + 1, of: count }));
      add(labels.mean, signs(moment(channel + 1)[0]));
      add(labels.std, signs(moment(channel + 1)[1]));
    }
    const numbers = make("dl", { class: "numbers" }, ...rows);
    const parts = [words, grid];
    if (attends) parts.push(this.drawLooks());
    else if (count > 1) {
      const one = make("canvas", { class: "still", role: "img", "aria-label": fill(labels.channel, { number: channel + 1, of: count }) });
      const side = Math.floor(126 / w) * w, pen = sharpen(one, side, side);
      paintSheet(pen, this.sheets[k][channel], 0, 0, side, side);
      parts.push(one);
    }
    const held = this.close.contains(this.root.getRootNode().activeElement);
    this.close.replaceChildren(...parts, numbers);
    if (held) this.close.querySelector("canvas[tabindex]")?.focus();
    Object.assign(this.root.dataset, { channel: channel + 1, weights: total, mean: moment(0)[0], std: moment(0)[1] });
  }

  // All channels in their order in the network; a click takes one, the arrow keys go from one to the next.
  drawGrid(stage, k, channel, room, theme) {
    const [count, h, w] = stage.size, gap = count > 1 ? 4 : 0;
    let best = { scale: 0 };
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const scale = Math.min((room - 8 - gap * (columns - 1)) / (columns * w), (BIG - gap * (rows - 1)) / (rows * h));
      if (scale > best.scale * 1.001) best = { scale, columns, rows };
    }
    const { columns, rows } = best, scale = Math.max(1, best.scale >= 2 ? Math.floor(best.scale) : best.scale);
    const canvas = make("canvas", { role: "img", "aria-label": fill(this.header.labels.map, { number: channel + 1, of: count }) });
    const pen = sharpen(canvas, columns * w * scale + gap * (columns - 1) + 8, rows * h * scale + gap * (rows - 1) + 8);
    const at = (c) => [4 + (c % columns) * (w * scale + gap), 4 + Math.floor(c / columns) * (h * scale + gap)];
    this.sheets[k].forEach((sheet, c) => paintSheet(pen, sheet, ...at(c), w * scale, h * scale));
    if (count === 1) {
      canvas.className = "still";
      return canvas;
    }
    ringAround(pen, theme, ...at(channel), w * scale, h * scale, 2, 1);
    const take = (c) => {
      if (c < 0 || c >= count) return;
      this.channels[stage.name] = c;
      this.drawClose();
    };
    canvas.tabIndex = 0;
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left - 2) / (w * scale + gap)), row = Math.floor((event.clientY - box.top - 2) / (h * scale + gap));
      if (column >= 0 && column < columns) take(row * columns + column);
    });
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      take(channel + way);
    });
    return canvas;
  }

  // The picture with the chosen place on it, and how much each place of it weighs for each head.
  drawLooks() {
    const { header, theme } = this, { labels, looks } = header, side = this.look, n = Math.round(Math.sqrt(looks.places));
    const under = this.index(looks.picture), wide = (looks.heads + 1) * (side + 8);
    const canvas = make("canvas", { tabindex: 0, role: "application", "aria-label": `${labels.looks}. ${labels.looks_hint}`, "data-looks": true });
    const pen = sharpen(canvas, wide, side + 20 * theme.scale);
    paintSheet(pen, this.sheets[under][0], 2, 2, side, side);
    const cell = side / n, [row, column] = [Math.floor(this.place / n), this.place % n];
    pen.font = theme.type(12);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillStyle = theme.muted;
    pen.fillText(fill(labels.place, { row: row + 1, column: column + 1 }), 2 + side / 2, side + 6);
    const [r, g, b] = rgb(theme.mark.score);
    for (let head = 0; head < looks.heads; head++) {
      const x = 2 + (head + 1) * (side + 8), from = (head * looks.places + this.place) * looks.places;
      let top = 1e-9;
      for (let i = 0; i < looks.places; i++) top = Math.max(top, this.shares[from + i]);
      for (let i = 0; i < looks.places; i++) {
        pen.fillStyle = `rgb(${r} ${g} ${b} / ${this.shares[from + i] / top})`;
        pen.fillRect(x + (i % n) * cell, 2 + Math.floor(i / n) * cell, cell, cell);
      }
      pen.strokeStyle = veil(theme.ink, 0.25);
      pen.lineWidth = 1;
      pen.strokeRect(x - 0.5, 1.5, side + 1, side + 1);
      ringAround(pen, theme, x + column * cell, 2 + row * cell, cell, cell, 1.5, 0);
      pen.fillStyle = theme.muted;
      pen.fillText(fill(labels.head, { number: head + 1, top: `${Math.round(100 * top)}%` }), x + side / 2, side + 6);
    }
    ringAround(pen, theme, 2 + column * cell, 2 + row * cell, cell, cell, 2, 0);
    const take = (place) => {
      if (place < 0 || place >= looks.places || place === this.place) return;
      this.place = place;
      this.root.dataset.place = place;
      this.drawClose();
      this.tell(REST_DELAY);
    };
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect(), x = (event.clientX - box.left - 2) % (side + 8), y = event.clientY - box.top - 2;
      const c = Math.floor(x / cell), r0 = Math.floor(y / cell);
      if (c >= 0 && c < n && r0 >= 0 && r0 < n) take(r0 * n + c);
    });
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const [r1, c1] = [row + way[0], column + way[1]];
      if (r1 >= 0 && r1 < n && c1 >= 0 && c1 < n) take(r1 * n + c1);
    });
    return make("div", { class: "looks" }, make("div", { class: "small" }, `${labels.looks} ${labels.looks_hint}`), canvas);
  }

  // ---- what a person does ----

  choose(name) {
    this.chosen = name;
    this.memory.used = true;
    this.drawDiagram();
    this.layWords();
    this.drawClose();
    this.tell(0);
  }

  keySpot(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { stages } = this.header, to = (this.index(this.chosen) + way + stages.length) % stages.length;
    this.choose(stages[to].name);
    this.spots[to].focus();
  }

  levelAt(event) {
    const box = this.heat.getBoundingClientRect(), { T } = this.header.heat;
    return Math.round(1 + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * (T - 1));
  }

  grab(event) {
    if (event.button !== 0) return;
    this.heat.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.slide(this.levelAt(event));
  }

  slide(t) {
    this.t = Math.max(1, Math.min(this.header.heat.T, t));
    this.drawDiagram();
    this.layWords();
  }

  drop() {
    if (!this.dragging) return;
    this.dragging = false;
    this.tell(0);
  }

  keyHeat(event) {
    const stride = event.shiftKey ? 50 : 10;
    const way = { ArrowLeft: -stride, ArrowRight: stride, ArrowDown: -stride, ArrowUp: stride, Home: -1e6, End: 1e6 }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.slide(this.t + way);
    this.tell(REST_DELAY);
  }

  tell(delay) {
    clearTimeout(this.quiet);
    const moved = this.t === this.header.heat.t ? {} : { t: this.t };
    const send = () => this.report({ stage: this.chosen, place: this.place, ...moved });
    if (delay) this.quiet = setTimeout(send, delay);
    else send();
  }
}

const ANATOMIES = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  if (!ANATOMIES.has(root)) ANATOMIES.set(root, new AnatomyView(root));
  ANATOMIES.get(root).load(data, (state) => setStateValue("state", state));
}
