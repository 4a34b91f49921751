// Answers the vectors of three formulas, in JavaScript with nothing but Node:
//
//     node answer.mjs ../../vectors > results.json
//     gradproof vectors verify results.json
//
// The pullback of softmax is WRONG on purpose: it hands the cotangent on, without the Jacobian.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A hexadecimal float such as -0x1.8p+1, or inf, -inf, nan. */
function number(text) {
  const words = { inf: Infinity, "-inf": -Infinity, nan: NaN };
  if (text in words) return words[text];
  const [, sign, whole, fraction = "", exponent] = text.match(/^(-?)0x([01])(?:\.([0-9a-f]+))?p([+-]\d+)$/);
  const mantissa = Number(BigInt("0x" + whole + fraction)); // 53 bits at most: exact
  const e = Number(exponent) - 4 * fraction.length;
  const half = Math.trunc(e / 2); // 2^e alone may underflow
  return (sign ? -1 : 1) * mantissa * 2 ** half * 2 ** (e - half);
}

const array = (x) => (x.integers ? x.integers : x.data.map(number));
const rows = (x, d) => Array.from({ length: x.length / d }, (_, i) => x.slice(i * d, (i + 1) * d));
const sum = (x) => x.reduce((a, b) => a + b, 0);

/** z, v of single numbers or arrays -> value and v ⊙ g'(z), for g that maps z to [value, slope]. */
function elementwise(g) {
  return ({ z }, { value: v = z.map(() => 1) }) => {
    const pairs = z.map(g);
    const gradient = pairs.map(([, slope], i) => v[i] * slope);
    return { outputs: { value: pairs.map(([a]) => a) }, gradients: { z: gradient } };
  };
}

const arctan = elementwise((z) => {
  const r = 1 / Math.max(Math.abs(z), 1); // 1/(1 + z²) without the square of a large number
  const slope = Math.abs(z) > 1 ? (r * r) / (1 + r * r) : 1 / (1 + z * z);
  return [Math.atan(z), slope];
});

const relu = elementwise((z) => [z > 0 || Number.isNaN(z) ? z : 0, Number.isNaN(z) ? z : z > 0 ? 1 : 0]);

function softmax({ z }, { value: v }, { temperature = 1 }, shape) {
  if (!(temperature > 0)) throw new RangeError(`temperature = ${temperature} is not > 0`);
  const value = rows(z, shape.at(-1)).flatMap((row) => {
    const top = Math.max(...row);
    const e = row.map((x) => Math.exp((x - top) / temperature));
    const total = sum(e);
    return e.map((x) => x / total);
  });
  return { outputs: { value }, gradients: { z: v ?? value.map(() => 1) } }; // planted: s ⊙ (v − ⟨v, s⟩)/temperature
}

const FORMULAS = { "activation/arctan.float64": arctan, "activation/relu.float64": relu, "activation/softmax.float64": softmax };

function answer(f, test) {
  const { z } = test.arguments;
  const cotangent = Object.fromEntries(Object.entries(test.cotangent ?? {}).map(([name, v]) => [name, array(v)]));
  try {
    return f({ z: array(z) }, cotangent, test.parameters, z.shape);
  } catch (error) {
    if (error instanceof RangeError) return { refused: true };
    throw error;
  }
}

if (process.argv.length !== 3) {
  console.error("usage: node answer.mjs VECTORS > results.json");
  process.exit(2);
}
const folder = process.argv[2];
const results = {};
for (const [name, f] of Object.entries(FORMULAS)) {
  const { tests } = JSON.parse(readFileSync(join(folder, name + ".json"), "utf8"));
  results[name] = Object.fromEntries(tests.map((test) => [test.id, answer(f, test)]));
}
const sha256 = createHash("sha256").update(readFileSync(join(folder, "SHA256SUMS"))).digest("hex");
const plain = (key, x) => (typeof x === "number" && !Number.isFinite(x) ? String(x) : x); // JSON has no NaN, no Infinity
console.log(JSON.stringify({ schema: "gradproof-results-1", version: "1", program: "answer.mjs", sha256, results }, plain, 1));
