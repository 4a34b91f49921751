/* What the forms of the calculator and of the comparison share: data by the script, tables, and the address that keeps
   what was asked. */
window.gradproof = (() => {
  const coming = {}, arrived = {};

  /* Called by the script of data, which a page that lies in a file may load where it may not fetch. */
  const have = (place, data) => arrived[place](data);

  /* What the script at a place of the site has, loaded once. */
  function load(place) {
    coming[place] ??= new Promise((done, failed) => {
      arrived[place] = done;
      const script = document.createElement("script");
      script.src = `../${place}.js`;
      script.onerror = () => failed(new Error(`${script.src} is not there`));
      document.head.append(script);
    });
    return coming[place];
  }

  function made(tag, text, ...children) {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  }

  function linked(text, target) {
    const link = made("a", text);
    link.href = target;
    return link;
  }

  /* A table in a frame that scrolls. A row is [class, heading, cell, …]. */
  function table(caption, columns, rows) {
    const body = rows.map(([name, ...cells]) => {
      const row = made("tr", "", ...cells.map((cell, k) => made(k ? "td" : "th", cell)));
      row.cells[0].scope = "row";
      row.className = name;
      return row;
    });
    const head = made("tr", "", ...columns.map((column) => made("th", column)));
    for (const cell of head.cells) cell.scope = "col";
    const whole = made("table", "", made("caption", caption), made("thead", "", head), made("tbody", "", ...body));
    whole.className = "table";
    const frame = made("div", "", whole);
    frame.className = "pst-scrollable-table-container";
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", caption);
    return frame;
  }

  /* Put into the fields of a form what the address says. */
  function recall(form) {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      const field = form.elements[name];
      if (field?.type === "checkbox") field.checked = true;
      else if (field && (!field.options || [...field.options].some((option) => option.value === value))) field.value = value;
    }
  }

  /* Put into the address what the fields of a form say. */
  function remember(form) {
    history.replaceState(null, "", `#${new URLSearchParams(new FormData(form))}`);
  }

  /* Answer now, and whenever a field or the address changes. */
  function serve(form, ask) {
    form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
    form.addEventListener("input", ask);
    window.addEventListener("hashchange", () => { recall(form); ask(); });
    recall(form);
    ask();
  }

  return { have, load, made, linked, table, remember, serve };
})();
