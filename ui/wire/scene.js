// One experiment's address: keeps the address bar in step with its settings, and copies a link to this very scene.

const MARK = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M10 14a4 4 0 0 0 6 .5l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.5l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5"/></svg>';

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
  for (const key of [...address.searchParams.keys()]) {
    if (key.startsWith(data.id + ".")) address.searchParams.delete(key);
  }
  for (const [key, value] of Object.entries(data.changed)) address.searchParams.set(key, value);
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

export default function (component) {
  const { data, parentElement } = component;
  const button = parentElement.querySelector("button");
  const said = parentElement.querySelector("[role=status]");
  const field = parentElement.querySelector("input");
  keepAddress(data);
  button.innerHTML = MARK;
  button.append(data.label);
  if (location.hash === "#" + data.anchor && globalThis.tenStepsAnchor !== location.href) {
    globalThis.tenStepsAnchor = location.href;
    setTimeout(() => document.querySelector(`.st-key-experiment-${data.anchor}`)?.scrollIntoView(), 400);
  }
  button.onclick = async () => {
    const link = new URL(location.pathname, location.origin);
    link.search = new URLSearchParams(data.all).toString();
    link.hash = data.anchor;
    const done = await copy(link.href);
    field.hidden = done;
    field.value = link.href;
    if (!done) field.select();
    said.textContent = done ? data.copied : data.by_hand;
    clearTimeout(button.timer);
    if (done) button.timer = setTimeout(() => { said.textContent = ""; }, 2500);
  };
}
