// The speaker's notes: a panel beside the page, or a window of its own for the other screen. Words come as plain text.

const WINDOW_STYLE = `
  :root { color-scheme: light dark; font: 18px/1.5 system-ui, -apple-system, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", sans-serif; }
  body { margin: 20px 24px 40px; word-break: keep-all; overflow-wrap: break-word; }
  h2 { font-size: 1.3rem; margin: 0 0 2px; } .minutes { opacity: 0.8; margin: 0 0 14px; } ol { list-style: none; margin: 0; padding: 0; }
  li { padding: 8px 12px; border-left: 4px solid transparent; } li b { display: block; } li[aria-current] { border-color: #0072b2; background: rgb(0 114 178 / 12%); }
`;

function element(document, tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

class Notes {
  // key(event): what a key pressed in the window does, since the hand is there while the page is on the projector.
  // moved(act): does what takes room from the page or gives it back, so that the page stays where it is.
  constructor(key, moved) {
    Object.assign(this, { key, moved });
    addEventListener("pagehide", () => this.window?.close());
  }

  get open() { return Boolean(this.panel || this.window); }

  load({ notes, words }) {
    const anew = JSON.stringify([notes, words]);
    if (anew === this.known) return;
    Object.assign(this, { known: anew, notes, words });
    if (this.panel) this.fillPanel();
    if (this.window) this.fillWindow();
  }

  toggle() { this.moved(() => (this.open ? this.close() : this.show())); }

  show() {
    this.panel = element(document, "aside", { class: "presenter-notes", tabindex: "0" });
    document.body.append(this.panel);
    document.documentElement.classList.add("noted");
    this.fillPanel();
  }

  close() {
    this.hidePanel();
    this.window?.close();
    this.window = null;
  }

  hidePanel() {
    this.panel?.remove();
    this.panel = null;
    document.documentElement.classList.remove("noted");
  }

  fillPanel() {
    const { words, panel } = this;
    const button = (label, act) => {
      const made = element(document, "button", { type: "button" }, label);
      made.addEventListener("click", act);
      return made;
    };
    panel.setAttribute("aria-label", words.notes);
    this.said = element(document, "span", { role: "status" });
    panel.replaceChildren(
      ...this.content(document),
      element(document, "p", { class: "acts" }, button(words.window, () => this.move()), button(words.close, () => this.toggle()), this.said),
    );
    this.mark(this.at);
  }

  // Into a window of its own, which is written from here and so follows this page.
  move() {
    const opened = open("", "ten-steps-notes", "popup,width=560,height=720");
    if (!opened) return void (this.said.textContent = this.words.blocked);
    this.window = opened;
    this.moved(() => this.hidePanel());
    opened.addEventListener("keydown", this.key);
    opened.addEventListener("pagehide", () => { if (this.window === opened) this.window = null; });
    this.fillWindow();
  }

  fillWindow() {
    const page = this.window.document;
    page.title = `${this.words.notes} · ${this.notes.title}`;
    page.documentElement.lang = document.documentElement.lang;
    page.head.replaceChildren(element(page, "title", {}, page.title), element(page, "style", {}, WINDOW_STYLE));
    page.body.replaceChildren(...this.content(page));
    this.mark(this.at);
  }

  content(page) {
    const { title, minutes, points } = this.notes;
    const item = (point) => element(page, "li", { "data-for": point.id }, element(page, "b", {}, point.name), point.text);
    return [element(page, "h2", {}, title), element(page, "p", { class: "minutes" }, minutes), element(page, "ol", {}, ...points.map(item))];
  }

  // Marks the note of the experiment that is on the screen.
  mark(experiment) {
    this.at = experiment;
    for (const root of [this.panel, this.window?.document]) {
      for (const item of root?.querySelectorAll("li") ?? []) {
        if (item.dataset.for !== experiment) item.removeAttribute("aria-current");
        else if (!item.hasAttribute("aria-current")) {
          item.setAttribute("aria-current", "true");
          item.scrollIntoView({ block: "nearest" });
        }
      }
    }
  }
}
