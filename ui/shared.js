// Put in front of every component's own script by ui/component.py, after `const COLOURS = {…}` from ui/colours.py.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const RUN_SECONDS = 6;          // a whole run at speed 1
const STEP_SECONDS = 1.2;       // but no step of a short run takes longer than this
const REST_DELAY = 300;         // ms of quiet after single steps before Python hears of them
const TYPES = { u8: Uint8Array, i16: Int16Array, f32: Float32Array, i32: Int32Array };

// Message: uint32 length of the header, header (JSON), padding to 8 bytes, then the arrays that the header lists as
// parts: { name: [type, offset from the end of the padding, number of values] }.
function decode(message) {
  const bytes = message.slice();                        // what arrives may be unaligned
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const body = Math.ceil((4 + length) / 8) * 8;
  const part = (name) => {
    const [type, offset, count] = header.parts[name];
    return new TYPES[type](bytes.buffer, body + offset, count);
  };
  return { header, part };
}

function fill(template, values) {
  return String(template).replace(/\{\{?\s*(\w+)\s*\}?\}/g, (whole, name) => (name in values ? values[name] : whole));
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

// Whether a presenter holds every picture as it is (ui/wire/presenter.js): nothing moves by itself then.
const isFrozen = () => globalThis.tenStepsFrozen === true;

const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// What a person did in a component, kept while the tab is open, so that coming back finds it again.
function remembered(key) {
  const all = (globalThis.tenStepsMemory ??= new Map());
  if (!all.has(key)) all.set(key, {});
  return all.get(key);
}

const probe = document.createElement("canvas").getContext("2d");

function rgb(colour) {
  probe.fillStyle = colour;
  const text = probe.fillStyle;                         // "#rrggbb" or "rgba(r, g, b, a)"
  if (text[0] === "#") return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}

const veil = (colour, alpha) => `rgb(${rgb(colour).join(" ")} / ${alpha})`;

// How large type is beside its usual size, and how thick marks are: while somebody presents, what is drawn grows more
// than the page does, since the smallest of it must be read from the back of a room (12 becomes 18 pixels).
const isPresented = () => document.documentElement.classList.contains("presenting");
const typeScale = () => (parseFloat(getComputedStyle(document.documentElement).fontSize) / 16) * (isPresented() ? 1.2 : 1);
const markScale = () => (isPresented() ? 1.25 : 1);
const thick = (width) => (isPresented() ? 1.5 * width : width);
const strong = (alpha) => (isPresented() ? Math.min(1, 1.6 * alpha) : alpha);

// The height of a picture for which so much was asked: on a projector as much as is left of the screen under its title and
// controls, within limits; `other` pixels of the component are no picture.
function tall(height, root, other) {
  const host = root.getRootNode().host, experiment = host?.closest('[class*="st-key-experiment-"]');
  if (!isPresented() || !experiment) return height;
  const wish = (height * typeScale()) / 1.5;                                                     // 1.5 at 1366 × 768
  const above = host.getBoundingClientRect().top - experiment.getBoundingClientRect().top + 24;
  if (above > 0.6 * innerHeight) return Math.round(1.25 * wish);                                  // it cannot fit in any case
  return Math.round(Math.max(0.66 * wish, Math.min(1.35 * wish, innerHeight - above - other)));
}

// Streamlit's theme decides light or dark; the colours themselves are the project's one table.
function readTheme(root) {
  const page = getComputedStyle(root).getPropertyValue("--st-background-color").trim() || "#ffffff";
  const [r, g, b] = rgb(page);
  const dark = 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
  const table = COLOURS[dark ? "dark" : "light"];
  const { ink, muted, canvas } = table.surface;
  root.dataset.dark = dark;
  root.style.setProperty("--ink", ink);
  root.style.setProperty("--muted", muted);
  root.style.setProperty("--canvas", canvas);
  root.style.setProperty("--edge", veil(ink, dark ? 0.2 : 0.14));
  root.style.setProperty("--wash", veil(ink, dark ? 0.12 : 0.06));
  const font = getComputedStyle(root).fontFamily, scale = typeScale();
  const type = (size, weight = "") => `${weight} ${size * scale}px ${font}`;         // for a pen
  return { dark, ink, muted, canvas, page, font, scale, type, mark: table.mark, text: table.text };
}

// Calls back when the element's room or the size of type has changed; a gauge inside it, one rem wide, tells the latter.
function watchRoom(root, act) {
  const gauge = make("i", { class: "gauge" }), observer = new ResizeObserver(act);
  root.append(gauge);
  for (const element of [root, gauge]) observer.observe(element);
}

// So many pixels of a canvas are one CSS pixel: as on this screen, or as what is being saved asks for.
const sharpness = () => globalThis.tenStepsSharpness ?? (devicePixelRatio || 1);

// A component offers what it shows to be saved (ui/saving): { name, paint(frame), table() } and, where it has frames,
// frames() -> their names, at() -> the one that is shown, seconds() -> how long they play. paint draws at once, as sharp
// as is asked for, the frame that is given or else what stands there; table gives sections { columns, rows } of numbers.
function offer(root, picture) {
  (globalThis.tenStepsPictures ??= new WeakMap()).set(root, picture);
}

// A number that came as a float32, in as many digits as it has.
const single = (v) => Number(v.toPrecision(7));

// A canvas of so many CSS pixels, sharp on this screen; returns the pen, scaled to CSS pixels, with the sheet cleared.
function sharpen(canvas, width, height) {
  const ratio = sharpness();
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  const pen = canvas.getContext("2d");
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    if (canvas.style) Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  } else {
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, w, h);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

const ICONS = {
  reset: "M6 5h2.2v14H6zM19 5.2v13.6L9.6 12z",
  back: "M15.8 5.6 14.2 4 6.2 12l8 8 1.6-1.6L9.4 12z",
  play: "M7.5 4.2v15.6L20 12z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z",
  forward: "M8.2 18.4 9.8 20l8-8-8-8-1.6 1.6 6.4 6.4z",
  undo: "M9.6 4.4 3.6 10.2l6 5.8v-4.4h4.6a3.3 3.3 0 0 1 0 6.6H8.4v2.4h5.8a5.7 5.7 0 0 0 0-11.4H9.6z",
  clear: "M6 7h12l-1 13.2H7zM9.2 4h5.6l.8 1.6H20v1.8H4V5.6h4.4z",
  done: "M9.2 16.6 4.8 12.2 3.2 13.8l6 6L21 8l-1.6-1.6z",
};

// Reset, back, play or pause, forward, scrub, speed: the same bar under everything that moves.
// show(frame, fraction) draws, fraction > 0 only between two frames while playing; rest(playing) tells that it stands.
// move(frame): a short name of what leads to a frame, written on the button that does it.
class Transport {
  constructor({ root, labels, show, rest, describe, move = () => "" }) {
    Object.assign(this, { root, show, rest, describe, move, count: 1, frame: 0, playing: false, speed: 1 });
    const button = (name) => {
      const made = make("button", { type: "button", class: `button ${name}`, "data-do": name }, icon(ICONS[name]));
      made.addEventListener("click", () => this.act(name));
      return made;
    };
    this.buttons = Object.fromEntries(["reset", "back", "play", "forward"].map((name) => [name, button(name)]));
    this.next = make("span", { class: "move" });
    this.buttons.forward.prepend(this.next);
    this.scrub = make("input", { type: "range", class: "scrub", min: 0, max: 0, step: 1, value: 0 });
    this.scrub.addEventListener("input", () => { this.stop(); this.go(Number(this.scrub.value)); });
    this.scrub.addEventListener("change", () => this.settle(0));
    this.pace = make("select", { class: "speed" });
    this.pace.append(...SPEEDS.map((s) => make("option", { value: s, selected: s === 1 }, `${s}×`)));
    this.pace.addEventListener("change", () => this.setSpeed(Number(this.pace.value)));
    this.bar = make("div", { class: "transport", role: "toolbar" }, ...Object.values(this.buttons), this.scrub, this.pace);
    root.addEventListener("keydown", (event) => this.key(event));
    this.say(labels);
  }

  say(labels) {
    this.labels = labels;
    for (const [name, button] of Object.entries(this.buttons)) this.name(button, labels[name]);
    this.scrub.setAttribute("aria-label", labels.scrub);
    this.pace.setAttribute("aria-label", labels.speed);
    this.pace.title = labels.speed;
    this.bar.setAttribute("aria-label", labels.transport);
    this.mark();
  }

  name(button, text) {
    button.setAttribute("aria-label", text);
    button.title = text;
  }

  load(count, frame) {
    this.count = Math.max(1, count);
    this.scrub.max = this.count - 1;
    if (!this.playing) this.position = frame;
    this.go(frame, false);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.pace.value = speed;
  }

  // How long all frames take at the present speed.
  seconds() { return Math.min(RUN_SECONDS, STEP_SECONDS * (this.count - 1)) / this.speed; }

  act(name) {
    if (name === "play") return this.playing ? this.pause() : this.play();
    this.stop();
    this.go({ reset: 0, back: this.frame - 1, forward: this.frame + 1, end: this.count - 1 }[name]);
    return this.settle(name === "reset" || name === "end" ? 0 : REST_DELAY);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const at = event.composedPath()[0];
    if (at === this.pace) return;
    if (at === this.scrub && (event.key === "PageUp" || event.key === "PageDown")) return void event.preventDefault();
    const wish = { ArrowLeft: "back", ArrowRight: "forward", Home: "reset", End: "end" }[event.key];
    if (wish) this.act(wish);
    else if (event.key === " " && at.tagName !== "BUTTON") this.act("play");
    else return;
    event.preventDefault();
  }

  go(frame, draw = true) {
    this.frame = Math.max(0, Math.min(this.count - 1, frame));
    this.mark();
    if (draw) this.show(this.frame, 0);
  }

  play() {
    if (this.count < 2) return;
    if (reducedMotion()) return void this.act("end");
    if (this.frame >= this.count - 1) this.go(0);
    clearTimeout(this.quiet);
    this.playing = true;
    this.position = this.frame;
    this.mark();
    let before = null;
    const tick = (now) => {
      if (!this.playing) return;
      if (!this.root.isConnected) return void this.stop();
      if (isFrozen()) {                                                   // on a real state, until the presenter lets go
        if (before !== null) this.show(this.frame, 0);
        [before, this.position] = [null, this.frame];
        return void requestAnimationFrame(tick);
      }
      const passed = Math.min(now - (before ?? now), 250);                // a hidden tab stands still
      before = now;
      this.position = Math.min(this.position + (passed / (1000 * this.seconds())) * (this.count - 1), this.count - 1);
      const frame = Math.floor(this.position);
      if (frame !== this.frame) { this.frame = frame; this.mark(); }
      this.show(frame, this.position - frame);
      if (this.position >= this.count - 1) this.pause();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.mark();
  }

  pause() {
    this.stop();
    this.go(this.frame);
    this.settle(0);
  }

  settle(delay) {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.playing || this.rest(false), delay);
  }

  mark() {
    const { root, scrub, frame, count } = this;
    const at = root.getRootNode().activeElement;                          // asked first: a button that is disabled loses the focus
    scrub.value = frame;
    scrub.disabled = count < 2;
    scrub.style.setProperty("--done", `${count > 1 ? (100 * frame) / (count - 1) : 0}%`);
    scrub.setAttribute("aria-valuetext", this.describe(frame));
    this.buttons.reset.disabled = this.buttons.back.disabled = frame === 0;
    this.buttons.forward.disabled = frame >= count - 1;
    this.buttons.play.disabled = count < 2;
    const ends = frame >= count - 1, next = this.move(ends ? frame : frame + 1) ?? "";
    this.next.textContent = next;
    this.name(this.buttons.forward, next && !ends ? `${this.labels.forward}: ${next}` : this.labels.forward);
    if (at?.disabled && this.bar.contains(at)) scrub.focus({ preventScroll: true });
    if (root.dataset.playing !== String(this.playing)) {
      const name = this.playing ? "pause" : "play";
      this.buttons.play.replaceChildren(icon(ICONS[name]));
    }
    this.name(this.buttons.play, this.labels[this.playing ? "pause" : "play"]);
    Object.assign(root.dataset, { frame, frames: count, playing: this.playing });
  }
}
