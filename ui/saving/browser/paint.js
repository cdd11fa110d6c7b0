// Paints elements of the page on a canvas as they stand: boxes, borders, words, canvases, images, formulas. What a person
// only works with (transport, tools, invitations) is left out. Pixels of the page are the pen's units.

const LEFT_OUT = ".transport, .tools, .invite, .hint, .turn, .gauge, .quiet, style, script";
const FORMULA_STYLE = ["color", "font-family", "font-size", "font-style", "font-weight", "line-height", "padding", "margin"];
const ROUND = 12;               // pixels around a formula, since its letters may reach out of their box

const px = (text) => parseFloat(text) || 0;
const inside = (element) => [...(element.shadowRoot ?? element).childNodes];
const isMath = (element) => element.localName === "math";
const isDrawing = (element) => element.localName === "svg";
const maskOf = (style) => (style.maskImage || style.webkitMaskImage || "none").match(/^url\("(data:image\/png;[^"]+)"\)$/)?.[1];

export const isShown = (element) => !element.matches(LEFT_OUT) && element.getClientRects().length > 0;

// ---- what has to be loaded before it can be painted -------------------------------------------------------------------

// The images of formulas, drawings and masks under these elements, by element.
export async function prepare(elements) {
  const found = new Map();
  const visit = (node) => {
    if (!(node instanceof Element) || !isShown(node)) return;
    if (isMath(node)) found.set(node, formulaAddress(node));
    else if (isDrawing(node)) found.set(node, drawingAddress(node));
    else {
      const mask = maskOf(getComputedStyle(node));
      if (mask) found.set(node, mask);
      inside(node).forEach(visit);
    }
  };
  elements.forEach(visit);
  const images = await Promise.all([...found.values()].map(imageOf));
  return new Map([...found.keys()].map((element, i) => [element, images[i]]).filter(([, image]) => image));
}

// An image that may be painted and read again, or null where this browser allows neither.
async function imageOf(address) {
  const image = new Image(), probe = document.createElement("canvas");
  image.src = address;
  try {
    await image.decode();
    probe.width = probe.height = 1;
    const pen = probe.getContext("2d");
    pen.drawImage(image, 0, 0, 1, 1);
    pen.getImageData(0, 0, 1, 1);
    return image;
  } catch {
    return null;
  }
}

const addressOf = (svg) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;

function drawingAddress(svg) {
  const copy = svg.cloneNode(true), { width, height } = svg.getBoundingClientRect();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return addressOf(new XMLSerializer().serializeToString(copy));
}

