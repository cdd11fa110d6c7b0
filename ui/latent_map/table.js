// The codes, and what the decoder makes of the place that is pointed at: a row of the table is a row of pixels.
function latentTable({ at, classes, decoder, ends, header: { posterior, side }, place }) {
  const ink = decoder.at(place);
  const codes = Array.from(classes, (digit, k) => ["codes", k, digit, single(at[2 * k]), single(at[2 * k + 1])]);
  const decoded = Array.from({ length: side }, (_, r) => ["decoded", ...place.map(single), r, ...Array.from(ink.slice(r * side, (r + 1) * side), single)]);
  const sections = [
    { columns: ["layer", "item", "digit", "x", "y"], rows: codes },
    { columns: ["layer", "name", "item"], rows: ["A", "B"].map((name, k) => ["walk", name, ends[k]]) },
    { columns: ["layer", "x", "y", "row", ...Array.from({ length: side }, (_, c) => `pixel_${c}`)], rows: decoded },
  ];
  if (posterior) {
    const { mean, std, log_evidence: evidence, elbo } = posterior;
    const numbers = { log_evidence: evidence, lower_bound: elbo, mean_x: mean[0], mean_y: mean[1], std_x: std[0], std_y: std[1] };
    sections.push({ columns: ["layer", "name", "value"], rows: Object.entries(numbers).map(([name, value]) => ["posterior", name, value]) });
  }
  return sections;
}
