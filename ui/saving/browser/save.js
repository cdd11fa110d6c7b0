// Save what an experiment shows: a PNG of its pictures, a GIF of those that move, a CSV of their numbers. All of it happens
// here, in the browser. `scene.js` of ui/wire has the menu.

import { isMoving, picturesOf } from "./found.js";
import { prepare } from "./paint.js";
import { borrowed, sheetOf } from "./sheet.js";
import { tableOf } from "./table.js";

const SHARP = 2;                // pixels of a picture to a pixel of the page, at least

// Which of "picture", "movement" and "data" this experiment has.
export function kinds(experiment) {
  const pictures = picturesOf(experiment), known = { picture: pictures.length, movement: pictures.some(isMoving), data: pictures.some(hasNumbers) };
  return Object.keys(known).filter((kind) => known[kind]);
}

// Whether a picture has numbers: an empty drawing has none.
function hasNumbers({ table }) {
  for (const { rows } of table?.() ?? []) for (const row of rows) if (row) return true;
  return false;
}

// What is saved of an experiment, as a Blob. scene: { title, link, signal, tell(share) }.
export async function made(kind, experiment, scene) {
  const all = picturesOf(experiment);
  if (kind === "data") return new Blob(tableOf(all.filter((p) => p.table)), { type: "text/csv;charset=utf-8" });
  if (kind === "movement") {
    const moving = all.filter(isMoving), images = await prepare(moving.map((p) => p.element));
    const { movementOf } = await import("./movement.js");
    return new Blob([await movementOf(moving, images, scene)], { type: "image/gif" });
  }
  const images = await prepare(all.map((p) => p.element)), scale = Math.max(SHARP, devicePixelRatio || 1);
  const sheet = await borrowed(all, () => sheetOf(all, images, { ...scene, scale }));
  return new Promise((done, fail) => { sheet.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))), "image/png"); });
}

// Hands a file to the person.
export function handOut(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
