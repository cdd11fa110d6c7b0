// The plane: panels side by side that share values, frames and a transport. The settings in Python are the truth; while
// a person holds a handle, and until Python has heard of it, what stands here is.

const LEAST_WIDTH = 220;        // of one of three or four panels side by side, in pixels
const SETTLED = 700;            // ms after which what stands above a picture has its room

const SAME = (a, b) => JSON.stringify(a) === JSON.stringify(b);

class Plane {
  constructor(root) {
    Object.assign(this, { root, views: [], values: {}, kinds: {}, serial: 0, changed: {}, dirty: new Set(), held: new Set(), frame: 0, fraction: 0 });
    this.panels = make("div", { class: "panels" });
    this.invite = make("div", { class: "invite" });
    this.stage = make("div", { class: "stage" }, this.panels);
    this.voice = make("div", { class: "quiet", "aria-live": "polite" });
    root.replaceChildren(this.stage, this.voice);
    watchRoom(root, () => (root.clientWidth !== this.width || typeScale() !== this.theme?.scale) && this.arrange());
    for (const kind of ["pointerdown", "keydown"]) root.addEventListener(kind, (event) => event.key !== "Tab" && this.used());
    offer(root, {
      name: () => this.header.key,
      paint: (frame) => this.paintFrame(frame),
      frames: () => this.header.frames,
      at: () => this.frame,
      seconds: () => this.transport.seconds(),
      table: () => planeTable(this),
    });
  }

  used() {
    this.root.dataset.used = "true";
    if (this.memory) this.memory.used = true;
  }

  // Called with every message and every change of theme.
  load(message, report) {
    this.report = report;
    if (message !== this.message) {
      this.message = message;
      this.read(decode(message));
    }
    this.arrange();
  }

  read({ header, part }) {
    const before = this.header, count = header.frames.length;
    this.memory = remembered(`plane ${header.key}`);
    if (this.memory.used) this.root.dataset.used = "true";
    const again = before ? before.scene === header.scene : this.memory.scene === header.scene;
    const place = before ? this : this.memory, counted = before ? before.frames.length : this.memory.frames;
    // What nobody has moved stands where the page says; what was moved stays there, and the end stays the end.
    let frame = header.start;
    if (again && (before ? this.moved || this.transport?.playing : this.memory.moved)) {
      frame = place.frame === Math.max(counted, 1) - 1 ? count - 1 : Math.min(place.frame, count - 1);
    }
    frame = Math.max(0, frame);
    if (before && !again) this.transport?.stop();
    this.moved = again ? (before ? this.moved : this.memory.moved) : false;
    this.picked = again ? place.picked ?? null : null;
    this.header = header;
    this.take(header, Boolean(before) && again);
    for (const panel of header.panels) for (const layer of panel.layers) {
      for (const field of Object.values(layer)) if (field?.part) field.values = part(field.part);
    }
    this.build(header);
    this.keepPick();
    this.startTransport(header, count, frame);
    this.root.setAttribute("aria-label", header.labels.plane);
    this.invite.textContent = header.invite;
    this.invite.hidden = !header.invite;
    if (!before && frame !== header.start) setTimeout(() => this.tell(), 0);
    else if (!before || !again) this.reported = JSON.stringify(this.news());
    Object.assign(this.memory, { scene: header.scene, moved: this.moved, frame, frames: count, picked: this.picked });
  }

  // The message's values, but for those that were changed here and that it has not heard of.
  take(header, again) {
    const ours = (name) => again && name in this.values
      && (this.dirty.has(name) || this.held.has(name) || (this.changed[name] ?? 0) > header.heard);
    const values = {};
    this.kinds = header.values;
    for (const [name, { now }] of Object.entries(header.values)) {
      if (ours(name)) values[name] = this.values[name];
      else { values[name] = now; delete this.changed[name]; this.dirty.delete(name); }
    }
    if (!again) this.changed = {};
    this.values = values;
    this.heard = header.heard;
    this.serial = Math.max(this.serial, this.memory.serial ?? 0, header.heard);
  }

  startTransport(header, count, frame) {
    if (count > 1 && !this.transport) {
      this.transport = new Transport({
        root: this.root, labels: header.labels,
        show: (f, fraction) => { this.moved = true; this.show(f, fraction); },
        rest: () => this.tell(),
        describe: (f) => this.header.frames[f] ?? "",
        move: (f) => this.header.moves[f],
      });
      this.stage.after(this.transport.bar);
      if (this.memory.speed) this.transport.setSpeed(this.memory.speed);
    }
    this.frame = frame;
    if (this.transport) {
      this.transport.bar.hidden = count < 2;
      this.transport.say(header.labels);
      this.transport.load(count, frame);
    } else Object.assign(this.root.dataset, { frame, frames: count, playing: false });
  }

