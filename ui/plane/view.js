// One panel of a plane: its words, its picture, its pointer; the handles lie over the picture as elements of their own.

const REACH = 16;               // pixels within which a point is meant

class View {
  constructor(plane, panel) {
    Object.assign(this, { plane, panel, spot: null, hovered: null, turned: { turn: -0.6, tilt: 0.52 } });
    this.title = make("span", { class: "title" });
    this.legend = make("span", { class: "legend" });
    this.tools = make("span", { class: "tools" });
    this.head = make("div", { class: "head" }, this.title, this.legend, this.tools);
    this.canvas = make("canvas", { tabindex: 0, role: "application" });
    this.level = make("div", { class: "level" });
    this.note = make("div", { class: "note" });
    this.readout = make("div", { class: "readout" });
    this.knobs = make("div", { class: "knobs" });
    this.hint = make("div", { class: "turn" });
    this.sheet = make("div", { class: "sheet" }, this.canvas, this.knobs, make("div", { class: "corner" }, this.level, this.note), this.readout, this.hint);
    this.figure = make("figure", { class: "panel", "data-panel": panel.name, "data-kind": panel.kind }, this.head, this.sheet);
    this.handles = panel.handles.map((spec) => new HANDLES[spec.kind](this, spec));
    const { canvas, sheet } = this;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("click", (event) => this.click(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.point(null));
    sheet.addEventListener("pointermove", (event) => this.move(event));
    sheet.addEventListener("pointerleave", () => this.point(null));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(event));
  }

  describe(panel) {
    this.panel = panel;
    this.handles.forEach((handle, i) => handle.describe(panel.handles[i]));
    this.surface = panel.kind === "surface";
    this.hint.textContent = this.surface ? this.plane.header.labels.turn : "";
    this.title.textContent = panel.title;
    this.painter ??= this.surface ? new SurfacePainter() : null;
    this.figure.classList.toggle("paintable", panel.handles.some((h) => h.kind === "painter") || this.surface);
  }

  end() { for (const handle of this.handles) handle.end?.(); }

  headed() { return Boolean(this.panel.title || this.tools.childElementCount || this.named().length); }

  named() { return this.panel.layers.filter((layer) => layer.label && layer.kind !== "rule"); }

  // Whether the name of x would take the place of its ticks.
  namedLong(width, theme) {
    const { x } = this.panel, pen = this.canvas.getContext("2d");
    pen.font = theme.type(13);
    return !this.surface && x.shown && pen.measureText(x.name).width > 0.3 * (width - 50);
  }

  arrange(width, height, theme, headed, below) {
    Object.assign(this, { width, height, theme });
    this.figure.dataset.small = width < 440;
    this.head.hidden = !headed && !this.headed();
    this.head.style.minHeight = headed ? "1.25rem" : "";
    this.legend.replaceChildren(...this.named().map((layer) => swatch(layer, theme)));
    const pen = sharpen(this.canvas, width, height);
    this.chart = new Chart(this.panel, width, height, theme, pen, below);
    const { box } = this.chart;
    Object.assign(this.sheet.style, { height: `${height}px` });
    const inset = { "--left": `${box.x}px`, "--top": `${box.y}px`, "--right": `${width - box.x - box.w}px`, "--bottom": `${height - box.y - box.h}px` };
    for (const [name, value] of Object.entries(inset)) this.sheet.style.setProperty(name, value);
    this.runs = [];
    for (const layer of this.surface ? [] : this.panel.layers) {              // what stands still is painted once
      const still = isStill(layer);
      if (this.runs.at(-1)?.still !== still) this.runs.push({ still, layers: [], sheet: null });
      this.runs.at(-1).layers.push(layer);
    }
    if (!this.runs[0]?.still) this.runs.unshift({ still: true, layers: [], sheet: null });
    for (const handle of this.handles) handle.paintIn(theme);
  }

  numbers(env) {
    const numbers = {};
    for (const [name, m] of Object.entries(this.panel.measures ?? {})) numbers[name] = measure(m, env);
    return numbers;
  }

