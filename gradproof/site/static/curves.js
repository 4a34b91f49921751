/* Error curves: largest error in ULP against the input, which is logarithmic on both sides of 0. */
const SVG = "http://www.w3.org/2000/svg";
const H = 320, LEFT = 52, RIGHT = 24, TOP = 12, BOTTOM = 42;
const LEAST = 0.05;
const DASHES = { ours: "", torch: "7 4", jax: "2 3" };
const SHAPES = { ours: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", torch: "M-4-4h8v8h-8z", jax: "M0-5l5 9h-10z" };

const look = (c) => c.look ?? c.side; /* how a curve is drawn */

function draw(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/* A float as Python writes it in hex. */
function hex(x) {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  let exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), -1022);
  let mantissa = Math.abs(x) / 2 ** Math.max(exponent, -1000) / 2 ** Math.min(exponent + 1000, 0);
  if (mantissa >= 2) { mantissa /= 2; exponent += 1; }
  if (mantissa < 1 && exponent > -1022) { mantissa *= 2; exponent -= 1; }
  const digits = BigInt(Math.round((mantissa % 1) * 2 ** 52)).toString(16).padStart(13, "0");
  return `${x < 0 ? "-" : ""}0x${Math.floor(mantissa)}.${digits}p${exponent < 0 ? "" : "+"}${exponent}`;
}

/* The number that Python's hex stands for. */
function unhex(text) {
  if (text.endsWith("inf")) return text === "inf" ? Infinity : -Infinity;
  const found = /^(-?)0x([01])\.?([0-9a-f]*)p([-+]?\d+)$/.exec(text);
  if (!found) return Number(text);
  const [, sign, whole, digits, exponent] = found;
  const mantissa = Number(whole) + (digits ? parseInt(digits, 16) / 16 ** digits.length : 0);
  const e = Number(exponent);
  const half = Math.trunc(e / 2);
  return (sign ? -1 : 1) * mantissa * 2 ** half * 2 ** (e - half);
}

const short = (x) => (x === null ? "–" : x === 0 ? "0" : x >= 1e300 ? "∞" : x >= 0.01 && x < 1e4 ? Number(x.toPrecision(3)).toString() : x.toExponential(1));
const both = (text) => (text ? `${unhex(text)} (${text})` : "–");

/* Bins lie as in the evidence: negative inputs from large to small, then positive ones the other way. */
function edge(range, bins, k) {
  const half = bins / 2, step = (range[1] - range[0]) / half;
  return k < half ? -(2 ** (range[1] - step * k)) : 2 ** (range[0] + step * (k - half));
}

function interval(range, bins, k) {
  const half = bins / 2, step = (range[1] - range[0]) / half;
  if (k < half) return [edge(range, bins, k), -(2 ** (range[1] - step * (k + 1)))];
  return [edge(range, bins, k), 2 ** (range[0] + step * (k - half + 1))];
}

function place(range, bins, x) {
  const half = bins / 2, step = (range[1] - range[0]) / half;
  const away = (Math.log2(Math.abs(x)) - range[0]) / step;
  return x === 0 || away < 0 ? half : Math.min(Math.max(x < 0 ? half - away : half + away, 0), bins);
}

/* Where a number of bins from the left stands, in bins: of the room on each side of 0, half is for |x| > 1. */
function spot(range, bins, k) {
  const half = bins / 2, one = (-range[0] * half) / (range[1] - range[0]), away = Math.abs(k - half);
  if (one <= 0 || one >= half) return k;
  const share = away < one ? away / one / 2 : 0.5 + (away - one) / (half - one) / 2;
  return half + Math.sign(k - half) * share * half;
}

