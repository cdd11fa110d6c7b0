// How one track's frame is painted: a grid of images, or particles with their trails. No interaction in here.

const mix = (a, b, part) => a.map((v, i) => Math.round(v + (b[i] - v) * part));

// 256 colours for the bytes of an image track; bytes beyond the shown range take the end's colour.
function palette(track, theme) {
  const span = track.high - track.low;
  const paper = rgb(theme.canvas), ink = rgb(theme.ink);
  const cold = rgb(theme.mark.data), warm = rgb(theme.mark.model);
  const middle = theme.dark ? [24, 27, 34] : [250, 250, 248];
  const deep = (c) => (theme.dark ? mix(c, [255, 255, 255], 0.25) : mix(c, [0, 0, 0], 0.18));
  const colours = {
    grey: (u) => mix([0, 0, 0], [255, 255, 255], u),
    ink: (u) => mix(paper, ink, u),
    signed: (u) => {
      const side = Math.abs(2 * u - 1), end = u < 0.5 ? cold : warm;
      return side < 0.6 ? mix(middle, end, side / 0.6) : mix(end, deep(end), (side - 0.6) / 0.4);
    },
  };
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const value = track.low + (span * byte) / 255;
    const u = Math.min(1, Math.max(0, (value - track.showLow) / (track.showHigh - track.showLow)));
    const [r, g, b] = colours[track.palette](u);
    table[byte] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

function swatch(track, theme) {
  const table = palette(track, theme);
  const at = (u) => {
    const value = track.showLow + u * (track.showHigh - track.showLow);
    const c = table[Math.round((255 * (value - track.low)) / (track.high - track.low))];
    return `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`;
  };
  return `linear-gradient(to right, ${[0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map(at).join(", ")})`;
}

// The grid in which `items` images of h × w pixels are largest in a box; whole pixels on the screen where little is lost.
function arrange(items, w, h, width, height) {
  const gap = items > 1 ? 4 : 0, edge = 4;
  const ratio = sharpness();
  let best = { scale: 0 };
  for (let columns = 1; columns <= items; columns++) {
    const rows = Math.ceil(items / columns);
    const scale = Math.min((width - 2 * edge - gap * (columns - 1)) / (columns * w), (height - 2 * edge - gap * (rows - 1)) / (rows * h));
    const empty = columns * rows - items;
    if (scale > best.scale * 1.001 || (scale > best.scale * 0.97 && empty < best.empty)) best = { columns, rows, scale, empty };
  }
  const whole = Math.floor(best.scale * ratio) / ratio;
  const scale = whole >= 0.86 * best.scale ? whole : best.scale;
  const cellW = scale * w, cellH = scale * h;
  const spread = (room, n, cell) => (n > 1 ? Math.min((room - 2 * edge - n * cell) / (n - 1), Math.max(gap, 0.14 * cell)) : 0);
  const gapX = spread(width, best.columns, cellW), gapY = spread(height, best.rows, cellH);
  const gaps = Math.min(gapX || gapY, gapY || gapX);
  const left = Math.max(edge, (width - best.columns * cellW - (best.columns - 1) * gaps) / 2);
  const snap = (v) => Math.round(v * ratio) / ratio;
  return {
    scale, cellW, cellH, left, height: best.rows * cellH + (best.rows - 1) * gaps + 2 * edge,
    place: (i) => [snap(left + (i % best.columns) * (cellW + gaps)), snap(edge + Math.floor(i / best.columns) * (cellH + gaps))],
  };
}

function ring(pen, theme, x, y, w, h, thick, out) {
  pen.lineJoin = "round";
  for (const [colour, width] of [[theme.canvas, thick + 2.5], [theme.ink, thick]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.strokeRect(x - out, y - out, w + 2 * out, h + 2 * out);
  }
}

class ImagePainter {
  constructor(track) {
    this.track = track;
    this.sheet = document.createElement("canvas");
  }

  // Lays out for a box and a theme; returns the height that is used.
  layout(width, height, theme) {
    const { items, rows: h, columns: w } = this.track;
    Object.assign(this, { width, theme, grid: arrange(items, w, h, width, height), table: palette(this.track, theme) });
    this.height = Math.ceil(this.grid.height);
    const room = width - 2 * this.grid.left > 200 ? this.grid.left : 4;       // words stand over the pictures, if they fit
    this.inset = { marginLeft: `${room}px`, marginRight: `${room}px` };
    this.sheet.width = w;
    this.sheet.height = h * items;
    this.pen = this.sheet.getContext("2d");
    this.pixels = this.pen.createImageData(w, h * items);
    this.words = new Uint32Array(this.pixels.data.buffer);
    return this.height;
  }

  paint(canvas, frame, _fraction, picked, hovered) {
    const { track, grid, table, words, theme } = this;
    const { items, rows: h, columns: w, values } = track;
    const pen = sharpen(canvas, this.width, this.height);
    if (track.blank.has(frame)) return this.blank(pen);
    const size = items * h * w, start = frame * size;
    for (let i = 0; i < size; i++) words[i] = table[values[start + i]];
    this.pen.putImageData(this.pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    for (let i = 0; i < items; i++) {
      const [x, y] = grid.place(i);
      pen.drawImage(this.sheet, 0, i * h, w, h, x, y, grid.cellW, grid.cellH);
    }
    if (hovered != null && hovered !== picked.item && hovered < items) {
      const [x, y] = grid.place(hovered);
      pen.strokeStyle = veil(theme.ink, 0.55);
      pen.lineWidth = 1.5;
      pen.strokeRect(x - 1.25, y - 1.25, grid.cellW + 2.5, grid.cellH + 2.5);
    }
    if (picked.item == null || picked.item >= items) return;
    const [x, y] = grid.place(picked.item);
    ring(pen, theme, x, y, grid.cellW, grid.cellH, 2.5, 1.75);
    if (!picked.pixel || picked.pixel[0] >= h || picked.pixel[1] >= w) return;
    const [row, column] = picked.pixel;
    ring(pen, theme, x + column * grid.scale, y + row * grid.scale, grid.scale, grid.scale, 1.5, 1.5);
  }

  blank(pen) {
    pen.strokeStyle = veil(this.theme.ink, 0.16);
    pen.lineWidth = 1;
    pen.setLineDash([3, 3]);
    for (let i = 0; i < this.track.items; i++) {
      const [x, y] = this.grid.place(i);
      pen.strokeRect(x + 0.5, y + 0.5, this.grid.cellW - 1, this.grid.cellH - 1);
    }
    pen.setLineDash([]);
  }

  hit(x, y) {
    const { grid, track } = this;
    for (let i = 0; i < track.items; i++) {
      const [left, top] = grid.place(i);
      const column = Math.floor((x - left) / grid.scale), row = Math.floor((y - top) / grid.scale);
      if (column >= 0 && row >= 0 && column < track.columns && row < track.rows) return { item: i, pixel: [row, column] };
    }
    return null;
  }
}

// Radius and opacity by number, so that a cloud neither vanishes nor clots.
const DENSITY = [[100, 4, 0.9], [300, 3, 0.75], [1000, 2.25, 0.6], [3000, 1.75, 0.5], [10000, 1.2, 0.3]];
const density = (n) => DENSITY.find(([most]) => n <= most) ?? DENSITY.at(-1);
const SPLAT = 300;              // more particles than this are blended by hand
const TRAILED = 240;            // so many particles of all clouds together leave a trail; more would be fog

// A round distance between ticks that gives four or five of them.
function tickStep(low, high) {
  const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= raw * 0.999);
}

class PointPainter {
  constructor(track) {
    this.track = track;
    this.ground = document.createElement("canvas");
    this.dot = document.createElement("canvas");
  }

  layout(width, height, theme) {
    const { track } = this;
    Object.assign(this, { width, height, theme, inset: { marginLeft: "0", marginRight: "0" } });
    const { scale } = theme, left = 34 * scale, bottom = 26 * scale, room = { w: width - left - 8, h: height - bottom - 8 };
    const span = track.showHigh - track.showLow, middle = (track.showHigh + track.showLow) / 2;
    this.unit = Math.min(room.w, room.h) / span;                          // the same on both axes: a circle is round
    this.frame = { x: left, y: 8, ...room };
    this.x0 = left + room.w / 2 - middle * this.unit;
    this.y0 = 8 + room.h / 2 + middle * this.unit;
    const [, usual, pale] = density(track.items), radius = usual * markScale(), alpha = strong(pale);
    this.radius = radius;
    const colour = theme.mark[track.role];
    this.colour = colour;
    const side = 2 * radius + 2;
    const pen = sharpen(this.dot, side, side);
    pen.fillStyle = veil(colour, alpha);
    pen.beginPath();
    pen.arc(side / 2, side / 2, radius, 0, 7);
    pen.fill();
    if (track.items <= 100) {
      pen.strokeStyle = theme.canvas;
      pen.stroke();
    }
    this.side = side;
    if (track.items > SPLAT) this.prepareSplat(colour, radius, alpha);
    this.paintGround(sharpen(this.ground, width, height));
    return height;
  }

  x(v) { return this.x0 + v * this.unit; }
  y(v) { return this.y0 - v * this.unit; }

  paintGround(pen) {
    const { frame, theme, track } = this;
    const ends = (zero, from, to, sign) => [(from - zero) / (sign * this.unit), (to - zero) / (sign * this.unit)];
    const [xLow, xHigh] = ends(this.x0, frame.x, frame.x + frame.w, 1);
    const [yLow, yHigh] = ends(this.y0, frame.y + frame.h, frame.y, -1);
    pen.font = theme.type(12);
    pen.lineWidth = 1;
    const line = (x1, y1, x2, y2) => { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); };
    const half = (v) => Math.round(v) + 0.5;
    const right = frame.x + frame.w, low = frame.y + frame.h;
    const every = tickStep(track.showLow, track.showHigh);
    const marks = (from, to) => {
      const list = [];
      for (let k = Math.ceil(from / every - 1e-9); k * every <= to + 1e-9; k++) list.push(Number((k * every).toPrecision(6)));
      return list;
    };
    const text = (v) => String(v).replace("-", "−");
    pen.strokeStyle = veil(theme.ink, strong(0.08));
    for (const v of marks(xLow, xHigh)) line(half(this.x(v)), frame.y, half(this.x(v)), low);
    for (const v of marks(yLow, yHigh)) line(frame.x, half(this.y(v)), right, half(this.y(v)));
    if (track.backdrop) {
      const [, usual, alpha] = density(track.backdrop.length / 2), radius = usual * markScale();
      pen.fillStyle = veil(theme.mark.data, strong(alpha * 0.8));
      for (let i = 0; i < track.backdrop.length; i += 2) {
        pen.beginPath();
        pen.arc(this.x(track.backdrop[i]), this.y(track.backdrop[i + 1]), radius, 0, 7);
        pen.fill();
      }
    }
    pen.strokeStyle = veil(theme.ink, strong(0.28));
    line(frame.x, half(low), right, half(low));
    line(half(frame.x), frame.y, half(frame.x), low);
    pen.fillStyle = theme.muted;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const named = this.nameWidth(pen, track.axes[0]) + 18;               // no tick where the axis is named
    for (const v of marks(xLow, xHigh)) if (this.x(v) < right - named) pen.fillText(text(v), this.x(v), low + 6);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const v of marks(yLow, yHigh)) if (this.y(v) > frame.y + 20 * theme.scale) pen.fillText(text(v), frame.x - 6, this.y(v));
    pen.fillStyle = theme.ink;
    pen.font = theme.type(13);
    pen.textBaseline = "top";
    pen.fillText(track.axes[0], right, low + 5);
    pen.textAlign = "left";
    pen.fillText(track.axes[1], frame.x + 6, frame.y - 4);
  }

  nameWidth(pen, name) {
    const before = pen.font;
    pen.font = this.theme.type(13);
    const { width } = pen.measureText(name);
    pen.font = before;
    return width;
  }

  paint(canvas, frame, fraction, picked, hovered) {
    const { track, width, height, theme } = this, { items } = track;
    const pen = sharpen(canvas, width, height);
    pen.drawImage(this.ground, 0, 0, width, height);
    if (track.blank.has(frame)) return;
    pen.save();
    pen.beginPath();
    pen.rect(this.frame.x, 0, this.frame.w + 8, this.frame.y + this.frame.h);
    pen.clip();
    this.trails(pen, frame, fraction);
    const dots = track.items > SPLAT ? this.splat : this.stamp;
    dots.call(this, pen, frame, fraction);
    for (const [item, chosen] of [[hovered, false], [picked.item, true]]) {
      if (item == null || item >= items) continue;
      if (chosen) this.path(pen, item, frame, fraction);
      const [x, y] = this.at(item, frame, fraction);
      for (const [colour, radius] of [[theme.canvas, 7], [theme.ink, chosen ? 5.5 : 5], [this.colour, 3.5]]) {
        pen.fillStyle = colour;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        pen.fill();
      }
    }
    pen.restore();
  }

  // Calls back with the place of every particle, in CSS pixels.
  each(frame, fraction, visit) {
    const { values, items, grain, low, blank } = this.track;
    const from = frame * items * 2, next = fraction > 0 && !blank.has(frame + 1) ? from + items * 2 : from;
    const scale = this.unit * grain, cx = this.x(low) + scale * 32768, cy = this.y(low) - scale * 32768;
    for (let i = 0; i < 2 * items; i += 2) {
      const x = values[from + i], y = values[from + i + 1];
      visit(cx + scale * (x + (values[next + i] - x) * fraction), cy - scale * (y + (values[next + i + 1] - y) * fraction));
    }
  }

  stamp(pen, frame, fraction) {
    const { dot, side } = this;
    this.each(frame, fraction, (x, y) => pen.drawImage(dot, x - side / 2, y - side / 2, side, side));
  }

  // A disc's coverage in screen pixels for 4 × 4 places of its centre within a pixel.
  prepareSplat(colour, radius, alpha) {
    const ratio = sharpness(), r = radius * ratio, size = Math.ceil(2 * r) + 2;
    const masks = [];
    for (let k = 0; k < 16; k++) {
      const cx = size / 2 - 0.5 + ((k % 4) + 0.5) / 4, cy = size / 2 - 0.5 + ((k >> 2) + 0.5) / 4;
      const mask = new Uint8Array(size * size);
      for (let i = 0; i < mask.length; i++) {
        const away = Math.hypot((i % size) + 0.5 - cx, Math.floor(i / size) + 0.5 - cy);
        mask[i] = Math.round(255 * alpha * Math.min(1, Math.max(0, r + 0.5 - away)));
      }
      masks.push(mask);
    }
    const w = Math.round(this.width * ratio), h = Math.round(this.height * ratio);
    const [red, green, blue] = rgb(colour);
    this.sheet = document.createElement("canvas");
    Object.assign(this.sheet, { width: w, height: h });
    const pixels = new ImageData(w, h);
    this.disc = { ratio, size, masks, w, h, pixels, words: new Uint32Array(pixels.data.buffer), tint: (blue << 16) | (green << 8) | red };
  }

  // Thousands of see-through dots, blended by hand: many times faster than drawing each where there is no GPU.
  splat(pen, frame, fraction) {
    const { ratio, size, masks, w, h, pixels, words, tint } = this.disc;
    words.fill(0);
    this.each(frame, fraction, (px, py) => {
      const x = px * ratio - size / 2 + 0.5, y = py * ratio - size / 2 + 0.5;
      const left = Math.floor(x), top = Math.floor(y);
      if (left < 0 || top < 0 || left + size > w || top + size > h) return;
      const mask = masks[((y - top) * 4 | 0) * 4 + ((x - left) * 4 | 0)];
      for (let row = 0, m = 0; row < size; row++) {
        for (let at = (top + row) * w + left, end = at + size; at < end; at++, m++) {
          if (!mask[m]) continue;
          const a = words[at] >>> 24;
          words[at] = ((a + (((255 - a) * mask[m] + 127) / 255 | 0)) << 24) | tint;
        }
      }
    });
    const sheet = this.sheet.getContext("2d");
    sheet.putImageData(pixels, 0, 0);
    pen.drawImage(this.sheet, 0, 0, this.width, this.height);
  }

  // Where a particle is: a sent state or, only while playing, between two of them.
  at(item, frame, fraction = 0) {
    const { values, items, grain, low, blank } = this.track;
    const a = (frame * items + item) * 2, b = fraction > 0 && !blank.has(frame + 1) ? a + items * 2 : a;
    const v = (i) => low + (values[a + i] + (values[b + i] - values[a + i]) * fraction + 32768) * grain;
    return [this.x(v(0)), this.y(v(1))];
  }

  trails(pen, frame, fraction) {
    const { track, colour } = this;
    const every = Math.max(1, Math.ceil(track.items / TRAILED)), length = track.trail;
    pen.strokeStyle = colour;
    pen.lineWidth = thick(1.25);
    pen.lineJoin = "round";
    const third = Math.ceil(length / 3);
    for (let part = 0; part < 3; part++) {                                // older thirds are fainter
      const last = frame - part * third, first = Math.max(0, last - third, frame - length);
      if (last < 1 && !(part === 0 && fraction > 0)) break;
      pen.globalAlpha = strong([0.35, 0.2, 0.1][part]);
      pen.beginPath();
      for (let i = 0; i < track.items; i += every) this.trace(pen, i, first, last, part ? 0 : fraction);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  trace(pen, item, first, last, fraction) {
    let drawing = false;
    for (let f = Math.max(0, first); f <= last; f++) {
      if (this.track.blank.has(f)) { drawing = false; continue; }
      const [x, y] = this.at(item, f);
      if (drawing) pen.lineTo(x, y); else pen.moveTo(x, y);
      drawing = true;
    }
    if (fraction > 0 && drawing) pen.lineTo(...this.at(item, last, fraction));
  }

  path(pen, item, frame, fraction) {
    pen.lineJoin = "round";
    for (const [colour, width] of [[this.theme.canvas, 5], [this.colour, 2.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick(width);
      pen.beginPath();
      this.trace(pen, item, 0, frame, fraction);
      pen.stroke();
    }
  }

  hit(x, y, frame, reach = 24) {
    let item = null, best = reach * reach;
    if (this.track.blank.has(frame)) return null;
    for (let i = 0; i < this.track.items; i++) {
      const [px, py] = this.at(i, frame);
      const d = (px - x) ** 2 + (py - y) ** 2;
      if (d < best) { best = d; item = i; }
    }
    return item == null ? null : { item, pixel: null };
  }
}
