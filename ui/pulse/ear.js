// How many have answered, in words; and a call to the server when what stands here has to be drawn anew.

function hear(root) {
  const { data, call } = root.latest;
  const now = news.now?.code === data.code ? news.now : data;
  const [version, count, expected] = now.topics[data.topic] ?? [0, 0, 0];
  const values = { count: data.topic ? count : now.people, expected };
  const said = data.said.replace(/\{\{(\w+)\}\}/g, (place, name) => values[name] ?? place);
  if (root.textContent !== said) root.textContent = said;
  // what was drawn may be newer than the news; each change is called once
  if (data.topic && now.clock >= data.clock && version !== data.version && root.called !== now.clock) {
    root.called = now.clock;
    call("changed", now.clock);
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".said");
  root.latest = { data: component.data, call: component.setTriggerValue };
  if (!root.listens) {
    root.listens = () => hear(root);
    news.told.addEventListener("news", root.listens);
  }
  hear(root);
  return () => { news.told.removeEventListener("news", root.listens); root.listens = null; };
}