  paint(env) {
    if (!this.chart) return;
    const { plane, panel, chart, theme } = this, pen = sharpen(this.canvas, this.width, this.height);
    const numbers = this.numbers(env), sheet = { pen, chart, theme, env, numbers };
    if (this.surface) this.paintSurface(sheet);
    else this.runs.forEach((run, i) => this.paintRun(run, sheet, i === 0));
    if (!this.surface) {
      this.paintPicked(sheet);
      for (const handle of this.handles) {
        handle.sync(env);
        pen.save();
        chart.clip(pen);
        handle.draw?.(sheet);
        pen.restore();
      }
    }
    if (this.spot?.keys) this.cross(pen);
    const note = Array.isArray(panel.note) ? panel.note[plane.frame] ?? "" : panel.note;
    this.say(this.note, say(note, env, numbers));
    this.say(this.readout, this.spot && panel.pointer ? say(panel.pointer, env, { ...numbers, ...this.pointed(env) }) : "");
    const name = [panel.title || panel.name, this.note.textContent, plane.header.labels.keys].filter(Boolean).join(". ");
    if (this.called !== name) this.canvas.setAttribute("aria-label", (this.called = name));
  }

  say(element, text) { if (element.textContent !== text) element.textContent = text; }

  paintRun(run, sheet, first) {
    if (!run.still) return run.layers.forEach((layer) => paintLayer(layer, sheet));
    if (!run.sheet) {
      run.sheet = document.createElement("canvas");
      const pen = sharpen(run.sheet, this.width, this.height);
      if (first) this.chart.ground(pen);
      run.layers.forEach((layer) => paintLayer(layer, { ...sheet, pen }));
    }
    sheet.pen.drawImage(run.sheet, 0, 0, this.width, this.height);
  }

  // Maps, and densities on a grid, as surfaces.
  paintSurface({ pen, chart, theme, env }) {
    const { panel } = this, box = { x: 0, y: 0, w: this.width, h: this.height };
    for (const layer of panel.layers) {
      let grid = null;
      if (layer.kind === "surface") {
        const { values, shape: [height, width] } = frameOf(layer.values, env.frame);
        grid = { values, width, height, low: layer.low, high: layer.high, x: layer.x, y: layer.y };
      } else if (layer.kind === "density") {
        grid = modelGrid(layer, chart, env);
      }
      if (grid) this.painter.paint(pen, box, grid, theme, layer.role, this.turned, [panel.x, panel.y]);
    }
  }

  paintPicked({ pen, chart, theme, env }) {
    for (const [picked, chosen] of [[this.hovered, false], [this.plane.picked, true]]) {
      const layer = picked && this.panel.layers.find((l) => l.kind === "cloud" && l.pick && l.name === picked[0]);
      if (!layer) continue;
      const cloud = cloudAt(layer, chart, env.frame);
      if (picked[1] >= cloud.count) continue;
      const x = cloud.x(picked[1]), y = cloud.y(picked[1]);
      for (const [colour, radius] of [[theme.canvas, 8], [theme.ink, chosen ? 6.5 : 5.5], [theme.mark[layer.role], 4]]) {
        pen.fillStyle = colour;
        disc(pen, x, y, radius);
      }
    }
  }

  cross(pen) {
    const { x, y } = this.spot;
    pen.strokeStyle = this.theme.ink;
    pen.lineWidth = 1.5;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.arc(x, y, 9, 0, 7);
    pen.stroke();
    pen.setLineDash([]);
  }

  // ---- the pointer ----------------------------------------------------------------------------------------------------

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  inside({ x, y }) {
    const { box } = this.chart;
    return x >= box.x - 2 && x <= box.x + box.w + 2 && y >= box.y - 2 && y <= box.y + box.h + 2;
  }

  // What is said about a place.
  pointed(env) {
    const { chart, panel } = this, x = chart.sx.of(this.spot.x), y = chart.sy.of(this.spot.y), found = { x, y }, { model } = panel;
    if (!model) return found;
    if (isOneDimensional(model)) return { ...found, density: exponential(logDensity1(model, env)(x)) };
    found.density = exponential(logDensity2(model, env)(x, y));
    if (model.kind === "gaussian") found.mahalanobis = mahalanobis(gaussian(env, model), x, y);
    if (model.kind === "mixture") shares(model, env, x, y).forEach((v, k) => { found[`share${k}`] = v; });
    return found;
  }

  point(spot) {
    if (!spot && !this.spot) return;
    this.spot = spot;
    this.hovered = spot && !this.surface ? this.nearest(spot) : null;
    this.canvas.style.cursor = this.hovered || (spot && this.panel.seek) ? "pointer" : "";
    this.figure.dataset.pointed = Boolean(spot && this.panel.pointer);
    this.plane.redraw();
  }

  move(event) {
    if (!this.chart) return;
    const at = this.place(event);
    if (this.turning?.id === event.pointerId) {
      this.turned = this.painter.drag(at.x - this.turning.x, at.y - this.turning.y, this.turned) ?? this.turned;
      this.turning = { id: event.pointerId, ...at };
      return this.plane.redraw();
    }
    if (event.pointerType !== "touch" || this.panel.pointer) this.point(this.inside(at) ? at : null);
  }