function plot(holder, curves, part, dtype) {
  const mine = curves.filter((c) => c.part === part && c.dtype === dtype);
  if (!mine.length) return;
  const W = Math.min(Math.max(holder.frame.clientWidth, 300), 960);
  const { range, ulp } = mine[0], bins = ulp.length;
  let [first, last] = holder.zoom ?? [0, bins];
  const values = mine.flatMap((c) => c.ulp.slice(first, last)).filter((v) => v !== null);
  const top = Math.max(2, Math.min(1e18, Math.max(...values)) * 2);
  const from = spot(range, bins, first), room = spot(range, bins, last) - from;
  const x = (k) => LEFT + ((spot(range, bins, k) - from) / room) * (W - LEFT - RIGHT);
  const y = (v) => H - BOTTOM - (Math.log(Math.min(Math.max(v, LEAST), top) / LEAST) / Math.log(top / LEAST)) * (H - TOP - BOTTOM);
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", tabindex: "0", "aria-label":
    `Largest error of the ${part} in ${dtype} against the input: ${mine.map((c) => `${c.side} at most ${short(Math.max(...c.ulp.filter((v) => v !== null)))} ULP`).join(", ")}. Arrow keys read it, plus and minus zoom.` });
  const decades = Math.ceil(Math.log10(top));
  for (let d = -1; d <= decades; d += Math.max(1, Math.ceil(decades / 6))) {
    if (10 ** d > top || 10 ** d < LEAST) continue;
    svg.append(draw("path", { d: `M${LEFT} ${y(10 ** d)}H${W - RIGHT}`, class: "grid" }),
      draw("text", { x: LEFT - 6, y: y(10 ** d) + 4, "text-anchor": "end" }, d >= -1 && d < 4 ? String(10 ** d) : `1e${d}`));
  }
  svg.append(draw("path", { d: `M${LEFT} ${y(0.5)}H${W - RIGHT}`, class: "half" }));
  const ticks = [];
  for (let e = Math.ceil(range[0] * Math.log10(2)); e <= range[1] * Math.log10(2); e += 1) ticks.push(10 ** e, -(10 ** e));
  ticks.sort((a, b) => Math.abs(b) - Math.abs(a)).push(0);
  const taken = []; /* from the outside inwards, and 0 before all: what would lie on another is left out */
  for (const at of [0, ...ticks]) {
    const k = place(range, bins, at);
    if (k < first || k > last || taken.some((other) => Math.abs(other - x(k)) < 54)) continue;
    taken.push(x(k));
    const size = Math.abs(at), label = size === 0 ? "0" : size >= 0.01 && size < 1e4 ? String(Number(size.toPrecision(1))) : size.toExponential(0);
    svg.append(draw("path", { d: `M${x(k)} ${H - BOTTOM}v5`, class: "axis" }),
      draw("text", { x: x(k), y: H - BOTTOM + 18, "text-anchor": "middle" }, (at < 0 ? "−" : "") + label.replace("-", "−")));
  }
  svg.append(draw("path", { d: `M${LEFT} ${TOP}V${H - BOTTOM}H${W - RIGHT}`, class: "axis" }),
    draw("text", { x: (LEFT + W) / 2, y: H - 6, "text-anchor": "middle" }, "input"),
    draw("text", { x: 12, y: TOP + 2, "text-anchor": "start", class: "unit" }, "ULP"));
  for (const c of [...mine].reverse()) {
    let path = "";
    c.ulp.forEach((v, k) => {
      if (k < first || k >= last || v === null) return;
      path += `${path && c.ulp[k - 1] !== null ? "L" : "M"}${x(k + 0.5).toFixed(1)} ${y(v).toFixed(1)}`;
    });
    svg.append(draw("path", { d: path, class: `line side-${look(c)}`, "stroke-dasharray": DASHES[look(c)] ?? "9 2 2 2" }));
    const at = c.worst && c.worst[0] ? place(range, bins, unhex(c.worst[0])) : null;
    if (at !== null && at >= first && at <= last) {
      const mark = draw("path", { d: SHAPES[look(c)] ?? SHAPES.jax, class: `mark side-${look(c)}`,
        transform: `translate(${x(at).toFixed(1)} ${y(c.worst[3] === "inf" ? top : Number(c.worst[3])).toFixed(1)})` });
      svg.append(mark);
    }
  }
  const cursor = draw("path", { class: "cursor", d: "" });
  svg.append(cursor);
  const say = (k) => {
    holder.bin = k;
    const [low, high] = interval(range, bins, k);
    cursor.setAttribute("d", `M${x(k + 0.5)} ${TOP}V${H - BOTTOM}`);
    const lines = [`input from ${low} (${hex(low)}) to ${high} (${hex(high)})`];
    for (const c of mine) {
      let line = `${c.side}: ${short(c.ulp[k])} ULP`;
      if (c.at?.[k]) line += ` at ${both(c.at[k])}: got ${both(c.got[k])}, truth ${both(c.truth[k])}`;
      const worst = c.worst && c.worst[0] ? place(range, bins, unhex(c.worst[0])) : -1;
      if (!c.at?.[k] && worst >= k - 0.01 && worst < k + 1) line += `; its worst, at ${both(c.worst[0])}: got ${both(c.worst[1])}, truth ${both(c.worst[2])}`;
      lines.push(line);
    }
    holder.said.textContent = lines.join("\n");
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * W;
    for (let k = first; k < last; k += 1) if (x(k) <= at && at < x(k + 1)) say(k);
  });
  const zoom = (centre, factor) => {
    const span = Math.min(bins, Math.max(8, Math.round((last - first) * factor / 2) * 2));
    const from = Math.min(Math.max(0, Math.round(centre - span / 2)), bins - span);
    holder.zoom = [from, from + span];
    holder.redraw();
  };
  holder.zoomBy = (factor) => zoom(holder.bin ?? (first + last) / 2, factor);
  svg.addEventListener("dblclick", () => holder.zoomBy(0.5));
  svg.addEventListener("keydown", (event) => {
    const k = holder.bin ?? Math.floor((first + last) / 2);
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      say(Math.min(Math.max(k + (event.key === "ArrowLeft" ? -1 : 1), first), last - 1));
    }
    if (event.key === "+") holder.zoomBy(0.5);
    if (event.key === "-") holder.zoomBy(2);
  });
  const focused = holder.frame.contains(document.activeElement);
  holder.frame.replaceChildren(svg);
  if (focused) svg.focus();
  holder.legend.replaceChildren(...mine.map((c) => {
    const item = document.createElement("span");
    item.append(draw("svg", { viewBox: "0 0 44 12", class: "key", "aria-hidden": "true" },
      draw("path", { d: "M0 6H44", class: `line side-${look(c)}`, "stroke-dasharray": DASHES[look(c)] ?? "9 2 2 2" }),
      draw("path", { d: SHAPES[look(c)] ?? SHAPES.jax, class: `mark side-${look(c)}`, transform: "translate(22 6)" })), c.side);
    return item;
  }));
}

