// While somebody presents: keys from experiment to experiment, a dark screen, a frozen one, the speaker's notes.
// Stands behind notes.js. What must outlive a change of page is one object of the tab.

const EXPERIMENTS = '[class*="st-key-experiment-"]';
const SCREEN = "[data-testid=stMain]";
const AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]";
const MARGIN = 16;              // pixels above an experiment that was gone to
const GLIDE = 900;              // ms that a smooth scroll may take
const GROWTH = 6_000;           // ms in which an experiment may still grow, so that it is gone to once more
const PATIENCE = 15_000;        // ms that another page may take to come
const HINT = 5_000;             // ms that the hint at the keys stands
const LETTERS = { KeyB: "b", KeyN: "n", KeyF: "f", Period: "." };          // by place, whatever alphabet is switched on
const TYPED = new Set(["text", "search", "number", "email", "url", "tel", "password", "date", "time"]);
const ICONS = {
  freeze: "M12 3v18M4.2 7.5l15.6 9M19.8 7.5l-15.6 9M9.5 4.5 12 7l2.5-2.5M9.5 19.5 12 17l2.5 2.5",
  notes: "M5 4h14v16H5zM8.5 9h7M8.5 12.5h7M8.5 16h4",
  keys: "M3 7h18v10H3zM7 10.5h.01M10.5 10.5h.01M14 10.5h.01M17.5 10.5h.01M8 14h8",
};

function nameOf(event) {
  if (event.key.startsWith("Page")) return event.shiftKey ? `Shift${event.key}` : event.key;
  if (event.key === "Escape" || event.key === "?") return event.key;
  return /^[a-z.]$/i.test(event.key) ? event.key.toLowerCase() : LETTERS[event.code];
}

// Whether a key belongs to what it was pressed in: a field that is typed in, a list or a dialog that is open.
function belongs(event, name) {
  if (document.querySelector('[role="dialog"], [role="listbox"]')) return true;
  const at = event.composedPath()[0], tag = at?.tagName, pages = name.includes("Page");
  if (at?.isContentEditable || tag === "TEXTAREA") return true;
  if (tag === "SELECT" || at?.getAttribute?.("role") === "combobox") return !pages;
  return tag === "INPUT" && TYPED.has(at.type);
}

class Presenter {
  constructor() {
    this.press = (event) => this.key(event);
    this.notes = new Notes(this.press, (act) => this.stay(act));
    addEventListener("keydown", this.press, true);
    addEventListener("keydown", (event) => this.escape(event));
    for (const name of ["wheel", "touchmove", "pointerdown"]) addEventListener(name, () => this.rest(), { passive: true });
    document.addEventListener("scroll", () => this.look(), { capture: true, passive: true });
  }

  load(data, ask, root) {
    clearTimeout(this.ending);
    const began = !this.on, moved = this.data && this.data.page !== data.page;
    Object.assign(this, { data, ask, root, on: true });
    if (moved || began) this.hold(data.frozen);
    else if (globalThis.tenStepsFrozen) this.say(data.words.frozen);                  // perhaps in another language
    if (this.help) this.fillHelp();
    if (moved) this.stop = null;
    this.notes.load(data);
    this.draw();
    if (this.landing?.page === data.page) this.arrive();
    if (began) this.say(data.words.keys, HINT);
    this.look();
  }

  // The element goes when presenting ends, but perhaps only because the page above it is drawn anew.
  unload() {
    this.ending = setTimeout(() => {
      this.on = false;
      this.hold(false);
      this.lift();
      this.notes.close();
      this.help?.remove();
      this.chip?.remove();
      this.help = this.chip = this.data = null;
    }, 1_000);
  }

  // Somebody scrolls, or does something else: from now on the page is left where it is.
  rest() {
    this.growth?.disconnect();
    this.growth = null;
  }

  // ---- keys ------------------------------------------------------------------------------------------------------

  key(event) {
    if (!this.on || event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    const name = nameOf(event), acts = this.acts();
    this.own = name === "Escape" && !belongs(event, name);
    if (name === "Escape" && event.view !== window) return void this.escape(event);
    if (!acts[name] || belongs(event, name)) return void this.rest();
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat && !name.includes("Page")) return;
    if (this.dark && this.lift()) return;
    acts[name]();
  }

