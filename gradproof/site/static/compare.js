/* Two formulas, or two sides of one, row by row. */
(() => {
const { load, made, linked, table, remember, serve } = gradproof;

/* Every key of both, those of the first in their order. */
const union = (a, b) => [...new Set([...Object.keys(a), ...Object.keys(b)])];

function mathematics(tex) {
  const place = made("div", "");
  place.className = "math";
  place.tabIndex = 0;
  gradproofKatex().then(({ render }) => render(tex, place, { displayMode: true, throwOnError: false, strict: "ignore" }));
  return place;
}

/* A table of questions: what the two say to each. Empty where nothing is left to show. */
function beside(caption, columns, a, b, only) {
  const rows = union(a, b)
    .map((key) => [key, a[key] ?? "–", b[key] ?? "–"])
    .map(([key, left, right]) => [left === right ? "" : "differs", key, left, right]);
  const shown = only ? rows.filter(([name]) => name) : rows;
  return shown.length ? [table(caption, ["question", ...columns], shown)] : [];
}

function curves(a, b) {
  const looks = a.side === b.side ? ["torch", "jax"] : [a.side, b.side]; /* two that are told apart without colour */
  const chosen = [a, b].map((one, k) =>
    one.known.curves.filter((c) => c.side === one.side).map((c) => ({ ...c, side: one.name, look: looks[k] })));
  if (chosen.some((these) => !these.length)) return [];
  const place = made("div", "");
  place.className = "curves";
  return [made("h2", "Error against the input"), place, () => gradproofCurves(place, chosen.flat())];
}

function answer(a, b, only) {
  const columns = [a.name, b.name], said = [];
  if (a.id !== b.id) {
    const frames = [a, b].map((one) => made("div", "", made("h2", one.id), mathematics(one.known.tex)));
    said.push(made("div", "", ...frames));
    said[0].className = "beside";
  } else said.push(mathematics(a.known.tex));
  if (a.id !== b.id) said.push(...beside("What the records say", columns, a.known.facts, b.known.facts, only));
  for (const section of union(a.known.asked, b.known.asked)) {
    const of = (one) => Object.fromEntries((one.known.asked[section] ?? []).map(([key, sides]) => [key, sides[one.side] ?? "–"]));
    said.push(...beside(section, columns, of(a), of(b), only));
  }
  return said.concat(curves(a, b));
}

function start(form) {
  const place = form.querySelector(".answer");
  const ask = async () => {
    const asked = Object.fromEntries(new FormData(form)), now = JSON.stringify(asked);
    try {
      const [a, b] = await Promise.all(["a", "b"].map(async (k) => {
        const id = asked[k], side = asked[`${k}_side`];
        return { id, side, name: asked.a === asked.b ? side : asked.a_side === asked.b_side ? id : `${id}, ${side}`, known: await load(`known/${id}`) };
      }));
      if (now !== JSON.stringify(Object.fromEntries(new FormData(form)))) return; /* asked anew meanwhile */
      const said = answer(a, b, asked.only), links = made("p", "", "All that is known: ", linked(a.id, `../${a.id}/index.html`));
      if (a.id !== b.id) links.append(", ", linked(b.id, `../${b.id}/index.html`));
      place.replaceChildren(links, ...said.filter((part) => part instanceof Node));
      said.filter((part) => part instanceof Function).forEach((draw) => draw()); /* where it has its width */
      remember(form);
    } catch (error) {
      place.replaceChildren(made("p", `This cannot be shown: ${error.message}.`));
    }
  };
  serve(form, ask);
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("form.compare").forEach(start));
})();
