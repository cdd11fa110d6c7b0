// The dials above the picture: γ as a slider and a number, the level t, and the class y.

class Dials {
  // turn(values): a dial is turned; settle(): it was let go
  constructor({ turn, settle }) {
    Object.assign(this, { turn, settle, choices: [] });
    this.root = make("div", { class: "dials" });
    const range = (name) => make("input", { type: "range", class: "scrub", "data-dial": name });
    this.gamma = range("gamma");
    this.number = make("input", { type: "number", class: "number", "data-dial": "number" });
    this.t = range("t");
    this.level = make("output", { class: "said" });
    this.group = make("div", { class: "group", role: "radiogroup" });
    this.names = Object.fromEntries(["gamma", "t", "y"].map((name) => [name, make("span", { class: "name" })]));
    this.root.append(
      make("label", { class: "dial" }, this.names.gamma, this.gamma, this.number),
      make("label", { class: "dial" }, this.names.t, this.t, this.level),
      make("div", { class: "dial" }, this.names.y, this.group),
    );
    this.gamma.addEventListener("input", () => turn({ gamma: Number(this.gamma.value) }));
    this.number.addEventListener("change", () => {
      const [low, high] = this.header.bounds.gamma, wished = this.number.valueAsNumber;
      if (Number.isFinite(wished)) turn({ gamma: Math.max(low, Math.min(high, wished)) });
      else turn({});                                                                      // what is no number is taken back
      settle();
    });
    this.t.addEventListener("input", () => turn({ t: this.header.levels[Number(this.t.value)] }));
    for (const slider of [this.gamma, this.t]) {
      slider.addEventListener("change", () => settle(REST_DELAY));
      slider.addEventListener("keydown", (event) => event.stopPropagation());
    }
    this.group.addEventListener("keydown", (event) => this.key(event));
  }

  read(header) {
    const { labels, levels, bounds, count } = header, [low, high, step] = bounds.gamma_slider;
    this.header = header;
    for (const [name, element] of Object.entries(this.names)) element.textContent = labels[name];
    Object.assign(this.gamma, { min: low, max: high, step });
    Object.assign(this.number, { min: bounds.gamma[0], max: bounds.gamma[1], step: bounds.gamma[2] });
    this.number.setAttribute("aria-label", labels.gamma);
    Object.assign(this.t, { min: 0, max: levels.length - 1, step: 1 });
    this.group.setAttribute("aria-label", labels.y);
    this.choices = Array.from({ length: count }, (_, k) => {
      const choice = make("button", { type: "button", class: "choice", role: "radio", "data-y": k + 1 }, String(k + 1));
      choice.addEventListener("click", () => { this.turn({ y: k + 1 }); this.settle(); });
      return choice;
    });
    this.group.replaceChildren(...this.choices);
  }

  key(event) {
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!way) return;
    const now = this.choices.findIndex((c) => c.getAttribute("aria-checked") === "true");
    const next = this.choices[(now + way + this.choices.length) % this.choices.length];
    next.focus();
    next.click();
    event.preventDefault();
    event.stopPropagation();
  }

  show({ gamma, t, y }) {
    const { levels } = this.header, done = (input) => `${(100 * (input.value - input.min)) / (input.max - input.min || 1)}%`;
    this.gamma.value = gamma;
    if (this.number !== this.number.getRootNode().activeElement || this.number.valueAsNumber !== gamma) this.number.value = gamma;
    this.t.value = levels.indexOf(t);
    for (const slider of [this.gamma, this.t]) slider.style.setProperty("--done", done(slider));
    this.level.textContent = t;
    this.t.setAttribute("aria-valuetext", `t = ${t}`);
    this.choices.forEach((choice, k) => {
      choice.setAttribute("aria-checked", String(k + 1 === y));
      choice.tabIndex = k + 1 === y ? 0 : -1;
    });
  }
}