  acts() {
    return {
      PageDown: () => this.turn(1),
      PageUp: () => this.turn(-1),
      ShiftPageDown: () => this.step(1, "top"),
      ShiftPageUp: () => this.step(-1, "top"),
      b: () => this.blank(),
      ".": () => this.blank(),
      f: () => this.freeze(),
      n: () => this.notes.toggle(),
      "?": () => this.toggleHelp(),
    };
  }

  // Escape is heard last: a player, a list or a dialog may have more use for it.
  escape(event) {
    if (event.key !== "Escape" || !this.on || !this.own || event.defaultPrevented) return;
    if (this.lift()) return;
    if (this.help) this.toggleHelp();
    else this.ask("end");
  }

  // ---- from experiment to experiment, from step to step -----------------------------------------------------------

  stops() {
    return [...document.querySelectorAll(EXPERIMENTS)].filter((e) => e.offsetParent !== null);
  }

  top(stop) {
    const main = document.querySelector(SCREEN);
    return stop ? stop.getBoundingClientRect().top - main.getBoundingClientRect().top + main.scrollTop - MARGIN : 0;
  }

  // The number of the experiment that one is at, -1 above the first.
  where(stops) {
    const main = document.querySelector(SCREEN), here = main.scrollTop;
    const gone = this.stop && (performance.now() < this.stop.until || Math.abs(here - this.stop.top) < 8);
    if (gone && this.stop.index < stops.length) return this.stop.index;
    if (here > 8 && here >= main.scrollHeight - main.clientHeight - 2) return stops.length - 1;
    return stops.filter((stop) => this.top(stop) <= here + 8).length - 1;
  }

  turn(direction) {
    if (this.landing) return;
    const stops = this.stops(), next = this.where(stops) + direction;
    if (next >= stops.length) this.step(1, "top");
    else if (next < -1) this.step(-1, "last");
    else this.goTo(stops, next);
  }

  step(direction, where) {
    const page = direction > 0 ? this.data.after : this.data.before;
    if (!page || this.landing) return;
    this.landing = { page, where, until: performance.now() + PATIENCE };
    setTimeout(() => { if (this.landing?.page === page) this.landing = null; }, PATIENCE);
    this.ask(page);
  }

  // Another page has come: its first line or, backwards, its last experiment, once they are all there.
  arrive() {
    const { where, until } = this.landing;
    document.querySelector(SCREEN).scrollTop = 0;
    const there = () => {
      const stops = this.stops();
      const waits = performance.now() < until && (!stops.length || !document.querySelector(AT_REST));
      if (waits) return void setTimeout(there, 100);
      this.landing = null;
      this.goTo(stops, where === "last" ? stops.length - 1 : -1);
    };
    setTimeout(there, 100);
  }

  goTo(stops, index, still = matchMedia("(prefers-reduced-motion: reduce)").matches) {
    const main = document.querySelector(SCREEN), target = stops[index];
    const at = (this.stop = { index, until: still ? 0 : performance.now() + GLIDE, top: 0 });
    target?.querySelector('[class*="-fold"] details:not([open]) > summary')?.click();
    main.scrollTo({ top: this.top(target), behavior: still ? "auto" : "smooth" });
    if (still) at.top = main.scrollTop;
    else setTimeout(() => { at.top = main.scrollTop; this.look(); }, GLIDE);
    this.look();
    this.rest();
    if (!target) return;
    const growth = (this.growth = new ResizeObserver(() => follow()));
    const follow = () => {
      if (this.growth !== growth) return;
      if (!still && performance.now() < at.until) return void setTimeout(follow, GLIDE);
      main.scrollTo({ top: this.top(target) });
      at.top = main.scrollTop;
    };
    growth.observe(target);
    if (main.firstElementChild) growth.observe(main.firstElementChild);             // what stands above it may grow, too
    setTimeout(() => growth.disconnect(), GROWTH);
  }

