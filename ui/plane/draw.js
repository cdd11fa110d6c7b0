// How the layers of a panel are painted. No interaction in here; `LAYERS` has one painter for each kind of layers.py.
// A painter gets the sheet: { pen, chart, theme, env, layer, mark: its colour, frame(name): one frame of an array }.

const COMPONENT_ROLES = ["model", "score", "condition", "latent", "data", "noise", "exact", "model"];  // COMPONENTS of layers.py
const FILLS = [0.08, 0.14, 0.2, 0.26];
const CIVIDIS = ["#00204d", "#00336f", "#39486b", "#575c6d", "#707173", "#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46"];

const mixColours = (a, b, part) => a.map((v, i) => v + (b[i] - v) * part);

// One frame of an array and its shape; between two frames, while the plane glides, what lies between.
function frameOf(array, frame) {
  const { values, shape, framed } = array;
  if (!framed) return { values, shape };
  const size = values.length / Math.max(1, shape[0]), f = Math.max(0, Math.min(shape[0] - 1, Math.floor(frame))), part = frame - f;
  const here = values.subarray(f * size, (f + 1) * size), rest = shape.slice(1);
  if (!(part > 0) || f + 1 >= shape[0] || values instanceof Uint8Array) return { values: here, shape: rest };
  const between = (array.between ??= new Float32Array(size)), next = values.subarray((f + 1) * size, (f + 2) * size);
  for (let i = 0; i < size; i++) between[i] = here[i] + (next[i] - here[i]) * part;
  return { values: between, shape: rest };
}

// Whether a layer looks the same whatever the frame and the values are: then it is painted once.
function isStill(layer) {
  if (layer.grow || ["density", "slopes", "sticks", "mapped", "rule", "band", "words"].includes(layer.kind)) return false;
  return !Object.values(layer).some((field) => field?.part && field.framed);
}

function paintLayer(layer, sheet) {
  const { pen, chart, theme, env } = sheet;
  pen.save();
  chart.clip(pen, layer.grow ? 6 : 1);                                 // the dot at the end of a line that grows is whole
  pen.globalAlpha = layer.faint ? strong(1 / 3) : 1;
  pen.lineJoin = pen.lineCap = "round";
  const mark = theme.mark[layer.role] ?? theme.ink;
  const frame = (name) => (layer[name] ? frameOf(layer[name], env.frame) : null);
  LAYERS[layer.kind]?.({ ...sheet, layer, mark, frame, strength: pen.globalAlpha });
  pen.restore();
}

function strokeAs(pen, layer, mark, width = 2.5) {
  pen.strokeStyle = mark;
  pen.lineWidth = thick(layer.role === "exact" ? 2 : width);
  if (layer.role === "exact" || layer.dashed) { pen.setLineDash([thick(6), thick(4)]); pen.lineCap = "butt"; }
  pen.stroke();
  pen.setLineDash([]);
}

// A line through pixels, broken where one is not a number; `down`: closed to that height instead, to be filled.
function trace(pen, xs, ys, count, down = null) {
  let drawing = false, from = 0, last = 0;
  const close = () => { if (drawing && down != null) { pen.lineTo(last, down); pen.lineTo(from, down); pen.closePath(); } };
  for (let i = 0; i < count; i++) {
    const x = xs(i), y = ys(i);
    if (!(Number.isFinite(x) && Number.isFinite(y))) { close(); drawing = false; continue; }
    if (drawing) pen.lineTo(x, y);
    else { pen.moveTo(x, y); from = x; }
    drawing = true;
    last = x;
  }
  close();
}

function disc(pen, x, y, r) {
  pen.beginPath();
  pen.arc(x, y, r, 0, 7);
  pen.fill();
}

// The ellipse of Mahalanobis distance `radius` around a mean, as a path of the pen: L (cos t, sin t) with Σ = L Lᵀ.
function ellipsePath(pen, chart, mx, my, [a, b, c], radius) {
  const l1 = Math.sqrt(a), l2 = b / l1, l3 = Math.sqrt(Math.max(0, c - l2 * l2));
  if (!Number.isFinite(l1 + l2 + l3 + mx + my)) return;
  for (let i = 0; i <= 72; i++) {
    const t = (i / 72) * 2 * Math.PI, u = radius * Math.cos(t), v = radius * Math.sin(t);
    const x = chart.x(mx + l1 * u), y = chart.y(my + l2 * u + l3 * v);
    if (i) pen.lineTo(x, y); else pen.moveTo(x, y);
  }
  pen.closePath();
}

// How strong the fill of one of so many nested areas is, the inmost the strongest.
const fillOf = (i, many) => FILLS[many === 1 ? 1 : Math.round((i * 3) / (many - 1))];

// Ellipses one over the other, so that each ring has its own strength, the inmost the strongest.
function nestedEllipses({ pen, chart, strength }, mean, cov, radii, colour, { fill = true, weight = 1, layer = {} } = {}) {
  const sorted = [...radii].sort((p, q) => q - p);
  let before = 0;
  sorted.forEach((radius, i) => {
    pen.beginPath();
    ellipsePath(pen, chart, mean[0], mean[1], cov, radius);
    if (fill) {
      const wanted = Math.min(0.5, weight * fillOf(i, sorted.length));
      pen.fillStyle = veil(colour, Math.max(0, 1 - (1 - wanted) / (1 - before)));
      before = wanted;
      pen.fill();
    }
    pen.globalAlpha = strength * (fill ? 0.9 : 1);
    strokeAs(pen, layer, colour, fill ? 1.25 : 1.5);
    pen.globalAlpha = strength;
  });
}