  // Panels whose handles are the same keep their elements, so that the focus and a drag outlive a message.
  build(header) {
    const shape = JSON.stringify(header.panels.map((p) => [p.name, p.kind, p.handles.map((h) => [h.kind, h.name])]));
    if (shape !== this.shape) {
      this.shape = shape;
      for (const view of this.views) view.end();
      this.views = header.panels.map((panel) => new View(this, panel));
      this.panels.replaceChildren(...this.views.map((view) => view.figure));
      this.views[0].sheet.append(this.invite);
      this.told = null;                                                       // the words of the frame stood in a view that is gone
    }
    header.panels.forEach((panel, i) => this.views[i].describe(panel));
  }

  get env() { return { values: this.values, frame: this.frame + this.fraction }; }

  arrange() {
    const width = this.root.clientWidth;
    if (!(width > 60) || !this.header) return;                                // a fold that is opening has no room yet
    this.width = width;
    this.sharp = sharpness();
    this.theme = readTheme(this.root);
    const pairs = this.views.length === 4 && width >= 2 * LEAST_WIDTH + 60;   // four of them are too many to stand in a column
    const narrow = width < 640 && !pairs, gap = 20, inner = width - 2 - 2 * 12;
    this.root.dataset.narrow = narrow;
    const weights = this.views.map((view) => Math.max(0.1, view.panel.weight)), sum = weights.reduce((a, b) => a + b, 0);
    const inRow = weights.map((w) => ((inner - gap * (weights.length - 1)) * w) / sum);
    const folded = !narrow && weights.length > 2 && Math.min(...inRow) < LEAST_WIDTH;         // two in a row
    const columns = narrow ? [1] : folded ? [1, 1] : weights;
    this.panels.style.gridTemplateColumns = columns.map((w) => `minmax(0, ${w}fr)`).join(" ");
    const headed = this.views.some((view) => view.headed());
    const widths = inRow.map((own) => Math.floor(narrow ? inner : folded ? (inner - gap) / 2 : own));
    const below = this.views.some((view, i) => view.namedLong(widths[i], this.theme));       // axes in a row stay level
    const lay = (asked) => this.views.forEach((view, i) => {
      const own = widths[i], height = narrow ? Math.min(asked, Math.max(260, own * 1.1)) : asked;
      view.arrange(own, height, this.theme, headed && !narrow, below);
    });
    this.lay = lay;
    lay((this.height = this.header.height));
    clearTimeout(this.settling);
    if (isPresented()) {
      requestAnimationFrame(() => this.fill(lay));
      this.settling = setTimeout(() => this.fill(lay), SETTLED);
    }
    this.paint();
  }

  // On a projector a picture takes what the screen has left, once it is known how much the words around it take.
  fill(lay) {
    if (!this.root.isConnected) return;
    const fits = tall(this.header.height, this.root, this.root.offsetHeight - this.height);
    if (Math.abs(fits - this.height) < 4) return;
    lay((this.height = fits));
    this.paint();
  }

