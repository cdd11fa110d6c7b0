// Handles of a normal distribution in the plane: its centre, and the ends of its axes at Mahalanobis distance 1.

const MOST_CORRELATION = 0.999;
const TURN = Math.PI / 2;

// The axes of Σ as { angle, lengths }: axis 0 at the angle, axis 1 a right angle further. Axis 0 points to the right at
// first; then which is which, and where a circle's point, stays as it was `before`: a knob does not leap.
function axesOf(stdX, stdY, rho, before) {
  const a = stdX * stdX, b = rho * stdX * stdY, c = stdY * stdY, middle = (a + c) / 2, half = Math.hypot((a - c) / 2, b);
  const lengths = [Math.sqrt(middle + half), Math.sqrt(Math.max(0, middle - half))];
  if (half < 1e-6 * middle) return { angle: before, lengths };
  const angle = Math.atan2(2 * b, a - c) / 2;
  const turns = Math.round((before - angle) / TURN);
  return { angle: angle + turns * TURN, lengths: turns % 2 ? lengths.reverse() : lengths };
}

// σx, σy, ρ of the ellipse whose axis ends (dx, dy) from its centre, the other axis, of length `other`, at right angles
// to it; the end comes so far only as the settings allow.
function stretched(dx, dy, other, [lowX, highX], [lowY, highY], [lowRho, highRho]) {
  const angle = Math.atan2(dy, dx), u = Math.cos(angle), v = Math.sin(angle), m = other * other;
  let low = 1e-8, high = Infinity;                                        // of the squared length
  for (const [along, across, from, to] of [[u * u, v * v, lowX, highX], [v * v, u * u, lowY, highY]]) {
    if (along < 1e-9) continue;
    low = Math.max(low, (from * from - m * across) / along);
    high = Math.min(high, (to * to - m * across) / along);
  }
  const shape = (l) => {
    const x = Math.sqrt(l * u * u + m * v * v), y = Math.sqrt(l * v * v + m * u * u);
    return [x, y, ((l - m) * u * v) / (x * y)];
  };
  const allowed = (l) => { const rho = shape(l)[2]; return rho >= Math.max(lowRho, -MOST_CORRELATION) && rho <= Math.min(highRho, MOST_CORRELATION); };
  let length = Math.max(low, Math.min(high, dx * dx + dy * dy));
  if (!allowed(length)) {                                                 // a circle has ρ = 0: between it and this lies the last that may be
    let good = m, bad = length;
    for (let i = 0; i < 50; i++) {
      const middle = (good + bad) / 2;
      if (allowed(middle)) good = middle; else bad = middle;
    }
    length = good;
  }
  return shape(length);
}

// The three knobs of one normal distribution; the handle says what its numbers are and takes new ones.
class ShapeKnobs {
  constructor(handle, name, role, { still = false, kind = "" } = {}) {
    Object.assign(this, { handle, role, angle: 0 });
    this.ends = [0, 1].map((i) => Object.assign(handle.add(`${name}.axis${i}`, "end", role), { shape: this, axis: i }));
    this.centre = still ? null : Object.assign(handle.add(name, kind, role), { shape: this, axis: null });
  }

  get knobs() { return [...this.ends, ...(this.centre ? [this.centre] : [])]; }

  sync(label, { x, y, stdX, stdY, rho }) {
    const { handle } = this, axes = axesOf(stdX, stdY, rho, this.angle);
    Object.assign(this, { mean: [x, y], axes });
    this.angle = axes.angle;
    this.ends.forEach((knob, i) => {
      const [px, py] = this.end(i);
      knob.put(...handle.pixel(px, py));
      knob.say(`${label}, ${i + 1}`, `σ ${written(stdX)}, ${written(stdY)}, ρ ${written(rho)}`, axes.lengths[i]);
    });
    this.centre?.put(...handle.pixel(x, y));
    this.centre?.say(label, handle.spoken(x, y), x);
  }

  end(i, sign = 1) {
    const { mean: [x, y], axes: { angle, lengths } } = this, t = angle + i * TURN;
    return [x + sign * lengths[i] * Math.cos(t), y + sign * lengths[i] * Math.sin(t)];
  }

  // What a dragged end makes of the shape; the other axis is as long as when it was taken hold of.
  pulled(knob, at, bounds) {
    const [x, y] = this.mean, dx = at.x - x, dy = at.y - y;
    this.other ??= Math.max(this.axes.lengths[1 - knob.axis], 0.1 * this.axes.lengths[knob.axis]);     // a flat one opens again
    if (!(Math.hypot(dx, dy) > 0)) return null;
    this.angle = Math.atan2(dy, dx) - knob.axis * TURN;
    return stretched(dx, dy, this.other, ...bounds);
  }