// A formula keeps the look that style sheets gave it, and the language that fonts are chosen by; the browser lays it out
// once more, inside an image.
function formulaAddress(math) {
  const copy = math.cloneNode(true), copies = [copy, ...copy.querySelectorAll("*")], { width, height } = math.getBoundingClientRect();
  [math, ...math.querySelectorAll("*")].forEach((element, i) => {
    const style = getComputedStyle(element);
    copies[i].setAttribute("style", FORMULA_STYLE.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  copy.style.verticalAlign = "top";
  const text = new XMLSerializer().serializeToString(copy), [w, h] = [width, height].map((v) => Math.ceil(v) + 2 * ROUND);
  return addressOf(`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}"><foreignObject width="${w}" height="${h}">`
    + `<div xmlns="http://www.w3.org/1999/xhtml" lang="${document.documentElement.lang}" style="padding:${ROUND}px;line-height:0;white-space:nowrap">${text}</div></foreignObject></svg>`);
}

// ---- painting ---------------------------------------------------------------------------------------------------------

// images: what `prepare` gave.
export function paint(pen, node, images) {
  if (node.nodeType === Node.TEXT_NODE) return paintText(pen, node);
  if (!(node instanceof Element) || !isShown(node)) return;
  const style = getComputedStyle(node), rect = node.getBoundingClientRect(), strength = Number(style.opacity);
  if (!strength || style.visibility === "hidden" || (rect.width <= 1 && rect.height <= 1 && style.overflow === "hidden")) return;
  pen.save();
  pen.globalAlpha *= strength;
  const image = images.get(node);
  if (isMath(node) || isDrawing(node)) {
    const out = isMath(node) ? ROUND : 0;
    if (image) pen.drawImage(image, rect.left - out, rect.top - out, image.width, image.height);
    else node.childNodes.forEach((child) => paint(pen, child, images));
  } else if (image) paintMask(pen, image, style, rect);
  else paintElement(pen, node, style, rect, images);
  pen.restore();
}

function paintElement(pen, node, style, rect, images) {
  const behind = paintAround(pen, node, rect, ["::before", "::after"].filter((name) => px(getComputedStyle(node, name).zIndex) < 0));
  paintBox(pen, style, rect);
  paintAround(pen, node, rect, ["::before"].filter((name) => !behind.includes(name)));
  if (style.overflow !== "visible") {
    roundBox(pen, style, rect, px(style.borderTopWidth));
    pen.clip();
  }
  const room = contentOf(style, rect);
  if (node instanceof HTMLCanvasElement || node instanceof HTMLImageElement) {
    pen.imageSmoothingEnabled = style.imageRendering !== "pixelated";
    pen.imageSmoothingQuality = "high";
    if (node.width && node.height) pen.drawImage(node, ...room);
  } else if (node instanceof HTMLInputElement || node instanceof HTMLSelectElement) paintField(pen, node, style, room);
  else for (const child of inside(node)) paint(pen, child, images);
  paintAround(pen, node, rect, ["::after"].filter((name) => !behind.includes(name)));
}

function contentOf(style, { left, top, width, height }) {
  const edge = (side) => px(style[`border${side}Width`]) + px(style[`padding${side}`]);
  return [left + edge("Left"), top + edge("Top"), width - edge("Left") - edge("Right"), height - edge("Top") - edge("Bottom")];
}

// Empty boxes that style sheets put before or after what an element holds, where they are placed by hand.
function paintAround(pen, node, rect, names) {
  return names.filter((name) => {
    const style = getComputedStyle(node, name);
    if (style.content !== '""' || style.position !== "absolute" || style.display === "none") return false;
    const width = px(style.width), height = px(style.height), whole = getComputedStyle(node);
    const [x = "0", y = "0"] = style.translate === "none" ? [] : style.translate.split(" ");
    const moved = (text, size) => (text.endsWith("%") ? (px(text) / 100) * size : px(text));
    const left = rect.left + px(whole.borderLeftWidth) + px(style.left) + moved(x, width);
    const top = rect.top + px(whole.borderTopWidth) + px(style.top) + moved(y, height);
    pen.save();
    pen.globalAlpha *= Number(style.opacity);
    paintBox(pen, style, { left, top, width, height });
    pen.restore();
    return true;
  });
}

function roundBox(pen, style, { left, top, width, height }, inset = 0) {
  const text = style.borderTopLeftRadius, radius = text.endsWith("%") ? (px(text) / 100) * Math.min(width, height) : px(text);
  const [w, h] = [Math.max(0, width - 2 * inset), Math.max(0, height - 2 * inset)];
  pen.beginPath();
  pen.roundRect(left + inset, top + inset, w, h, Math.max(0, Math.min(radius - inset, w / 2, h / 2)));
}

function paintBox(pen, style, rect) {
  const ring = style.boxShadow.match(/^(.*\)) 0px 0px 0px ([\d.]+)px$/);
  if (ring) {
    roundBox(pen, style, rect, -Number(ring[2]));
    pen.fillStyle = ring[1];
    pen.fill();
  }
  pen.fillStyle = style.backgroundColor;
  roundBox(pen, style, rect);
  pen.fill();
  const ramp = style.backgroundImage.match(/^linear-gradient\(to right, (.*)\)$/);
  if (ramp) {
    pen.fillStyle = gradient(pen, ramp[1], rect);
    pen.fill();
  }
  paintBorders(pen, style, rect);
}

function gradient(pen, text, { left, width }) {
  const stops = [...text.matchAll(/([a-z]+\([^()]*\))(?: ([\d.]+)%)?/g)], made = pen.createLinearGradient(left, 0, left + width, 0);
  stops.forEach(([, colour, at], i) => made.addColorStop(Math.min(1, at ? at / 100 : i / Math.max(1, stops.length - 1)), colour));
  return made;
}

function paintBorders(pen, style, rect) {
  const sides = ["Top", "Right", "Bottom", "Left"].map((side) => ({
    width: style[`border${side}Style`] === "none" ? 0 : px(style[`border${side}Width`]), colour: style[`border${side}Color`], look: style[`border${side}Style`],
  }));
  const line = ({ width, colour, look }) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(look === "dashed" ? [2.5 * width, 1.5 * width] : []);
    pen.stroke();
    pen.setLineDash([]);
  };
  if (sides.every((side) => JSON.stringify(side) === JSON.stringify(sides[0]))) {
    if (!sides[0].width) return;
    roundBox(pen, style, rect, sides[0].width / 2);
    return line(sides[0]);
  }
  const { left, top, width, height } = rect, right = left + width, low = top + height;
  sides.forEach((side, i) => {
    if (!side.width) return;
    const half = side.width / 2;
    const [x1, y1, x2, y2] = [[left, top + half, right, top + half], [right - half, top, right - half, low], [left, low - half, right, low - half], [left + half, top, left + half, low]][i];
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    line(side);
  });
}

function paintMask(pen, image, style, { left, top, width, height }) {
  const sheet = document.createElement("canvas"), ratio = Math.max(1, Math.abs(pen.getTransform().a));
  sheet.width = Math.ceil(width * ratio);
  sheet.height = Math.ceil(height * ratio);
  const inner = sheet.getContext("2d");
  inner.imageSmoothingEnabled = style.imageRendering !== "pixelated";
  inner.drawImage(image, 0, 0, sheet.width, sheet.height);
  inner.globalCompositeOperation = "source-in";
  inner.fillStyle = style.backgroundColor;
  inner.fillRect(0, 0, sheet.width, sheet.height);
  pen.drawImage(sheet, left, top, width, height);
}

// A slider as a line and a knob, a field by what stands in it.
function paintField(pen, field, style, [left, top, width, height]) {
  const middle = top + height / 2;
  pen.fillStyle = getComputedStyle(field.parentElement).color;
  if (field.type !== "range") {
    const words = field instanceof HTMLSelectElement ? field.selectedOptions[0]?.textContent ?? "" : field.value;
    pen.font = fontOf(style);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    return pen.fillText(words, left, middle);
  }
  const share = (field.value - field.min) / (field.max - field.min || 1), knob = left + 9 + share * (width - 18);
  for (const [from, to, strength] of [[left, left + width, 0.2], [left, knob, 1]]) {
    pen.save();
    pen.globalAlpha *= strength;
    pen.fillRect(from, middle - 2, to - from, 4);
    pen.restore();
  }
  pen.beginPath();
  pen.arc(knob, middle, 8, 0, 7);
  pen.fill();
}

// ---- words --------------------------------------------------------------------------------------------------------------

const fontOf = (style) => `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;

// The pieces of a text that stand in one line each, with where they stand.
function linesOf(node) {
  const range = document.createRange(), { data } = node, lines = [];
  const rectOf = (from, to) => {
    range.setStart(node, from);
    range.setEnd(node, to);
    return [...range.getClientRects()].find((r) => r.width > 0);
  };
  range.selectNodeContents(node);
  const all = [...range.getClientRects()].filter((r) => r.width > 0);
  if (!all.length) return lines;
  if (all.length === 1 && !/^\s|\s$|\s\s|\n/.test(data)) return [{ text: data, left: all[0].left, top: all[0].top, width: all[0].width, height: all[0].height }];
  let at = 0;
  for (const letter of data) {                                                  // by code points: no pair is torn
    const rect = rectOf(at, at + letter.length), line = lines.at(-1);
    at += letter.length;
    if (!rect) continue;
    const seen = /\s/.test(letter) ? " " : letter;
    if (line && Math.abs(rect.top - line.top) < rect.height / 2 && rect.left >= line.left) {
      line.text += seen;
      line.width = rect.right - line.left;
    } else lines.push({ text: seen, left: rect.left, top: rect.top, width: rect.width, height: rect.height });
  }
  return lines;
}

function paintText(pen, node) {
  if (!node.data.trim()) return;
  const style = getComputedStyle(node.parentElement ?? node.getRootNode().host);
  if (style.visibility === "hidden") return;
  pen.font = fontOf(style);
  pen.fillStyle = style.color;
  pen.textAlign = "left";
  pen.textBaseline = "alphabetic";
  for (const { text, left, top, width, height } of linesOf(node)) {
    const said = style.textTransform === "uppercase" ? text.toUpperCase() : text;
    pen.letterSpacing = "0px";
    const { width: own, fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText(said), count = [...said].length;
    if (Math.abs(own - width) > 0.5 && count) pen.letterSpacing = `${(width - own) / count}px`;      // figures of one width
    pen.fillText(said, left, top + (height - up - down) / 2 + up);
  }
  pen.letterSpacing = "0px";
}
