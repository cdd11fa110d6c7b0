// One sheet with the pictures of an experiment as they stand beside and below each other, its title above and the link
// to the scene below.

import { isShown, paint } from "./paint.js";

const EDGE = 20, GAP = 16;      // pixels of the page
const MOST = 16e6;              // pixels of a canvas that every browser makes

const HOLDS = "canvas, img, svg, math, input, select";

// Where something is painted: what has a ground or an edge of its own, or else all that it holds; null for what is empty.
function boxOf(element) {
  const style = getComputedStyle(element), rect = element.getBoundingClientRect();
  const own = style.backgroundColor !== "rgba(0, 0, 0, 0)" || parseFloat(style.borderTopWidth) > 0 || element.shadowRoot;
  const boxes = own ? [] : [...element.children].filter(isShown).map(boxOf).filter((box) => box && box.right > box.left && box.bottom > box.top);
  if (!boxes.length && !own && !element.matches(HOLDS) && !element.textContent.trim()) return null;
  if (!boxes.length) return { left: rect.left, top: rect.top, right: rect.right, bottom: rect.bottom };
  const of = (pick, side) => pick(...boxes.map((box) => box[side]));
  return { left: of(Math.min, "left"), top: of(Math.min, "top"), right: of(Math.max, "right"), bottom: of(Math.max, "bottom") };
}

// Bands of the page in which pictures stand, one below the other; what lies between them is taken out.
function bandsOf(boxes) {
  const bands = [];
  for (const box of [...boxes].sort((a, b) => a.top - b.top)) {
    const last = bands.at(-1);
    if (last && box.top < last.bottom) last.bottom = Math.max(last.bottom, box.bottom);
    else bands.push({ top: box.top, bottom: box.bottom });
  }
  return bands;
}

// Lines that are no wider than `room`; words, where there are spaces, stay whole.
function wrapped(pen, text, room) {
  const lines = [""];
  for (const word of text.match(/\S+\s*/g) ?? []) {
    const letters = pen.measureText(word).width > room ? [...word] : [word];
    for (const piece of letters) {
      if (lines.at(-1) && pen.measureText((lines.at(-1) + piece).trimEnd()).width > room) lines.push("");
      lines[lines.length - 1] += piece;
    }
  }
  return lines;
}

// Does something that paints sheets, and puts the pictures back as they were.
export async function borrowed(pictures, act) {
  try {
    return await act();
  } finally {
    for (const picture of pictures) if (picture.element.isConnected) picture.paint();
  }
}

// A canvas with the pictures, `scale` of its pixels to one of the page; frame(picture) is the frame to show, if any is
// asked for; size: that of the canvas, where it must not change. All at once, since what others paint meanwhile has the
// page's own sharpness. To be called by what `borrowed` does.
export function sheetOf(pictures, images, how) {
  globalThis.tenStepsSharpness = how.scale;
  try {
    return painted(pictures, images, how);
  } finally {
    delete globalThis.tenStepsSharpness;
  }
}

function painted(pictures, images, { title, link, scale, frame = () => undefined, canvas = document.createElement("canvas"), size = null }) {
  const app = document.querySelector(".stApp"), look = getComputedStyle(app), font = look.fontFamily;
  for (const picture of pictures) picture.paint(frame(picture));
  const boxes = pictures.map(({ element }) => boxOf(element) ?? element.getBoundingClientRect()), bands = bandsOf(boxes);
  const left = Math.min(...boxes.map((b) => b.left)), width = Math.max(...boxes.map((b) => b.right)) - left;
  const pen = canvas.getContext("2d"), grow = Math.max(1, parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
  const written = (size, weight, text) => {
    pen.font = `${weight} ${size}px ${font}`;
    return { font: pen.font, lines: wrapped(pen, text, width), height: 1.4 * size };
  };
  const head = written(19 * grow, 650, title), foot = written(10 * grow, 400, link);
  const above = EDGE + head.lines.length * head.height + 10, tall = bands.reduce((sum, b) => sum + b.bottom - b.top, GAP * (bands.length - 1));
  const high = above + tall + 12 + foot.lines.length * foot.height + EDGE - 6, wide = width + 2 * EDGE;
  const fits = Math.min(scale, Math.sqrt(MOST / (wide * high)));
  canvas.width = size?.width ?? Math.round(wide * fits);
  canvas.height = size?.height ?? Math.round(high * fits);
  pen.setTransform(fits, 0, 0, fits, 0, 0);
  pen.fillStyle = look.backgroundColor;
  pen.fillRect(0, 0, wide, high);
  const say = ({ font: type, lines, height }, y) => {
    pen.font = type;
    pen.textBaseline = "top";
    lines.forEach((line, i) => pen.fillText(line, EDGE, y + i * height));
  };
  pen.fillStyle = look.color;
  say(head, EDGE);
  pen.globalAlpha = 0.75;
  say(foot, above + tall + 12);
  pen.globalAlpha = 1;
  pictures.forEach(({ element }, i) => {
    const band = bands.findIndex((b) => boxes[i].top < b.bottom);
    const down = above + bands.slice(0, band).reduce((sum, b) => sum + b.bottom - b.top + GAP, 0) - bands[band].top;
    pen.save();
    pen.setTransform(fits, 0, 0, fits, (EDGE - left) * fits, down * fits);
    paint(pen, element, images);
    pen.restore();
  });
  return canvas;
}
