/* Names for what the theme leaves without, or calls otherwise than it shows. */
for (const button of document.querySelectorAll(".search-button-field")) button.removeAttribute("aria-label");
for (const summary of document.querySelectorAll("nav summary")) {
  const page = summary.closest("li")?.querySelector("a")?.textContent.trim() ?? "";
  summary.setAttribute("aria-label", `Pages below ${page}`);
}
