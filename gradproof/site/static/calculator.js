/* Exact value and slope at a float of 16 bits. A float is kept by its bits; numbers that are typed, as fractions. */
(() => {
const { load, made, linked, table, remember, serve } = gradproof;
const DIGITS = { float16: 10, bfloat16: 7 }; /* of the significand, behind the point */
const BIAS = { float16: 15, bfloat16: 127 };
const TOP = { float16: 0x7c00, bfloat16: 0x7f80 }; /* bits of infinity */
const SIGN = 0x8000;

/* What the bits stand for; float64 holds it. */
function number(bits, dtype) {
  const digits = DIGITS[dtype], sign = bits & SIGN ? -1 : 1, size = bits & ~SIGN;
  const exponent = size >> digits, rest = size & ((1 << digits) - 1);
  if (size >= TOP[dtype]) return size > TOP[dtype] ? NaN : sign * Infinity;
  if (!exponent) return sign * rest * 2 ** (1 - BIAS[dtype] - digits);
  return sign * (rest + (1 << digits)) * 2 ** (exponent - BIAS[dtype] - digits);
}

/* As Python writes a float in hex. */
function hexOf(bits, dtype) {
  const digits = DIGITS[dtype], size = bits & ~SIGN, sign = bits & SIGN ? "-" : "";
  if (size > TOP[dtype]) return "nan";
  if (size === TOP[dtype]) return `${sign}inf`;
  if (size === 0) return `${sign}0x0.0p+0`;
  let exponent = size >> digits, rest = size & ((1 << digits) - 1);
  if (!exponent) { /* subnormal: in float64, where Python holds it, it is normal */
    exponent = 1;
    while (!(rest >> digits)) { rest <<= 1; exponent -= 1; }
    rest &= (1 << digits) - 1;
  }
  const tail = (rest << (16 - digits)).toString(16).padStart(4, "0").replace(/0+$/, "") || "0";
  const e = exponent - BIAS[dtype];
  return `${sign}0x1.${tail}p${e < 0 ? "" : "+"}${e}`;
}

const power = (base, exponent) => BigInt(base) ** BigInt(exponent);

/* A finite float not below 0 as a fraction. */
function fraction(bits, dtype) {
  const digits = DIGITS[dtype], exponent = bits >> digits, rest = bits & ((1 << digits) - 1);
  const e = Math.max(exponent, 1) - BIAS[dtype] - digits, whole = BigInt(exponent ? rest + (1 << digits) : rest);
  return e < 0 ? [whole, power(2, -e)] : [whole * power(2, e), 1n];
}

/* Bits of the float nearest to the text, of two as near the even one; null where the text is no number. */
function parse(text, dtype) {
  const said = text.trim().toLowerCase().replaceAll("−", "-").replaceAll("_", "");
  if (/^0x[0-9a-f]{4}$/.test(said)) return parseInt(said, 16);
  const found = /^([-+]?)(?:(inf(?:inity)?|∞)|(nan)|0x([0-9a-f]*)\.?([0-9a-f]*)p([-+]?\d+)|(\d*)\.?(\d*)(?:e([-+]?\d+))?)$/.exec(said);
  if (!found) return null;
  const [, minus, infinite, nan, whole, part, two, digits, tail, ten] = found;
  const sign = minus === "-" ? SIGN : 0;
  if (infinite) return sign | TOP[dtype];
  if (nan) return TOP[dtype] + 1;
  const hex = two !== undefined, numerals = hex ? whole + part : digits + tail;
  if (!numerals) return null;
  const e = hex ? Number(two) - 4 * part.length : Number(ten ?? 0) - tail.length;
  const size = BigInt((hex ? "0x" : "") + numerals);
  if (Math.abs(e) > 9999) return size === 0n || e < 0 ? sign : sign | TOP[dtype];
  const top = e > 0 ? size * power(hex ? 2 : 10, e) : size, below = e < 0 ? power(hex ? 2 : 10, -e) : 1n;
  /* The greatest float that is not above: of those of one sign the bits are in the order of the numbers. */
  let low = 0, high = TOP[dtype];
  while (high - low > 1) {
    const middle = (low + high) >> 1, [p, q] = fraction(middle, dtype);
    if (p * below <= top * q) low = middle; else high = middle;
  }
  const [p, q] = fraction(low, dtype), [r, s] = high === TOP[dtype] ? beyond(dtype) : fraction(high, dtype);
  const twice = 2n * top * q * s, ends = (p * s + r * q) * below; /* where top/below lies of the middle of both */
  return sign | (twice > ends || (twice === ends && low & 1) ? high : low);
}

/* The power of two beyond the greatest float, in whose place infinity stands. */
function beyond(dtype) {
  return [power(2, BIAS[dtype] + 1), 1n];
}

/* The next float above or below; the same where there is none. -0 and 0 are steps of their own. */
function next(bits, by, dtype) {
  const towards = by > 0 === !(bits & SIGN) ? 1 : -1, size = bits & ~SIGN;
  if (size > TOP[dtype]) return bits;
  if (size === 0 && towards < 0) return bits ^ SIGN;
  return size + towards > TOP[dtype] ? bits : bits + towards;
}

const tables = {}; /* by formula and dtype: {value, slope, kinks} */

async function unpacked({ packed, kinks }) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const view = new DataView(await new Response(stream).arrayBuffer());
  const sums = (from) => {
    const found = new Uint16Array(65536);
    for (let k = 0, sum = 0; k < 65536; k += 1) found[k] = sum = (sum + view.getUint16(from + 2 * k, true)) & 0xffff;
    return found;
  };
  return { value: sums(0), slope: sums(131072), kinks };
}

/* The table of a formula, unpacked once. */
async function truth(id, dtype) {
  tables[id + dtype] ??= await unpacked((await load(`truth/${id}`))[dtype]);
  return tables[id + dtype];
}

const decimal = (bits, dtype) => {
  const x = number(bits, dtype);
  return Object.is(x, -0) ? "−0" : String(x).replace("Infinity", "∞").replaceAll("-", "−");
};
const inBits = (bits) => `0x${bits.toString(16).padStart(4, "0")}`;
const written = (bits, dtype) => [decimal(bits, dtype), hexOf(bits, dtype), inBits(bits)];

function slopeSaid(known, at, dtype) {
  const kink = known.kinks[at];
  return kink ? `${decimal(kink[0], dtype)} | ${decimal(kink[1], dtype)}` : decimal(known.slope[at], dtype);
}

function answer(known, at, dtype) {
  const kink = known.kinks[at], infinite = (at & ~SIGN) === TOP[dtype], results = [];
  const add = (name, bits) => {
    if ((bits & ~SIGN) > TOP[dtype]) return results.push(["", name, infinite ? "no limit" : "NaN", "", ""]);
    results.push(["", "the float below", ...written(next(bits, -1, dtype), dtype)], ["here", name, ...written(bits, dtype)],
      ["", "the float above", ...written(next(bits, 1, dtype), dtype)]);
  };
  add("value", known.value[at]);
  if (kink) ["left", "right"].forEach((side, k) => add(`${side} slope`, kink[k]));
  else add("slope", known.slope[at]);
  const around = [];
  let from = at;
  for (let k = 0; k < 3; k += 1) from = next(from, -1, dtype);
  for (let k = 0, last = null; k < 7 && from !== last; k += 1) {
    const [x, ...spelled] = written(from, dtype), value = decimal(known.value[from], dtype);
    around.push([from === at ? "here" : "", x, value, slopeSaid(known, from, dtype), ...spelled]);
    last = from;
    from = next(from, 1, dtype);
  }
  return [
    table("Correctly rounded results, and the floats beside them", ["", "decimal", "hex", "bits"], results),
    table("At the floats around x", ["x", "value", "slope", "hex", "bits"], around),
  ];
}

function start(form) {
  const { formula, dtype, x } = form.elements, place = form.querySelector(".answer");
  const ask = async () => {
    const id = formula.value, type = dtype.value, at = parse(x.value, type);
    x.setAttribute("aria-invalid", at === null);
    if (at === null) return place.replaceChildren(made("p", `“${x.value}” is no number: write 0.5, 6e-8, 0x1.8p+0, 0x3e00 or inf.`));
    try {
      const known = await truth(id, type);
      if (id !== formula.value || type !== dtype.value || at !== parse(x.value, type)) return; /* asked anew meanwhile */
      const said = made("p", "", "x is ", made("strong", decimal(at, type)), ` in ${type}: ${hexOf(at, type)}, bits ${inBits(at)}. `,
        linked(id, `../${id}/index.html`));
      if (known.kinks[at]) said.append(" has a kink here: the slopes on both sides differ, and neither is wrong.");
      place.replaceChildren(said, ...answer(known, at, type));
      remember(form);
    } catch (error) {
      place.replaceChildren(made("p", `The table of ${id} cannot be read: ${error.message}.`));
    }
  };
  for (const [name, by] of [["down", -1], ["up", 1]]) form.elements[name].addEventListener("click", () => {
    const at = parse(x.value, dtype.value);
    if (at === null) return;
    x.value = hexOf(next(at, by, dtype.value), dtype.value);
    ask();
  });
  serve(form, ask);
}

for (const form of document.querySelectorAll("form.calculator")) start(form);
})();
