// Lines of equal value through a map by marching squares: values[row * width + column] at whole numbers of columns and
// rows, a line running straight through each cell. A crossing lies on an edge between two neighbours; edges are numbered
// 2 × node for the one to the next column and 2 × node + 1 for the one to the next row.

// By which corners reach the level (1, 2, 4, 8: counted round the cell from its own node, next column first), the edges
// 0 to 3 (in the same order, from the node's own row) that a line goes from and to, with what is higher on its left.
const CELL_LINES = [
  [], [0, 3], [1, 0], [1, 3], [2, 1], [0, 3, 2, 1], [2, 0], [2, 3],
  [3, 2], [0, 2], [1, 0, 3, 2], [1, 2], [3, 1], [0, 1], [3, 0], [],
];
// The same where two corners opposite each other are joined, since the cell's mean reaches the level.
const JOINED = { 5: [0, 1, 2, 3], 10: [3, 0, 1, 2] };

// Calls visit(from, to) with the two edges of each piece of line; a cell with a corner that is no number has none.
function marchSquares(values, width, height, level, visit) {
  for (let row = 0; row + 1 < height; row++) {
    for (let column = 0; column + 1 < width; column++) {
      const node = row * width + column;
      const a = values[node], b = values[node + 1], c = values[node + width + 1], d = values[node + width];
      const corners = (a >= level ? 1 : 0) | (b >= level ? 2 : 0) | (c >= level ? 4 : 0) | (d >= level ? 8 : 0);
      if (corners === 0 || corners === 15 || Number.isNaN(a + b + c + d)) continue;
      const lines = (a + b + c + d >= 4 * level && JOINED[corners]) || CELL_LINES[corners];
      const edges = [2 * node, 2 * node + 3, 2 * (node + width), 2 * node + 1];
      for (let i = 0; i < lines.length; i += 2) visit(edges[lines[i]], edges[lines[i + 1]]);
    }
  }
}

// Where the level lies on an edge, in columns and rows; beside something that is infinitely low, at the other end.
function crossing(values, width, level, edge) {
  const node = edge >> 1, down = edge & 1;
  const a = values[node], b = values[node + (down ? width : 1)];
  const part = a === -Infinity ? 1 : (level - a) / (b - a);
  return [(node % width) + (down ? 0 : part), Math.floor(node / width) + (down ? part : 0)];
}

// The pieces of the line at a level, in no order, as x0, y0, x1, y1 in columns and rows.
function contourSegments(values, width, height, level) {
  const found = [];
  marchSquares(values, width, height, level, (from, to) => {
    found.push(...crossing(values, width, level, from), ...crossing(values, width, level, to));
  });
  return Float32Array.from(found);
}

// The border of everything that reaches a level, as closed rings x, y, x, y, … in columns and rows, to be filled by the
// even-odd rule. It runs along the map's own border where that is higher; what is no number counts as low.
function contourRings(values, width, height, level) {
  const wide = width + 2, high = height + 2;
  const framed = new Float64Array(wide * high).fill(-Infinity);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = values[row * width + column];
      if (value > -Infinity) framed[(row + 1) * wide + column + 1] = value;
    }
  }
  const next = new Int32Array(2 * wide * high).fill(-1);               // each crossing has one piece that leaves it
  marchSquares(framed, wide, high, level, (from, to) => { next[from] = to; });
  const rings = [];
  for (let start = 0; start < next.length; start++) {
    if (next[start] < 0) continue;
    const ring = [];
    for (let edge = start; next[edge] >= 0;) {
      const [x, y] = crossing(framed, wide, level, edge), after = next[edge];
      ring.push(x - 1, y - 1);
      next[edge] = -1;
      edge = after;
    }
    rings.push(Float32Array.from(ring));
  }
  return rings;
}
