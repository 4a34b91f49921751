/* Mathematics by KaTeX, which lies beside this file. Sphinx writes it between \( \) and \[ \]. */
for (const place of document.querySelectorAll(".math")) {
  const text = place.textContent.trim();
  const found = /^\\([(\[])([\s\S]*)\\[)\]]$/.exec(text);
  if (!found) continue;
  const display = found[1] === "[";
  katex.render(found[2], place, { displayMode: display, throwOnError: false, strict: "ignore" });
  if (display) place.tabIndex = 0; /* what scrolls can be scrolled with the keyboard */
}
