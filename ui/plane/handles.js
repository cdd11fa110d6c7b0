// What a person takes hold of. A handle of parts.py has one or more knobs: elements over the picture that mouse, finger
// and keys move. A handle: names() of the values it moves, sync(env) places its knobs, drag(knob, x, y) in pixels,
// step(knob, dx, dy, event) by key, and where it has them draw(sheet) on the picture and press({x, y}) on an empty place.

const KEY_STEPS = 200;          // key presses across an axis; with Shift a tenth of them

class Knob {
  constructor(handle, name, kind = "") {
    Object.assign(this, { handle, name, id: null, aim: null });
    this.element = make("div", { class: `handle ${kind}`, role: "slider", tabindex: 0, "data-name": name, "aria-valuenow": 0 });
    const { element } = this;
    element.addEventListener("pointerdown", (event) => event.button === 0 && this.grab(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) element.addEventListener(end, (event) => this.drop(event));
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("focus", () => handle.chosen?.(this));
    element.addEventListener("blur", () => { this.aim = null; });
    handle.view.knobs.append(element);
  }

  // fresh: pressed beside it, so it is under the pointer already.
  grab(event, fresh = false) {
    if (this.id != null) return;
    const { view, plane } = this.handle, at = view.place(event);
    event.preventDefault();
    this.id = event.pointerId;
    this.aim = null;
    this.offset = fresh ? { x: 0, y: 0 } : { x: at.x - this.x, y: at.y - this.y };
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add("held");
    this.element.focus({ preventScroll: true });
    plane.hold(this.handle.names());
    this.handle.begin?.(this, at, fresh);
  }

  move(event) {
    if (event.pointerId !== this.id) return;
    const at = this.handle.view.place(event);
    this.handle.drag(this, at.x - this.offset.x, at.y - this.offset.y);
  }

  drop(event) {
    if (event.pointerId !== this.id) return;
    this.id = null;
    this.element.classList.remove("held");
    this.handle.plane.release();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 10], PageDown: [0, -10] }[event.key];
    if (way) this.handle.step(this, way[0] * (event.shiftKey ? 10 : 1), way[1] * (event.shiftKey ? 10 : 1));
    else if (!this.handle.press1?.(this, event.key)) return;
    this.handle.plane.used();
    this.handle.plane.soon();
    event.preventDefault();
    event.stopPropagation();                                              // or the transport would step too
  }

  put(x, y) {
    if (this.x === x && this.y === y) return;
    Object.assign(this, { x, y });
    this.element.style.transform = `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)`;
  }

  say(label, text, now, kind) {
    const said = `${label}|${text}|${now}`;
    if (said === this.said) return;
    this.said = said;
    const attributes = { "aria-label": label, "aria-valuetext": text, "aria-valuenow": Number(now.toFixed(4)), "aria-valuemin": kind?.low, "aria-valuemax": kind?.high };
    for (const [name, value] of Object.entries(attributes)) if (value != null) this.element.setAttribute(name, value);
  }

  end() { this.element.remove(); }
}

class Handle {
  constructor(view, spec) {
    Object.assign(this, { view, plane: view.plane, spec, knobs: [] });
  }

  describe(spec) { this.spec = spec; }
  end() { for (const knob of this.knobs) knob.end(); }

  // The colours of the theme, whenever it is read.
  paintIn(theme) {
    this.theme = theme;
    for (const knob of this.knobs) this.tint(knob);
  }

  tint(knob, role = this.spec.role) {
    if (this.theme) knob.element.style.setProperty("--mark", this.theme.mark[role] ?? this.theme.ink);
  }

  add(name, kind, role) {
    const knob = new Knob(this, name, kind);
    this.knobs.push(knob);
    this.tint(knob, role);
    return knob;
  }

  get chart() { return this.view.chart; }
  get values() { return this.plane.values; }
  kind(name) { return this.plane.kinds[name]; }

  // A place on the picture as a place on the axes, within both.
  spot(x, y) {
    const { sx, sy } = this.chart;
    return { x: sx.within(sx.of(x)), y: sy.within(sy.of(y)) };
  }

  pixel(x, y) {
    const { box } = this.chart, within = (v, low, size) => Math.min(low + size, Math.max(low, Number.isFinite(v) ? v : low));
    return [within(this.chart.x(x), box.x, box.w), within(this.chart.y(y), box.y, box.h)];
  }

  // So many key steps from a number: whole steps of its setting, about so many across the axis; in pixels on a log axis.
  stepped(number, steps, scale, setting) {
    if (scale.log) return scale.within(scale.of(scale.at(number) + (steps * (scale.to - scale.from)) / KEY_STEPS));
    const rough = (scale.high - scale.low) / KEY_STEPS, least = setting?.step || 0;
    const step = least ? least * Math.max(1, Math.round(rough / least)) : rough;
    return scale.within(number + steps * step);
  }

  // By key, where the values are rounded: steps add up in `aim` (pixels), or small ones would never arrive.
  aimed(knob, dx, dy) {
    const { box } = this.chart, from = knob.aim ?? { x: knob.x, y: knob.y }, grain = Math.max(box.w, box.h) / KEY_STEPS;
    const within = (v, low, size) => Math.min(low + size, Math.max(low, v));
    knob.aim = { x: within(from.x + dx * grain, box.x, box.w), y: within(from.y - dy * grain, box.y, box.h) };
    this.drag(knob, knob.aim.x, knob.aim.y);
  }

