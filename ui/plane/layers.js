// One painter for each kind of layer of layers.py.

const LAYERS = {
  curve({ pen, chart, layer, mark, frame, env, strength }) {
    const x = frame("x").values, y = frame("y").values;
    const count = layer.grow ? Math.min(x.length, Math.floor(env.frame) + 1) : x.length;
    const px = (i) => chart.x(x[i]), py = (i) => chart.y(y[i]);
    if (layer.fill) {
      pen.beginPath();
      trace(pen, px, py, count, chart.floor);
      pen.fillStyle = veil(mark, 0.14);
      pen.fill();
    }
    pen.beginPath();
    trace(pen, px, py, count);
    const part = env.frame - Math.floor(env.frame), end = count - 1;
    let tip = [px(end), py(end)];
    if (layer.grow && part > 0 && count < x.length) {
      tip = [px(end) + (px(count) - px(end)) * part, py(end) + (py(count) - py(end)) * part];
      pen.lineTo(...tip);
    }
    strokeAs(pen, layer, mark, layer.role === "data" ? 2 : 2.5);
    pen.fillStyle = mark;
    if (layer.points) for (let i = 0; i < count; i++) if (Number.isFinite(py(i))) disc(pen, px(i), py(i), 3.5);
    if (layer.grow && Number.isFinite(tip[1])) disc(pen, tip[0], tip[1], 4.5);
    pen.globalAlpha = strength;
  },

  paths({ pen, chart, layer, mark, frame, env, strength }) {
    const { values, shape: [many, length] } = frame("at");
    const count = layer.grow ? Math.min(length, Math.floor(env.frame) + 1) : length, part = env.frame - Math.floor(env.frame);
    const place = (p, i) => [chart.x(values[2 * (p * length + i)]), chart.y(values[2 * (p * length + i) + 1])];
    const [alpha, width] = many === 1 ? [1, 2] : many <= 4 ? [0.8, 1.75] : [0.35, 1.25];
    const together = many > 300 ? Math.ceil(many / 60) : 1, tips = [];          // some at a time, or thousands would take long
    pen.globalAlpha = strength * alpha;
    for (let p = 0; p < many; p += together) {
      pen.beginPath();
      for (let q = p; q < Math.min(many, p + together); q++) {
        trace(pen, (i) => place(q, i)[0], (i) => place(q, i)[1], count);
        let tip = place(q, count - 1);
        if (layer.grow && part > 0 && count < length) {
          const next = place(q, count);
          tip = tip.map((v, k) => v + (next[k] - v) * part);
          pen.lineTo(...tip);
        }
        if (layer.grow) tips.push(tip);
      }
      strokeAs(pen, layer, mark, width);
    }
    pen.globalAlpha = strength;
    pen.fillStyle = mark;
    for (const [x, y] of tips) if (Number.isFinite(x + y)) disc(pen, x, y, many > 40 ? 2 : 3);
  },

  cloud: (sheet) => paintCloud(sheet),

  bars({ pen, chart, layer, mark, frame }) {
    const edges = frame("edges").values, heights = frame("heights").values, floor = chart.floor;
    const top = (i) => (heights[i] > 0 || !chart.sy.log ? chart.y(heights[i]) : floor);
    if (!layer.outline) {
      pen.fillStyle = veil(mark, 0.22);
      for (let i = 0; i < heights.length; i++) {
        const left = chart.x(edges[i]), right = chart.x(edges[i + 1]), gap = right - left > 6 ? 1 : 0;
        if (heights[i] > 0) pen.fillRect(left + gap / 2, top(i), right - left - gap, floor - top(i));
      }
    }
    pen.beginPath();
    pen.moveTo(chart.x(edges[0]), floor);
    for (let i = 0; i < heights.length; i++) {
      pen.lineTo(chart.x(edges[i]), top(i));
      pen.lineTo(chart.x(edges[i + 1]), top(i));
    }
    pen.lineTo(chart.x(edges[heights.length]), floor);
    pen.lineCap = "butt";
    pen.lineJoin = "miter";
    strokeAs(pen, layer, mark, 1.5);
  },

  heat(sheet) {
    const { layer, theme, mark, frame, env } = sheet, { values, shape: [rows, columns] } = frame("values");
    const table = coloursOf(layer.palette, theme, mark), keep = (layer.image ??= {});
    const known = `${layer.values.framed ? env.frame : 0} ${theme.dark}`;
    if (keep.known !== known) mapImage(keep, values, columns, rows, layer.low, layer.high, table);
    keep.known = known;
    putMap(sheet, keep.canvas, layer.x, layer.y, columns, rows);
  },

  contours(sheet) {
    const { pen, layer, mark, frame, strength } = sheet, { values, shape: [rows, columns] } = frame("values");
    const levels = [...frame("at").values].sort((a, b) => a - b);
    levels.forEach((level, i) => {
      putContours(sheet, values, columns, rows, layer.x, layer.y, level);
      pen.globalAlpha = strength * (levels.length > 1 ? 0.45 + (0.55 * i) / (levels.length - 1) : 1);
      strokeAs(pen, layer, mark, 1.25);
    });
  },

  ellipses(sheet) {
    const { layer, theme, mark, frame } = sheet, { values: means, shape: [many] } = frame("means");
    const covs = frame("covs").values, weights = frame("weights")?.values;
    for (let k = 0; k < many; k++) {
      const colour = layer.coloured ? theme.mark[COMPONENT_ROLES[k % COMPONENT_ROLES.length]] : mark;
      const weight = weights ? Math.min(1.6, Math.max(0.35, weights[k] * many)) : 1;
      const cov = [covs[4 * k], covs[4 * k + 1], covs[4 * k + 3]];
      nestedEllipses(sheet, [means[2 * k], means[2 * k + 1]], cov, layer.radii, colour, { fill: layer.fill, weight, layer });
    }
  },

  arrows({ pen, chart, layer, mark, frame, strength }) {
    const at = frame("at").values, by = frame("by").values, { sx, sy } = chart;
    let scale = 1;
    if (layer.longest != null) {                                              // of all frames: what shrinks is seen to shrink
      const all = layer.by.values;
      let most = 0;
      for (let i = 0; i < all.length; i += 2) most = Math.max(most, Math.hypot(all[i] * sx.unit, all[i + 1] * sy.unit) || 0);
      scale = most > 0 ? layer.longest / most : 0;
    }
    pen.globalAlpha = strength * (at.length > 12 ? strong(0.6) : 1);
    pen.beginPath();
    for (let i = 0; i < at.length; i += 2) {
      arrow(pen, chart.x(at[i]), chart.y(at[i + 1]), by[i] * sx.unit * scale, by[i + 1] * sy.unit * scale);
    }
    strokeAs(pen, { ...layer, dashed: false, role: "" }, mark, at.length > 12 ? 1.25 : 2);
  },

  slopes({ pen, chart, layer, mark, frame, env, strength }) {
    const slope = slope2(layer.model, env), unit = resolve(layer.unit, env), { sx, sy } = chart;
    const places = slopePlaces(layer, chart, env, frame("at"));
    pen.globalAlpha = strength * (layer.place ? 1 : 0.6);
    pen.beginPath();
    for (const [x, y] of places) {
      const [along, up] = slope(x, y), r = unit * Math.hypot(along, up), dx = along * sx.unit, dy = up * sy.unit;
      const part = ((r / (1 + r)) * layer.longest) / Math.hypot(dx, dy);
      arrow(pen, chart.x(x), chart.y(y), dx * part, dy * part, layer.place ? 8 : 5);
    }
    strokeAs(pen, { ...layer, dashed: false, role: "" }, mark, layer.place ? 2.5 : 1.25);
  },

  pictures({ pen, chart, layer, theme, frame, env }) {
    const { values, shape: [many, h, w] } = frame("images"), boxes = frame("boxes").values, keep = (layer.image ??= {});
    const known = `${layer.images.framed ? Math.floor(env.frame) : 0} ${theme.dark}`;
    if (keep.known !== known && many) mapImage(keep, values, w, many * h, 0, 255, coloursOf(layer.signed ? "signed" : "paper", theme, theme.ink));
    keep.known = known;
    pen.imageSmoothingEnabled = false;
    for (let i = 0; i < many; i++) {                                          // the sheet has its first row below: see mapImage
      const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
      const left = chart.x(x1), top = chart.y(y2), width = chart.x(x2) - left, height = chart.y(y1) - top;
      if (!Number.isFinite(left + top + width + height)) continue;
      pen.save();
      pen.translate(left, top + height);
      pen.scale(1, -1);
      pen.drawImage(keep.canvas, 0, (many - 1 - i) * h, w, h, 0, 0, width, height);
      pen.restore();
    }
  },

  photographs({ pen, chart, layer, frame, env }) {
    const { values, shape: [many, h, w] } = frame("images"), boxes = frame("boxes").values, keep = (layer.image ??= {});
    const known = layer.images.framed ? Math.floor(env.frame) : 0;
    if (keep.known !== known && many) colourImage(keep, values, w, many * h);
    keep.known = known;
    pen.imageSmoothingEnabled = false;
    for (let i = 0; i < many; i++) {
      const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4), left = chart.x(x1), top = chart.y(y2);
      pen.drawImage(keep.canvas, 0, i * h, w, h, left, top, chart.x(x2) - left, chart.y(y1) - top);
    }
  },

  rule(sheet) {
    const { pen, chart, layer, mark, theme, env } = sheet, { box } = chart;
    const upright = layer.x != null, at = upright ? chart.x(resolve(layer.x, env)) : chart.y(resolve(layer.y, env));
    if (!Number.isFinite(at)) return;
    pen.beginPath();
    if (upright) { pen.moveTo(at, box.y); pen.lineTo(at, box.y + box.h); }
    else { pen.moveTo(box.x, at); pen.lineTo(box.x + box.w, at); }
    strokeAs(pen, layer, mark, 1.5);
    if (!layer.label) return;
    pen.font = theme.type(13);
    const room = pen.measureText(layer.label).width + 8, beyond = at + room > box.x + box.w;
    if (upright) putWords(sheet, layer.label, at + (beyond ? -5 : 5), box.y + 10 * theme.scale, beyond ? "right" : "left");
    else putWords(sheet, layer.label, box.x + box.w - 4, at - box.y < 20 * theme.scale ? at + 11 * theme.scale : at - 9 * theme.scale, "right");
  },

  band({ pen, chart, layer, mark, env }) {
    const low = chart.x(resolve(layer.low, env)), high = chart.x(resolve(layer.high, env));
    pen.fillStyle = veil(mark, 0.14);
    if (Number.isFinite(low + high)) pen.fillRect(Math.min(low, high), chart.box.y, Math.abs(high - low), chart.box.h);
  },

  words(sheet) {
    const { pen, chart, theme, layer, env, numbers } = sheet;
    const text = Array.isArray(layer.text) ? layer.text[Math.floor(env.frame)] : layer.text;
    const said = say(text ?? "", env, numbers), x = chart.x(resolve(layer.x, env));
    pen.font = theme.type(13);
    const beyond = layer.align === "left" ? x + Math.max(...said.split("\n").map((line) => pen.measureText(line).width)) - chart.box.x - chart.box.w : 0;
    putWords(sheet, said, x - Math.max(0, beyond), chart.y(resolve(layer.y, env)), layer.align);
  },

  density: (sheet) => DENSITIES[sheet.layer.show]?.(sheet),

  sticks({ pen, chart, layer, mark, env }) {
    const density = density1(layer.model, env), places = (env.values[layer.points] ?? []).map(([x]) => [chart.x(x), chart.y(density(x))]);
    pen.beginPath();
    for (const [x, y] of places) if (Number.isFinite(y)) { pen.moveTo(x, chart.floor); pen.lineTo(x, y); }
    strokeAs(pen, layer, mark, 1.75);
    pen.fillStyle = mark;
    for (const [x, y] of places) if (Number.isFinite(y)) disc(pen, x, y, 2.5);
  },

  mapped({ pen, chart, layer, mark, frame, env }) {
    const { values, shape: [many, length] } = frame("at"), [a, b, c, d] = layer.matrix.map((v) => resolve(v, env));
    pen.beginPath();
    for (let p = 0; p < many; p++) {
      const x = (i) => values[2 * (p * length + i)], y = (i) => values[2 * (p * length + i) + 1];
      trace(pen, (i) => chart.x(a * x(i) + b * y(i)), (i) => chart.y(c * x(i) + d * y(i)), length);
    }
    if (layer.fill) { pen.fillStyle = veil(mark, 0.16); pen.fill(); }
    strokeAs(pen, layer, mark, many > 6 ? 1.25 : 2);
  },
};

