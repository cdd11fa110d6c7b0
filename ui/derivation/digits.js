// An image at the level of the plane: what the network says of it without and with a label, their difference, and the
// guided noise, which is none + γ (given − none) exactly. Beside each noise the clean image that it implies:
// x̂_0 = (x_t − √(1−ᾱ) ε) / √ᾱ, and for the difference of two noises the difference of their x̂_0.

const SPANS = { noise: 3, difference: 1, clean: 1 };            // the values at the ends of the palettes
const KINDS = { none: "s", given: "sy", difference: "gg", guided: "guided" };      // the mark that each row is tied to
const WRITTEN = { noisy: "noisy", none: "s_turned", given: "sy_turned", difference: "g_turned", guided: "guided_turned" };    // and its formula

class Digits {
  // ask(values): another digit or label is asked for; light(mark): a row is pointed at, or null
  constructor({ ask, light }) {
    this.root = make("div", { class: "digits" });
    this.pickers = Object.fromEntries(["digit", "label"].map((name) => {
      const picker = make("select", { class: "picker", "data-pick": name });
      picker.append(...Array.from({ length: 10 }, (_, d) => make("option", { value: d }, String(d))));
      picker.addEventListener("change", () => ask({ [name]: Number(picker.value) }));
      return [name, picker];
    }));
    this.asked = make("div", { class: "asked" });
    this.rows = ["noisy", ...Object.keys(KINDS)].map((name) => {
      const canvases = [0, 1].map(() => make("canvas", { class: "image", role: "img" })), words = make("span", { class: "words" });
      const label = make("div", { class: "label" }, words), mark = KINDS[name] ?? "";
      const row = make("div", { class: "row", "data-row": name, "data-mark": mark }, label, ...canvases);
      if (mark) {
        row.addEventListener("pointerenter", (event) => { if (event.pointerType !== "touch") light(mark); });
        row.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") light(null); });
        row.addEventListener("click", () => light(mark));
      }
      return { name, row, label, words, canvases, mark };
    });
    this.heads = [make("div", { class: "head" }), make("div", { class: "head" })];
    this.top = make("div", { class: "row heads" }, make("div", { class: "label" }), ...this.heads);
    this.note = make("div", { class: "note" });
    this.root.append(this.asked, this.top, ...this.rows.map((r) => r.row), this.note);
  }

  read(header, part) {
    const { labels, side } = header;
    this.header = header;
    this.root.hidden = !side;
    this.known = null;
    if (!side) return;
    for (const name of ["clean", "x", "none", "given"]) this[name] = part(name);
    this.asked.replaceChildren(labels.asked_1, this.pickers.digit, labels.asked_2, this.pickers.label);
    for (const [name, picker] of Object.entries(this.pickers)) picker.setAttribute("aria-label", labels[name]);
    this.heads[0].textContent = labels.noise;
    this.heads[1].textContent = labels.implied;
    for (const { name, label, words } of this.rows) {
      words.textContent = labels[name];
      label.replaceChildren(formula(header.names[WRITTEN[name]]), words);
    }
  }

  // The images of the level with this number, float32 each.
  at(index, gamma, alphaBar) {
    const size = this.header.side ** 2, cut = (all) => all.subarray(index * size, (index + 1) * size);
    const x = cut(this.x), none = cut(this.none), given = cut(this.given);
    const difference = none.map((v, i) => given[i] - v), guided = none.map((v, i) => v + gamma * difference[i]);
    const sigma = Math.sqrt(1 - alphaBar), signal = Math.sqrt(alphaBar);
    const implied = (noise, from) => noise.map((v, i) => ((from ? from[i] : 0) - sigma * v) / signal);
    return {
      noisy: [x, this.clean], none: [none, implied(none, x)], given: [given, implied(given, x)],
      difference: [difference, implied(difference, null)], guided: [guided, implied(guided, x)],
    };
  }

  draw(values, index, alphaBar, theme, side, lit) {
    if (!this.header.side) return;
    for (const { row, mark } of this.rows) {
      row.style.setProperty("--mark", theme.text[ROLE_OF[mark]] ?? theme.ink);
      row.classList.toggle("lit", Boolean(mark) && (lit === mark || (lit === "g" && mark === "gg")));
    }
    for (const name of ["digit", "label"]) this.pickers[name].value = String(values[name]);
    const known = [index, values.gamma, theme.dark, side].join();
    if (known !== this.known) this.images(this.at(index, values.gamma, alphaBar), theme, side);
    this.known = known;                                                             // a drag of the point changes none of it
  }

  images(images, theme, side) {
    const { labels } = this.header;
    for (const { name, words, canvases } of this.rows) {
      const signed = name === "difference", told = [labels.noise, name === "noisy" ? labels.clean : labels.implied];
      this.paint(canvases[0], images[name][0], side, signed ? SPANS.difference : SPANS.noise, true, theme);
      this.paint(canvases[1], images[name][1], side, SPANS.clean, signed, theme);
      canvases.forEach((canvas, k) => canvas.setAttribute("aria-label", `${words.textContent}: ${told[k]}`));
    }
    const share = Math.hypot(...images.difference[0]) / Math.hypot(...images.none[0]);
    this.note.textContent = `${fill(labels.share, { share: written(100 * share, share < 0.1 ? 1 : 0) })} ${labels.scale}`;
    this.root.dataset.share = share;
  }

  // values at ±span are the ends of the palette: signed, or from paper to ink
  paint(canvas, values, side, span, signed, theme) {
    const n = this.header.side, pen = sharpen(canvas, side, side);
    const table = coloursOf(signed ? "signed" : "paper", theme, theme.ink), sheet = (this.sheet ??= make("canvas"));
    if (sheet.width !== n) sheet.width = sheet.height = n;
    const inner = sheet.getContext("2d"), data = inner.createImageData(n, n), words = new Uint32Array(data.data.buffer);
    for (let i = 0; i < n * n; i++) words[i] = table[Math.round(255 * Math.max(0, Math.min(1, (values[i] / span + 1) / 2)))];
    inner.putImageData(data, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(sheet, 0, 0, side, side);
  }
}
