// What is new in the room, for every ear of this page. A link that led into the room has done its work.

export default function (component) {
  news.now = component.data;
  news.told.dispatchEvent(new Event("news"));
  const address = new URL(location.href);
  if (address.searchParams.has("room") || address.searchParams.has("lead")) {
    for (const name of ["room", "lead"]) address.searchParams.delete(name);
    history.replaceState(history.state, "", address);
  }
  return () => { news.now = null; };
}