  spoken(x, y) {
    const { panel } = this.view;
    return [x == null ? "" : `${panel.x.name} ${written(x)}`, y == null ? "" : `${panel.y.name} ${written(y)}`].filter(Boolean).join(", ");
  }

  button(name, label, content, act) {
    const button = make("button", { type: "button", class: `button ${name}`, "data-do": name, "aria-label": label, title: label }, content);
    button.addEventListener("click", act);
    return button;
  }
}

class DotHandle extends Handle {
  constructor(view, spec) {
    super(view, spec);
    this.add(spec.name);
  }

  names() { return [this.spec.x, this.spec.y].filter((n) => typeof n === "string"); }

  sync(env) {
    const { spec } = this, [knob] = this.knobs, x = resolve(spec.x, env), y = resolve(spec.y, env);
    const named = (n) => typeof n === "string";
    knob.put(...this.pixel(x, y));
    knob.say(spec.label, this.spoken(named(spec.x) ? x : null, named(spec.y) ? y : null), named(spec.x) ? x : y, this.kind(this.names()[0]));
  }

  put(x, y) {
    const { spec } = this, values = {};
    if (typeof spec.x === "string") values[spec.x] = x;
    if (typeof spec.y === "string") values[spec.y] = y;
    this.plane.put(values);
  }

  drag(knob, px, py) {
    const { x, y } = this.spot(px, py);
    this.put(x, y);
  }

  step(knob, dx, dy) {
    const { spec, plane, chart } = this, x = resolve(spec.x, plane.env), y = resolve(spec.y, plane.env);
    if (this.names().length === 1) dx = dy = dx || dy;                    // a slider: every arrow moves it
    this.put(this.stepped(x, dx, chart.sx, this.kind(spec.x)), this.stepped(y, dy, chart.sy, this.kind(spec.y)));
  }

  press1(knob, key) {
    if (this.names().length !== 1 || !["Home", "End"].includes(key)) return false;
    const [name] = this.names(), { low, high } = this.kind(name), scale = typeof this.spec.x === "string" ? this.chart.sx : this.chart.sy;
    this.plane.put({ [name]: scale.within(key === "Home" ? low : high) });
    return true;
  }

  press(at) {
    if (!this.spec.jump) return null;
    this.drag(this.knobs[0], at.x, at.y);
    return this.knobs[0];
  }

  draw({ pen, chart, theme, env }) {
    if (!this.spec.arrow) return;
    const x = chart.x(0), y = chart.y(0), dx = chart.x(resolve(this.spec.x, env)) - x, dy = chart.y(resolve(this.spec.y, env)) - y;
    const length = Math.hypot(dx, dy), part = Math.max(0, 1 - 10 / length);            // the head stops short of the knob
    pen.beginPath();
    arrow(pen, x, y, dx * part, dy * part, 9);
    strokeAs(pen, {}, theme.mark[this.spec.role], 2.5);
  }
}

class LineHandle extends Handle {
  constructor(view, spec) {
    super(view, spec);
    this.add(spec.name, spec.x != null ? "upright" : "level");
  }

  names() { return [this.spec.x ?? this.spec.y]; }
  get upright() { return this.spec.x != null; }

  sync(env) {
    const [knob] = this.knobs, [name] = this.names(), { box } = this.chart, now = env.values[name];
    const [px, py] = this.upright ? this.pixel(now, NaN) : this.pixel(NaN, now);
    knob.put(this.upright ? px : box.x + box.w / 2, this.upright ? box.y + box.h / 2 : py);
    knob.element.style.setProperty("--length", `${this.upright ? box.h : box.w}px`);
    knob.say(this.spec.label, this.upright ? this.spoken(now, null) : this.spoken(null, now), now, this.kind(name));
  }

  drag(knob, px, py) {
    const { x, y } = this.spot(px, py);
    this.plane.put({ [this.names()[0]]: this.upright ? x : y });
  }

  step(knob, dx, dy) {
    const [name] = this.names(), { sx, sy } = this.chart;
    this.plane.put({ [name]: this.stepped(this.values[name], dx || dy, this.upright ? sx : sy, this.kind(name)) });
  }

  press1(knob, key) {
    if (!["Home", "End"].includes(key)) return false;
    const [name] = this.names(), { low, high } = this.kind(name), { sx, sy } = this.chart;
    this.plane.put({ [name]: (this.upright ? sx : sy).within(key === "Home" ? low : high) });
    return true;
  }

  draw({ pen, chart, theme, env }) {
    const { box } = chart, now = env.values[this.names()[0]];
    pen.beginPath();
    if (this.upright) { pen.moveTo(chart.x(now), box.y); pen.lineTo(chart.x(now), box.y + box.h); }
    else { pen.moveTo(box.x, chart.y(now)); pen.lineTo(box.x + box.w, chart.y(now)); }
    strokeAs(pen, { role: this.spec.role }, theme.mark[this.spec.role], 2);
  }
}
