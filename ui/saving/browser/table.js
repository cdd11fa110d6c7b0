// Numbers as a file that spreadsheets open: RFC 4180, in UTF-8 with a mark that tells them so.

const FIRST = ["picture", "panel", "layer", "name", "frame", "t", "item", "path", "stroke"];       // columns, where they stand
const LINES = 2000;             // of a piece of the file

// Pictures with a table(), as the parts of a Blob: one table, whose columns are those of all sections.
export function tableOf(pictures) {
  const sections = pictures.flatMap((picture) => [...picture.table()].map((section) => ({ ...section, picture: picture.name })));
  const all = [...new Set(["picture", ...sections.flatMap((section) => section.columns)])];
  const columns = [...FIRST.filter((name) => all.includes(name)), ...all.filter((name) => !FIRST.includes(name))];
  const parts = ["\ufeff", lineOf(columns)];
  for (const section of sections) {
    const places = ["picture", ...section.columns].map((name) => columns.indexOf(name));
    let lines = [];
    for (const row of section.rows) {
      const whole = new Array(columns.length).fill("");
      whole[places[0]] = section.picture;
      row.forEach((value, i) => { whole[places[i + 1]] = value; });
      if (lines.push(lineOf(whole)) >= LINES) {
        parts.push(lines.join(""));
        lines = [];
      }
    }
    parts.push(lines.join(""));
  }
  return parts;
}

const lineOf = (row) => `${row.map(cellOf).join(",")}\r\n`;

// A text that a spreadsheet would take for a formula is told to be a text.
export function cellOf(value) {
  if (value == null || Number.isNaN(value)) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
