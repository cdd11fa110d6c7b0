// Handles of many points: those that are put down one by one, and those that a stroke paints.

class EditorHandle extends Handle {
  constructor(view, spec) {
    super(view, spec);
    const { labels } = this.plane.header;
    this.past = [];
    this.full = make("span", { class: "full", "aria-live": "polite" });
    this.buttons = ["undo", "clear"].map((name) => this.button(name, labels[name], icon(ICONS[name]), () => this[name]()));
    view.tools.append(this.full, ...this.buttons);
    view.figure.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      this.undo();
    });
  }

  names() { return [this.spec.points]; }
  get points() { return this.values[this.spec.points] ?? []; }

  sync() {
    const { points, spec } = this;
    while (this.knobs.length > points.length) this.knobs.pop().end();
    while (this.knobs.length < points.length) this.add(`${spec.name}.${this.knobs.length}`, "point");
    points.forEach(([x, y], i) => {
      this.knobs[i].put(...this.pixel(x, spec.line ? 0 : y));
      this.knobs[i].say(`${spec.label} ${i + 1}`, this.spoken(x, spec.line ? null : y), x, this.kind(spec.points));
    });
    if (this.known !== points) {                                          // they came from elsewhere: what was is no past of theirs
      if (this.known && JSON.stringify(this.known) !== JSON.stringify(points)) this.past = [];
      this.known = points;
    }
    for (const button of this.buttons) button.disabled = !points.length && !this.past.length;
    this.buttons[1].disabled = !points.length;
    this.view.say(this.full, points.length >= spec.most ? fill(this.plane.header.labels.full, { most: spec.most }) : "");
  }

  put(points) {
    this.plane.put({ [this.spec.points]: points });
    this.known = this.points;
    this.sync();
  }

  keep() { this.past = [...this.past.slice(-199), this.points]; }

  begin(knob, at, fresh) { if (!fresh) this.keep(); }

  set(knob, x, y) {
    const i = this.knobs.indexOf(knob);
    this.put(this.points.map((p, k) => (k === i ? [x, this.spec.line ? 0 : y] : p)));
  }

  drag(knob, px, py) {
    const { x, y } = this.spot(px, py);
    this.set(knob, x, y);
  }

  step(knob, dx, dy) {
    const [x, y] = this.points[this.knobs.indexOf(knob)], { sx, sy } = this.chart;
    if (!knob.aim) { this.keep(); knob.aim = {}; }                        // one undo for a row of key presses
    this.set(knob, this.stepped(x, dx, sx), this.stepped(y, dy, sy));
  }

  press({ x: px, y: py }) {
    if (this.points.length >= this.spec.most) return null;
    const { x, y } = this.spot(px, py);
    this.keep();
    this.put([...this.points, [x, this.spec.line ? 0 : y]]);
    return this.knobs.at(-1);
  }

  press1(knob, key) {
    const i = this.knobs.indexOf(knob);
    if (key !== "Delete" && key !== "Backspace") return false;
    this.keep();
    this.put(this.points.filter((_, k) => k !== i));
    (this.knobs[Math.min(i, this.knobs.length - 1)]?.element ?? this.view.canvas).focus({ preventScroll: true });
    return true;
  }

  undo() {
    if (!this.past.length && !this.points.length) return;
    const before = this.past.pop() ?? this.points.slice(0, -1);
    this.put(before);
    this.plane.release();
  }

  clear() {
    if (!this.points.length) return;
    this.keep();
    this.put([]);
    this.plane.release();
  }
}

class PainterHandle extends Handle {
  constructor(view, spec) {
    super(view, spec);
    Object.assign(this, { paints: true, index: null });
    this.add(spec.name);
  }

  names() { return [this.spec.points]; }
  get points() { return this.values[this.spec.points] ?? []; }

  sync() {
    const { points } = this, [knob] = this.knobs;
    knob.element.hidden = !points.length;
    if (!points.length) return;
    this.index = Math.min(this.index ?? points.length >> 1, points.length - 1);
    const [x, y] = points[this.index];
    knob.put(...this.pixel(x, y));
    knob.say(this.spec.label, this.spoken(x, y), y, this.kind(this.spec.points));
  }

  nearest(px) {
    let best = 0;
    const away = (i) => Math.abs(this.chart.x(this.points[i][0]) - px);
    for (let i = 1; i < this.points.length; i++) if (away(i) < away(best)) best = i;
    return best;
  }

  begin(knob, at) { this.last = at; }

  // Every point that the stroke passed takes the height at which it passed.
  drag(knob, px, py) {
    if (!this.points.length) return;
    const { last = { x: px, y: py } } = this, { sy } = this.chart;
    const left = Math.min(last.x, px), right = Math.max(last.x, px), under = this.nearest(px);
    const height = (at) => last.y + (right > left ? ((at - last.x) / (px - last.x)) * (py - last.y) : py - last.y);
    const points = this.points.map(([x, y], i) => {
      const at = this.chart.x(x);
      if (i === under) return [x, sy.within(sy.of(py))];
      return at >= left && at <= right ? [x, sy.within(sy.of(height(at)))] : [x, y];
    });
    this.index = under;
    this.last = { x: px, y: py };
    this.plane.put({ [this.spec.points]: points });
  }

  step(knob, dx, dy) {
    const { points } = this;
    if (!points.length) return;
    this.index = Math.max(0, Math.min(points.length - 1, this.index + dx));
    if (dy) {
      const lifted = this.stepped(points[this.index][1], dy, this.chart.sy);
      this.plane.put({ [this.spec.points]: points.map(([x, y], i) => [x, i === this.index ? lifted : y]) });
    } else this.plane.redraw();
  }

  press(at) {
    this.last = at;
    this.drag(this.knobs[0], at.x, at.y);
    return this.knobs[0];
  }

  draw({ pen, chart, theme }) {
    const { points } = this, mark = theme.mark[this.spec.role];
    pen.beginPath();
    trace(pen, (i) => chart.x(points[i][0]), (i) => chart.y(points[i][1]), points.length);
    strokeAs(pen, { role: this.spec.role }, mark, 2.5);
    pen.fillStyle = mark;
    if (points.length <= 80) for (const [x, y] of points) disc(pen, chart.x(x), chart.y(y), 3.5);
  }
}