const DENSITIES = {
  curve({ pen, chart, layer, mark, env }) {
    const density = density1(layer.model, env), { box, sx, sy } = chart, sideways = layer.along === "y";
    const base = resolve(layer.base, env), scale = resolve(layer.scale, env);
    const from = sideways ? box.y : box.x, count = Math.ceil((sideways ? box.h : box.w) / 1.5) + 1, step = (sideways ? box.h : box.w) / (count - 1);
    const { mean, std } = moments1(layer.model, env), own = sideways ? sy : sx;
    const at = [];                                                            // the peak of a narrow one is not to fall between two
    for (let i = 0; i < count; i++) at.push(from + i * step);
    if (std * Math.abs(own.unit) < 6) for (let z = -4; z <= 4; z += 0.25) at.push(own.at(mean + z * std));
    at.sort((p, q) => p - q);
    const line = (places, area) => {
      const value = (p) => base + scale * density(own.of(p));
      const x = sideways ? (i) => chart.x(value(places[i])) : (i) => places[i], y = sideways ? (i) => places[i] : (i) => chart.y(value(places[i]));
      pen.beginPath();
      if (area && sideways) {
        pen.moveTo(chart.x(base), places[0]);
        for (let i = 0; i < places.length; i++) pen.lineTo(x(i), y(i));
        pen.lineTo(chart.x(base), places.at(-1));
      } else trace(pen, x, y, places.length, area ? (base ? chart.y(base) : chart.floor) : null);
    };
    if (layer.between) {
      const [low, high] = layer.between.map((v) => own.at(resolve(v, env))).sort((p, q) => p - q);
      const end = (p) => Math.min(Math.max(p, from), from + (sideways ? box.h : box.w));
      if (low < high) line([end(low), ...at.filter((p) => p > low && p < high), end(high)], true);
      pen.fillStyle = veil(mark, 0.26);
      if (low < high) pen.fill();
    }
    line(at, false);
    strokeAs(pen, layer, mark);
  },

  contours(sheet) {
    const { pen, chart, layer, mark, env, strength } = sheet, { model } = layer;
    if (model.kind === "gaussian") {
      const g = gaussian(env, model);
      return nestedEllipses(sheet, [g.meanX, g.meanY], g.cov, layer.radii, mark, { layer });
    }
    const columns = 112, rows = Math.max(48, Math.min(112, Math.round((columns * chart.box.h) / chart.box.w)));
    const grid = gridOf(layer, chart, env, columns, rows);
    const levels = [...layer.radii].sort((p, q) => q - p).map((r) => grid.most * Math.exp(-0.5 * r * r)).filter((v) => v > 0);
    const x = (v) => chart.x(grid.x[0] + ((grid.x[1] - grid.x[0]) * v) / (columns - 1));
    const y = (v) => chart.y(grid.y[0] + ((grid.y[1] - grid.y[0]) * v) / (rows - 1));
    let before = 0;
    levels.forEach((level, i) => {
      pen.beginPath();
      for (const ring of contourRings(grid.values, columns, rows, level)) {
        for (let k = 0; k < ring.length; k += 2) pen[k ? "lineTo" : "moveTo"](x(ring[k]), y(ring[k + 1]));
        pen.closePath();
      }
      const wanted = fillOf(i, levels.length);
      pen.fillStyle = veil(mark, 1 - (1 - wanted) / (1 - before));
      before = wanted;
      pen.fill("evenodd");
      putContours(sheet, grid.values, columns, rows, grid.x, grid.y, level);
      pen.globalAlpha = strength * 0.9;
      strokeAs(pen, layer, mark, 1.25);
      pen.globalAlpha = strength;
    });
  },

  heat(sheet) {
    const { chart, layer, mark, env, theme } = sheet, grid = gridOf(layer, chart, env, 112, 80), keep = (layer.image ??= {});
    if (keep.known !== grid.known + theme.dark) mapImage(keep, grid.values, 112, 80, 0, grid.most, coloursOf("density", theme, mark));
    keep.known = grid.known + theme.dark;
    putMap(sheet, keep.canvas, grid.x, grid.y, 112, 80);
  },
};

