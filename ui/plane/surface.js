// A map of values as a surface seen from the side, turned by the finger: orthographic, painted from back to front. It
// stands in a box over the two axes, as wide as deep; what lies at the low end is left open, so that the floor is seen.

const SURFACE_VIEW = { turn: -0.6, tilt: 0.5 };           // at first; in radians: of the box, and of the eye above the floor
const SURFACE_CELLS = 48;                                 // at most, along each axis of a map
const MODEL_CELLS = 40;                                   // along each axis, of a density
const FINEST = 4;                                         // so many parts, at most, of the side of a cell in which it is steep
const THINNEST = 2;                                       // standard deviation of what is drawn, in parts of a cell
const SURFACE_ROUGH = 0.015;                              // of the height: a cell that misses more is painted in parts
const SURFACE_HEIGHT = 1.15;                              // of the box, beside a floor from −1 to 1
const SURFACE_SHADES = { heights: 96, lights: 48 };
const SUN = [-0.56, -0.36, 0.75];                         // in the eye's own right, depth and up: it does not turn along

class SurfacePainter {
  constructor() {
    this.tints = new Map();
  }

  // dx and dy in CSS pixels: sideways turns the box, up and down tilts it.
  drag(dx, dy, view) {
    return { turn: (view.turn + dx * 0.01) % (2 * Math.PI), tilt: Math.max(0.12, Math.min(1.45, view.tilt + dy * 0.006)) };
  }

  // box { x, y, w, h } in CSS pixels; grid { values, width, height, x: [low, high], y: [low, high], low, high } as the
  // layer Surface of layers.py; axes: the panel's x and y.
  paint(pen, box, grid, theme, role, view, axes) {
    this.type = theme.scale;
    this.place(box, view);
    const [x, y] = axes.map((axis) => this.edge(axis));
    const z = this.edge(grid, 0);
    pen.save();
    pen.lineJoin = "round";
    this.paintBox(pen, theme, x, y, z);
    this.paintMesh(pen, grid, x.scale, y.scale, this.shades(theme, role));
    this.paintEdges(pen, theme, x, y, z);
    pen.restore();
  }

  // An edge of the box: its scale, to the box's own coordinates, and its ticks in these.
  edge({ low, high, log, name, shown }, from = -1) {
    const scale = new Scale({ low, high, log }, from, 1);
    const ticks = high > low ? ticksBetween(scale, this.scale / this.type).map(({ value, text }) => ({ at: scale.at(value), text })) : [];
    return { scale, ticks, name, shown };
  }

  // The largest box that fits however it is turned, with room for what is written around it.
  place(box, { turn, tilt }) {
    this.box = box;
    this.sin = Math.sin(turn);
    this.cos = Math.cos(turn);
    this.rise = Math.cos(tilt);                           // of a unit of height on the screen
    this.slant = Math.sin(tilt);                          // of a unit of depth
    const reach = Math.SQRT2 * this.slant, top = reach + SURFACE_HEIGHT * this.rise;
    const room = { side: 50 * this.type, above: 10, below: 26 * this.type };
    this.scale = Math.max(1, Math.min((box.w - 2 * room.side) / (2 * Math.SQRT2), (box.h - room.above - room.below) / (reach + top)));
    this.middleX = box.x + box.w / 2;
    this.middleY = box.y + room.above + (box.h - room.above - room.below - this.scale * (reach + top)) / 2 + this.scale * top;
  }

  // Floor coordinates from −1 to 1, height from 0 to 1.
  at(x, y, z) {
    const depth = x * this.sin + y * this.cos;
    return [
      this.middleX + this.scale * (x * this.cos - y * this.sin),
      this.middleY - this.scale * (depth * this.slant + z * SURFACE_HEIGHT * this.rise),
    ];
  }

  depth(x, y) {
    return x * this.sin + y * this.cos;
  }

  line(pen, ...points) {
    pen.beginPath();
    points.forEach((point, i) => (i ? pen.lineTo(...this.at(...point)) : pen.moveTo(...this.at(...point))));
    pen.stroke();
  }

