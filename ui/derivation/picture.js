// The plane of the derivation: p_t(y | x) shaded, contours of p_t, the point x that is dragged, and the arrows at it.
// An arrow is as long as √(1−ᾱ_t) times its score, which is the length of its noise too: turning it round is all that
// the last line does. What would leave the picture is cut, marked, and its true length written beside it.

const GRID = 96;                // columns and rows of the maps
const REACH = 0.7;              // axis units of an arrow whose noise has the length 1
const LONGEST = 0.5;            // of the picture's width: longer arrows are cut
const NEAR = 8;                 // pixels at which a pointer meets an arrow
const STRIDE = 0.05;            // axis units of an arrow key; with Shift five times as far
const ROLE_OF = { s: "score", sy: "exact", g: "condition", gg: "condition", guided: "model", zero: "noise" };
const WAYS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const RINGS = [0.5, 1, 1.5, 2, 2.5];

class Picture {
  // now(): the values, newer than what is drawn; move(values): something was dragged; settle(): it was let go; light(mark): an arrow is pointed at, or null
  constructor({ now, move, settle, light }) {
    Object.assign(this, { now, move, settle, light, segments: [], tags: {}, means: [], turn: 0, alpha: {} });
    this.canvas = make("canvas", { role: "img" });
    this.level = make("div", { class: "level" });
    this.readout = make("div", { class: "readout" });
    this.invite = make("div", { class: "invite" });
    this.labels = make("div", { class: "tags", "aria-hidden": "true" });
    this.point = this.handle("point", () => [this.now().x1, this.now().x2], (x) => this.move({ x }));
    const corner = make("div", { class: "corner" }, this.level, this.readout);
    this.sheet = make("div", { class: "sheet" }, this.canvas, this.labels, corner, this.invite, this.point);
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
  }

