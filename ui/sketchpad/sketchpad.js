// A square to draw in. What is drawn is what Python gets: polylines in the unit square, y down, three decimals.

const APART = 0.004;            // points closer than this to the last one are not kept
const STRAIGHT = 0.001;         // a point nearer than this to the line of its neighbours is not needed
const STRIDE = 0.02;            // how far one arrow key moves the pen

const round3 = (v) => Math.round(Math.min(1, Math.max(0, v)) * 1000) / 1000;

// Ramer (1972), Douglas and Peucker (1973): the fewest points that stay within `near` of the stroke.
function simplify(points, near) {
  if (points.length < 3) return points;
  const [ax, ay] = points[0], [bx, by] = points.at(-1);
  const dx = bx - ax, dy = by - ay, length = Math.hypot(dx, dy);
  let far = 0, at = 0;
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i];
    const off = length > 0 ? Math.abs(dy * (x - ax) - dx * (y - ay)) / length : Math.hypot(x - ax, y - ay);
    if (off > far) { far = off; at = i; }
  }
  if (far <= near) return [points[0], points.at(-1)];
  return [...simplify(points.slice(0, at + 1), near).slice(0, -1), ...simplify(points.slice(at), near)];
}

class Sketchpad {
  constructor(root) {
    this.root = root;
    this.strokes = [];
    this.told = new Set();
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.invite = make("div", { class: "invite" });
    this.pad = make("div", { class: "stage pad", tabindex: 0, role: "application" }, this.canvas, this.invite);
    this.buttons = Object.fromEntries(["undo", "clear", "done"].map((name) => {
      const button = make("button", { type: "button", class: `button ${name}`, "data-do": name }, icon(ICONS[name]), make("span"));
      button.addEventListener("click", () => this.act(name));
      return [name, button];
    }));
    this.tools = make("div", { class: "tools", role: "toolbar" }, ...Object.values(this.buttons));
    this.full = make("div", { class: "full", "aria-live": "polite" });
    root.replaceChildren(make("div", { class: "frame" }, this.pad, this.tools, this.full));
    const { pad } = this;
    pad.addEventListener("pointerdown", (event) => this.down(event));
    pad.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) pad.addEventListener(end, (e) => this.up(e));
    pad.addEventListener("blur", () => { this.cursor = null; this.lift(); });
    root.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.arrange()).observe(root);
    offer(root, { name: () => this.header.key, paint: () => this.arrange(), table: () => [this.table()] });
  }

  load(message, report, finish) {
    Object.assign(this, { report, finish });
    if (message !== this.message) {
      this.message = message;
      const { header, part } = decode(message);
      this.backdrop = header.backdrop ? { size: header.backdrop, values: part("backdrop") } : null;
      this.read(header);
    }
    this.theme = readTheme(this.root);
    this.arrange();
  }

  read(header) {
    const before = this.header, { labels } = header;
    this.header = header;
    this.memory = remembered(`sketchpad ${header.key}`);
    const given = JSON.stringify(header.strokes);
    const came = before ? JSON.stringify(before.strokes) !== given || before.scene !== header.scene
      : this.memory.given !== given || this.memory.scene !== header.scene;
    // A page may hand back what was drawn a moment ago; by then there can be more, which must not be lost.
    if (came && (before?.scene !== header.scene || !this.told.has(given))) this.strokes = header.strokes;
    else if (!before) this.strokes = this.memory.strokes ?? header.strokes;
    Object.assign(this.memory, { given, scene: header.scene, strokes: this.strokes });
    if (!before && JSON.stringify(this.strokes) !== given) setTimeout(() => this.tell(), 0);
    for (const [name, button] of Object.entries(this.buttons)) {
      button.lastChild.textContent = labels[name] ?? "";
      button.hidden = !labels[name];
    }
    this.root.setAttribute("aria-label", labels.pad);
    this.pad.setAttribute("aria-label", labels.keys);
    this.tools.setAttribute("aria-label", labels.tools);
    this.invite.textContent = labels.invite;
  }

  arrange() {
    if (!this.header || !this.theme || !this.root.clientWidth) return;
    this.side = Math.min(this.root.clientWidth, tall(this.header.height, this.root, 90)) - 2;
    this.root.firstChild.style.width = `${this.side + 2}px`;
    this.draw();
  }

  draw() {
    const { side, theme, header } = this;
    const pen = sharpen(this.canvas, side, side);
    if (this.backdrop) this.lay(pen);
    pen.strokeStyle = veil(theme.ink, 0.08);
    pen.lineWidth = 1;
    if (header.grid) {
      for (const part of [0.25, 0.5, 0.75]) {
        const at = Math.round(part * side) + 0.5;
        pen.beginPath();
        pen.moveTo(at, 0); pen.lineTo(at, side);
        pen.moveTo(0, at); pen.lineTo(side, at);
        pen.stroke();
      }
    }
    const width = Math.max(2.5, header.pen * side);
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = width;
    pen.strokeStyle = pen.fillStyle = this.backdrop ? veil(theme.mark[header.role], 0.6) : theme.mark[header.role];
    for (const stroke of this.line ? [...this.strokes, this.line] : this.strokes) {
      pen.beginPath();
      if (stroke.length === 1) {
        pen.arc(stroke[0][0] * side, stroke[0][1] * side, width / 2, 0, 7);
        pen.fill();
        continue;
      }
      stroke.forEach(([x, y], i) => (i ? pen.lineTo(x * side, y * side) : pen.moveTo(x * side, y * side)));
      pen.stroke();
    }
    if (this.cursor) this.cross(pen);
    this.mark();
  }

  // The picture that is drawn upon.
  lay(pen) {
    const [rows, columns] = this.backdrop.size, [red, green, blue] = rgb(this.theme.ink);
    const picture = new ImageData(columns, rows);
    this.backdrop.values.forEach((ink, i) => picture.data.set([red, green, blue, ink], 4 * i));
    const sheet = make("canvas", { width: columns, height: rows });
    sheet.getContext("2d").putImageData(picture, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(sheet, 0, 0, this.side, this.side);
  }

  cross(pen) {
    const [x, y] = this.cursor.map((v) => v * this.side);
    pen.strokeStyle = this.theme.ink;
    pen.lineWidth = 1.5;
    pen.setLineDash(this.line ? [] : [3, 3]);
    pen.beginPath();
    pen.arc(x, y, 9, 0, 7);
    pen.stroke();
    pen.setLineDash([]);
  }

  mark() {
    const { labels, limit } = this.header;
    const room = this.room();
    this.root.dataset.strokes = this.strokes.length;
    this.root.dataset.points = this.points();
    this.root.dataset.drawing = Boolean(this.line);
    for (const button of Object.values(this.buttons)) button.disabled = !this.strokes.length;
    this.full.textContent = room > 0 ? "" : fill(labels.full, { strokes: limit.strokes, points: limit.points });
  }

  table() {
    const rows = this.strokes.flatMap((stroke, s) => stroke.map(([x, y], i) => ["strokes", s, i, x, y]));
    return { columns: ["layer", "stroke", "item", "x", "y_down"], rows };
  }

  points() { return this.strokes.reduce((sum, stroke) => sum + stroke.length, 0); }

  // How many more points may be drawn; none when there are enough strokes.
  room() {
    const { strokes, points } = this.header.limit;
    return this.strokes.length >= strokes ? 0 : Math.max(0, points - this.points());
  }

  spot(event) {
    const box = this.canvas.getBoundingClientRect();
    return [round3((event.clientX - box.left) / box.width), round3((event.clientY - box.top) / box.height)];
  }

  down(event) {
    if (this.pointer != null || event.button !== 0 || this.room() < 1) return;
    this.pad.focus({ preventScroll: true });
    event.preventDefault();
    this.cursor = null;
    this.pointer = event.pointerId;
    this.pad.setPointerCapture(event.pointerId);
    this.line = [this.spot(event)];
    this.draw();
  }

  move(event) {
    if (event.pointerId !== this.pointer || !this.line) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) this.extend(this.spot(one));
    this.draw();
  }

  extend(spot) {
    const [x, y] = this.line.at(-1);
    if (Math.hypot(spot[0] - x, spot[1] - y) >= APART && this.line.length < this.room()) this.line.push(spot);
  }

  up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.lift();
  }

  lift() {
    if (!this.line) return;
    this.strokes = [...this.strokes, simplify(this.line, STRAIGHT)];
    this.line = null;
    this.draw();
    this.tell();
  }

  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      return void this.act("undo");
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.composedPath()[0] !== this.pad) return;
    const way = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (way) this.steer(way);
    else if (event.key === " ") this.toggle();
    else return;
    event.preventDefault();
  }

  steer([dx, dy]) {
    const [x, y] = this.cursor ?? [0.5, 0.5];
    this.cursor = [round3(x + dx * STRIDE), round3(y + dy * STRIDE)];
    if (this.line) this.extend(this.cursor);
    this.draw();
  }

  toggle() {
    this.cursor ??= [0.5, 0.5];
    if (this.line) return this.lift();
    if (this.room() > 0) this.line = [this.cursor];
    this.draw();
  }

  act(name) {
    if (!this.strokes.length) return;
    if (name === "done") return this.finish();
    this.line = null;
    this.strokes = name === "undo" ? this.strokes.slice(0, -1) : [];
    this.draw();
    this.tell();
  }

  tell() {
    this.memory.strokes = this.strokes;
    const drawn = JSON.stringify(this.strokes);
    if (drawn === this.last) return;
    this.last = drawn;
    this.told.add(drawn);
    this.report(this.strokes);
  }
}

const PADS = new WeakMap();

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  if (!PADS.has(root)) PADS.set(root, new Sketchpad(root));
  PADS.get(root).load(data, (strokes) => setStateValue("strokes", strokes), () => setTriggerValue("done", true));
}
