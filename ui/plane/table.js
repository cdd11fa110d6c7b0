// The numbers that a plane shows, for a table: the values of its settings, then each layer's arrays as they were sent. A
// density that the browser works out is sampled: along its axis, or on the grid that is drawn.

const SAMPLES = 401;            // of a density of one dimension, along its axis

function* planeTable(plane) {
  const { header, values, views } = plane;
  for (const [name, value] of Object.entries(values)) yield settingSection(name, header.values[name]?.kind, value);
  if (header.frames.length) yield { columns: ["layer", "frame", "text"], rows: header.frames.map((text, f) => ["frames", f, text]) };
  for (const { panel, chart } of views) {
    for (const layer of panel.layers) {
      for (const { columns, rows } of layerSections(plane, chart, layer)) {
        const named = [panel.name, layer.name];
        yield { columns: ["panel", "layer", ...columns], rows: (function* () { for (const row of rows) yield [...named, ...row]; })() };
      }
    }
  }
}

function settingSection(name, kind, value) {
  if (!Array.isArray(value)) return { columns: ["layer", "name", "value"], rows: [["setting", name, value]] };
  const mixture = ["weight", "mean_x", "mean_y", "std_x", "std_y", "correlation"], wide = value[0]?.length ?? 0;
  const columns = kind === "points" ? ["x", "y"] : wide === 6 ? mixture : Array.from({ length: wide }, (_, k) => `value_${k}`);
  return { columns: ["layer", "name", "item", ...columns], rows: value.map((row, i) => ["setting", name, i, ...row]) };
}

// The frames that a layer has rows for: all of them where any of its arrays changes, else none ("").
function framesOf(plane, layer, names) {
  const framed = names.some((name) => layer[name]?.framed);
  return framed ? plane.header.frames.map((_, f) => f) : [""];
}

// One section with a row for each item of each frame; row(arrays, item) gives the row, of undefined where there is none.
function* rowsOf(plane, layer, names, count, row) {
  for (const f of framesOf(plane, layer, names)) {
    const arrays = Object.fromEntries(names.map((name) => [name, layer[name] ? frameOf(layer[name], f || 0) : null]));
    for (let i = 0, many = count(arrays); i < many; i++) yield [f, i, ...row(arrays, i).map((v) => (typeof v === "number" ? single(v) : v))];
  }
}

const bytes = (wide) => Array.from({ length: wide }, (_, c) => `byte_${c}`);       // of an image, 0 to 255

