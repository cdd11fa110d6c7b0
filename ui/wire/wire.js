// The page's own wiring: language, theme and presenting on <html>, a cookie for the chosen language, the way to the
// experiment that a link names.

const FORMULAS = '[class*="st-key-line-"] .katex-display';
const UNFOLDED = 300;                         // ms after which a fold that opens has its room
const AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]";
const PATIENCE = 20_000;                      // ms that an experiment may take to come
const SETTLED = 400;                          // ms after which it stands where it stays
const KEPT = "ten_steps_presenting";          // of the tab, so that a reload or a link in it goes on presenting

function shownTheme() {
  const app = document.querySelector(".stApp");
  return app && getComputedStyle(app).colorScheme.includes("dark") ? "dark" : "light";
}

// Whether the tab was presenting, and whether it does from now on; a browser may let no page remember anything.
function wasPresenting() {
  try { return sessionStorage.getItem(KEPT) === "1"; } catch { return false; }
}

function remember(on) {
  try { sessionStorage.setItem(KEPT, on ? "1" : ""); } catch { /* a reload ends presenting, then */ }
}

// A new session of a tab that was presenting goes on with it; what the link said is kept by the tab, not by the address.
function present(data, wire, ask) {
  const anew = wire.session !== data.session, address = new URL(location.href);
  wire.session = data.session;
  const goesOn = anew && !data.presenting && wasPresenting();
  if (goesOn) ask("present", "1");
  const on = data.presenting || goesOn;
  document.documentElement.classList.toggle("presenting", on);
  remember(on);
  if (address.searchParams.has(data.parameter)) {
    address.searchParams.delete(data.parameter);
    history.replaceState(history.state, "", address);
  }
}

// A formula wider than its column scrolls inside it: the keyboard has to get there, too.
function reach() {
  for (const formula of document.querySelectorAll(FORMULAS)) {
    if (formula.scrollWidth > formula.clientWidth + 1) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  }
}

// A link that ends in the name of an experiment leads there, once; one that is folded opens. Whoever does something
// meanwhile is left where they are.
function follow() {
  const anchor = location.hash.slice(1);
  if (!/^[\w-]+$/.test(anchor)) return;
  const going = new AbortController(), { signal } = going, until = performance.now() + PATIENCE;
  for (const what of ["wheel", "touchmove", "pointerdown", "keydown"]) addEventListener(what, () => going.abort(), { signal, passive: true });
  let opened = false;
  const look = () => {
    if (signal.aborted || performance.now() > until) return void going.abort();
    const there = document.querySelector(`.st-key-experiment-${anchor}`);
    if (there?.querySelector(`.st-key-${anchor}-link`)) {                       // the last of it that comes
      return void setTimeout(() => { if (!signal.aborted) there.scrollIntoView(); going.abort(); }, SETTLED);
    }
    const fold = there?.querySelector('[class*="-fold"] details:not([open]) > summary');
    if (fold && !opened && document.querySelector(AT_REST)) {
      opened = true;
      fold.click();
    }
    setTimeout(look, 100);
  };
  look();
}

export default function (component) {
  const { data, setStateValue, setTriggerValue } = component;
  const root = document.documentElement;
  const wire = (globalThis.tenStepsWire ??= {});
  root.lang = data.language;
  root.style.colorScheme = shownTheme();                  // for what lies outside the app's element, such as dialogs
  // A server that was started again is told the address that the tab was opened with, and not where it stands now.
  if (wire.session && wire.session !== data.session) setTriggerValue("address", location.search);
  present(data, wire, setTriggerValue);
  if (data.choice) {
    document.cookie = `${data.cookie}=${data.choice}; path=/; max-age=31536000; SameSite=Lax`;
    const address = new URL(location.href);
    if (address.searchParams.has("lang") && address.searchParams.get("lang") !== data.choice) {
      address.searchParams.delete("lang");
      history.replaceState(history.state, "", address);
    }
  }
  document.cookie = `${data.watcher_cookie}=${data.watcher}; path=/; max-age=86400; SameSite=Strict`;
  if (shownTheme() !== data.theme) setStateValue("theme", shownTheme());
  if (!wire.bound) {
    wire.bound = true;
    const later = () => { clearTimeout(wire.later); wire.later = setTimeout(reach, UNFOLDED); };
    document.addEventListener("toggle", later, true);
    addEventListener("resize", later);
    addEventListener("hashchange", follow);
    follow();
  }
}