  // The floor and the two walls behind, with a thin line at each tick.
  paintBox(pen, theme, x, y, z) {
    const backX = this.depth(1, 0) > 0 ? 1 : -1, backY = this.depth(0, 1) > 0 ? 1 : -1;
    pen.lineWidth = 1;
    pen.fillStyle = veil(theme.ink, theme.dark ? 0.05 : 0.03);
    pen.beginPath();
    for (const corner of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) pen.lineTo(...this.at(...corner, 0));
    pen.fill();
    pen.strokeStyle = veil(theme.ink, 0.1);
    for (const { at } of x.ticks) this.line(pen, [at, -1, 0], [at, 1, 0]);
    for (const { at } of y.ticks) this.line(pen, [-1, at, 0], [1, at, 0]);
    for (const { at } of z.ticks) this.line(pen, [-backX, backY, at], [backX, backY, at], [backX, -backY, at]);
    pen.strokeStyle = veil(theme.ink, 0.2);
    this.line(pen, [-backX, backY, 0], [backX, backY, 0], [backX, -backY, 0]);
    this.line(pen, [backX, backY, 0], [backX, backY, 1]);
  }

  // Cells from back to front: a later one may hide an earlier one, never the other way round. The outer loop follows the
  // axis that runs deeper into the picture, or the soft edge of what is far would be painted beside what is near.
  paintMesh(pen, grid, scaleX, scaleY, shades) {
    const { values, width, height, low, high, fine = 1 } = grid, most = SURFACE_CELLS * fine;
    const columns = Math.min(width - 1, most), rows = Math.min(height - 1, most), wide = columns + 1;
    if (columns < 1 || rows < 1 || !(high > low)) return;
    const placeX = meshLines(scaleX, grid.x, columns), placeY = meshLines(scaleY, grid.y, rows);
    const count = wide * (rows + 1);
    const z = new Float64Array(count), screenX = new Float64Array(count), screenY = new Float64Array(count);
    for (let r = 0, n = 0; r <= rows; r++) {
      for (let c = 0; c <= columns; c++, n++) {
        const v = valueBetween(values, width, height, (c * (width - 1)) / columns, (r * (height - 1)) / rows);
        z[n] = Math.max(0, Math.min(1, (v - low) / (high - low)));
        [screenX[n], screenY[n]] = this.at(placeX[c], placeY[r], z[n]);
      }
    }
    const { heights, lights } = SURFACE_SHADES;
    const stepX = (placeX[columns] - placeX[0]) / columns, stepY = (placeY[rows] - placeY[0]) / rows;
    const cell = (c, r, size) => {                                     // its corners are (c, r) and so many parts further
      const n = r * wide + c, up = size * wide, a = z[n], b = z[n + size], d = z[n + up], e = z[n + up + size];
      const level = (a + b + d + e) / 4;
      if (!(level > 0.002)) return;                                    // the open floor, and what is no number
      if (placeX[c] < -1.001 || placeX[c + size] > 1.001 || placeY[r] < -1.001 || placeY[r + size] > 1.001) return;
      const slopeX = ((b + e - a - d) / (2 * size * stepX)) * SURFACE_HEIGHT, slopeY = ((d + e - a - b) / (2 * size * stepY)) * SURFACE_HEIGHT;
      const light = this.light(slopeX, slopeY);
      const shade = Math.min(heights - 1, Math.floor(level * heights)) * lights + Math.floor(light * (lights - 0.001));
      pen.globalAlpha = Math.min(1, level / 0.04);
      pen.beginPath();
      pen.moveTo(screenX[n], screenY[n]);
      pen.lineTo(screenX[n + size], screenY[n + size]);
      pen.lineTo(screenX[n + up + size], screenY[n + up + size]);
      pen.lineTo(screenX[n + up], screenY[n + up]);
      pen.closePath();
      pen.fillStyle = shades.fills[shade];
      pen.fill();
      pen.strokeStyle = size < fine ? shades.fills[shade] : shades.lines[shade];
      pen.stroke();
      if (size === fine) return;
      pen.strokeStyle = shades.lines[shade];                           // the mesh that is seen is that of the large cells
      pen.beginPath();
      for (const [on, end] of [[c % fine === 0, n + up], [r % fine === 0, n + size]]) {
        if (!on) continue;
        pen.moveTo(screenX[n], screenY[n]);
        pen.lineTo(screenX[end], screenY[end]);
      }
      pen.stroke();
    };
    // Whether so large a cell would cut off what lies within it.
    const rough = (c, r) => {
      const [a, b, d, e] = [z[r * wide + c], z[r * wide + c + fine], z[(r + fine) * wide + c], z[(r + fine) * wide + c + fine]];
      for (let j = 0; j <= fine; j++) {
        for (let i = 0; i <= fine; i++) {
          const s = i / fine, t = j / fine, even = (a * (1 - s) + b * s) * (1 - t) + (d * (1 - s) + e * s) * t;
          if (Math.abs(z[(r + j) * wide + c + i] - even) > SURFACE_ROUGH) return true;
        }
      }
      return false;
    };
    pen.lineWidth = 0.75;
    this.backToFront(columns / fine, rows / fine, (c, r) => {
      if (fine === 1 || !rough(c * fine, r * fine)) return cell(c * fine, r * fine, fine);
      this.backToFront(fine, fine, (i, j) => cell(c * fine + i, r * fine + j, 1));
    });
    pen.globalAlpha = 1;
  }