const SECTIONS = {
  curve: (plane, layer) => [{
    columns: ["frame", "item", "x", "y"],
    rows: rowsOf(plane, layer, ["x", "y"], (a) => a.y.values.length, (a, i) => [a.x.values[i], a.y.values[i]]),
  }],

  paths: (plane, layer) => [pathSection(plane, layer, (x, y) => [x, y])],

  mapped(plane, layer) {
    const [a, b, c, d] = layer.matrix.map((v) => resolve(v, plane.env));
    return [pathSection(plane, layer, (x, y) => [a * x + b * y, c * x + d * y])];
  },

  cloud(plane, layer) {
    const kinds = layer.shares?.shape.at(-1) ?? 0, shares = Array.from({ length: kinds }, (_, k) => `share_${k}`);
    const row = ({ at, shares: of }, i) => [at.values[2 * i], at.values[2 * i + 1], ...(of ? of.values.subarray(i * kinds, (i + 1) * kinds) : [])];
    return [{ columns: ["frame", "item", "x", "y", ...shares], rows: rowsOf(plane, layer, ["at", "shares"], (a) => a.at.shape[0], row) }];
  },

  bars: (plane, layer) => [{
    columns: ["frame", "item", "x_low", "x_high", "height"],
    rows: rowsOf(plane, layer, ["edges", "heights"], (a) => a.heights.values.length, ({ edges: e, heights: h }, i) => [e.values[i], e.values[i + 1], h.values[i]]),
  }],

  heat: (plane, layer) => [mapSection(plane, layer)],
  surface: (plane, layer) => [mapSection(plane, layer)],

  contours: (plane, layer) => [mapSection(plane, layer), {
    columns: ["frame", "item", "line_at"],
    rows: rowsOf(plane, layer, ["at"], (a) => a.at.values.length, (a, i) => [a.at.values[i]]),
  }],

  ellipses: (plane, layer) => [{
    columns: ["frame", "item", "mean_x", "mean_y", "var_x", "cov_xy", "var_y", "weight"],
    rows: rowsOf(plane, layer, ["means", "covs", "weights"], (a) => a.means.shape[0], ({ means: m, covs: c, weights: w }, k) =>
      [m.values[2 * k], m.values[2 * k + 1], c.values[4 * k], c.values[4 * k + 1], c.values[4 * k + 3], w ? w.values[k] : ""]),
  }],

  arrows: (plane, layer) => [{
    columns: ["frame", "item", "x", "y", "dx", "dy"],
    rows: rowsOf(plane, layer, ["at", "by"], (a) => a.at.shape[0], ({ at, by }, i) => [at, by].flatMap((a) => [a.values[2 * i], a.values[2 * i + 1]])),
  }],

  slopes(plane, layer, chart) {
    const slope = slope2(layer.model, plane.env);
    const rows = slopePlaces(layer, chart, plane.env, layer.at && frameOf(layer.at, plane.frame)).map(([x, y], i) => [plane.frame, i, x, y, ...slope(x, y)]);
    return [{ columns: ["frame", "item", "x", "y", "dx", "dy"], rows }];
  },

  pictures(plane, layer) {
    const wide = layer.images.shape.at(-1), high = layer.images.shape.at(-2);
    const row = ({ images: { values } }, k) => [k % high, ...values.subarray(k * wide, (k + 1) * wide)];
    const rows = rowsOf(plane, layer, ["images"], (a) => a.images.shape[0] * high, row);
    const named = (function* () { for (const [f, k, r, ...all] of rows) yield [f, Math.floor(k / high), r, ...all]; })();
    return [{ columns: ["frame", "item", "row", ...bytes(wide)], rows: named }, boxSection(plane, layer)];
  },

  photographs(plane, layer) {
    const [high, wide] = layer.images.shape.slice(-3);
    const row = ({ images: { values } }, k) => {
      const from = 3 * wide * Math.floor(k / 3), colour = k % 3;
      return [Math.floor(k / 3) % high, "red green blue".split(" ")[colour], ...Array.from({ length: wide }, (_, c) => values[from + 3 * c + colour])];
    };
    const rows = rowsOf(plane, layer, ["images"], (a) => 3 * a.images.shape[0] * high, row);
    const named = (function* () { for (const [f, k, ...all] of rows) yield [f, Math.floor(k / (3 * high)), ...all]; })();
    return [{ columns: ["frame", "item", "row", "colour", ...bytes(wide)], rows: named }, boxSection(plane, layer)];
  },

  rule: (plane, layer) => [numbersSection(plane, layer.x != null ? { x: layer.x } : { y: layer.y })],
  band: (plane, layer) => [numbersSection(plane, { x_low: layer.low, x_high: layer.high })],

  words(plane, layer) {
    const text = Array.isArray(layer.text) ? layer.text : [layer.text], view = plane.views.find((v) => v.panel.layers.includes(layer));
    const rows = text.map((words, f) => {
      const env = Array.isArray(layer.text) ? { values: plane.values, frame: f } : plane.env;
      return [Array.isArray(layer.text) ? f : "", resolve(layer.x, env), resolve(layer.y, env), say(words, env, view.numbers(env))];
    });
    return [{ columns: ["frame", "x", "y", "text"], rows }];
  },

  sticks(plane, layer) {
    const density = density1(layer.model, plane.env);
    return [{ columns: ["item", "x", "density"], rows: (plane.values[layer.points] ?? []).map(([x], i) => [i, x, density(x)]) }];
  },

  density: (plane, layer, chart) => [isOneDimensional(layer.model) ? curveSection(plane, layer, chart) : gridSection(plane, layer, chart)],
};

