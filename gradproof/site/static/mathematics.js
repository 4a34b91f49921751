/* Mathematics by KaTeX, which lies beside this file and is loaded where there is any. Sphinx writes it between \( \) and
   \[ \]. */
{
  const beside = document.currentScript.src.replace(/[^/]*$/, "");
  let loaded;

  /* KaTeX, loaded once. */
  window.gradproofKatex = () => (loaded ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = `${beside}katex/katex.min.js`;
    script.onload = () => done(katex);
    script.onerror = () => failed(new Error(`${script.src} is not there`));
    document.head.append(script);
  }));

  const places = document.querySelectorAll(".math");
  if (places.length) gradproofKatex().then(({ render }) => places.forEach((place) => {
    const found = /^\\([(\[])([\s\S]*)\\[)\]]$/.exec(place.textContent.trim());
    if (!found) return;
    const display = found[1] === "[";
    render(found[2], place, { displayMode: display, throwOnError: false, strict: "ignore" });
    if (display) place.tabIndex = 0; /* what scrolls can be scrolled with the keyboard */
  }));
}
