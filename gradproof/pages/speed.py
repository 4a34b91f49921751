"""The page on speed, made from `speed.jsonl` and nothing else. Its evidence is measured by `python -m benchmarks`."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradproof.evidence.files import read_evidence
from gradproof.pages.tables import Table, write_page

Rows = Sequence[Mapping[str, Any]]
Times = dict[str, list[float]]  # by contender: seconds, one figure a round

PEERS = ("torch", "jax", "autograd")
LIBRARIES = ("torch", "jax")
CHECKERS = ("gradcheck", "gradcheck fast", "check_grads")

HOW = """\
One process pinned to one CPU, every library with one thread. A busy machine slows down whoever is running, so the
contenders take turns, in blocks of about {block:g} ms for gradients, and only blocks of the same round are compared:
a ratio is the median over the rounds, with its quartiles in brackets. `torch/ours` = 3 means that torch takes three
times as long as we do. `python -m benchmarks` measures all this again.

Made {made} on {cpu} with {versions}; formulas {source}."""

GRADIENTS = """\
Ours is `reference.network.backprop`, with its checks of shapes and targets; torch is eager, with native functions and
`backward()`; jax is `jit(value_and_grad)`, compiled beforehand; autograd is HIPS autograd. *Products* are the matrix
products of feedforward and backprop alone, in NumPy, with the same shapes and layout: the floor. Before anything is
timed, cost and gradients of all of them are found to agree."""

PLANNED = """\
The same gradients by `reference.plan`: shapes, dtypes and functions are looked at once, beforehand, and every call
writes into the same arrays; the formulas are those of `backprop`. *Ours* is `backprop`, as above. A missed goal says so
if NumPy's bare products would miss it too: then nothing around them is to blame. (Tiny networks go without them.)"""

NORMS = """\
The norm of every example's own gradient. Ours is n times `reference.network.per_example_norms`, which has it from the
norms of δ and a and makes no gradient; jax is `jit(vmap(grad))` and a `jit` of the norms, compiled beforehand, and *jax
fused* both in one program, in which XLA need not store the gradients; torch is `torch.func.vmap(grad)`. Relu inside and
cross-entropy of probabilities at the end."""

SIZES = """\
Value and all gradients by `reference.vjp`; torch is eager, with its own function where it has one and what people
write where not; jax is `jit`, compiled beforehand. Before anything is timed they are found to agree. Ours computes in
float64 whatever the dtype is, so that float32 costs a conversion more. *MiB* is by how much the resident memory of a
process of its own rises during the call, beside the arguments and with the gradients."""

CHECKING = """\
The audit compares cost and all gradients by our formulas, PyTorch and JAX with each other, judges the differences by
propagated rounding error and decides what is left by exact arithmetic; `torch.autograd.gradcheck` and
`jax.test_util.check_grads` (order 1, reverse mode) compare one implementation with finite differences. All of them in
float64, on the same configurations, warm. The checkers take a sane network (Gaussian, or real data) of each
configuration, one at a time as they are made to; the audit takes {draws} of them and the other input regimes, stacked,
as `gradproof audit --draws {draws}` does. Ratios are of the time per case. *One draw*: the audit as it is by default,
where most cases are saturated or lie at kinks, and many of them have to be decided by exact arithmetic."""


