// The lines of the derivation: MathML made of plain lists, a value below each term. One line is chosen; a term that is
// pointed at, focused or tapped lights its mark. Up and Down choose a line, Left and Right go from term to term.

// Our own words with their roles, ":score[word]", and with small letters below, "x_t", as text and elements.
function inRoles(element, words) {
  const plain = (text) => text.split(/_(\p{L})/u).map((piece, k) => (k % 2 ? make("sub", {}, piece) : piece));
  element.replaceChildren();
  let from = 0;
  for (const found of words.matchAll(/:(\w+)\[([^\]]*)\]/g)) {
    element.append(...plain(words.slice(from, found.index)), make("b", { "data-role": found[1] }, ...plain(found[2])));
    from = found.index + found[0].length;
  }
  element.append(...plain(words.slice(from)));
}

class Lines {
  // choose(name): a line; light(term, line): a term, or null where none is pointed at
  constructor({ choose, light }) {
    Object.assign(this, { choose, light, terms: [], rows: [], at: -1 });
    this.list = make("div", { class: "lines", role: "listbox", tabindex: 0 });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("blur", () => this.point(-1));
    this.list.addEventListener("pointerleave", () => { if (!this.pinned) this.light(null, null); });
  }

  build(lines, label) {
    this.lines = lines;
    this.pinned = null;
    this.list.setAttribute("aria-label", label);
    this.rows = lines.map((line, index) => {
      const cells = line.cells.map((cell) => {
        const value = make("span", { class: "value" }), box = make("span", { class: "cell", "data-role": cell.role }, make("span", { class: "maths" }, formula(cell.maths, cell.lights)), value);
        if (cell.lights) {
          box.classList.add("term");
          box.addEventListener("pointerenter", (event) => { if (event.pointerType !== "touch" && !this.pinned) this.light(cell.lights, line); });
          box.addEventListener("pointerleave", () => { if (!this.pinned) this.light(null, null); });
        }
        return { cell, box, value };
      });
      const row = make("div", { class: "line", role: "option", id: `line-${index}`, "data-line": line.name }, ...cells.map((c) => c.box));
      row.addEventListener("click", (event) => {
        this.choose(line.name);
        if (event.pointerType !== "mouse") this.tap(line, cells.find((c) => c.cell.lights && c.box.contains(event.target)));
      });
      return { line, row, cells };
    });
    this.terms = this.rows.flatMap(({ line, cells }) => cells.filter((c) => c.cell.lights).map((c) => ({ ...c, line })));
    this.list.replaceChildren(...this.rows.map((r) => r.row));
  }

  // A finger cannot hover: a tap on a term keeps it lit until it, or something that is no term, is tapped.
  tap(line, found) {
    const again = found && this.pinned === found.box;
    this.pinned = found && !again ? found.box : null;
    this.light(this.pinned ? found.cell.lights : null, this.pinned ? line : null);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const names = this.lines.map((l) => l.name), now = names.indexOf(this.chosen);
    const up = { ArrowUp: -1, ArrowDown: 1 }[event.key], side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (up) {
      this.point(-1);
      this.choose(names[Math.max(0, Math.min(names.length - 1, now + up))]);
    } else if (side) {
      const mine = this.rows[now].cells.filter((c) => c.cell.lights).length;
      this.point(this.at < 0 ? (side > 0 ? 0 : mine - 1) : Math.max(0, Math.min(mine - 1, this.at + side)));
    } else if (event.key === "Escape") this.point(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // The term of the chosen line that the keys stand at, by its number; -1 for none.
  point(at) {
    const row = this.rows.find((r) => r.line.name === this.chosen);
    if (at < 0 && this.at < 0) return;
    this.at = at;
    this.pinned = null;
    const found = row?.cells.filter((c) => c.cell.lights)[at];
    for (const { box } of this.terms) box.classList.toggle("pointed", box === found?.box);
    this.light(found ? found.cell.lights : null, found ? row.line : null);
  }

  mark(chosen, lit) {
    this.chosen = chosen;
    for (const { line, row } of this.rows) {
      row.setAttribute("aria-selected", String(line.name === chosen));
      if (line.name === chosen) this.list.setAttribute("aria-activedescendant", row.id);
    }
    for (const { cell, box } of this.terms) box.classList.toggle("lit", cell.lights === lit);
    this.list.dataset.lit = lit ?? "";
  }

  say(quantities) {
    for (const { cells } of this.rows) {
      for (const { cell, value } of cells) {
        const text = cell.value ? spelt(quantities[cell.value]) : "";
        if (value.textContent !== text) value.textContent = text;
      }
    }
  }

  tint(theme) {
    for (const { cells } of this.rows) {
      for (const { cell, box } of cells) box.style.setProperty("--mark", theme.text[cell.role] ?? theme.ink);
    }
  }
}