const layerSections = (plane, chart, layer) => SECTIONS[layer.kind]?.(plane, layer, chart) ?? [];

function pathSection(plane, layer, place) {
  const length = layer.at.shape.at(-2);
  const row = ({ at: { values } }, k) => [k % length, ...place(values[2 * k], values[2 * k + 1])];
  const rows = rowsOf(plane, layer, ["at"], (a) => a.at.shape[0] * length, row);
  const named = (function* () { for (const [f, k, ...rest] of rows) yield [f, Math.floor(k / length), ...rest]; })();
  return { columns: ["frame", "path", "item", "x", "y"], rows: named };
}

function mapSection(plane, layer) {
  const row = ({ values: { values, shape: [high, wide] } }, k) => {
    const at = ([low, top], i, many) => low + ((top - low) * i) / Math.max(1, many - 1);
    return [at(layer.x, k % wide, wide), at(layer.y, Math.floor(k / wide), high), values[k]];
  };
  return { columns: ["frame", "item", "x", "y", "value"], rows: rowsOf(plane, layer, ["values"], (a) => a.values.values.length, row) };
}

function boxSection(plane, layer) {
  const row = ({ boxes: { values } }, i) => [...values.subarray(4 * i, 4 * i + 4)];
  return { columns: ["frame", "item", "x_low", "y_low", "x_high", "y_high"], rows: rowsOf(plane, layer, ["boxes"], (a) => a.boxes.shape[0], row) };
}

// Numbers of models.py by name: one row, or one for each frame where a number has one for each.
function numbersSection(plane, named) {
  const all = Object.values(named), frames = plane.header.frames.length;
  const each = frames > 1 && all.some(Array.isArray) ? Array.from({ length: frames }, (_, f) => f) : [""];
  return { columns: ["frame", ...Object.keys(named)], rows: each.map((f) => [f, ...all.map((v) => resolve(v, f === "" ? plane.env : { values: plane.values, frame: f }))]) };
}

// A curve as it is drawn (x, y), with the density itself; for every frame where the model changes with it.
function curveSection(plane, layer, chart) {
  const sideways = layer.along === "y", { low, high } = sideways ? chart.sy : chart.sx;
  const moving = plane.header.frames.length > 1 && [layer.model, layer.base, layer.scale].some(hasFrames);
  function* rows() {
    for (const f of moving ? plane.header.frames.keys() : [""]) {
      const env = moving ? { values: plane.values, frame: f } : plane.env, density = density1(layer.model, env);
      const base = resolve(layer.base, env), scale = resolve(layer.scale, env);
      for (let i = 0; i < SAMPLES; i++) {
        const at = low + ((high - low) * i) / (SAMPLES - 1), value = density(at), drawn = base + scale * value;
        yield [f, i, ...(sideways ? [drawn, at] : [at, drawn]), value];
      }
    }
  }
  return { columns: ["frame", "item", "x", "y", "density"], rows: rows() };
}

// Whether a part of a model has a number for each frame.
const hasFrames = (part) => (Array.isArray(part) ? typeof part[0] === "number" : typeof part === "object" && part != null && Object.values(part).some(hasFrames));

function gridSection(plane, layer, chart) {
  const { sx, sy } = chart, density = density2(layer.model, plane.env), side = 101;
  function* rows() {
    for (let j = 0, i = 0; j < side; j++) {
      const y = sy.low + ((sy.high - sy.low) * j) / (side - 1);
      for (let k = 0; k < side; k++, i++) {
        const x = sx.low + ((sx.high - sx.low) * k) / (side - 1);
        yield [plane.header.frames.length ? plane.frame : "", i, x, y, density(x, y)];
      }
    }
  }
  return { columns: ["frame", "item", "x", "y", "density"], rows: rows() };
}