@dataclass(frozen=True)
class Spread:
    """The median over the rounds, and the quartiles."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.low)}–{_short(self.high)})"


def _short(x: float) -> str:
    return f"{x:.3g}" if x < 999.5 else f"{x:,.0f}"


def spread(figures: Iterable[float]) -> Spread:
    """Median and quartiles.

    >>> str(spread([2.0, 1.0, 3.0, 5.0, 4.0]))
    '3 (2–4)'
    """
    values = list(figures)
    return Spread(*(statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * values))


def ratio(times: Times, of: str, to: str) -> Spread:
    """Time of one contender over the time of another in the same round."""
    return spread(p / q for p, q in zip(times[of], times[to], strict=True))


@dataclass(frozen=True)
class Goal:
    """What a ratio should reach: at least, or at most, `limit`."""

    of: str
    to: str
    limit: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{self.of}/{self.to} {'≥' if self.at_least else '≤'} {self.limit:g}"

    def met(self, times: Times) -> bool:
        """Whether the median ratio reaches it."""
        median = ratio(times, self.of, self.to).median
        return median >= self.limit if self.at_least else median <= self.limit


SIZE_GOALS = {  # in float64
    "attention": 1.5,
    "cross entropy labels, 256 × 32,000": 2.0,
    "layer norm": 0.4,
    "rms norm": 0.4,
    "batch norm": 0.4,
    "convolution": 0.4,
    "lstm": 0.4,
}
CHECKING_GOALS = (Goal("gradcheck", "audit", 150), Goal("check_grads", "audit", 300))


def gradient_goals(sizes: Sequence[int]) -> tuple[Goal, ...]:
    """What the readable code should reach for a network of these sizes."""
    if tuple(sizes) == (784, 30, 10):
        return Goal("torch", "ours", 3), Goal("jax", "ours", 1.3)
    if min(sizes[1:-1]) >= 512:
        return Goal("ours", "products", 1.25, at_least=False), Goal("torch", "ours", 0.75)
    return ()


def planned_goals(sizes: Sequence[int], dtype: str) -> tuple[Goal, ...]:
    """What a plan should reach for a network of these sizes."""
    small = {"torch": 5.0, "jax": 2.5}
    named = {
        "2-3-2": {"torch": 30.0, "jax": 5.0, "autograd": 100.0},
        "30-30-10": small,
        "784-30-10": small,
        "784-128-10": {"torch": 2.0, "jax": 1.1} if dtype == "float32" else {"jax": 1.1},
    }
    if min(sizes[1:-1]) < 512:
        return tuple(Goal(of, "planned", limit) for of, limit in named.get("-".join(map(str, sizes)), {}).items())
    limit = 1.0 if dtype == "float64" else 0.9
    return Goal("planned", "products", 1.1, at_least=False), *(Goal(of, "planned", limit) for of in LIBRARIES)


def norm_goals(sizes: Sequence[int]) -> tuple[Goal, ...]:
    """What the norms of each example's gradient should reach for a network of these sizes."""
    return (Goal("jax", "ours", 20),) if tuple(sizes) == (784, 512, 512, 10) else ()


@dataclass(frozen=True)
class Gradient:
    """A network, its mini-batch and its functions: one line of the table of gradients."""

    sizes: tuple[int, ...]
    batch: int
    dtype: str
    hidden: str
    output: str
    cost: str

    @property
    def network(self) -> str:
        """The layer sizes, as in 784-30-10."""
        return "-".join(map(str, self.sizes))

    @property
    def functions(self) -> str:
        """Activations and cost, as in tanh + quadratic."""
        activations = [self.hidden] if self.output in (self.hidden, "identity") else [self.hidden, self.output]
        return " + ".join([*activations, self.cost.replace("_", " ")])


def gradient_times(rows: Rows, kind: str = "gradient") -> dict[Gradient, Times]:
    """Seconds per gradient, or per all norms of gradients, by contender and round."""
    found: dict[Gradient, Times] = {}
    for row in rows:
        if row["row"] == kind:
            where = (tuple(row["sizes"]), *(row[key] for key in ("batch", "dtype", "hidden", "output", "cost")))
            found.setdefault(Gradient(*where), {})[row["who"]] = row["seconds"]
    return found


def checking_times(rows: Rows) -> dict[tuple[str, int], Times]:
    """Seconds per case, by contender and round, for each (architecture, number of its parameters)."""
    found: dict[tuple[str, int], Times] = {}
    for row in rows:
        if row["row"] == "checking":
            per_case = [t / row["cases"] for t in row["seconds"]]
            found.setdefault((row["architecture"], row["parameters"]), {})[row["who"]] = per_case
    return found


