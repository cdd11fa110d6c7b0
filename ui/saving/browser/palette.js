// 255 colours for a movement: those that cover much of it exactly as they are, the others taken together by gifenc.

import { quantize } from "../vendor/gifenc/gifenc.esm.js";

const MOST = 255;               // one more stands for "as before"
const EXACT = 96;               // colours at most that are kept as they are
const SHARE = 1e-4;             // of all pixels, that such a colour covers
const MANY = 4000;              // colours of so many kinds, as in noise, are taken together more coarsely, or it takes long

const channels = (word) => [word & 255, (word >> 8) & 255, (word >> 16) & 255];

// frames: the pixels (RGBA) of a few frames. Gives { colours, indexOf(pixels) }, the place of each pixel's colour among them.
export function paletteOf(frames) {
  const words = frames.map(wordsOf), counts = new Map(), total = words.reduce((sum, all) => sum + all.length, 0);
  for (const all of words) {
    for (let i = 0, from = 0; i <= all.length; i++) {                        // pixels of one colour lie beside each other
      if (i < all.length && all[i] === all[from]) continue;
      counts.set(all[from], (counts.get(all[from]) ?? 0) + i - from);
      from = i;
    }
  }
  const exact = [...counts].filter(([, n]) => n > SHARE * total).sort((a, b) => b[1] - a[1]).slice(0, EXACT).map(([word]) => word);
  const kept = new Map(exact.map((word, i) => [word, i])), rest = othersOf(words, kept, total);
  const format = kindsOf(rest) > MANY ? "rgb444" : "rgb565";
  const more = rest.length ? quantize(new Uint8ClampedArray(rest.buffer), MOST - exact.length, { format }) : [];
  const colours = [...exact.map(channels), ...more];
  return { colours, indexOf: indexer(colours, kept) };
}

const wordsOf = (pixels) => new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);

function othersOf(words, kept, total) {
  const found = new Uint32Array(total);
  let many = 0;
  for (const all of words) for (const word of all) if (!kept.has(word)) found[many++] = word;
  return found.slice(0, many);
}

// How many colours there are if those that differ by less than eight are one.
function kindsOf(words) {
  const seen = new Uint8Array(1 << 15);
  for (const word of words) seen[((word & 0xf8) << 7) | ((word & 0xf800) >> 6) | ((word & 0xf80000) >> 19)] = 1;
  return seen.reduce((sum, one) => sum + one, 0);
}

function indexer(colours, kept) {
  const known = new Int16Array(1 << 18).fill(-1);                            // by six bits of each channel
  const nearest = (r, g, b) => {
    let best = 0, least = Infinity;
    for (let i = 0; i < colours.length; i++) {
      const d = (colours[i][0] - r) ** 2 + (colours[i][1] - g) ** 2 + (colours[i][2] - b) ** 2;
      if (d < least) { least = d; best = i; }
    }
    return best;
  };
  return (pixels) => {
    const words = wordsOf(pixels), index = new Uint8Array(words.length);
    let before = null, place = 0;
    for (let i = 0; i < words.length; i++) {
      if (words[i] !== before) {
        before = words[i];
        place = kept.get(before) ?? -1;
        if (place < 0) {
          const [r, g, b] = channels(before), key = ((r >> 2) << 12) | ((g >> 2) << 6) | (b >> 2);
          if (known[key] < 0) known[key] = nearest(r, g, b);
          place = known[key];
        }
      }
      index[i] = place;
    }
    return index;
  };
}
