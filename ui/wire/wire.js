// The page's own wiring: language and theme on <html>, keys of the presenter, a cookie for the chosen language.

const EXPERIMENTS = '[class*="st-key-experiment-"]';

function scroller() {
  return document.querySelector("[data-testid=stMain]");
}

function stops() {
  return [...document.querySelectorAll(EXPERIMENTS)].filter((e) => e.offsetParent !== null);
}

function turn(direction) {
  const main = scroller();
  const tops = [0, ...stops().map((e) => e.getBoundingClientRect().top - main.getBoundingClientRect().top + main.scrollTop - 16)];
  const here = main.scrollTop;
  const next = direction > 0 ? tops.find((y) => y > here + 8) : tops.filter((y) => y < here - 8).pop();
  if (next === undefined) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  main.scrollTo({ top: next, behavior: still ? "auto" : "smooth" });
}

function shownTheme() {
  const app = document.querySelector(".stApp");
  return app && getComputedStyle(app).colorScheme.includes("dark") ? "dark" : "light";
}

export default function (component) {
  const { data, setStateValue } = component;
  const root = document.documentElement;
  const wire = (globalThis.tenStepsWire ??= {});
  root.lang = data.language;
  root.style.colorScheme = shownTheme();                  // for what lies outside the app's element, such as dialogs
  root.classList.toggle("presenting", data.presenting);
  wire.presenting = data.presenting;
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
    addEventListener("keydown", (event) => {
      if (!wire.presenting || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key !== "PageDown" && event.key !== "PageUp") return;
      event.preventDefault();
      turn(event.key === "PageDown" ? 1 : -1);
    }, true);
  }
}