  // Visits the cells of a floor of so many columns and rows, those behind first.
  backToFront(columns, rows, visit) {
    const flipX = this.depth(1, 0) > 0, flipY = this.depth(0, 1) > 0;
    const deepX = Math.abs(this.depth(1, 0)) > Math.abs(this.depth(0, 1)), [outer, inner] = deepX ? [columns, rows] : [rows, columns];
    for (let i = 0; i < outer; i++) {
      for (let j = 0; j < inner; j++) {
        const [c, r] = deepX ? [i, j] : [j, i];
        visit(flipX ? columns - 1 - c : c, flipY ? rows - 1 - r : r);
      }
    }
  }

  // How much a slope turns towards the sun, 0 to 1.
  light(slopeX, slopeY) {
    const right = -slopeX * this.cos + slopeY * this.sin, depth = -slopeX * this.sin - slopeY * this.cos;
    const towards = (right * SUN[0] + depth * SUN[1] + SUN[2]) / Math.sqrt(1 + slopeX * slopeX + slopeY * slopeY);
    return Math.max(0, Math.min(1, 0.5 + 0.5 * towards));
  }

  // What each height looks like in each light: from the canvas over the role's colour to its strongest, evenly.
  shades(theme, role) {
    const key = `${role} ${theme.dark} ${theme.canvas} ${theme.mark[role]}`;
    if (this.tints.has(key)) return this.tints.get(key);
    const colour = rgb(theme.mark[role]), paper = rgb(theme.canvas);
    const white = [255, 255, 255], black = [0, 0, 0];
    const stops = theme.dark
      ? [mixColours(paper, colour, 0.3), mixColours(paper, colour, 0.75), colour, mixColours(colour, white, 0.35)]
      : [mixColours(paper, colour, 0.22), mixColours(paper, colour, 0.6), colour, mixColours(colour, black, 0.22)];
    const { heights, lights } = SURFACE_SHADES, fills = [], lines = [];
    for (let h = 0; h < heights; h++) {
      const at = (h / (heights - 1)) * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
      const base = mixColours(stops[i], stops[i + 1], at - i);
      for (let l = 0; l < lights; l++) {
        const t = l / (lights - 1) - 0.7;
        const lit = t > 0 ? mixColours(base, white, t * (theme.dark ? 0.4 : 0.9)) : mixColours(base, black, -t * (theme.dark ? 0.75 : 0.55));
        fills.push(`rgb(${lit.map(Math.round).join(" ")})`);
        lines.push(`rgb(${mixColours(lit, black, theme.dark ? 0.3 : 0.2).map(Math.round).join(" ")})`);
      }
    }
    const made = { fills, lines };
    this.tints.set(key, made);
    return made;
  }

  // The edges in front with ticks and names, and the height at the left.
  paintEdges(pen, theme, x, y, z) {
    const frontX = this.depth(1, 0) > 0 ? -1 : 1, frontY = this.depth(0, 1) > 0 ? -1 : 1;
    const strong = veil(theme.ink, 0.35), quiet = veil(theme.ink, 0.2);
    pen.strokeStyle = strong;
    pen.lineWidth = 1;
    this.line(pen, [-frontX, frontY, 0], [frontX, frontY, 0], [frontX, -frontY, 0]);
    this.words = [];                                                    // what is written, not to write over it
    this.paintAxis(pen, theme, x, (v) => [v, frontY, 0], [0, frontY]);
    this.paintAxis(pen, theme, y, (v) => [frontX, v, 0], [frontX, 0]);
    const sides = [[-frontX, frontY], [frontX, -frontY]].sort((p, q) => this.at(...p, 0)[0] - this.at(...q, 0)[0]);
    sides.forEach((corner, i) => {
      pen.strokeStyle = i ? quiet : strong;
      this.line(pen, [...corner, 0], [...corner, 1]);
    });
    pen.font = theme.type(12);
    pen.fillStyle = theme.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    let before = Infinity;                                              // from above they would stand in each other
    for (const { at, text } of z.ticks) {
      const [left, height] = this.at(...sides[0], at);
      if (at < 0.01 || before - height < 13 * this.type) continue;
      pen.fillText(text, left - 6, height);
      before = height;
    }
  }