  handle(kind, where, put) {
    const made = make("button", { type: "button", class: `handle ${kind}` });
    const drag = (event) => put(this.place(event).map((v) => Math.max(-3, Math.min(3, v))));
    made.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      made.setPointerCapture(event.pointerId);
      made.classList.add("held");
    });
    made.addEventListener("pointermove", (event) => { if (made.classList.contains("held")) drag(event); });
    for (const end of ["pointerup", "pointercancel"]) {
      made.addEventListener(end, () => {
        if (made.classList.contains("held")) this.settle();
        made.classList.remove("held");
      });
    }
    made.addEventListener("keydown", (event) => {
      const way = WAYS[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      const stride = STRIDE * (event.shiftKey ? 5 : 1);
      put(where().map((v, i) => Math.max(-3, Math.min(3, Number((v + way[i] * stride).toFixed(4))))));
      this.settle(REST_DELAY);
      event.preventDefault();
      event.stopPropagation();
    });
    made.drag = drag;
    return made;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect(), { sx, sy } = this.chart;
    return [sx.of(((event.clientX - box.left) * this.chart.width) / box.width), sy.of(((event.clientY - box.top) * this.chart.height) / box.height)]
      .map((v) => Number(v.toFixed(3)));
  }

  // ---- pointing at an arrow ----

  nearest(event) {
    const box = this.canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    let found = null, least = event.pointerType === "touch" ? 2.5 * NEAR : NEAR;
    for (const { mark, x, y, dx, dy } of this.segments) {
      const square = dx * dx + dy * dy;
      if (square < 16) continue;
      const along = Math.max(0.12, Math.min(1, ((px - x) * dx + (py - y) * dy) / square));      // all of them meet at the point
      const off = Math.hypot(px - x - along * dx, py - y - along * dy);
      if (off < least) { least = off; found = mark; }
    }
    return found;
  }

  // Where on the screen a share of an arrow lies.
  placeOn(mark, share) {
    const { x, y, dx, dy } = this.segments.find((s) => s.mark === mark), box = this.canvas.getBoundingClientRect();
    return [box.left + x + share * dx, box.top + y + share * dy];
  }

  hover(event) {
    const found = event && event.buttons === 0 ? this.nearest(event) : null;
    if (found === this.pointed) return;
    this.pointed = found;
    this.light(found);
  }

  press(event) {
    const found = this.nearest(event);
    if (event.pointerType !== "mouse") return void this.light(found);
    if (found || event.button !== 0) return;
    this.point.drag(event);
    this.point.setPointerCapture(event.pointerId);                                              // and goes on as a drag of it
    this.point.classList.add("held");
    this.point.focus({ preventScroll: true });
  }

  // ---- what is drawn ----

  build(header) {
    this.header = header;
    this.labels.replaceChildren();
    this.tags = {};
    for (const [name, node] of Object.entries(header.names)) {
      const length = make("span", { class: "length" }), tag = make("span", { class: "tag", "data-mark": name }, formula(node), length);
      this.tags[name] = { tag, length };
      this.labels.append(tag);
    }
    for (const mean of this.means) mean.remove();
    this.means = header.values.parts.slice(0, header.count).map((_, k) => {
      const mean = this.handle("mean", () => this.now().parts[k].slice(1, 3), (to) => {
        this.move({ parts: this.now().parts.map((row, j) => (j === k ? [row[0], ...to, ...row.slice(3)] : row)) });
      });
      mean.textContent = k + 1;
      mean.setAttribute("aria-label", fill(header.labels.mean, { k: k + 1 }));
      this.sheet.insertBefore(mean, this.point);
      return mean;
    });
    this.invite.textContent = header.labels.invite;
    this.point.setAttribute("aria-label", header.labels.point);
    this.sizes = null;
    this.ground = null;
  }

  arrange(width, height, theme) {
    const { labels, reach } = this.header, axis = (name) => ({ name, shown: true, low: -reach, high: reach, log: false });
    this.theme = theme;
    this.pen = sharpen(this.canvas, width, height);
    this.chart = new Chart({ x: axis(labels.x1), y: axis(labels.x2), equal: true }, width, height, theme, this.pen);
    this.ground = null;
    this.sizes = null;
    this.raised = this.invite.offsetWidth + 120 * theme.scale > this.chart.box.w ? this.invite.offsetHeight : 0;  // the ruler, over the invitation
    for (const [name, { tag }] of Object.entries(this.tags)) tag.style.setProperty("--mark", theme.text[ROLE_OF[name.split("_")[0]]] ?? theme.ink);
  }

  // The maps behind the arrows: worked out again only where the level, the class, the mixture or the picture changes.
  maps({ mixture, chosen }) {
    const { chart, theme } = this, known = JSON.stringify([mixture.map((g) => [g.meanX, g.meanY, g.cov, g.logWeight]), chosen, chart.width, theme.dark]);
    if (this.ground?.known === known) return this.ground;
    const { sx, sy } = chart, count = GRID * GRID, share = new Float32Array(count), log = new Float64Array(count);
    const logs = new Array(mixture.length);
    let most = -Infinity;
    for (let j = 0, i = 0; j < GRID; j++) {
      const y = sy.low + ((sy.high - sy.low) * j) / (GRID - 1);
      for (let k = 0; k < GRID; k++, i++) {
        jointLogPdf(mixture, sx.low + ((sx.high - sx.low) * k) / (GRID - 1), y, logs);
        log[i] = logSumExp(logs);
        share[i] = Math.exp(logs[chosen] - log[i]);
        if (log[i] > most) most = log[i];
      }
    }
    const px = new Path2D(), pxy = new Path2D(), g = mixture[chosen];
    const x = (v) => chart.x(sx.low + ((sx.high - sx.low) * v) / (GRID - 1)), y = (v) => chart.y(sy.low + ((sy.high - sy.low) * v) / (GRID - 1));
    for (const ring of RINGS) {
      const found = contourSegments(log, GRID, GRID, most - 0.5 * ring * ring);
      for (let n = 0; n + 3 < found.length; n += 4) { px.moveTo(x(found[n]), y(found[n + 1])); px.lineTo(x(found[n + 2]), y(found[n + 3])); }
      ellipsePath(pxy, chart, g.meanX, g.meanY, g.cov, ring);
    }
    const image = mapImage({}, share, GRID, GRID, 0, 1, coloursOf("density", theme, theme.mark.condition));
    return (this.ground = { known, image, px, pxy });
  }

  // state: x, parts, t, y …; scene: mixture, chosen, quantities; shown: the marks of the line; lit: one of them, or null
  draw(state, scene, shown, lit) {
    Object.assign(this, { state, scene, shown, lit });
    const { pen, chart, theme, header } = this, { quantities } = scene, ground = this.maps(scene), { box, sx, sy } = chart;
    const strength = (mark) => this.alpha[mark] ?? 1;
    pen.clearRect(0, 0, chart.width, chart.height);
    chart.ground(pen);
    pen.save();
    chart.clip(pen);
    pen.globalAlpha = 0.42 * strength("pyx");
    putMap(this, ground.image, [sx.low, sx.high], [sy.low, sy.high], GRID, GRID);
    const contour = (mark, colour, alpha, width) => {
      pen.globalAlpha = strong(alpha) * strength(mark);
      pen.strokeStyle = colour;
      pen.lineWidth = thick(width);
      pen.stroke(ground[mark]);
    };
    contour("px", theme.mark.score, lit === "px" ? 1 : 0.5, lit === "px" ? 2 : 1.25);
    if (shown.includes("pxy") || lit === "pxy") { pen.setLineDash([6, 4]); contour("pxy", theme.ink, 0.8, 1.5); pen.setLineDash([]); }
    this.placeMeans(pen);
    pen.restore();
    this.arrows(quantities, shown);
    this.words(quantities);
    const [x, y] = [chart.x(state.x[0]), chart.y(state.x[1])];
    this.point.style.transform = `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)`;
    this.canvas.setAttribute("aria-label", `${this.level.textContent}, ${this.readout.textContent}`);
    this.sheet.style.setProperty("--left", `${box.x}px`);
    this.sheet.style.setProperty("--right", `${chart.width - box.x - box.w}px`);
    this.sheet.style.setProperty("--top", `${box.y}px`);
    this.sheet.style.setProperty("--bottom", `${chart.height - box.y - box.h}px`);
    this.point.setAttribute("title", header.labels.point);
  }

  // Each mean of the clean data, and how far it has come on its way to 0.
  placeMeans(pen) {
    const { chart, theme, state, scene } = this;
    this.means.forEach((mean, k) => {
      const [, x, y] = state.parts[k], g = scene.mixture[k], px = chart.x(x), py = chart.y(y);
      mean.style.transform = `translate(${px.toFixed(2)}px, ${py.toFixed(2)}px)`;
      mean.classList.toggle("chosen", k === scene.chosen);
      const colour = k === scene.chosen ? theme.text.condition : theme.muted;
      pen.globalAlpha = 0.75;
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = 1;
      pen.setLineDash([2, 3]);
      pen.beginPath();
      pen.moveTo(px, py);
      pen.lineTo(chart.x(g.meanX), chart.y(g.meanY));
      pen.stroke();
      pen.setLineDash([]);
      disc(pen, chart.x(g.meanX), chart.y(g.meanY), 2.5);
    });
    pen.globalAlpha = 1;
  }

  // ---- arrows ----

  arrows(q, shown) {
    const { chart, state, theme, pen } = this, angle = Math.PI * this.turn, cos = Math.cos(angle), sin = Math.sin(angle);
    const unit = REACH * chart.sx.unit * q.sigma, start = [chart.x(state.x[0]), chart.y(state.x[1])];
    const along = ([x, y]) => [unit * (x * cos - y * sin), -unit * (x * sin + y * cos)];             // pixels
    this.segments = [];
    const put = (mark, from, vector) => {
      const [dx, dy] = along(vector), kept = this.kept(from, dx, dy);
      this.segments.push({ mark, x: from[0], y: from[1], dx: dx * kept, dy: dy * kept, cut: kept < 1, vector });
      return [from[0] + dx * kept, from[1] + dy * kept];
    };
    const wanted = (mark) => shown.includes(mark);
    const tip = put("s", start, q.s);
    if (wanted("sy")) put("sy", start, q.sy);
    if (wanted("g")) put("g", tip, q.g);
    if (wanted("gg")) put("gg", tip, q.gg);
    if (wanted("guided")) put("guided", start, q.guided);
    if (!wanted("s")) this.segments.shift();
    const strength = (mark) => this.alpha[mark] ?? 1;
    for (const segment of this.segments) this.arrow(segment, theme.mark[ROLE_OF[segment.mark]] ?? theme.ink, strength(segment.mark));
    pen.globalAlpha = strength("zero");
    if (wanted("zero")) {
      pen.beginPath();
      pen.arc(...start, 14, 0, 7);
      pen.strokeStyle = theme.mark.noise;
      pen.lineWidth = 1.5;
      pen.setLineDash([3, 3]);
      pen.stroke();
      pen.setLineDash([]);
    }
    pen.globalAlpha = 1;
    this.putTags(q);
  }

  // The part of an arrow that is drawn: not longer than LONGEST, and not out of the picture.
  kept([x, y], dx, dy) {
    const { box } = this.chart, length = Math.hypot(dx, dy), edge = 8;
    const room = (from, by, low, high) => (by > 0 ? (high - from) / by : by < 0 ? (low - from) / by : Infinity);
    const inside = Math.min(room(x, dx, box.x + edge, box.x + box.w - edge), room(y, dy, box.y + edge, box.y + box.h - edge));
    return Math.max(0, Math.min(1, (LONGEST * box.w) / (length || 1), inside));
  }

  arrow({ mark, x, y, dx, dy, cut }, colour, alpha) {
    const { pen, theme } = this, length = Math.hypot(dx, dy);
    if (!(length > 0.75)) return;
    const ux = dx / length, uy = dy / length, head = Math.min(thick(11), length * 0.5), tx = x + dx, ty = y + dy;
    pen.globalAlpha = alpha;
    pen.lineCap = "butt";
    const shaft = (width, stroke) => {
      pen.strokeStyle = stroke;
      pen.lineWidth = thick(width);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(tx - ux * head * 0.8, ty - uy * head * 0.8);
      pen.stroke();
    };
    shaft(5.5, veil(theme.canvas, 0.7));
    if (mark === "g" || mark === "gg") pen.setLineDash([7, 4]);
    shaft(mark === "guided" ? 3.25 : 2.5, colour);
    pen.setLineDash([]);
    pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(tx, ty);
    pen.lineTo(tx - head * (ux + 0.5 * uy), ty - head * (uy - 0.5 * ux));
    pen.lineTo(tx - head * (ux - 0.5 * uy), ty - head * (uy + 0.5 * ux));
    pen.fill();
    if (!cut || length < 30) return;
    for (const back of [20, 25]) {                                                                  // two strokes: not to its end
      const mx = tx - ux * back, my = ty - uy * back;
      pen.beginPath();
      pen.moveTo(mx - 6 * uy + 2 * ux, my + 6 * ux + 2 * uy);
      pen.lineTo(mx + 6 * uy - 2 * ux, my - 6 * ux - 2 * uy);
      pen.lineWidth = 2;
      pen.strokeStyle = back === 20 ? theme.canvas : colour;
      pen.stroke();
      pen.strokeStyle = colour;
      pen.stroke();
    }
  }

  // The name of each arrow beside its tip, where no other name stands.
  putTags(q) {
    const { box } = this.chart, turned = this.turned, placed = [];
    this.sizes ??= Object.fromEntries(Object.entries(this.tags).map(([name, { tag }]) => [name, [tag.offsetWidth, tag.offsetHeight]]));
    const wanted = new Map(this.segments.map((s) => [turned ? `${s.mark}_turned` : s.mark, s]));
    const [px, py] = [this.chart.x(this.state.x[0]), this.chart.y(this.state.x[1])];
    placed.push([px - 12, py - 12, 24, 24]);
    for (const [, x, y] of this.state.parts.slice(0, this.means.length)) placed.push([this.chart.x(x) - 10, this.chart.y(y) - 10, 20, 20]);
    for (const [name, { tag, length }] of Object.entries(this.tags)) {
      const segment = wanted.get(name), far = segment && Math.hypot(segment.dx, segment.dy);
      tag.hidden = !segment || this.turning || far < 6;
      if (tag.hidden) continue;
      const size = Math.hypot(...segment.vector) * (turned ? q.sigma : 1);
      const text = segment.cut ? fill(this.header.labels.cut, { length: written(size, size >= 1000 ? undefined : 1) }) : "";
      if (length.textContent !== text) { length.textContent = text; this.sizes[name] = [tag.offsetWidth, tag.offsetHeight]; }
      const [w, h] = this.sizes[name], ux = segment.dx / far, uy = segment.dy / far;
      const stretch = ["g", "gg"].includes(segment.mark) ? 0.5 : 1;                                 // in the middle of what starts elsewhere
      const cx = segment.x + segment.dx * stretch, cy = segment.y + segment.dy * stretch;
      const spots = (stretch === 1 ? [[ux, uy], [-uy, ux], [uy, -ux], [ux - uy, uy + ux], [ux + uy, uy - ux]] : [[-uy, ux], [uy, -ux], [ux - uy, uy + ux], [ux + uy, uy - ux], [ux, uy]])
        .flatMap(([vx, vy]) => [1, 2.1].map((m) => [cx + vx * m * (w / 2 + 6) - w / 2, cy + vy * m * (h / 2 + 6) - h / 2]));
      const clamp = ([x, y]) => [Math.max(box.x + 2, Math.min(box.x + box.w - w - 2, x)), Math.max(box.y + 24, Math.min(box.y + box.h - h - 2, y))];
      const cost = ([x, y]) => placed.reduce((sum, [ox, oy, ow, oh]) => sum + Math.max(0, Math.min(x + w, ox + ow) - Math.max(x, ox)) * Math.max(0, Math.min(y + h, oy + oh) - Math.max(y, oy)), 0);
      const best = spots.map(clamp).map((spot, i) => ({ spot, price: cost(spot) + i * 4 })).sort((a, b) => a.price - b.price)[0].spot;
      placed.push([...best, w, h]);
      tag.style.transform = `translate(${best[0].toFixed(1)}px, ${best[1].toFixed(1)}px)`;
      tag.style.opacity = Math.max(0.15, this.alpha[segment.mark] ?? 1);
    }
  }

  // What stands in the corners: the level, the class here, and how long an arrow of a round length is.
  words(q) {
    const { chart, theme, header, state, pen } = this, { labels } = header, { box } = chart;
    this.level.textContent = fill(labels.level, { t: state.t, signal: written(Math.sqrt(this.scene.alphaBar), 2) });
    this.readout.textContent = fill(labels.posterior, { y: state.y, value: written(Math.exp(q.log_pyx), 3) });
    const unit = REACH * chart.sx.unit * (this.turned ? 1 : q.sigma), lengths = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];
    const length = lengths.filter((v) => v * unit <= 90).at(-1) ?? lengths[0], x = box.x + 10, y = box.y + box.h - 12 - this.raised;
    pen.strokeStyle = theme.muted;
    pen.fillStyle = theme.muted;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x, y - 4);
    pen.lineTo(x, y);
    pen.lineTo(x + length * unit, y);
    pen.lineTo(x + length * unit, y - 4);
    pen.stroke();
    pen.font = theme.type(12);
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillText(fill(this.turned ? labels.ruler_noise : labels.ruler, { length: written(length) }), x, y - 6);
  }
}