  show(frame, fraction = 0) {
    this.frame = frame;
    this.fraction = this.header.glide && !reducedMotion() ? fraction : 0;
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (this.width) this.paint();
    });
  }

  paint() {
    const started = performance.now(), { env, header } = this;
    this.views.forEach((view) => view.paint(env));
    const text = header.frames[this.frame] ?? "", between = this.fraction > 0;
    if (this.told !== text + between) {
      this.told = text + between;
      const [first, ...rest] = text.split(" · ");
      const more = between ? header.labels.between : rest.join(" · ");
      this.views[0].level.replaceChildren(first, ...(more ? [make("span", { class: "more" }, more)] : []));
    }
    this.placeInvite();
    const tags = { values: JSON.stringify(this.values), picked: this.picked ? this.picked.join(",") : "", serial: this.serial };
    Object.assign(this.root.dataset, { ...tags, paint: (performance.now() - started).toFixed(2) });
  }

  // At once: the frame that is given, and after that again the one that is shown.
  paintFrame(frame = this.frame) {
    const { frame: shown, fraction } = this;
    Object.assign(this, { frame, fraction: frame === shown ? fraction : 0 });
    if (this.sharp !== sharpness()) {
      this.sharp = sharpness();
      this.lay(this.height);
    }
    this.paint();
    Object.assign(this, { frame: shown, fraction });
  }

  // The invitation stands in the first corner where it covers no handle and no words, until it is gone.
  placeInvite() {
    const { invite, root, views: [view] } = this, now = JSON.stringify([this.values, this.width, this.theme.scale, this.told]);
    if (invite.hidden || root.dataset.used || this.invited === now) return;
    this.invited = now;
    const taken = [...view.knobs.children, view.level, view.note].map((element) => element.getBoundingClientRect());
    const free = (corner) => {
      invite.dataset.at = corner;
      const own = invite.getBoundingClientRect();
      return !taken.some((r) => r.left < own.right && own.left < r.right && r.top < own.bottom && own.top < r.bottom);
    };
    const corners = ["top right", "bottom right", "bottom left", "top left"];
    if (view.figure.dataset.small === "true") corners.push(corners.shift());
    if (!corners.some(free)) invite.dataset.at = corners[0];
  }

  // ---- values ---------------------------------------------------------------------------------------------------------

  // New values from a handle, as the settings would have them: on their steps and within their bounds.
  put(values) {
    for (const [name, value] of Object.entries(values)) {
      const kind = this.kinds[name], kept = kind ? fitted(kind, value) : null;
      if (kept == null || SAME(kept, this.values[name])) continue;
      this.values[name] = kept;
      this.dirty.add(name);
    }
    this.redraw();
  }

  hold(names) { for (const name of names) this.held.add(name); }

  release() {
    this.held.clear();
    this.tell();
  }

  // After keys, once they rest.
  soon() {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.tell(), REST_DELAY);
  }

  news() {
    const values = {};
    for (const name of Object.keys(this.values)) if ((this.changed[name] ?? 0) > this.heard) values[name] = this.values[name];
    const { scene, frames } = this.header;
    return { serial: this.serial, values, frame: this.frame, frames: frames.length, picked: this.picked, scene };
  }

  // Python hears only of what stands, and only once. The serial grows with values alone: a message that depends on the
  // frame would be sent anew after every step.
  tell() {
    clearTimeout(this.quiet);
    if (this.held.size) return;
    if (this.dirty.size) {
      this.serial += 1;
      for (const name of this.dirty) this.changed[name] = this.serial;
      this.dirty.clear();
    }
    const news = this.news(), said = JSON.stringify(news), text = this.header.frames[this.frame];
    const { speed } = this.transport ?? {};
    Object.assign(this.memory, { serial: this.serial, frame: this.frame, picked: this.picked, moved: true, speed });
    this.moved = true;
    this.root.dataset.serial = this.serial;
    if (said === this.reported) return;
    this.reported = said;
    if (text && this.voice.textContent !== text) this.voice.textContent = text;
    this.report(news);
  }

  // ---- what is chosen -----------------------------------------------------------------------------------------------

  pick(picked) {
    if (SAME(picked, this.picked)) return;
    this.picked = picked;
    this.redraw();
    this.tell();
  }

  keepPick() {
    if (!this.picked) return;
    const [name, index] = this.picked;
    const there = this.header.panels.some((p) => p.layers.some((l) => l.name === name && l.pick && index < l.at.shape.at(-2)));
    if (!there) this.picked = null;
  }

  seek(frame) {
    if (!this.transport || this.header.frames.length < 2) return;
    this.transport.stop();
    this.transport.go(frame);
    this.transport.settle(0);
  }
}

// A value as its setting would have it.
function fitted(kind, value) {
  const within = (v, low, high) => Math.min(high, Math.max(low, v)), short = (v) => Number(v.toFixed(4));
  const sound = (v) => typeof v === "number" && Number.isFinite(v);
  if (kind.kind === "points") return value.every((p) => p.every(sound)) ? value.map((p) => p.map((v) => short(within(v, kind.low, kind.high)))) : null;
  if (kind.kind === "rows") {
    return value.every((row) => row.every(sound)) ? value.map((row) => row.map((v, i) => short(within(v, ...kind.columns[i])))) : null;
  }
  if (!sound(value)) return null;
  const { low, high, step } = kind, inside = within(value, low, high);
  const even = step > 0 ? low + Math.round((inside - low) / step) * step : inside;
  return Number(within(even, low, high).toPrecision(12));
}

const PLANES = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  if (!PLANES.has(root)) PLANES.set(root, new Plane(root));
  const plane = PLANES.get(root);
  plane.load(data, (state) => setStateValue("state", state));
  return () => plane.transport?.stop();
}
