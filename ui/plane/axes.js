// Where numbers lie on a panel's picture: its box, its two scales, their ticks and names.

class Scale {
  // Numbers low..high go to pixels from..to.
  constructor({ low, high, log }, from, to) {
    Object.assign(this, { low, high, log, from, to });
    this.start = log ? Math.log10(low) : low;
    this.unit = (to - from) / ((log ? Math.log10(high) : high) - this.start);
  }

  at(v) { return this.from + ((this.log ? Math.log10(v) : v) - this.start) * this.unit; }       // log of ≤ 0: NaN, a gap

  of(pixel) {
    const v = this.start + (pixel - this.from) / this.unit;
    return this.log ? 10 ** v : v;
  }

  within(v) { return Math.min(this.high, Math.max(this.low, v)); }
}

// Four or five round numbers; fewer where there is little room.
function ticksBetween({ low, high, log }, room) {
  if (log) return powersBetween(low, high);
  const span = high - low, wanted = room < 200 ? 3 : 5;
  const scale = 10 ** Math.floor(Math.log10(span / 4));
  const even = (step) => [low, high].every((end) => Math.abs(end / step - Math.round(end / step)) < 1e-6);
  let best = null;
  for (const [digit, cost] of [[1, 0], [2, 0], [5, 0], [10, 0], [20, 0], [2.5, 0.6], [3, 0.5], [4, 0.5], [1.5, 0.7]]) {
    const step = digit * scale;
    if (digit > 2.5 && digit < 5 && !even(step)) continue;
    const first = Math.ceil(low / step - 1e-6), last = Math.floor(high / step + 1e-6);
    const price = Math.abs(last - first + 1 - wanted) + cost;
    if (!best || price < best.price) best = { price, step, first, last };
  }
  const decimals = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].find((d) => Math.abs(best.step * 10 ** d - Math.round(best.step * 10 ** d)) < 1e-6) ?? 9;
  const list = [];
  for (let k = best.first; k <= best.last; k++) {
    const value = k * best.step;
    const large = Math.abs(best.step) >= 1e5 || decimals > 5;
    list.push({ value, text: large ? tickText(value) : written(value, decimals) });
  }
  return list;
}

// A very large or small number under a tick, in few letters: 10⁷, 2.5 × 10⁷.
function tickText(value) {
  const short = Number(value.toPrecision(6));
  return short ? scientific(short.toExponential()).replace(/^(-?)1\u00a0×\u00a0/, "$1").replace("-", "−") : "0";
}

function powersBetween(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first) / 5)), list = [];
  for (let k = first; k <= last; k += every) list.push(10 ** k);
  if (list.length < 3) {
    list.length = 0;
    for (let k = first - 1; k <= last; k++) for (const m of [1, 2, 5]) list.push(m * 10 ** k);
  }
  const text = (v) => (v >= 0.001 && v < 1e5 ? written(v) : tickText(v));
  return list.filter((v) => v >= low * 0.999999 && v <= high * 1.000001).map((value) => ({ value, text: text(value) }));
}

// The axes of one panel on a picture of so many CSS pixels.
class Chart {
  // below: the name of x stands under its ticks, since it is long or a neighbour's is.
  constructor(panel, width, height, theme, pen, below = false) {
    const { x, y } = panel;
    Object.assign(this, { panel, width, height, theme, below });
    pen.font = theme.type(12);
    const { scale } = theme, top = y.shown && y.name ? 26 * scale : 10, bottom = x.shown ? (below ? 46 : 28) * scale : 10;
    const h = Math.max(40, height - top - bottom);
    const room = (axis) => (y.shown ? Math.ceil(Math.max(14, ...ticksBetween(axis, h / scale).map((t) => pen.measureText(t.text).width))) + 10 : 10);
    this.lay(room(y), top, h);
    if (panel.equal && room(this.sy) > this.box.x) this.lay(room(this.sy), top, h);                // a wider range may have longer numbers
    this.ticks = { x: ticksBetween(this.sx, this.box.w / scale), y: ticksBetween(this.sy, h / scale) };
  }

