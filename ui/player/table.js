// The numbers that a player shows, for a table: as they were sent, so in as many steps as the wire has (`in_steps_of`).

// A number that is known to this grain, in no more digits than that.
const grained = (v, grain) => Number(v.toFixed(Math.max(0, 2 - Math.floor(Math.log10(grain)))));

function* playerTable({ tracks, header }) {
  const { levels } = header;
  yield { columns: ["layer", "frame", "t", "text"], rows: levels.map(({ level, text, more }, f) => ["frames", f, level, more ? `${text} · ${more}` : text]) };
  for (const { track } of tracks) {
    const of = track.kind === "points" ? particleRows : imageRows;
    yield of(track, levels);
    if (track.backdrop) {
      const rows = Array.from({ length: track.backdrop.length / 2 }, (_, i) => [track.name, "backdrop", i, ...track.backdrop.subarray(2 * i, 2 * i + 2)].map((v, k) => (k > 2 ? single(v) : v)));
      yield { columns: ["panel", "layer", "item", "x", "y"], rows };
    }
  }
}

function particleRows(track, levels) {
  const { values, items, grain, low, blank, name } = track;
  function* rows() {
    for (let f = 0; f < levels.length; f++) {
      if (blank.has(f)) continue;
      for (let i = 0, at = 2 * f * items; i < items; i++, at += 2) {
        const [x, y] = [0, 1].map((k) => grained(low + (values[at + k] + 32768) * grain, grain));
        yield [name, "particles", f, levels[f].level, i, x, y, single(grain)];
      }
    }
  }
  return { columns: ["panel", "layer", "frame", "t", "item", "x", "y", "in_steps_of"], rows: rows() };
}

// A row of the table is a row of pixels.
function imageRows(track, levels) {
  const { values, items, rows: high, columns: wide, low, blank, name } = track, grain = (track.high - low) / 255;
  const known = Array.from({ length: 256 }, (_, byte) => grained(low + byte * grain, grain));
  function* rows() {
    for (let f = 0; f < levels.length; f++) {
      if (blank.has(f)) continue;
      for (let i = 0, at = f * items * high * wide; i < items; i++) {
        for (let r = 0; r < high; r++, at += wide) {
          yield [name, "images", f, levels[f].level, i, r, single(grain), ...Array.from(values.subarray(at, at + wide), (byte) => known[byte])];
        }
      }
    }
  }
  const pixels = Array.from({ length: wide }, (_, c) => `pixel_${c}`);
  return { columns: ["panel", "layer", "frame", "t", "item", "row", "in_steps_of", ...pixels], rows: rows() };
}
