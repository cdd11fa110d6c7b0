// A derivation beside its picture: the dials, the plane with its arrows, the lines, and an image at the same level.

const FADE = 120, TURN = 500;                    // ms: lighting, and turning every arrow round
const MARKS = ["px", "pxy", "pyx", "s", "sy", "g", "gg", "guided", "zero"];

class Derivation {
  constructor(root) {
    this.root = root;
    this.lit = null;
    this.preview = null;
    const move = (values) => this.put(values), settle = (delay) => this.settle(delay), light = (mark, line) => this.light(mark, line);
    this.dials = new Dials({ turn: move, settle });
    this.picture = new Picture({ now: () => this.values, move, settle, light });
    this.lines = new Lines({ choose: (line) => { if (line !== this.values.line) { this.put({ line }); this.settle(REST_DELAY); } }, light });
    this.digits = new Digits({ ask: (values) => { this.put(values); this.settle(0); }, light });
    this.reason = make("div", { class: "reason", "aria-live": "polite" });
    this.state = make("div", { class: "state" });
    this.middle = make("div", { class: "middle" }, this.lines.list, this.reason, this.state);
    this.left = make("div", { class: "left" }, this.picture.sheet);
    root.append(make("div", { class: "stage" }, this.dials.root, make("div", { class: "columns" }, this.left, this.middle, this.digits.root)));
    watchRoom(root, () => this.arrange());
    root.placeOn = (mark, share) => this.picture.placeOn(mark, share);
    offer(root, { name: () => this.header.key, paint: () => this.arrange(true), table: () => this.table() });
  }

  load(message, report) {
    this.report = report;
    const fresh = message !== this.message;
    if (fresh) {
      this.message = message;
      this.read(decode(message));
    }
    this.theme = readTheme(this.root);
    this.lines.tint(this.theme);
    this.arrange(true);
  }

  read({ header, part }) {
    const before = this.header, { labels } = header;
    this.header = header;
    this.memory = remembered(`derivation ${header.key}`);
    if (!before || before.scene !== header.scene) this.values = structuredClone(header.values);
    this.values.y = Math.min(this.values.y, header.count);
    if (!header.levels.includes(this.values.t)) this.values.t = header.levels.at(-1);
    this.root.setAttribute("aria-label", labels.name);
    this.dials.read(header);
    this.picture.build(header);
    this.picture.invite.hidden = Boolean(this.memory.used);
    if (!before || JSON.stringify(before.lines) !== JSON.stringify(header.lines)) this.lines.build(header.lines, labels.lines);
    this.digits.read(header, part);
    this.picture.turn = this.picture.turn || Number(this.line().turned);
    this.root.style.setProperty("--height", `${this.tall()}px`);
  }

  line(name = this.preview ?? this.values.line) {
    return this.header.lines.find((l) => l.name === name) ?? this.header.lines[0];
  }

  // ---- what changes ----

  put(values) {
    if ("x" in values) values = { x1: values.x[0], x2: values.x[1] };
    if ("x1" in values || "parts" in values) this.memory.used = this.picture.invite.hidden = true;
    Object.assign(this.values, values);
    this.soon();
  }

