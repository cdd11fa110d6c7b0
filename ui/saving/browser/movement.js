// The frames of a picture as a GIF: states of the algorithm as they are, at the pace of the transport, the last one held.

import { GIFEncoder } from "../vendor/gifenc/gifenc.esm.js";
import { paletteOf } from "./palette.js";
import { borrowed, sheetOf } from "./sheet.js";

const MOST_FRAMES = 120;
const WIDEST = 800;             // pixels
const HELD = 2000;              // ms that the last frame stays
const SHORTEST = 20;            // ms: browsers slow down what is shorter

// At most so many of `count` frames, evenly spread, the first and the last among them.
export function chosenFrames(count, most = MOST_FRAMES) {
  const many = Math.min(count, most);
  return Array.from({ length: many }, (_, k) => (many > 1 ? Math.round((k * (count - 1)) / (many - 1)) : 0));
}

// The bytes of the GIF. signal: an AbortSignal; tell(share) hears how far it is. The page goes on meanwhile, and shows the
// frames as they are taken.
export async function movementOf(pictures, images, { title, link, signal, tell }) {
  const longest = pictures.reduce((a, b) => (b.frames().length > a.frames().length ? b : a));
  const frames = chosenFrames(longest.frames().length), last = longest.frames().length - 1;
  const delay = Math.max(SHORTEST, (1000 * longest.seconds()) / Math.max(1, frames.length - 1));
  const room = Math.max(...pictures.map(({ element }) => element.getBoundingClientRect().right)) - Math.min(...pictures.map(({ element }) => element.getBoundingClientRect().left)) + 40;
  const scale = Math.min(1, WIDEST / room), canvas = document.createElement("canvas");
  let size = null;
  canvas.getContext("2d", { willReadFrequently: true });
  const shown = async (k) => {
    await rest(pictures, signal);
    const frame = (picture) => Math.round((frames[k] / Math.max(1, last)) * (picture.frames().length - 1));
    sheetOf(pictures, images, { title, link, scale, frame, canvas, size });
    size ??= { width: canvas.width, height: canvas.height };
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  };
  return borrowed(pictures, () => encoded(frames, delay, shown, () => size, tell));
}

async function encoded(frames, delay, shown, size, tell) {
  const few = [];                                                            // one palette for all: what stands still stays the same
  for (const k of chosenFrames(frames.length, 4)) few.push(new Uint8ClampedArray(await shown(k)));
  const { colours, indexOf } = paletteOf(few), clear = colours.length, encoder = GIFEncoder();
  let before = null;
  for (let k = 0; k < frames.length; k++) {
    const index = indexOf(await shown(k)), { width, height } = size(), drawn = before ? index.map((v, i) => (v === before[i] ? clear : v)) : index;
    before = index;
    const first = k ? { transparent: true, transparentIndex: clear } : { palette: [...colours, [0, 0, 0]], repeat: 0 };
    encoder.writeFrame(drawn, width, height, { delay: k === frames.length - 1 ? HELD : delay, dispose: 1, ...first });
    tell((k + 1) / frames.length);
  }
  encoder.finish();
  return encoder.bytes();
}

// Lets the page answer; throws once it was cancelled or the page was left.
async function rest(pictures, signal) {
  await new Promise((go) => { setTimeout(go, 0); });
  signal.throwIfAborted();
  if (!pictures.every(({ element }) => element.isConnected)) throw new DOMException("the page was left", "AbortError");
}
