// What an experiment shows that can be saved: the pictures of our components, charts, tables of ours, the ladder.

import { isShown } from "./paint.js";

const OURS = '[data-testid="stHtml"] table, [data-testid="stHtml"] .ladder';
const CHART = '[data-testid="stVegaLiteChart"]';

// Every element under this one, those in open shadow roots too.
function* under(element) {
  for (const child of (element.shadowRoot ?? element).children) {
    yield child;
    yield* under(child);
  }
}

// [{ element, name, paint(frame), frames(), at(), seconds(), table() }], in the page's order; table and the three of
// frames only where there are some.
export function picturesOf(experiment) {
  const offered = globalThis.tenStepsPictures ?? new WeakMap(), found = [];
  const numbered = (kind) => `${kind}_${1 + found.filter(({ name }) => name.startsWith(kind)).length}`;
  for (const element of under(experiment)) {
    const own = offered.get(element);
    if (!own && !element.matches(`${OURS}, ${CHART}`)) continue;
    if (!isShown(element) || element.getBoundingClientRect().width < 8) continue;
    if (own) found.push({ ...own, element, name: own.name().split(".").at(-1) });
    else if (element.matches(CHART)) found.push({ element, name: numbered("chart"), paint() {}, table: () => chartTable(element) });
    else if (element.localName === "table") found.push({ element, name: numbered("table"), paint() {}, table: () => textTable(element) });
    else found.push({ element, name: "ladder", paint() {}, table: () => ladderTable(element) });
  }
  return found;
}

export const isMoving = (picture) => (picture.frames?.().length ?? 0) > 1;

// The marks of a chart, as Vega ties its data to what it draws.
function chartTable(element) {
  const seen = new Set(), rows = [];
  for (const drawn of element.querySelectorAll("svg *")) {
    for (const item of drawn.__data__?.mark?.items ?? []) {
      const { datum } = item, known = datum && JSON.stringify([datum.name, datum.x, datum.y]);
      if (typeof datum?.x !== "number" || typeof datum?.y !== "number" || seen.has(known)) continue;
      seen.add(known);
      rows.push([datum.name, datum.x, datum.y, datum.low ?? "", datum.high ?? ""]);
    }
  }
  return [{ columns: ["layer", "x", "y", "low", "high"], rows }];
}

// A rung's name and facts, and a row for each of its distances.
function ladderTable(element) {
  const rows = [...element.querySelectorAll(".rung:not(.foot)")].flatMap((rung) => {
    const told = [...rung.querySelectorAll("b, small")].map((words) => words.textContent), dots = [...rung.querySelectorAll(".dot")];
    return dots.map((dot, i) => [told[0], i, Number(dot.dataset.value), told.slice(1).join("; ")]);
  });
  return [{ columns: ["layer", "item", "distance", "facts"], rows }];
}

// A table of the page as it is read: the words of each cell.
function textTable(element) {
  const rows = [...element.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim() || cell.querySelector("img")?.alt || ""));
  const wide = Math.max(0, ...rows.map((row) => row.length));
  return [{ columns: ["row", ...Array.from({ length: wide }, (_, c) => `cell_${c}`)], rows: rows.map((row, r) => [r, ...row]) }];
}