function choice(label, options, changed) {
  const made = document.createElement("label");
  const select = document.createElement("select");
  for (const option of options) select.add(new Option(option));
  select.addEventListener("change", () => changed(select.value));
  made.append(`${label} `, select);
  return made;
}

function button(text, label, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", pressed);
  return made;
}

/* Fill a place with a plot of curves, and with what chooses among them. */
function show(place, curves) {
  const parts = [...new Set(curves.map((c) => c.part))].sort();
  const dtypes = [...new Set(curves.map((c) => c.dtype))].sort().reverse();
  let part = parts[0], dtype = dtypes[0];
  const holder = { frame: document.createElement("div"), said: document.createElement("pre"), legend: document.createElement("p") };
  holder.said.className = "said";
  holder.said.setAttribute("aria-live", "polite");
  holder.said.textContent = "Point at the plot, or move along it with the arrow keys.";
  holder.legend.className = "legend";
  holder.redraw = () => plot(holder, curves, part, dtype);
  const tools = document.createElement("p");
  tools.className = "tools";
  tools.append(
    choice("part", parts, (v) => { part = v; holder.redraw(); }),
    choice("dtype", dtypes, (v) => { dtype = v; holder.zoom = undefined; holder.redraw(); }),
    button("+", "zoom in", () => holder.zoomBy(0.5)), button("−", "zoom out", () => holder.zoomBy(2)),
    button("all", "show all inputs", () => { holder.zoom = undefined; holder.redraw(); }));
  place.replaceChildren(tools, holder.legend, holder.frame, holder.said);
  holder.redraw();
  let width = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth !== width) holder.redraw();
    width = place.clientWidth;
  }).observe(place);
}

for (const place of document.querySelectorAll(".curves")) show(place, JSON.parse(place.dataset.curves));
window.gradproofCurves = show;
