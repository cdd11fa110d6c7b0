// How many have answered, in words; and a call to the server when what stands here has to be drawn anew.

const APART = 150;      // milliseconds between the calls of two ears: of calls in the same moment only one is answered
const PATIENCE = 2500;  // until a call that has led to nothing is repeated

function hear(root) {
  const { data, call } = root.latest;
  const now = news.now?.code === data.code ? news.now : data;
  const [version, count, expected] = now.topics[data.topic] ?? [0, 0, 0];
  const values = { count: data.topic ? count : now.people, expected };
  const said = data.said.replace(/\{\{(\w+)\}\}/g, (place, name) => values[name] ?? place);
  if (root.textContent !== said) root.textContent = said;
  // what was drawn may be newer than the news
  const changed = data.every ? now.clock > data.clock : now.clock >= data.clock && version !== data.version;
  const frozen = globalThis.tenStepsFrozen === true;                  // by a presenter, whose page tells this news again
  if (!data.topic || !changed || root.called === now.clock || frozen) return;
  root.called = now.clock;
  const at = Math.max(performance.now(), news.free ?? 0);
  news.free = at + APART;
  clearTimeout(root.again);
  root.again = setTimeout(() => {
    call("changed", now.clock);
    root.again = setTimeout(() => { root.called = null; hear(root); }, PATIENCE);
  }, at - performance.now());
}

export default function (component) {
  const root = component.parentElement.querySelector(".said");
  root.latest = { data: component.data, call: component.setTriggerValue };
  if (!root.listens) {
    root.listens = () => globalThis.tenStepsFrozen || hear(root);  // a frozen screen hears of it when it thaws
    news.told.addEventListener("news", root.listens);
  }
  hear(root);
  return () => {
    clearTimeout(root.again);
    news.told.removeEventListener("news", root.listens);
    root.listens = null;
  };
}
