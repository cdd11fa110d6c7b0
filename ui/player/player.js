// The player: tracks side by side, one timeline under them, one choice of image, pixel or particle in all of them.

const SAME = (a, b) => JSON.stringify(a) === JSON.stringify(b);

class Player {
  constructor(root) {
    this.root = root;
    this.level = make("span", { class: "level" });
    this.hint = make("span", { class: "hint" });
    this.panels = make("div", { class: "panels" });
    this.stage = make("div", { class: "stage", tabindex: 0, role: "group" },
      make("div", { class: "head" }, this.level, this.hint), this.panels);
    this.voice = make("div", { class: "quiet", "aria-live": "polite" });
    this.picked = { item: null, pixel: null };
    this.hovered = null;
    watchRoom(root, () => this.arrange());
    root.addEventListener("keydown", (event) => this.choose(event), true);
    root.addEventListener("pointerdown", () => this.used());
    root.addEventListener("keydown", () => this.used());
    offer(root, {
      name: () => this.header.key,
      paint: (frame) => this.paintFrame(frame),
      frames: () => this.header.levels.map(({ text }) => text),
      at: () => this.transport.frame,
      seconds: () => this.transport.seconds(),
      table: () => playerTable(this),
    });
  }

  used() {
    this.root.dataset.used = "true";
    if (this.memory) this.memory.used = true;
  }

  // Called with every message and every change of theme.
  load(message, report) {
    this.report = report;
    const fresh = message !== this.message;
    if (fresh) {
      this.message = message;
      this.read(decode(message));
    }
    this.arrange();
  }

  read({ header, part }) {
    const before = this.header, { levels, labels } = header;
    this.header = header;
    this.memory = remembered(`player ${header.key}`);
    if (this.memory.used) this.root.dataset.used = "true";
    const kept = before ? this : this.memory.scene === header.scene ? this.memory : null;
    if (!before && kept) this.picked = kept.picked ?? this.picked;
    const same = (name) => SAME(header[name], before ? before[name] : kept?.[name]);
    const begun = !kept || !same("scene"), chosen = begun || !same("selected"), placed = begun || !same("asked");
    const moved = chosen || placed;
    if (chosen) this.picked = { ...header.selected };
    this.anchor = placed ? this.anchored(header.start) : kept.anchor ?? this.anchored(header.start);
    const frame = this.find(this.anchor);
    this.build(header, part);
    if (!this.transport) {
      this.transport = new Transport({
        root: this.root, labels,
        show: (f, fraction) => this.show(f, fraction),
        rest: (playing) => this.rest(playing),
        describe: (f) => this.header.levels[f]?.text ?? "",
      });
      this.root.prepend(this.stage, this.transport.bar, this.voice);
      if (this.memory.speed) this.transport.setSpeed(this.memory.speed);
    }
    const playing = this.transport.playing;
    this.transport.say(labels);
    this.transport.load(levels.length, playing && !placed ? Math.min(this.transport.frame, levels.length - 1) : frame);
    this.root.setAttribute("aria-label", labels.player);
    this.stage.setAttribute("aria-label", labels.keys);
    this.hint.textContent = labels.hint ?? "";
    const settled = { frame: header.start, ...header.selected };
    this.reported = before ? this.reported : settled;
    this.tag();
    if (!before || moved) setTimeout(() => this.transport.playing || this.rest(false), 0);
  }

  anchored(frame) {
    const last = this.header.levels.length - 1;
    return { end: frame === last, level: this.header.levels[frame].level, frame };
  }

  // The frame for a remembered place: the end stays the end, otherwise the nearest level (the earlier of two).
  find({ end, level, frame }) {
    const { levels } = this.header;
    if (end) return levels.length - 1;
    if (level == null || levels[0].level == null) return Math.min(frame, levels.length - 1);
    let best = 0;
    levels.forEach((l, i) => { if (Math.abs(l.level - level) < Math.abs(levels[best].level - level)) best = i; });
    return best;
  }

