// Clouds of points: a few are drawn one by one, thousands are blended by hand, many times faster where there is no GPU.

const SIZES = [[100, 4, 0.9], [300, 3, 0.75], [1000, 2.25, 0.5], [3000, 1.6, 0.35], [10000, 1.2, 0.2]];   // most, radius, alpha
const sizeOf = (n) => SIZES.find(([most]) => n <= most) ?? SIZES.at(-1);
const BY_HAND = 300;

// Shapes of the components, of about the area of a disc of radius r: the second cue beside the colour.
const SHAPES = [
  (pen, x, y, r) => pen.arc(x, y, r, 0, 7),
  (pen, x, y, r) => pen.rect(x - 0.89 * r, y - 0.89 * r, 1.78 * r, 1.78 * r),
  (pen, x, y, r) => polygon(pen, x, y, 1.45 * r, 3, -Math.PI / 2),
  (pen, x, y, r) => polygon(pen, x, y, 1.26 * r, 4, 0),
  (pen, x, y, r) => polygon(pen, x, y, 1.45 * r, 3, Math.PI / 2),
  (pen, x, y, r) => { pen.rect(x - 1.4 * r, y - 0.42 * r, 2.8 * r, 0.84 * r); pen.rect(x - 0.42 * r, y - 1.4 * r, 0.84 * r, 2.8 * r); },
  (pen, x, y, r) => polygon(pen, x, y, 1.1 * r, 6, 0),
  (pen, x, y, r) => polygon(pen, x, y, 1.15 * r, 5, -Math.PI / 2),
];

function polygon(pen, x, y, r, corners, turn) {
  for (let i = 0; i < corners; i++) {
    const t = turn + (2 * Math.PI * i) / corners;
    if (i) pen.lineTo(x + r * Math.cos(t), y + r * Math.sin(t)); else pen.moveTo(x + r * Math.cos(t), y + r * Math.sin(t));
  }
  pen.closePath();
}

// How many points there are in this frame, and where one of them lies on the picture.
function cloudAt(layer, chart, frame) {
  const { values, shape: [many] } = frameOf(layer.at, frame);
  const count = layer.grow ? Math.min(many, Math.floor(frame) + 1) : many;
  return { count, many, x: (i) => chart.x(values[2 * i]), y: (i) => chart.y(values[2 * i + 1]) };
}

// Colours as red, green, blue for each point, and the shape: blended from the components' by its shares.
function tintsOf(layer, theme, mark, frame, many) {
  if (!layer.shares) return null;
  const { values, shape: [, k] } = frameOf(layer.shares, frame);
  const parts = Array.from({ length: k }, (_, c) => rgb(theme.mark[COMPONENT_ROLES[c % COMPONENT_ROLES.length]]));
  const colours = new Uint8Array(3 * many), shapes = new Uint8Array(many);
  for (let i = 0; i < many; i++) {
    let r = 0, g = 0, b = 0, best = 0;
    for (let c = 0; c < k; c++) {
      const share = values[i * k + c];
      if (!(share > 0)) continue;
      r += share * parts[c][0]; g += share * parts[c][1]; b += share * parts[c][2];
      if (share > values[i * k + best]) best = c;
    }
    colours[3 * i] = r; colours[3 * i + 1] = g; colours[3 * i + 2] = b;
    shapes[i] = best % SHAPES.length;
  }
  return { colours, shapes };
}

function paintCloud({ pen, chart, layer, theme, mark, env, strength }) {
  const cloud = cloudAt(layer, chart, env.frame), [, usual, pale] = sizeOf(cloud.many), radius = layer.size ?? usual * markScale(), alpha = strong(pale);
  const tints = tintsOf(layer, theme, mark, env.frame, cloud.many);
  if (cloud.many > BY_HAND && radius <= 6) {
    layer.splat = layer.splat?.fits(chart, radius, alpha) ? layer.splat : new Splat(chart, radius, alpha);
    return layer.splat.paint(pen, cloud, tints, rgb(mark));
  }
  pen.globalAlpha = strength * alpha;
  pen.strokeStyle = theme.canvas;
  pen.lineWidth = 1;
  pen.fillStyle = mark;
  for (let i = 0; i < cloud.count; i++) {
    const x = cloud.x(i), y = cloud.y(i);
    if (!Number.isFinite(x + y)) continue;
    if (tints) pen.fillStyle = `rgb(${tints.colours.subarray(3 * i, 3 * i + 3).join(" ")})`;
    pen.beginPath();
    SHAPES[tints ? tints.shapes[i] : 0](pen, x, y, radius);
    pen.fill();
    if (cloud.many <= 100) pen.stroke();
  }
}