  // The point that can be chosen nearest to a place, as [layer's name, index].
  nearest({ x, y }, reach = REACH) {
    let best = reach * reach, found = null;
    for (const layer of this.panel.layers) {
      if (layer.kind !== "cloud" || !layer.pick) continue;
      const cloud = cloudAt(layer, this.chart, this.plane.frame);
      for (let i = 0; i < cloud.count; i++) {
        const d = (cloud.x(i) - x) ** 2 + (cloud.y(i) - y) ** 2;
        if (d < best) { best = d; found = [layer.name, i]; }
      }
    }
    return found;
  }

  // A mouse takes hold at once; a finger may be about to scroll, so it has to tap.
  down(event) {
    if (event.button !== 0 || !this.chart) return;
    const at = this.place(event);
    this.pressed = false;
    if (this.surface) {
      this.turning = { id: event.pointerId, ...at };
      return this.canvas.setPointerCapture(event.pointerId);
    }
    const inside = this.inside(at);
    if (inside && this.nearest(at)) return;
    for (const handle of this.handles) {
      if (!handle.paints && (!inside || event.pointerType === "touch")) continue;        // a stroke may begin beside the axes
      const knob = handle.press?.(at);
      if (!knob) continue;
      this.pressed = true;
      event.preventDefault();
      return knob.grab(event, true);
    }
  }

  up(event) { if (this.turning?.id === event.pointerId) this.turning = null; }

  click(event) {
    if (this.pressed || this.surface || !this.chart) return;
    const at = this.place(event);
    if (this.inside(at)) this.act(at);
  }

  // A click, a tap, or Enter at the place of the keys.
  act(at) {
    const picked = this.nearest(at);
    if (picked) return this.plane.pick(picked);
    if (this.panel.seek && this.seekTo(at)) return;
    for (const handle of this.handles) {
      const knob = handle.press?.(at);
      if (knob) return this.plane.release();
    }
    if (this.panel.layers.some((l) => l.pick)) this.plane.pick(null);
  }

  // The frame whose point on a growing curve is nearest in x.
  seekTo({ x }) {
    const curve = this.panel.layers.find((l) => l.kind === "curve" && l.grow);
    if (!curve) return false;
    const { values } = frameOf(curve.x, this.plane.frame);
    let best = 0;
    values.forEach((v, i) => { if (Math.abs(this.chart.x(v) - x) < Math.abs(this.chart.x(values[best]) - x)) best = i; });
    this.plane.seek(best);
    return true;
  }

  // Arrows move a place over the picture where there are no frames, with Shift where there are; Enter clicks there.
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.chart) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const framed = this.plane.header.frames.length > 1;
    if (way && this.surface && !(framed && !event.shiftKey && way[0])) {
      this.turned = this.painter.drag(12 * way[0], 12 * way[1], this.turned) ?? this.turned;
      this.plane.redraw();
    } else if (way && !this.surface && (!framed || event.shiftKey)) this.step(way, !framed && event.shiftKey ? 40 : 8);
    else if (event.key === "Enter" && this.spot && !this.surface) this.act(this.spot);
    else if (event.key === "Escape") { this.point(null); this.plane.pick(null); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step([dx, dy], by) {
    const { box } = this.chart, from = this.spot ?? { x: box.x + box.w / 2, y: box.y + box.h / 2 };
    const x = Math.min(box.x + box.w, Math.max(box.x, from.x + dx * by)), y = Math.min(box.y + box.h, Math.max(box.y, from.y + dy * by));
    this.point({ x, y, keys: true });
    requestAnimationFrame(() => { this.plane.voice.textContent = this.readout.textContent; });
  }
}

// A word of the legend, with a mark as it is drawn.
function swatch(layer, theme) {
  const area = ["bars", "band", "heat", "ellipses"].includes(layer.kind) || (layer.kind === "density" && layer.show !== "curve");
  const kind = layer.kind === "cloud" ? "dot" : area && !layer.outline && layer.fill !== false ? "area" : "line";
  const mark = make("i", { class: `${kind}${layer.dashed || layer.role === "exact" ? " dashed" : ""}` });
  mark.style.setProperty("--mark", theme.mark[layer.role] ?? theme.ink);
  const word = make("span", { class: layer.faint ? "word faint" : "word" }, mark, layer.label);
  word.style.color = theme.text[layer.role] ?? theme.ink;
  return word;
}