  // The settings take the values: at once, or after a moment without another change.
  settle(delay = 0) {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.report(structuredClone(this.values)), delay);
  }

  // A term, an arrow or a row of images is pointed at: its mark alone stays strong. line: of the term, shown meanwhile.
  light(mark, line = null) {
    const name = line && mark ? line.name : null;
    if (mark === this.lit && name === this.preview) return;
    this.lit = mark;
    this.preview = name;
    this.soon();
  }

  soon() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.draw(); });
  }

  // ---- where things are ----

  tall() { return tall(this.header.height, this.root, 174 * typeScale()); }

  arrange(anew = false) {
    if (!this.header || !this.theme || !this.root.clientWidth) return;
    const { scale } = this.theme, now = typeScale();
    if (now !== scale) this.theme = readTheme(this.root);
    const width = this.root.clientWidth - 26, narrow = width < 980 * Math.max(1, now * 0.97), phone = width < 790 * Math.max(1, now * 0.97);
    Object.assign(this.root.dataset, { narrow, phone });
    const height = this.tall();
    const size = phone ? width : narrow ? Math.min(height, Math.floor(width - 470 * now)) : Math.min(height, Math.floor(width * 0.338));
    if (!anew && size === this.size && now === this.scale) return;
    const side = narrow ? Math.max(48, Math.min(56 * now, Math.floor((width - 48) / 10) - 2)) : 56;
    Object.assign(this, { size, side, scale: now });
    this.left.style.width = `${size}px`;
    this.picture.arrange(size, phone ? Math.min(size, height) : narrow ? size : height, this.theme);
    this.draw();
  }

  // ---- drawing ----

  draw() {
    if (!this.picture.chart) return;
    const began = performance.now(), { values, header, picture } = this, index = header.levels.indexOf(values.t), alphaBar = header.alpha_bar[index];
    const rows = values.parts.slice(0, header.count), mixture = noisyMixture(rows, alphaBar), chosen = values.y - 1;
    const x = [values.x1, values.x2], quantities = quantitiesAt(mixture, chosen, alphaBar, values.gamma, x), line = this.line();
    this.fade(line);
    picture.turned = line.turned;
    picture.draw({ ...values, x }, { mixture, chosen, alphaBar, quantities }, line.marks, this.lit);
    this.dials.show(values);
    this.lines.mark(values.line, this.lit);
    this.lines.say(quantities);
    this.words(values, quantities);
    this.digits.draw(values, index, alphaBar, this.theme, this.side, this.lit);
    const asked = header.values.digit === values.digit && header.values.label === values.label;
    this.digits.root.classList.toggle("waiting", !asked);                    // until the network has answered
    this.root.dataset.quantities = JSON.stringify(quantities);
    this.root.dataset.values = JSON.stringify(values);
    this.root.dataset.lit = this.lit ?? "";
    this.root.dataset.alpha = JSON.stringify(picture.alpha);
    this.root.dataset.turn = picture.turn;
    this.root.dataset.paint = (performance.now() - began).toFixed(2);
  }

  // The strength of every mark and the turn of the arrows, on their way to where they should be.
  fade(line) {
    const { picture } = this, now = performance.now(), passed = Math.min(50, now - (this.last ?? now)), jump = reducedMotion();
    let moving = false;
    const towards = (from, to, duration) => {
      const step = jump ? 1 : passed / duration, next = Math.abs(to - from) <= step ? to : from + Math.sign(to - from) * step;
      moving ||= next !== to;
      return next;
    };
    for (const mark of MARKS) {
      const to = !this.lit || mark === this.lit ? 1 : 0.15;
      picture.alpha[mark] = this.first ? towards(picture.alpha[mark] ?? 1, to, FADE) : to;
    }
    const turn = towards(this.turned ?? picture.turn, Number(line.turned), TURN);
    this.turned = turn;
    picture.turn = turn < 0.5 ? 4 * turn ** 3 : 1 - (2 - 2 * turn) ** 3 / 2;                     // cubic, in and out
    picture.turning = turn > 0 && turn < 1;
    this.first = true;
    this.last = moving ? now : null;
    if (moving) this.soon();
  }

  // What is set, the components at level 0, and every quantity of the lines as it is now; of a vector x and y.
  table() {
    const { parts, ...set } = this.values, { count, levels, alpha_bar: left } = this.header, rows = parts.slice(0, count);
    const alphaBar = left[levels.indexOf(set.t)], mixture = noisyMixture(rows, alphaBar);
    const quantities = quantitiesAt(mixture, set.y - 1, alphaBar, set.gamma, [set.x1, set.x2]);
    const told = Object.entries(quantities).filter(([, v]) => typeof v === "number" || Array.isArray(v));
    return [
      { columns: ["layer", "name", "value"], rows: Object.entries({ ...set, alpha_bar: alphaBar }).map(([name, value]) => ["setting", name, value]) },
      { columns: ["layer", "item", "weight", "mean_x", "mean_y", "std_x", "std_y", "correlation"], rows: rows.map((row, k) => ["component", k, ...row]) },
      ...told.map(([name, v]) => (Array.isArray(v)
        ? { columns: ["layer", "name", "x", "y"], rows: [["quantity", name, ...v]] }
        : { columns: ["layer", "name", "value"], rows: [["quantity", name, v]] })),
    ];
  }

  words({ gamma, y }, { g }) {
    const { labels, count } = this.header, line = this.line();
    if (this.said !== line.reason) inRoles(this.reason, (this.said = line.reason));
    const kind = count < 2 ? "one_class" : gamma < 0 ? "negative" : gamma === 0 ? "zero" : gamma < 1 ? "between" : gamma === 1 ? "one" : "more";
    const text = fill(labels[`state_${kind}`], { gamma: written(gamma), y });
    if (this.stated !== text) inRoles(this.state, (this.stated = text));
    for (const word of this.middle.querySelectorAll("b[data-role]")) word.style.color = this.theme.text[word.dataset.role];
  }
}

const DERIVATIONS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  if (!DERIVATIONS.has(root)) DERIVATIONS.set(root, new Derivation(root));
  DERIVATIONS.get(root).load(data, (values) => setStateValue("state", values));
}