// Where the arrows of `slopes` begin; at: one frame of the places that were given, if any were.
function slopePlaces(layer, { box, sx, sy }, env, at) {
  if (layer.place) return [layer.place.map((v) => resolve(v, env))];
  if (at) return Array.from({ length: at.values.length / 2 }, (_, i) => [at.values[2 * i], at.values[2 * i + 1]]);
  const step = 28, columns = Math.max(1, Math.floor(box.w / step)), rows = Math.max(1, Math.floor(box.h / step));
  const left = box.x + (box.w - (columns - 1) * step) / 2, top = box.y + (box.h - (rows - 1) * step) / 2;
  return Array.from({ length: rows * columns }, (_, n) => [sx.of(left + (n % columns) * step), sy.of(top + Math.floor(n / columns) * step)]);
}

// An arrow as strokes: a head of at most so many pixels, smaller on a short one; what is shorter than half a pixel is not drawn.
function arrow(pen, x, y, dx, dy, most = 5) {
  const length = Math.hypot(dx, dy);
  if (!(length > 0.5) || !Number.isFinite(x + y)) return;
  const head = Math.min(most, length * 0.45) / length, tx = x + dx, ty = y + dy;
  pen.moveTo(x, y);
  pen.lineTo(tx, ty);
  pen.moveTo(tx - head * (dx + 0.6 * dy), ty - head * (dy - 0.6 * dx));
  pen.lineTo(tx, ty);
  pen.lineTo(tx - head * (dx - 0.6 * dy), ty - head * (dy + 0.6 * dx));
}

// Words on the picture, with an edge in the canvas colour so that lines behind them do not hurt.
function putWords({ pen, theme, layer }, text, x, y, align) {
  pen.font = theme.type(13);
  pen.textAlign = align;
  pen.textBaseline = "middle";
  pen.strokeStyle = theme.canvas;
  pen.lineWidth = 4;
  pen.fillStyle = theme.text[layer.role] ?? theme.ink;
  text.split("\n").forEach((line, i) => {
    pen.strokeText(line, x, y + 18 * theme.scale * i);
    pen.fillText(line, x, y + 18 * theme.scale * i);
  });
}
