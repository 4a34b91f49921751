/* Tables that sort by a click on a heading, and filter by the words in a field above. */
const FEW = 8, MANY = 20; /* rows: up to few a table is left alone, beyond many it scrolls in a frame */

/* What a cell sorts by: its first number, or its text. */
function weight(cell) {
  const text = cell.textContent.trim().replaceAll("−", "-").replaceAll(",", "");
  if (/^-?∞/.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  const fraction = /^(-?\d+)\/(\d+)$/.exec(text);
  if (fraction) return fraction[1] / fraction[2];
  const number = /^-?\d+(\.\d+)?(e[-+]?\d+)?(?=$|[\s(*†%])/.exec(text);
  return number ? Number(number[0]) : text.toLowerCase();
}

/* Numbers before words, and what is empty at the end. */
function compare(a, b) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return typeof a === "number" ? (a === b ? 0 : a < b ? -1 : 1) : a.localeCompare(b);
}

function sort(table, column, heading) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [weight(row.cells[column]), row]);
  rows.sort(([a], [b]) => (a === "" || b === "" ? compare(a, b) : (down ? -1 : 1) * compare(a, b)));
  body.append(...rows.map(([, row]) => row));
}

function filter(table, words, said) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  said.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
}

const named = {}; /* how many tables stand below a heading */

for (const table of document.querySelectorAll(".pst-scrollable-table-container > table")) {
  const frame = table.parentElement;
  if (!table.tHead || !table.tBodies.length) continue;
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  const heading = table.closest("section")?.querySelector("h1, h2, h3")?.firstChild?.textContent ?? "";
  named[heading] = (named[heading] ?? 0) + 1;
  const name = named[heading] > 1 ? `${heading}, ${named[heading]}` : heading;
  frame.setAttribute("aria-label", `Table: ${name}`);
  if (table.tBodies[0].rows.length <= FEW) continue;
  frame.classList.toggle("long", table.tBodies[0].rows.length > MANY);
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, column, heading));
    heading.append(button);
  });
  const tools = document.createElement("div");
  tools.className = "filter";
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "Filter rows";
  field.setAttribute("aria-label", `Filter the rows of the table: ${name}`);
  const said = document.createElement("output");
  field.addEventListener("input", () => filter(table, field.value, said));
  tools.append(field, said);
  frame.before(tools);
  filter(table, "", said);
}
