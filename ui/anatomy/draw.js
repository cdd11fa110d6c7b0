// How maps, ways and the picture of time are painted. No interaction in here.

const blend = (a, b, part) => a.map((v, i) => Math.round(v + (b[i] - v) * part));

// 256 colours from −reach to reach.
function colourTable(kind, theme) {
  const cold = rgb(theme.mark.data), warm = rgb(theme.mark.model);
  const middle = theme.dark ? [24, 27, 34] : [250, 250, 248];
  const deep = (c) => (theme.dark ? blend(c, [255, 255, 255], 0.25) : blend(c, [0, 0, 0], 0.18));
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const u = byte / 255, side = Math.abs(2 * u - 1), end = u < 0.5 ? cold : warm;
    const [r, g, b] =
      kind === "grey" ? blend([0, 0, 0], [255, 255, 255], u)
      : side < 0.6 ? blend(middle, end, side / 0.6) : blend(end, deep(end), (side - 0.6) / 0.4);
    table[byte] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

// One map of h × w values as a small canvas, for drawImage.
function sheetOf(values, start, h, w, reach, table) {
  const sheet = make("canvas", { width: w, height: h }), pen = sheet.getContext("2d");
  const pixels = pen.createImageData(w, h), words = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < h * w; i++) {
    const u = (values[start + i] / reach + 1) / 2;
    words[i] = table[Math.max(0, Math.min(255, Math.round(255 * u)))];
  }
  pen.putImageData(pixels, 0, 0);
  return sheet;
}

function paintSheet(pen, sheet, x, y, w, h) {
  pen.imageSmoothingEnabled = false;
  pen.drawImage(sheet, x, y, w, h);
}

function arrow(pen, from, to, size = 5) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  pen.beginPath();
  pen.moveTo(...to);
  for (const turn of [-0.45, 0.45]) pen.lineTo(to[0] - size * Math.cos(angle + turn), to[1] - size * Math.sin(angle + turn));
  pen.closePath();
  pen.fill();
}

// The corners of the way from one box to another. A box: x, y, w and h of its map, top and bottom with its words.
function wayBetween(a, b, kind) {
  const middle = (box) => [box.x + box.w / 2, box.y + box.h / 2];
  const [ax, ay] = middle(a), [bx, by] = middle(b);
  if (kind === "skip" && a.row === b.row && a.over) {                      // around what lies between, above it
    const over = a.top - 7;
    return [[ax + a.w / 4, a.top], [ax + a.w / 4, over], [bx - b.w / 4, over], [bx - b.w / 4, b.top]];
  }
  if (a.row === b.row) return [[a.x + a.w + 2, ay], [b.x - 2, by]];
  if (a.column === b.column) return a.row < b.row ? [[ax, a.bottom], [bx, b.top]] : [[ax, a.top], [bx, b.bottom]];
  if (a.row < b.row) return [[ax, a.bottom], [ax, by], [b.x - 2, by]];
  return [[a.x + a.w + 2, ay], [bx, ay], [bx, b.bottom]];
}

function paintWay(pen, theme, corners, kind, text, font) {
  pen.strokeStyle = pen.fillStyle = kind === "skip" ? theme.mark.score : theme.muted;
  pen.lineWidth = thick(kind === "skip" ? 2 : 1.5);
  pen.setLineDash(kind === "skip" ? [5, 4] : []);
  pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...corners[0]);
  for (const corner of corners.slice(1)) pen.lineTo(...corner);
  pen.stroke();
  pen.setLineDash([]);
  arrow(pen, corners.at(-2), corners.at(-1), 6);
  if (!text) return;
  pen.font = font;
  pen.fillStyle = kind === "skip" ? theme.text.score : theme.muted;
  const flat = corners.length === 2 && Math.abs(corners[0][1] - corners[1][1]) < 1;
  const [[x0, y0], [x1, y1]] = corners.length === 4 ? corners.slice(1, 3) : corners;
  pen.textAlign = flat || corners.length === 4 ? "center" : "left";
  pen.textBaseline = flat || corners.length === 4 ? "alphabetic" : "middle";
  if (corners.length === 3 && y0 === y1) {                                // along, then up: beside the upright part
    const [bx, by] = corners[2];
    pen.fillText(text, bx + 6, (y1 + by) / 2 + 6);
  } else if (flat || corners.length === 4) pen.fillText(text, (x0 + x1) / 2, y0 - 5);
  else pen.fillText(text, x0 + 6, corners.length === 3 ? y0 + (y1 - y0) / 3 : (y0 + y1) / 2);
}

// Time against channels, level 1 left and T right, channel 1 on top.
function heatSheet(values, levels, count, channels, T, table) {
  const width = 400, sheet = make("canvas", { width, height: channels }), pen = sheet.getContext("2d");
  const pixels = pen.createImageData(width, channels), words = new Uint32Array(pixels.data.buffer);
  let at = 0;
  for (let x = 0; x < width; x++) {
    const t = 1 + (x / (width - 1)) * (T - 1);
    while (at + 1 < count && Math.abs(levels[at + 1] - t) <= Math.abs(levels[at] - t)) at++;  // the nearest that was sent
    for (let c = 0; c < channels; c++) words[c * width + x] = table[values[at * channels + c]];
  }
  pen.putImageData(pixels, 0, 0);
  return sheet;
}

function ringAround(pen, theme, x, y, w, h, thick = 2, out = 1.5) {
  pen.lineJoin = "round";
  for (const [colour, width] of [[theme.canvas, thick + 2], [theme.ink, thick]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.strokeRect(x - out, y - out, w + 2 * out, h + 2 * out);
  }
}