  build(header, part) {
    this.laid = false;
    this.tracks = header.tracks.map((track, index) => {
      const values = part(`values${index}`);
      Object.assign(track, { values, blank: new Set(track.blank), backdrop: track.backdrop ? part(`backdrop${index}`) : null });
      if (track.kind === "points") Object.assign(track, { grain: (track.high - track.low) / 65535, clouds: header.tracks.length });
      const painter = new (track.kind === "points" ? PointPainter : ImagePainter)(track);
      const canvas = make("canvas", { role: "img" });
      const name = make("figcaption", { class: "name" }, track.label);
      const note = make("span", { class: "note" });
      const foot = make("div", { class: "foot" }, ...(track.note ? [note] : []));
      let bar = null;
      if (track.kind === "images") {
        bar = make("i");
        const number = (v) => String(Number(v.toPrecision(3))).replace("-", "−");
        foot.append(make("span", { class: "scale", "aria-hidden": "true" }, number(track.showLow), bar, number(track.showHigh)));
      }
      const panel = make("figure", { class: "panel", "data-track": track.name }, name, canvas, foot);
      const spot = (event) => {
        const box = canvas.getBoundingClientRect();
        return painter.hit(event.clientX - box.left, event.clientY - box.top, this.transport.frame);
      };
      canvas.addEventListener("click", (event) => this.pick(spot(event)));
      canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.hover(spot(event)?.item ?? null));
      canvas.addEventListener("pointerleave", () => this.hover(null));
      return { track, painter, canvas, name, note, foot, panel, bar };
    });
    this.panels.replaceChildren(...this.tracks.map((t) => t.panel));
  }

  // Columns by width; one row fills the height that was asked for, several rows are square.
  arrange() {
    const width = this.root.clientWidth;
    if (!width || !this.tracks) return;
    this.theme = readTheme(this.root);
    this.sharp = sharpness();
    const narrow = width < 480;
    Object.assign(this.root.dataset, { narrow, tight: width < 760 });
    const gap = narrow ? 16 : 24, inner = width - (narrow ? 26 : 34), n = this.tracks.length;
    const fits = (columns) => (inner - gap * (columns - 1)) / columns >= 150;
    let columns = n;
    while (columns > 1 && !fits(columns)) columns--;
    if (n === 4 && columns === 3) columns = 2;
    const hero = n === 3 && columns === 2;
    this.panels.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const each = (inner - gap * (columns - 1)) / columns;
    const lines = 36 + 24 + (this.tracks.some((t) => t.foot.childElementCount) ? 24 : 0);
    const around = (narrow ? 18 : 26) + lines * this.theme.scale;
    const height = tall(this.header.height, this.root, 84), folded = Math.max(200, (1.5 * height - around) / Math.ceil((n + hero) / columns));
    this.tracks.forEach(({ track, painter, canvas, name, foot, panel, bar }, index) => {
      const wide = hero && index === 0;
      panel.classList.toggle("wide", wide);
      const own = wide ? inner : each;
      const inRow = Math.max(160, Math.min(height - around, own * 1.15));
      const room = columns === n ? inRow : Math.min(own, narrow ? 420 : folded);
      sharpen(canvas, own, painter.layout(own, room, this.theme));
      name.style.color = this.theme.text[track.role];
      if (bar) bar.style.background = swatch(track, this.theme);
      for (const line of [name, foot]) Object.assign(line.style, painter.inset);
    });
    this.laid = true;
    this.show(this.transport.frame, this.fraction ?? 0);
  }

  show(frame, fraction) {
    this.fraction = fraction;
    this.shown = { frame, fraction };
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (this.laid) this.paint(this.shown.frame, this.shown.fraction);
    });
  }

  paint(frame, fraction) {
    const started = performance.now();
    const { levels, labels } = this.header;
    const tween = fraction > 0 && labels.between && !reducedMotion();
    for (const { track, painter, canvas, note } of this.tracks) {
      painter.paint(canvas, frame, tween && track.kind === "points" ? fraction : 0, this.picked, this.hovered);
      const words = Array.isArray(track.note) ? track.note[frame] : track.note;
      if (note.textContent !== words) note.textContent = words;
    }
    if (this.painted !== levels[frame] || this.between !== tween) {
      this.painted = levels[frame];
      this.between = tween;
      const { text, more, level } = levels[frame];
      const extra = tween && this.tracks.some((t) => t.track.kind === "points") ? labels.between : more;
      this.level.replaceChildren(text, ...(extra ? [make("span", { class: "more" }, extra)] : []));
      this.root.dataset.level = level ?? text;
      for (const { track, canvas } of this.tracks) canvas.setAttribute("aria-label", `${track.label}. ${text}`);
    }
    this.root.dataset.paint = (performance.now() - started).toFixed(2);
  }

  // At once: the frame that is given, or else the one that is shown.
  paintFrame(frame) {
    if (this.sharp !== sharpness()) this.arrange();
    if (frame == null) this.paint(this.transport.frame, this.fraction ?? 0);
    else this.paint(frame, 0);
  }

  hover(item) {
    if (item === this.hovered) return;
    this.hovered = item;
    this.show(this.transport.frame, this.fraction);
  }

  pick(found) {
    this.picked = found ?? { item: null, pixel: null };
    this.show(this.transport.frame, this.fraction);
    this.rest(this.transport.playing);
  }

  // Shift with an arrow moves the choice: a pixel in an image, to the next particle in a cloud. Escape lets go.
  choose(event) {
    if (event.key === "Escape" && this.picked.item != null) this.pick(null);
    else if (event.shiftKey && event.key.startsWith("Arrow")) this.nudge(event.key.slice(5));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  nudge(way) {
    const { track } = this.tracks[0];
    const { item, pixel } = this.picked;
    const [down, right] = { Up: [-1, 0], Down: [1, 0], Left: [0, -1], Right: [0, 1] }[way];
    if (track.kind === "points") {
      const next = item == null ? 0 : (item + down + right + track.items) % track.items;
      return this.pick({ item: next, pixel: null });
    }
    if (!pixel || item >= track.items) return this.pick({ item: 0, pixel: [track.rows >> 1, track.columns >> 1] });
    const inside = (v, size) => Math.max(0, Math.min(size - 1, v));
    return this.pick({ item, pixel: [inside(pixel[0] + down, track.rows), inside(pixel[1] + right, track.columns)] });
  }

  // Python hears only of what stands, and only once.
  rest(playing) {
    const { frame } = this.transport;
    this.anchor = this.anchored(frame);
    Object.assign(this.memory, {
      anchor: this.anchor, picked: this.picked, speed: this.transport.speed,
      scene: this.header.scene, asked: this.header.asked, selected: this.header.selected,
    });
    const { item, pixel } = this.picked;
    this.tag();
    if (!playing) this.voice.textContent = this.header.levels[frame].text;
    const news = { frame, item, pixel };
    if (SAME(news, this.reported)) return;
    this.reported = news;
    const { scene, asked, selected } = this.header;
    this.report({ ...this.anchor, playing, item, pixel, scene, asked, selected });
  }

  tag() {
    const { item, pixel } = this.picked;
    Object.assign(this.root.dataset, { item: item ?? "", pixel: pixel ? pixel.join(",") : "" });
  }
}

const PLAYERS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root");
  if (!PLAYERS.has(root)) PLAYERS.set(root, new Player(root));
  const player = PLAYERS.get(root);
  player.load(data, (state) => setStateValue("state", state));
  return () => player.transport?.stop();
}