class Splat {
  constructor(chart, radius, alpha) {
    const ratio = sharpness();
    Object.assign(this, { chart, radius, alpha, ratio, w: Math.round(chart.width * ratio), h: Math.round(chart.height * ratio), masks: [] });
    this.sheet = document.createElement("canvas");
    Object.assign(this.sheet, { width: this.w, height: this.h });
    this.pixels = new ImageData(this.w, this.h);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.size = Math.ceil(3 * radius * ratio) + 2;
  }

  fits(chart, radius, alpha) { return this.chart === chart && this.radius === radius && this.alpha === alpha && this.ratio === sharpness(); }

  // How far a shape covers the pixels around it, for 4 × 4 places of its centre within a pixel.
  mask(shape) {
    if (this.masks[shape]) return this.masks[shape];
    const { size, radius, ratio, alpha } = this, canvas = document.createElement("canvas");
    Object.assign(canvas, { width: size, height: size });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    return (this.masks[shape] = Array.from({ length: 16 }, (_, k) => {
      pen.clearRect(0, 0, size, size);
      pen.beginPath();
      SHAPES[shape](pen, size / 2 - 0.5 + ((k % 4) + 0.5) / 4, size / 2 - 0.5 + ((k >> 2) + 0.5) / 4, radius * ratio);
      pen.fill();
      return pen.getImageData(0, 0, size, size).data.filter((_, i) => i % 4 === 3).map((v) => Math.round(v * alpha));
    }));
  }

  paint(pen, cloud, tints, [red, green, blue]) {
    const { ratio, size, w, h, pixels, words } = this;
    words.fill(0);
    let tint = (blue << 16) | (green << 8) | red, masks = this.mask(0);
    for (let n = 0; n < cloud.count; n++) {
      const x = cloud.x(n) * ratio - size / 2 + 0.5, y = cloud.y(n) * ratio - size / 2 + 0.5;
      const left = Math.floor(x), top = Math.floor(y);
      if (!(left >= 0 && top >= 0 && left + size <= w && top + size <= h)) continue;
      if (tints) {
        masks = this.masks[tints.shapes[n]] ?? this.mask(tints.shapes[n]);
        tint = (tints.colours[3 * n + 2] << 16) | (tints.colours[3 * n + 1] << 8) | tints.colours[3 * n];
      }
      const mask = masks[(((y - top) * 4) | 0) * 4 + (((x - left) * 4) | 0)];
      for (let row = 0, m = 0; row < size; row++) {
        for (let at = (top + row) * w + left, end = at + size; at < end; at++, m++) {
          const over = mask[m];
          if (!over) continue;
          const below = words[at], a = below >>> 24, sum = a + ((((255 - a) * over + 127) / 255) | 0);
          words[at] = tints && a ? ((sum << 24) | mingle(below, tint, a, over, sum)) >>> 0 : ((sum << 24) | tint) >>> 0;
        }
      }
    }
    const sheet = this.sheet.getContext("2d");
    sheet.putImageData(pixels, 0, 0);
    pen.drawImage(this.sheet, 0, 0, this.chart.width, this.chart.height);
  }
}

// One see-through colour over another ("source over"), without the alpha.
function mingle(below, tint, a, over, sum) {
  const part = over / sum;
  const r = (below & 255) + ((tint & 255) - (below & 255)) * part;
  const g = ((below >> 8) & 255) + (((tint >> 8) & 255) - ((below >> 8) & 255)) * part;
  const b = ((below >> 16) & 255) + (((tint >> 16) & 255) - ((below >> 16) & 255)) * part;
  return (b << 16) | (g << 8) | r;
}