@dataclass(frozen=True)
class Size:
    """A formula at one size and dtype: one line of the table of sizes."""

    formula: str
    what: str
    dtype: str

    @property
    def name(self) -> str:
        """The formula without its kind."""
        return self.formula.split("/")[1].replace("_", " ")

    @property
    def goals(self) -> tuple[Goal, ...]:
        """What it should reach."""
        limit = SIZE_GOALS.get(self.name, SIZE_GOALS.get(f"{self.name}, {self.what}"))
        return () if limit is None or self.dtype != "float64" else (Goal("torch", "ours", limit),)


def sizes(rows: Rows) -> dict[Size, dict[str, Mapping[str, Any]]]:
    """The rows of every size, by contender."""
    found: dict[Size, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        if row["row"] == "size":
            found.setdefault(Size(row["formula"], row["what"], row["dtype"]), {})[row["who"]] = row
    return found


def goal_table(rows: Rows) -> Table:
    """How often each goal is met, and the range of the medians."""
    cells: dict[tuple[str, Goal], list[Times]] = {}
    for gradient, times in gradient_times(rows).items():
        planned = planned_goals(gradient.sizes, gradient.dtype) if "planned" in times else ()
        for goal in (*gradient_goals(gradient.sizes), *planned):
            cells.setdefault((gradient.network, goal), []).append(times)
    for gradient, times in gradient_times(rows, "norms").items():
        for goal in norm_goals(gradient.sizes):
            cells.setdefault((f"{gradient.network}, norms", goal), []).append(times)
    for times in checking_times(rows).values():
        for goal in CHECKING_GOALS:
            cells.setdefault(("checking", goal), []).append(times)
    for size, found in sizes(rows).items():
        for goal in size.goals:
            times = {who: row["seconds"] for who, row in found.items()}
            cells.setdefault((f"{size.name}, {size.what}", goal), []).append(times)
    lines = []
    for (network, goal), measured in cells.items():
        medians = [ratio(times, goal.of, goal.to).median for times in measured]
        met = sum(goal.met(times) for times in measured)
        lines.append(
            [network, str(goal), f"{met} of {len(measured)}", f"{_short(min(medians))}–{_short(max(medians))}"]
        )
    return Table("Goals", ["what", "goal", "met", "measured"], lines, "Each line of the tables below counts once.")


def _judged(goals: Sequence[Goal], times: Times) -> str:
    def said(goal: Goal) -> str:
        if goal.met(times):
            return f"{goal}: met"
        bare = goal.to == "planned" and goal.at_least and ratio(times, "planned", "products").median >= 1
        out_of_reach = bare and not replace(goal, to="products").met(times)
        return f"{goal}: **missed**{', as it would be by the products alone' if out_of_reach else ''}"

    return "; ".join(map(said, goals))


def _microseconds(seconds: Sequence[float]) -> float:
    median = 1e6 * statistics.median(seconds)
    return round(median) if median >= 100 else round(median, 1)


def gradient_table(rows: Rows) -> Table:
    """Cost and all gradients of one mini-batch: our time, and the others' in units of it."""
    lines = []
    for g, times in gradient_times(rows).items():
        lines.append([
            g.network, g.batch, g.dtype, g.functions,
            _microseconds(times["ours"]), _microseconds(times["products"]), str(ratio(times, "ours", "products")),
            *(str(ratio(times, who, "ours")) for who in PEERS), _judged(gradient_goals(g.sizes), times),
        ])  # fmt: skip
    columns = ["network", "batch", "dtype", "activation + cost", "ours µs", "products µs", "ours/products"]
    return Table("Gradients", [*columns, *(f"{who}/ours" for who in PEERS), "goals"], lines, GRADIENTS)


def planned_table(rows: Rows) -> Table:
    """The same by a plan: its time, and the others' in units of it."""
    lines = [
        [g.network, g.batch, g.dtype, g.functions, _microseconds(times["planned"]),
         str(ratio(times, "planned", "products")), *(str(ratio(times, who, "planned")) for who in ("ours", *PEERS)),
         _judged(planned_goals(g.sizes, g.dtype), times)]
        for g, times in gradient_times(rows).items() if "planned" in times
    ]  # fmt: skip
    columns = ["network", "batch", "dtype", "activation + cost", "planned µs", "planned/products"]
    others = [f"{who}/planned" for who in ("ours", *PEERS)]
    return Table("Planned gradients", [*columns, *others, "goals"], lines, PLANNED)


def norms_table(rows: Rows) -> Table:
    """The norms of each example's gradient: our time, and the others' in units of it."""
    lines = [
        [g.network, g.batch, g.dtype, _microseconds(times["ours"]),
         *(str(ratio(times, who, "ours")) for who in (*LIBRARIES, "jax fused")), _judged(norm_goals(g.sizes), times)]
        for g, times in gradient_times(rows, "norms").items()
    ]  # fmt: skip
    columns = ["network", "batch", "dtype", "ours µs", *(f"{who}/ours" for who in (*LIBRARIES, "jax fused")), "goals"]
    return Table("Norms of each example's gradient", columns, lines, NORMS)


def checking_table(rows: Rows, draws: int) -> Table:
    """Cases per second of the audit, and the time of other checkers for a case in units of it."""
    lines = []
    for (architecture, parameters), times in checking_times(rows).items():
        speeds = [round(1 / statistics.median(times[who]), 1) for who in ("audit", "one draw", *CHECKERS)]
        ratios = [str(ratio(times, who, "audit")) for who in CHECKERS]
        lines.append([architecture, parameters, *speeds, *ratios, _judged(CHECKING_GOALS, times)])
    columns = [f"{who} cases/s" for who in ("audit", "one draw", *CHECKERS)] + [f"{who}/audit" for who in CHECKERS]
    return Table("Checking", ["network", "parameters", *columns, "goals"], lines, CHECKING.format(draws=draws))


def size_table(rows: Rows) -> Table:
    """Our milliseconds and MiB at each size, the others' time in units of ours, and their MiB."""
    lines = []
    for size, found in sizes(rows).items():
        times = {who: row["seconds"] for who, row in found.items()}
        others = [str(ratio(times, who, "ours")) if who in times else None for who in LIBRARIES]
        memory = [_mebibytes(found[who]["memory"]) if who in found else None for who in ("ours", *LIBRARIES)]
        milliseconds, given = 1e3 * statistics.median(times["ours"]), _mebibytes(found["ours"]["given"])
        lines.append([size.name, size.what, size.dtype, _short(milliseconds), *others, given, *memory,
                      _judged(size.goals, times)])  # fmt: skip
    columns = [*(f"{who}/ours" for who in LIBRARIES), "arguments MiB", *(f"{who} MiB" for who in ("ours", *LIBRARIES))]
    return Table("Sizes", ["formula", "size", "dtype", "ours ms", *columns, "goals"], lines, SIZES)


def _mebibytes(n: int | None) -> str | None:
    return None if n is None else _short(n / 2**20)


def write(evidence: Path, folder: Path) -> None:
    """Write speed.md with its CSV and LaTeX tables to `folder`, from `evidence`/speed.jsonl."""
    header, found = read_evidence(evidence / "speed.jsonl")
    rows = [
        {"row": f.kind, "formula": f.formula, "what": f.what, "who": f.side, "dtype": f.dtype, **f.more} for f in found
    ]
    packages = ", ".join(f"{package} {version}" for package, version in header["versions"].items())
    how = HOW.format(block=1e3 * header["block"], made=header["made"][:10], cpu=header["cpu"], versions=packages,
                     source=header["source"])  # fmt: skip
    further = [table for table in (planned_table(rows), norms_table(rows)) if table.rows]  # of evidence that has them
    tables = [goal_table(rows), gradient_table(rows), *further, checking_table(rows, header["draws"]), size_table(rows)]
    write_page(folder, "speed", f"# Speed\n\n{how}", tables)