  // along(v): the place of v on the edge; out: which way the floor ends there.
  paintAxis(pen, theme, { ticks, name, shown }, along, out) {
    if (shown === false) return;
    const zero = this.at(0, 0, 0), end = this.at(...out, 0);
    let [awayX, awayY] = this.normal(along(-1), along(1));
    if (awayX * (end[0] - zero[0]) + awayY * (end[1] - zero[1]) < 0) [awayX, awayY] = [-awayX, -awayY];
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const { box } = this, kept = (v, low, high) => Math.max(low, Math.min(high, v));
    const spot = (text, place, gap) => {                                // the text's middle, inside the box, and its width
      const [x, y] = this.at(...place), width = pen.measureText(text).width, half = width / 2;
      const right = x + awayX * (gap + Math.abs(awayX) * half), down = y + awayY * (gap + 6 * this.type);
      const inside = kept(right, box.x + half + 2, box.x + box.w - half - 2);
      const lower = down + Math.min(18 * this.type, Math.abs(inside - right));      // pushed back in, it goes under the ticks
      return [inside, kept(lower, box.y + 8 * this.type, box.y + box.h - 8 * this.type), width];
    };
    pen.font = theme.type(12);
    pen.fillStyle = theme.muted;
    let widest = 0;
    for (const { at, text } of ticks) {
      const [x, y, width] = spot(text, along(at), 6);
      if (this.words.some((word) => Math.abs(x - word.x) < (width + word.width) / 2 + 4 && Math.abs(y - word.y) < 13 * this.type)) continue;
      pen.fillText(text, x, y);
      this.words.push({ x, y, width });
      widest = Math.max(widest, width);
    }
    pen.font = theme.type(13);
    pen.fillStyle = theme.ink;
    const [x, y] = spot(name, along(0), 14 + Math.abs(awayX) * widest + Math.abs(awayY) * (18 * this.type - 10));
    pen.fillText(name, x, y);
  }

  normal(from, to) {
    const [x0, y0] = this.at(...from), [x1, y1] = this.at(...to), length = Math.hypot(x1 - x0, y1 - y0) || 1;
    return [(y1 - y0) / length, (x0 - x1) / length];
  }
}

// A density sampled so that its narrowest component is seen: the cells of the mesh are split into `fine` × `fine` parts.
function modelGrid(layer, chart, env) {
  const { sx, sy } = chart, { model } = layer;
  const parts = partsOf(model, env);
  const cellX = (sx.high - sx.low) / MODEL_CELLS, cellY = (sy.high - sy.low) / MODEL_CELLS;
  const narrowest = Math.min(...parts.map((g) => Math.min(...axesOf(g.stdX / cellX, g.stdY / cellY, g.rho, 0).lengths)));
  const fine = Math.max(1, Math.min(FINEST, Math.ceil(2.5 / narrowest) || 1)), side = MODEL_CELLS * fine + 1;
  const density = densityOf(parts.map((g) => asWide(g, cellX / fine, cellY / fine)));
  const { values, most, x, y } = gridOf(layer, chart, env, side, side, density);
  return { values, width: side, height: side, low: 0, high: most || 1, x, y, fine };
}

// What is thinner than the finest mesh would fall between its lines and look like a row of peaks: it is drawn as wide as
// the mesh can show, and as high as it is.
function asWide(g, cellX, cellY) {
  const a = g.stdX / cellX, b = g.stdY / cellY, short = Math.min(...axesOf(a, b, g.rho, 0).lengths);
  const more = THINNEST * THINNEST - short * short;
  if (!(more > 0) || !Number.isFinite(g.logTop)) return g;
  const wideX = Math.sqrt(a * a + more), wideY = Math.sqrt(b * b + more);
  const wide = gaussianOf(g.meanX, g.meanY, wideX * cellX, wideY * cellY, (g.rho * a * b) / (wideX * wideY));
  return { ...wide, logTop: g.logTop, logWeight: g.logWeight };
}

// Where the lines of a mesh of so many cells lie between low and high: evenly, as the map is laid out.
function meshLines(scale, [low, high], cells) {
  const from = scale.at(low), to = scale.at(high);
  return Float64Array.from({ length: cells + 1 }, (_, i) => from + ((to - from) * i) / cells);
}

// The value of a map between its columns and rows.
function valueBetween(values, width, height, x, y) {
  const c = Math.min(Math.floor(x), width - 2), r = Math.min(Math.floor(y), height - 2), s = x - c, t = y - r;
  const n = r * width + c;
  const near = s ? values[n] * (1 - s) + values[n + 1] * s : values[n];
  const far = t && (s ? values[n + width] * (1 - s) + values[n + width + 1] * s : values[n + width]);
  return t ? near * (1 - t) + far * t : near;
}
