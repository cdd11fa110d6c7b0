// The numbers of a network at work, for a table: a row of it is a row of pixels of one channel of one stage.

function* anatomyTable({ header, maps, moments, shares }) {
  const { stages, looks } = header;
  for (const [k, { name, size: [count, high, wide] }] of stages.entries()) {
    const of = (c) => [single(moments[k][2 * c]), single(moments[k][2 * c + 1])];
    yield { columns: ["panel", "layer", "item", "mean", "std"], rows: Array.from({ length: count + 1 }, (_, c) => [name, c ? "channel" : "stage", c ? c - 1 : "", ...of(c)]) };
    const row = (n) => [name, "map", Math.floor(n / high), n % high, ...Array.from(maps[k].subarray(n * wide, (n + 1) * wide), single)];
    yield { columns: ["panel", "layer", "item", "row", ...Array.from({ length: wide }, (_, c) => `pixel_${c}`)], rows: Array.from({ length: count * high }, (_, n) => row(n)) };
  }
  const { heads, places, stage } = looks;
  const look = (n) => [stage, "looks", Math.floor(n / (places * places)), Math.floor(n / places) % places, n % places, single(shares[n])];
  yield { columns: ["panel", "layer", "head", "place", "looks_at", "share"], rows: Array.from({ length: heads * places * places }, (_, n) => look(n)) };
}