  // The picture's place, so far from the left for the numbers of y, and where values stand in it.
  lay(left, top, h) {
    const { x, y } = this.panel, w = Math.max(40, this.width - left - 14);
    this.box = { x: left, y: top, w, h };
    this.sx = new Scale(x, left, left + w);
    this.sy = new Scale(y, top + h, top);
    if (this.panel.equal) this.equalise();
  }

  // One unit is as long on both axes: the shorter range is widened on both sides.
  equalise() {
    const { box, sx, sy } = this, unit = Math.min(sx.unit, -sy.unit);
    const widen = (scale, pixels) => {
      const middle = (scale.low + scale.high) / 2, half = pixels / unit / 2;
      return new Scale({ low: middle - half, high: middle + half, log: false }, scale.from, scale.to);
    };
    this.sx = widen(sx, box.w);
    this.sy = widen(sy, box.h);
  }

  x(v) { return this.sx.at(v); }
  y(v) { return this.sy.at(v); }

  // Where an area or a bar stands: at zero, or at the low end of an axis that does not hold it.
  get floor() {
    const { sy } = this;
    return sy.to < sy.from ? this.y(sy.log ? sy.low : Math.min(sy.high, Math.max(sy.low, 0))) : sy.from;
  }

  clip(pen, more = 0) {
    const { x, y, w, h } = this.box;
    pen.beginPath();
    pen.rect(x - more, y - more, w + 2 * more, h + 2 * more);
    pen.clip();
  }

  ground(pen) {
    const { box, theme, panel, ticks } = this, right = box.x + box.w, low = box.y + box.h;
    const half = (v) => Math.round(v) + 0.5;
    const line = (x1, y1, x2, y2) => { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); };
    pen.lineWidth = thick(1);
    pen.strokeStyle = veil(theme.ink, strong(0.08));
    if (panel.x.shown) for (const { value } of ticks.x) line(half(this.x(value)), box.y, half(this.x(value)), low);
    if (panel.y.shown) for (const { value } of ticks.y) line(box.x, half(this.y(value)), right, half(this.y(value)));
    pen.strokeStyle = veil(theme.ink, strong(0.28));
    if (panel.x.shown) line(box.x, half(low), right, half(low));
    if (panel.y.shown) line(half(box.x), box.y, half(box.x), low);
    this.names(pen);
  }

  names(pen) {
    const { box, theme, panel, ticks } = this, right = box.x + box.w, low = box.y + box.h;
    pen.fillStyle = theme.ink;
    pen.font = theme.type(13);
    let edge = right + 14;
    if (panel.x.shown && panel.x.name) {
      pen.textAlign = "right";
      pen.textBaseline = "top";
      pen.fillText(panel.x.name, right + 12, low + (this.below ? 25 : 7) * theme.scale);
      if (!this.below) edge = right + 12 - pen.measureText(panel.x.name).width - 8;            // no tick where the axis is named
    }
    if (panel.y.shown && panel.y.name) {
      pen.textAlign = "left";
      pen.textBaseline = "top";
      const at = Math.max(2, box.x - 6), fits = pen.measureText(panel.y.name).width <= this.width - at;
      pen.fillText(fits ? panel.y.name : panel.y.name.replace(/, [^,]*$/, ""), at, 3);           // the unit gives way first
    }
    pen.fillStyle = theme.muted;
    pen.font = theme.type(12);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const { value, text } of panel.x.shown ? ticks.x : []) {
      const half = pen.measureText(text).width / 2, at = this.x(value);
      if (at + half < edge) pen.fillText(text, Math.max(half + 1, at), low + 8);
    }
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const { value, text } of panel.y.shown ? ticks.y : []) pen.fillText(text, box.x - 7, this.y(value));
  }
}