  look() {
    if (!this.on || !this.notes.open || this.looking) return;
    this.looking = requestAnimationFrame(() => {
      this.looking = null;
      const stops = this.stops(), at = stops[this.where(stops)];
      const name = [...(at?.classList ?? [])].find((c) => c.startsWith("st-key-experiment-"));
      this.notes.mark(name?.slice("st-key-experiment-".length));
    });
  }

  // ---- what it shows ---------------------------------------------------------------------------------------------

  blank() {
    if (this.lift()) return;
    this.dark = element(document, "div", { class: "presenter-dark" });
    this.dark.addEventListener("click", () => this.lift());
    document.body.append(this.dark);
  }

  lift() {
    const was = Boolean(this.dark);
    this.dark?.remove();
    this.dark = null;
    return was;
  }

  freeze() {
    this.hold(!globalThis.tenStepsFrozen);
    this.ask(globalThis.tenStepsFrozen ? "freeze" : "thaw");
  }

  hold(frozen) {
    globalThis.tenStepsFrozen = frozen;
    if (!frozen) globalThis.tenStepsRoom?.told.dispatchEvent(new Event("news"));      // what a class did meanwhile
    this.say(frozen ? this.data.words.frozen : "");
    this.draw();
  }

  say(words, forget = 0) {
    clearTimeout(this.forgetting);
    this.chip ??= document.body.appendChild(element(document, "div", { class: "presenter-chip", role: "status" }));
    this.chip.textContent = words;
    this.chip.classList.toggle("low", forget > 0);
    if (forget) this.forgetting = setTimeout(() => this.say(globalThis.tenStepsFrozen ? this.data.words.frozen : ""), forget);
  }

  // Does something that changes the page's width, and stands at the same experiment after it.
  stay(act) {
    const stops = this.stops(), at = this.where(stops), { panel } = this.notes, within = panel?.contains(document.activeElement);
    act();
    this.draw();
    if (within && !panel.isConnected) this.root.querySelector("[data-do=notes]")?.focus({ preventScroll: true });
    if (at >= 0) this.goTo(stops, at, true);
    this.look();
  }

  toggleHelp() {
    if (this.help) {
      this.help.remove();
      this.help = null;
    } else {
      this.help = document.body.appendChild(element(document, "div", { class: "presenter-help", role: "region" }));
      this.fillHelp();
    }
    this.draw();
  }

  fillHelp() {
    const { words } = this.data, rows = [
      ["Page Down · Page Up", words.key_experiment], ["Shift + Page Down · Page Up", words.key_step],
      ["B · .", words.key_blank], ["F", words.key_freeze], ["N", words.key_notes], ["?", words.key_keys], ["Esc", words.key_end],
    ];
    const list = element(document, "dl", {});
    for (const [key, does] of rows) list.append(element(document, "dt", {}, key), element(document, "dd", {}, does));
    this.help.setAttribute("aria-label", words.keys);
    this.help.replaceChildren(list);
  }

  // The three buttons in the line above the page.
  draw() {
    if (!this.root || !this.data) return;
    const { words } = this.data, frozen = Boolean(globalThis.tenStepsFrozen);
    if (!this.root.childElementCount) {
      for (const name of Object.keys(ICONS)) {
        const button = element(document, "button", { type: "button", "data-do": name });
        const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        svg.setAttribute("viewBox", "0 0 24 24");
        svg.setAttribute("aria-hidden", "true");
        path.setAttribute("d", ICONS[name]);
        svg.append(path);
        button.append(svg);
        button.addEventListener("click", () => ({ freeze: () => this.freeze(), notes: () => this.notes.toggle(), keys: () => this.toggleHelp() })[name]());
        this.root.append(button);
      }
    }
    const pressed = { freeze: frozen, notes: this.notes.open, keys: Boolean(this.help) };
    for (const button of this.root.children) {
      const name = button.dataset.do, label = name === "freeze" && frozen ? words.thaw : words[name];
      button.title = label;
      button.setAttribute("aria-label", label);
      button.setAttribute("aria-pressed", pressed[name]);
    }
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const presenter = (globalThis.tenStepsPresenter ??= new Presenter());
  presenter.load(data, (what) => setTriggerValue("ask", what), parentElement.querySelector(".tools"));
  return () => presenter.unload();
}