// 256 colours, as the words of an image, for a map of values.
function coloursOf(palette, theme, mark) {
  const key = [palette, theme.dark, mark].join();
  if (coloursOf.known?.has(key)) return coloursOf.known.get(key);
  const cold = rgb(theme.mark.data), warm = rgb(theme.mark.model), tint = rgb(mark), stops = CIVIDIS.map(rgb);
  const middle = theme.dark ? [24, 27, 34] : [250, 250, 248];
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const u = i / 255, at = Math.min(8, Math.floor(u * 9));
    let colour = tint, alpha = 255;
    if (palette === "signed") colour = mixColours(middle, u < 0.5 ? cold : warm, Math.abs(2 * u - 1));
    else if (palette === "cividis") colour = mixColours(stops[at], stops[at + 1], u * 9 - at);
    else if (palette === "paper") colour = mixColours(rgb(theme.canvas), rgb(theme.ink), u);
    else alpha = Math.round(255 * u);                                    // density: the grid shows where there is little
    const [r, g, b] = colour.map(Math.round);
    table[i] = ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  (coloursOf.known ??= new Map()).set(key, table);
  return table;
}

// A map as an image of its own, one pixel a value, row 0 below.
function mapImage(keep, values, width, height, low, high, table) {
  const canvas = (keep.canvas ??= document.createElement("canvas"));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; keep.pixels = null; }
  const pen = canvas.getContext("2d");
  const pixels = (keep.pixels ??= pen.createImageData(width, height)), words = new Uint32Array(pixels.data.buffer);
  const scale = 255 / (high - low || 1);
  for (let row = 0, i = 0; row < height; row++) {
    for (let at = (height - 1 - row) * width, end = at + width; at < end; at++, i++) {
      const v = (values[i] - low) * scale;
      words[at] = v === v ? table[v <= 0 ? 0 : v >= 255 ? 255 : (v + 0.5) | 0] : 0;
    }
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

// Red, green and blue (height, width, 3) as an image on a canvas of its own, the first row on top.
function colourImage(keep, values, width, height) {
  const canvas = (keep.canvas ??= document.createElement("canvas"));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; keep.pixels = null; }
  const pen = canvas.getContext("2d"), pixels = (keep.pixels ??= pen.createImageData(width, height)), { data } = pixels;
  for (let from = 0, to = 0; to < data.length; from += 3, to += 4) {
    data[to] = values[from];
    data[to + 1] = values[from + 1];
    data[to + 2] = values[from + 2];
    data[to + 3] = 255;
  }
  pen.putImageData(pixels, 0, 0);
}

// The values of a map lie on its box's edges too, so its image reaches half a cell beyond them.
function putMap({ pen, chart }, image, [xLow, xHigh], [yLow, yHigh], columns, rows) {
  const dx = (xHigh - xLow) / Math.max(1, columns - 1) / 2, dy = (yHigh - yLow) / Math.max(1, rows - 1) / 2;
  const left = chart.x(xLow), right = chart.x(xHigh), low = chart.y(yLow), top = chart.y(yHigh);
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, low - top);
  pen.clip();
  const px = (dx / (xHigh - xLow)) * (right - left), py = (dy / (yHigh - yLow)) * (low - top);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(image, left - px, top - py, right - left + 2 * px, low - top + 2 * py);
  pen.restore();
}

// Lines of equal value of a map that spans a box.
function putContours({ pen, chart }, values, columns, rows, [xLow, xHigh], [yLow, yHigh], level) {
  const segments = contourSegments(values, columns, rows, level);
  const x = (i) => chart.x(xLow + ((xHigh - xLow) * i) / (columns - 1)), y = (j) => chart.y(yLow + ((yHigh - yLow) * j) / (rows - 1));
  pen.beginPath();
  for (let i = 0; i + 3 < segments.length; i += 4) {
    pen.moveTo(x(segments[i]), y(segments[i + 1]));
    pen.lineTo(x(segments[i + 2]), y(segments[i + 3]));
  }
}

// A density of two dimensions on a grid of the panel; kept while neither the model nor the panel changes.
function gridOf(layer, chart, env, columns, rows, density) {
  const { sx, sy } = chart, model = layer.model;
  const known = JSON.stringify([model, numbersIn(model, env), sx.low, sx.high, sy.low, sy.high, columns]);
  if (layer.grid?.known === known) return layer.grid;
  density ??= density2(model, env);
  const values = new Float32Array(columns * rows);
  let most = 0;
  for (let j = 0, i = 0; j < rows; j++) {
    const y = sy.low + ((sy.high - sy.low) * j) / (rows - 1);
    for (let k = 0; k < columns; k++, i++) {
      const v = density(sx.low + ((sx.high - sx.low) * k) / (columns - 1), y);
      values[i] = v;
      if (v > most) most = v;
    }
  }
  return (layer.grid = { known, values, most, columns, rows, x: [sx.low, sx.high], y: [sy.low, sy.high] });
}

// The numbers that a model stands for just now.
function numbersIn(model, env) {
  if (model.kind === "mixture") return typeof model.rows === "string" ? env.values[model.rows] : 0;
  return Object.entries(model).map(([name, v]) => (v?.kind ? numbersIn(v, env) : name === "axis" || name === "kind" ? 0 : resolve(v, env)));
}