  let() { this.other = null; }

  draw({ pen, chart, theme }, chosen) {
    const mark = theme.mark[this.role] ?? theme.ink, { mean: [x, y], axes: { angle, lengths: [a, b] } } = this;
    const c = Math.cos(angle), s = Math.sin(angle), cov = [a * a * c * c + b * b * s * s, (a * a - b * b) * c * s, a * a * s * s + b * b * c * c];
    pen.strokeStyle = mark;
    pen.lineWidth = thick(chosen ? 2.5 : 1.5);
    pen.beginPath();
    ellipsePath(pen, chart, x, y, cov, 1);
    pen.stroke();
    pen.lineWidth = thick(1.25);
    pen.globalAlpha = 0.7;
    pen.beginPath();
    for (const i of [0, 1]) {
      const [from, to] = [this.end(i, -1), this.end(i)];
      pen.moveTo(chart.x(from[0]), chart.y(from[1]));
      pen.lineTo(chart.x(to[0]), chart.y(to[1]));
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }
}

class EllipseHandle extends Handle {
  constructor(view, spec) {
    super(view, spec);
    this.shape = new ShapeKnobs(this, spec.name, spec.role, { still: [spec.mean_x, spec.mean_y].every((n) => typeof n === "number") });
  }

  names() {
    const { mean_x, mean_y, std_x, std_y, correlation } = this.spec;
    return [mean_x, mean_y, std_x, std_y, correlation].filter((n) => typeof n === "string");
  }

  sync(env) {
    const { spec } = this, [x, y, stdX, stdY, rho] = [spec.mean_x, spec.mean_y, spec.std_x, spec.std_y, spec.correlation].map((n) => resolve(n, env));
    this.shape.sync(spec.label, { x, y, stdX, stdY, rho });
  }

  begin() { this.shape.let(); }

  drag(knob, px, py) {
    const { spec } = this, at = this.spot(px, py);
    if (knob === this.shape.centre) {
      return this.plane.put({ ...(typeof spec.mean_x === "string" && { [spec.mean_x]: at.x }), ...(typeof spec.mean_y === "string" && { [spec.mean_y]: at.y }) });
    }
    const names = [spec.std_x, spec.std_y, spec.correlation], bounds = names.map((n) => [this.kind(n).low, this.kind(n).high]);
    const shape = this.shape.pulled(knob, at, bounds);
    if (shape) this.plane.put(Object.fromEntries(names.map((n, i) => [n, shape[i]])));
  }

  step(knob, dx, dy) {
    if (!knob.aim) this.shape.let();
    this.aimed(knob, dx, dy);
  }

  draw(sheet) { this.shape.draw(sheet, false); }
}

class ComponentsHandle extends Handle {
  constructor(view, spec) {
    super(view, spec);
    const { labels } = this.plane.header;
    Object.assign(this, { shapes: [], own: null });
    this.full = make("span", { class: "full", "aria-live": "polite" });
    this.buttons = {
      lighter: this.button("lighter", `${spec.label} −`, "−", () => this.weigh(-1)),
      heavier: this.button("heavier", `${spec.label} +`, "+", () => this.weigh(1)),
      remove: this.button("remove", labels.remove, icon(ICONS.clear), () => this.remove()),
    };
    view.tools.append(this.full, ...Object.values(this.buttons));
  }

  names() { return [this.spec.rows, ...(this.spec.chosen ? [this.spec.chosen] : [])]; }
  get rows() { return this.values[this.spec.rows] ?? []; }

  // Which one is chosen, from 0: the value `chosen` counts from 1, or nobody else wants to know.
  get choice() {
    const { chosen } = this.spec, k = chosen ? this.values[chosen] - 1 : this.own;
    return k != null && k < this.rows.length ? k : null;
  }

  set choice(k) {
    const { chosen } = this.spec;
    this.own = k;
    if (chosen && k != null) this.plane.put({ [chosen]: k + 1 });
  }

  paintIn(theme) {
    this.theme = theme;
    for (const knob of this.knobs) this.tint(knob, knob.shape.role);
  }

