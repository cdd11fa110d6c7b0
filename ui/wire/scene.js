// One experiment's address: keeps the address bar in step with its settings, copies a link to this very scene, and saves
// what it shows (ui/saving, asked for when the menu is opened).

const MARK = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M10 14a4 4 0 0 0 6 .5l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.5l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5"/></svg>';
const DOWN = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14"/></svg>';
const POPS = "showPopover" in HTMLElement.prototype;      // else the menu is a plain box, which older tablets need
const SAID = 2500;              // ms that a word stays
const ENDING = { picture: "png", movement: "gif", data: "csv" };

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {                                   // no clipboard without https: the old way
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position:fixed;opacity:0";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

function keepAddress(data) {
  const address = new URL(location.href);
  if (address.pathname.split("/").pop() !== data.path) return;      // another page's turn
  if ((globalThis.tenStepsWire?.session ?? data.session) !== data.session) return;     // wire.js needs the old one first
  for (const key of [...address.searchParams.keys()]) {
    if (key.startsWith(data.id + ".")) address.searchParams.delete(key);
  }
  for (const [key, value] of Object.entries(data.changed)) address.searchParams.set(key, value);
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

// The address of the app's root, whatever page is open.
function rootOf(data) {
  const path = location.pathname.replace(/\/+$/, "");
  return location.origin + (data.path && path.endsWith(`/${data.path}`) ? path.slice(0, -data.path.length - 1) : path);
}

function linkOf(data) {
  const link = new URL(location.pathname, location.origin);
  link.search = new URLSearchParams(data.all).toString();
  link.hash = data.anchor;
  return link.href;
}

// A short name for the settings: FNV-1a of their text.
function shortName(data) {
  let hash = 0x811c9dc5;
  for (const letter of JSON.stringify(data.all)) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}

class Scene {
  constructor(root) {
    const find = (what) => root.querySelector(what);
    Object.assign(this, { root, said: find("[role=status]"), going: find(".going"), field: find("input"), copying: find(".copy"), saving: find(".save"), cancel: find(".cancel"), menu: find(".menu") });
    this.copying.addEventListener("click", () => this.copyLink());
    this.saving.addEventListener("pointerdown", () => { this.closes = this.isOpen; });     // the browser may close it before the click
    this.saving.addEventListener("click", ({ detail }) => (detail && this.closes ? this.close() : this.open()));
    this.cancel.addEventListener("click", () => this.stop?.abort());
    this.menu.addEventListener("keydown", (event) => this.key(event));
    this.menu.addEventListener("beforetoggle", ({ newState }) => newState === "closed" && this.closed());
  }

  load(data) {
    this.data = data;
    this.dress(this.copying, MARK, data.label);
    this.dress(this.saving, DOWN, data.words.save);
    this.cancel.textContent = data.words.cancel;
    this.field.setAttribute("aria-label", data.by_hand);
    this.menu.setAttribute("aria-label", data.words.save);
  }

  dress(button, mark, label) {
    const word = document.createElement("b");
    word.textContent = label;
    button.innerHTML = mark;
    button.append(word);
  }

  say(words, ms = SAID) {
    this.said.textContent = words;
    clearTimeout(this.timer);
    if (ms) this.timer = setTimeout(() => { this.said.textContent = ""; }, ms);
  }

  async copyLink() {
    const link = linkOf(this.data), done = await copy(link);
    this.field.hidden = done;
    this.field.value = link;
    if (done) this.copying.focus({ preventScroll: true });            // the old way has taken the focus
    else this.field.select();
    this.say(done ? this.data.copied : this.data.by_hand, done ? SAID : 0);
  }

  get experiment() { return document.querySelector(`.st-key-experiment-${this.data.anchor}`); }

  // ---- the menu ----

  async open() {
    if (this.isOpen) return this.close();
    let kinds = [];
    try {
      this.saver ??= await import(`${rootOf(this.data)}/${this.data.script}`);
      kinds = this.saver.kinds(this.experiment);
    } catch {
      return this.say(this.data.words.save_failed);
    }
    if (this.isOpen) return;                                           // by another click, while the script was on its way
    this.menu.replaceChildren(...kinds.map((kind) => {
      const item = document.createElement("button");
      Object.assign(item, { type: "button", textContent: this.data.words[kind], tabIndex: -1 });
      item.setAttribute("role", "menuitem");
      item.dataset.kind = kind;
      item.addEventListener("click", () => this.save(kind));
      return item;
    }));
    if (!kinds.length) return this.say(this.data.words.nothing);
    this.menu.classList.add("open");
    if (POPS) this.menu.showPopover();
    this.watch();
    this.saving.setAttribute("aria-expanded", "true");
    const box = this.saving.getBoundingClientRect(), { width, height } = this.menu.getBoundingClientRect();
    const top = box.bottom + 4 + height > innerHeight ? box.top - 4 - height : box.bottom + 4;
    Object.assign(this.menu.style, { left: `${Math.max(4, box.right - width)}px`, top: `${Math.max(4, top)}px` });
    this.menu.firstChild.focus({ preventScroll: true });
  }

  // While it is open: what moves the page under it closes it.
  watch() {
    this.watching = new AbortController();
    const { signal } = this.watching;
    for (const what of ["scroll", "resize"]) addEventListener(what, () => this.close(), { capture: true, passive: true, signal });
    if (!POPS) addEventListener("pointerdown", (event) => event.composedPath().includes(this.root) || this.close(), { signal });
  }

  get isOpen() { return this.menu.classList.contains("open"); }

  close() {
    if (!this.isOpen) return;
    this.closed();
    if (POPS) this.menu.hidePopover();
  }

  // A click elsewhere comes here, too.
  closed() {
    if (!this.isOpen) return;
    const held = this.menu.contains(this.root.getRootNode().activeElement);
    this.menu.classList.remove("open");
    this.watching?.abort();
    this.saving.setAttribute("aria-expanded", "false");
    if (held) setTimeout(() => this.saving.focus({ preventScroll: true }), 0);
  }

  key(event) {
    const items = [...this.menu.children], now = items.indexOf(this.root.getRootNode().activeElement);
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Tab") this.close();
    if (next === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();                                           // an Escape that closes it does not end presenting
    if (next === undefined) return this.close();
    items[(next + items.length) % items.length].focus();
  }

  // ---- saving ----

  async save(kind) {
    const { data } = this, { words } = data;
    this.close();
    this.saving.focus({ preventScroll: true });
    this.saving.disabled = true;
    this.stop = new AbortController();
    const tell = (share) => { this.going.textContent = words.recording.replace("{percent}", Math.round(100 * share)); };
    this.cancel.hidden = this.going.hidden = kind !== "movement";
    tell(0);
    this.say("", 0);
    await new Promise((go) => { setTimeout(go, 0); });                    // the menu goes first
    try {
      const blob = await this.saver.made(kind, this.experiment, { title: data.title, link: linkOf(data), signal: this.stop.signal, tell });
      this.saver.handOut(blob, `${data.id}-${shortName(data)}.${ENDING[kind]}`);
      this.say(words.saved);
    } catch (error) {
      if (error.name !== "AbortError") {
        console.warn(error);
        this.say(words.save_failed);
      } else this.say("", 0);
    } finally {
      const held = this.root.contains(this.root.getRootNode().activeElement) || !this.root.getRootNode().activeElement;
      this.cancel.hidden = this.going.hidden = true;
      this.saving.disabled = false;
      if (held) this.saving.focus({ preventScroll: true });
    }
  }
}

const SCENES = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".scene");
  if (!SCENES.has(root)) SCENES.set(root, new Scene(root));
  keepAddress(data);
  SCENES.get(root).load(data);
}
