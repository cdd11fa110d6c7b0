// A formula whose terms are chosen like the options of a radio group: click, tap, or arrow keys.

const built = new WeakMap();

class Formula {
  constructor(root, say) {
    Object.assign(this, { root, say, buttons: [] });
    root.addEventListener("keydown", (event) => this.key(event));
    offer(root, { name: () => "formula", paint() {} });
  }

  build({ cells, terms, label }) {
    this.terms = Object.keys(terms);
    this.root.setAttribute("aria-label", label);
    this.buttons = [];
    this.root.replaceChildren(...cells.map((cell) => {
      const drawn = formula(cell.maths, cell.term);
      if (!cell.term) return make("span", { class: "cell", "data-role": cell.role }, drawn);
      // a term that stands in the formula twice is one option for those who hear it
      const again = this.buttons.some((b) => b.term === cell.term);
      const told = again ? { "aria-hidden": "true" } : { type: "button", role: "radio", "aria-label": terms[cell.term] };
      const box = make(again ? "span" : "button", { class: "cell term", ...told, "data-role": cell.role, "data-term": cell.term, title: terms[cell.term] }, drawn);
      box.addEventListener("click", () => this.choose(cell.term));
      for (const [event, on] of [["pointerenter", true], ["pointerleave", false]]) box.addEventListener(event, () => this.near(cell.term, on));
      this.buttons.push({ term: cell.term, box, again });
      return box;
    }));
  }

  near(term, on) { for (const b of this.buttons) b.box.classList.toggle("near", on && b.term === term); }

  choose(term) {
    if (term === this.chosen) return;
    this.mark(term);
    this.say(term);
  }

  mark(chosen) {
    this.chosen = chosen;
    for (const { term, box, again } of this.buttons) {
      box.classList.toggle("chosen", term === chosen);
      if (again) continue;
      box.setAttribute("aria-checked", String(term === chosen));
      box.tabIndex = term === chosen ? 0 : -1;
    }
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const count = this.terms.length, next = this.terms[(this.terms.indexOf(this.chosen) + by + count) % count];
    this.choose(next);
    this.buttons.find((b) => b.term === next && !b.again).box.focus();
  }

  tint(theme) {
    for (const element of this.root.children) {
      const role = element.dataset.role;
      element.style.setProperty("--mark", role === "exact" ? theme.ink : theme.text[role] ?? theme.ink);
    }
  }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".root");
  let held = built.get(root);
  if (!held) {
    held = { made: new Formula(root, (term) => setStateValue("term", term)) };
    built.set(root, held);
  }
  if (held.data !== data) {
    const { header } = decode(data);
    const look = JSON.stringify([header.cells, header.terms, header.label]);
    if (look !== held.look) held.made.build(header);
    Object.assign(held, { data, look });
    held.made.mark(header.chosen);
  }
  held.made.tint(readTheme(root));
}