  sync() {
    const { rows, spec, shapes } = this, total = rows.reduce((sum, [weight]) => sum + weight, 0);
    while (shapes.length > rows.length) {
      const gone = shapes.pop().knobs;
      for (const knob of gone) knob.end();
      this.knobs = this.knobs.filter((knob) => !gone.includes(knob));
    }
    while (shapes.length < rows.length) {
      const k = shapes.length;
      shapes.push(new ShapeKnobs(this, `${spec.name}.${k}`, COMPONENT_ROLES[k % COMPONENT_ROLES.length], { kind: "bare" }));
    }
    rows.forEach(([weight, x, y, stdX, stdY, rho], k) => {
      shapes[k].sync(`${spec.label} ${k + 1} (${written(weight / total, 2)})`, { x, y, stdX, stdY, rho });
    });
    const { lighter, heavier, remove } = this.buttons, chosen = this.choice != null;
    lighter.disabled = heavier.disabled = !chosen;
    remove.disabled = !chosen || rows.length < 2;
    this.view.say(this.full, rows.length >= spec.most ? fill(this.plane.header.labels.full, { most: spec.most }) : "");
  }

  put(rows) {
    this.plane.put({ [this.spec.rows]: rows });
    this.sync();
  }

  chosen(knob) {
    const k = this.shapes.indexOf(knob.shape);
    if (k < 0 || k === this.choice) return;
    this.choice = k;
    this.sync();
    this.plane.redraw();
    if (this.spec.chosen) this.plane.soon();
  }

  change(k, row) { this.put(this.rows.map((old, i) => (i === k ? row : old))); }

  begin(knob) { knob.shape.let(); }

  drag(knob, px, py) {
    const k = this.shapes.indexOf(knob.shape), at = this.spot(px, py), [weight, x, y, ...rest] = this.rows[k] ?? [];
    if (weight == null) return;
    if (knob.axis == null) return this.change(k, [weight, at.x, at.y, ...rest]);
    const shape = knob.shape.pulled(knob, at, this.kind(this.spec.rows).columns.slice(3));
    if (shape) this.change(k, [weight, x, y, ...shape]);
  }

  step(knob, dx, dy) {
    if (!knob.aim) knob.shape.let();
    this.aimed(knob, dx, dy);
  }

  press({ x: px, y: py }) {
    const { rows, spec } = this, { columns } = this.kind(spec.rows), { sx, sy } = this.chart, at = this.spot(px, py);
    if (rows.length >= spec.most) return null;
    const weight = rows.length ? rows.reduce((sum, row) => sum + row[0], 0) / rows.length : columns[0][1];
    this.put([...rows, [weight, at.x, at.y, (sx.high - sx.low) / 12, (sy.high - sy.low) / 12, 0]]);
    this.choice = this.rows.length - 1;
    return this.shapes.at(-1).centre;
  }

  press1(knob, key) {
    if (key === "Delete" || key === "Backspace") this.remove();
    else if (key === "+" || key === "=") this.weigh(1);
    else if (key === "-" || key === "−") this.weigh(-1);
    else return false;
    return true;
  }

  weigh(way) {
    const row = this.rows[this.choice];
    if (!row) return;
    const [low, high] = this.kind(this.spec.rows).columns[0];
    this.change(this.choice, [row[0] + (way * (high - low)) / 20, ...row.slice(1)]);
    this.plane.soon();
  }

  remove() {
    if (this.choice == null || this.rows.length < 2) return;
    const gone = this.choice;
    this.choice = null;
    this.put(this.rows.filter((_, k) => k !== gone));
    for (const shape of this.shapes.slice(gone)) shape.angle = 0;        // each stands for the next one now
    this.sync();
    this.shapes[Math.min(gone, this.shapes.length - 1)].centre.element.focus({ preventScroll: true });
    this.plane.release();
  }

  draw(sheet) {
    const { pen, theme } = sheet, total = this.rows.reduce((sum, [weight]) => sum + weight, 0);
    this.shapes.forEach((shape, k) => {
      shape.draw(sheet, k === this.choice);
      const layer = { role: shape.role }, { x, y } = shape.centre;
      pen.beginPath();
      SHAPES[k % SHAPES.length](pen, x, y, 7);
      pen.strokeStyle = theme.canvas;
      pen.lineWidth = 3;
      pen.stroke();
      pen.fillStyle = theme.mark[shape.role];
      pen.fill();
      putWords({ pen, theme, layer }, `${k + 1} (${written(this.rows[k][0] / total, 2)})`, x - 10, y + 16 * theme.scale, "right");
    });
  }
}

const HANDLES = {
  dot: DotHandle, line: LineHandle, ellipse: EllipseHandle, components: ComponentsHandle, editor: EditorHandle, painter: PainterHandle,
};
