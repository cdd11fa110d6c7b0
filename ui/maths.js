// Formulas in the browser: MathML made of plain lists (ui/maths.py), never of HTML.

const MATHS = "http://www.w3.org/1998/Math/MathML";

function maths(node) {
  if (typeof node === "string") {
    const tag = /^[\p{L}∅]+$/u.test(node) ? "mi" : /^[\d.]+$/.test(node) ? "mn" : "mo";
    const made = document.createElementNS(MATHS, tag);
    made.textContent = node;
    if ("=+−".includes(node)) {
      made.setAttribute("lspace", "0.22em");
      made.setAttribute("rspace", "0.22em");
    } else if ("()[]|‖,∇".includes(node)) {
      made.setAttribute("stretchy", "false");
      made.setAttribute("lspace", node === "|" ? "0.15em" : "0");
      made.setAttribute("rspace", "|,∇".includes(node) ? "0.15em" : "0");
    }
    return made;
  }
  const [tag, ...children] = node, made = document.createElementNS(MATHS, tag);
  if (tag === "mover") made.setAttribute("accent", "true");
  made.append(...children.map(maths));
  return made;
}

function formula(node, term = "") {
  const math = document.createElementNS(MATHS, "math"), row = document.createElementNS(MATHS, "mrow");
  if (term) row.setAttribute("data-term", term);
  row.append(maths(node));
  math.append(row);
  return math;
}
