"""Every statement and derivative of the catalogue, handed to SymPy to be proved or refuted.

Claims are decided in processes that are killed at the time limit of a claim: an algorithm that does not come back
costs one `unknown`, with that reason, and nothing else.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import source_hash, versions
from gradproof.evidence.files import EvidenceError, read_lines, write_lines, write_whole
from gradproof.pages.tables import Table, comma_separated, latex, markdown
from gradproof.pages.typeset import latex as typeset
from reference import CATALOGUE
from reference.formula import Formula

NETWORKS = (((2, 2, 2, 2), 1), ((2, 2, 2, 2), 2), ((4, 5, 3), 1))  # layer sizes and batch: where BP1–BP4 are proved
VERDICTS = ("proved", "refuted", "unknown")
BRANCHES = ("Piecewise(", "Abs(", "sign(", "Max(", "Min(")

Row = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """What is to be proved of one formula: that `right` is the derivative of `left`, or equal to it.

    `name` is "derivative", "∂/∂beta" for another argument or parameter, "numpy_value" or "numpy_form" for a
    rewriting, "kinks", or the network of an equation. `options` go to the prover.
    """

    id: str
    name: str
    prover: str
    left: str
    right: str
    options: Mapping[str, Any] = field(default_factory=dict)


def claims(record: Formula) -> Iterator[Claim]:
    """Everything a record claims."""
    argument, statement, derivative = record.arguments[0], record.statement, record.derivative
    if record.kind == "network":
        for sizes, batch in NETWORKS:
            name = f"{'-'.join(map(str, sizes))}, batch of {batch}"
            network = {"argument": argument, "sizes": sizes, "batch": batch}
            yield Claim(record.id, name, "equation", statement, derivative, network)
        return
    options: dict[str, Any] = {"argument": argument, "parameters": dict(record.parameters), "domain": record.domain}
    yield Claim(record.id, "derivative", "derivative", statement, derivative, options)
    for other, slope in record.partials.items():
        yield Claim(record.id, f"∂/∂{other}", "derivative", statement, slope, {**options, "argument": other})
    if record.numpy_value:
        yield Claim(record.id, "numpy_value", "equal", statement, record.numpy_value, options)
    if record.numpy_form:
        yield Claim(record.id, "numpy_form", "equal", derivative, record.numpy_form, options)
    if record.kinks or (record.kind != "update" and any(branch in statement for branch in BRANCHES)):
        kinks = [(kink.at, kink.left, kink.right, kink.chosen) for kink in record.kinks]
        yield Claim(record.id, "kinks", "kinks", statement, derivative, {**options, "kinks": kinks})


def prove(claim: Claim) -> dict[str, Any]:
    """Decide one claim here and now: verdict, route, given, reason, counterexample and seconds.

    Raises ImportError without SymPy, and ExpressionError for an expression that cannot be read.
    """
    from oracles.sympy_proof.kinks import Kink, prove_kinks
    from oracles.sympy_proof.network import prove_equation
    from oracles.sympy_proof.proof import prove_derivative, prove_equal

    provers: dict[str, Callable[..., Any]] = {
        "derivative": prove_derivative, "equal": prove_equal, "kinks": prove_kinks, "equation": prove_equation
    }  # fmt: skip
    options = dict(claim.options)
    if "kinks" in options:
        options["kinks"] = [Kink(*kink) for kink in options["kinks"]]
    proof = provers[claim.prover](claim.left, claim.right, **options)
    return {
        "verdict": proof.verdict, "route": proof.route, "given": proof.given, "reason": proof.reason,
        "counterexample": proof.counterexample and asdict(proof.counterexample), "seconds": round(proof.seconds, 1),
    }  # fmt: skip


def undecided(reason: str, seconds: float = 0.0) -> dict[str, Any]:
    """What `prove` returns, for a claim on which it could not."""
    return {"verdict": "unknown", "route": "", "given": "", "reason": reason, "counterexample": None,
            "seconds": round(seconds, 1)}  # fmt: skip


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """In the child: answer every item with (result, "") or (None, what went wrong), until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        try:
            answer = function(item), ""
        except Exception as error:
            answer = None, f"{type(error).__name__}: {error}"
        connection.send(answer)


def in_processes(
    function: Callable[[Any], Any], items: Sequence[Any], jobs: int = 0, limit: float = 60.0
) -> Iterator[tuple[int, Any, str]]:
    """Run `function` on every item in `jobs` processes (0: one per processor), which are killed at the time limit.

    Yields (position of the item, result, problem) in the order of completion; the problem is empty, or says how
    the process failed: an exception, the time limit in seconds, or the exit code.
    """
    forkserver = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forkserver else "spawn")
    if forkserver:  # SymPy is imported once, and a child costs a few milliseconds
        context.set_forkserver_preload(["oracles.sympy_proof.kinks", "oracles.sympy_proof.network", __name__])

    def start() -> tuple[Connection, Any]:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(function, theirs), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        return ours, process

    waiting = list(enumerate(items))[::-1]
    idle: list[tuple[Connection, Any]] = []
    running: dict[Connection, tuple[int, Any, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (jobs or os.cpu_count() or 1):
                connection, process = idle.pop() if idle else start()
                position, item = waiting.pop()
                running[connection] = position, process, time.monotonic() + limit
                connection.send(item)
            deadline = min(end for _, _, end in running.values())
            ready = wait(list(running), max(0.0, deadline - time.monotonic()))
            for connection, (position, process, end) in list(running.items()):
                alive = False
                if connection in ready:
                    try:
                        result, problem = connection.recv()
                        alive = True
                    except EOFError:
                        process.join()
                        result, problem = None, f"the process ended with exit code {process.exitcode}"
                elif time.monotonic() >= end:
                    result, problem = None, f"not decided within {limit:g} seconds"
                else:
                    continue
                del running[connection]
                if alive:
                    idle.append((connection, process))
                else:
                    _end(process, connection)
                yield position, result, problem
    finally:
        for connection, process in [*idle, *((c, process) for c, (_, process, _) in running.items())]:
            _end(process, connection)


def _end(process: Any, connection: Connection) -> None:
    process.kill()
    process.join()
    connection.close()


def decide(
    todo: Sequence[Claim], jobs: int = 0, limit: float = 60.0, progress: Callable[[int, int], None] | None = None
) -> list[Row]:
    """One row a claim. `progress` is told how many are done.

    A claim that cannot be decided (SymPy missing, `limit` seconds passed, an expression that cannot be read) is
    `unknown` with the reason.
    """
    found: dict[int, dict[str, Any]] = {}
    if importlib.util.find_spec("sympy") is None:
        found = {k: undecided("sympy: not installed") for k in range(len(todo))}
    else:
        for k, proof, problem in in_processes(prove, todo, jobs, limit):
            found[k] = proof or undecided(problem)
            if progress:
                progress(len(found), len(todo))
    return [
        {"id": claim.id, "claim": claim.name, "argument": claim.options["argument"], "left": claim.left,
         "right": claim.right, **found[k]} for k, claim in enumerate(todo)
    ]  # fmt: skip


def prove_all(
    evidence: Path | None = None,
    only: str = "*",
    jobs: int = 0,
    limit: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
    catalogue: Mapping[str, Formula] = CATALOGUE,
) -> list[Row]:
    """Decide every claim of the formulas whose id matches `only`; rows in the order of the catalogue.

    With `evidence` the rows are written to that file (proofs.jsonl). See `decide`. Raises OSError if `evidence`
    cannot be written.
    """
    todo = [claim for id, record in catalogue.items() if fnmatchcase(id, only) for claim in claims(record)]
    rows = decide(todo, jobs, limit, progress)
    if evidence is not None:
        write_evidence(evidence, rows)
    return rows


PARTS = 12  # into which an audit cuts the claims


def measure(part: int) -> list[Row]:
    """The rows of one of `PARTS` parts of all claims, one claim after another."""
    todo = [claim for record in CATALOGUE.values() for claim in claims(record)]
    return decide(todo[part * len(todo) // PARTS : (part + 1) * len(todo) // PARTS], jobs=1)


def write_evidence(path: Path, rows: Sequence[Row]) -> None:
    """Write evidence/proofs.jsonl whole. The seconds that proofs took are in the header: no other run repeats them."""
    made_with = {"source": source_hash("reference", "oracles"), "versions": versions(), "networks": NETWORKS}
    seconds = [row["seconds"] for row in rows]
    lasting = [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
    write_lines(path, {**made_with, "seconds": seconds}, lasting)


def read_evidence(path: Path) -> list[Row]:
    """The rows that `write_evidence` was given. Raises EvidenceError where the file is missing or damaged."""
    header, rows = read_lines(path)
    seconds = header.get("seconds", [])
    if len(seconds) != len(rows):
        raise EvidenceError(f"{path}: {len(seconds)} times for {len(rows)} proofs; run the audit again")
    return [{**row, "seconds": took} for row, took in zip(rows, seconds, strict=True)]


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """How often each verdict was reached."""
    verdicts = [row["verdict"] for row in rows]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def status(rows: Iterable[Row], id: str) -> str:
    """One line on a formula, e.g. "proved: derivative, numpy_form; unknown: kinks". Empty without rows."""
    mine = [row for row in rows if row["id"] == id]
    grouped = {v: [row["claim"] for row in mine if row["verdict"] == v] for v in VERDICTS}
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in grouped.items() if names)


# The page

TITLES = {"activation": "Activations", "cost": "Costs", "regularizer": "Regularizers",
          "network": "Backpropagation", "update": "Optimizer steps"}  # fmt: skip
LEFT = {"activation": "g", "cost": "C", "regularizer": "R", "update": "w'"}
INTRO = """# Proofs

Every formula of the catalogue as it is printed, and whether SymPy proves it: it differentiates the statement and shows
that the printed derivative is the same for all real inputs and all parameters of the sign of their defaults.

* Branches are proved one by one; *kinks* are the slopes where branches meet: as listed in the record at a kink, and
  one and the same from both sides everywhere else.
* A statement with indices is proved entry by entry at the sizes named. ⟨v, ∂s/∂z⟩ is the pullback of a cotangent v.
* *numpy_value* and *numpy_form* are the rewritings that are evaluated, proved equal to what is printed.
* The equations of backpropagation are proved for undefined activations and an undefined cost; δ is ∂C/∂z by definition,
  so that from the last layer down they give every gradient.

Routes: *identical* (SymPy's own derivative is the printed one), *exponentials* (the difference, written over symbols
for exponentials, logarithms and roots, is a rational function with numerator zero), *expansion* (a polynomial that is
zero), *simplify* (SymPy's simplification gives zero), *sign cases* (split by the sign of what a branch depends on). A
refutation is a rational point at which the two sides differ in 40-digit arithmetic.
"""


def write_page(evidence: Path, folder: Path) -> None:
    """Write proofs.md, csv/proofs.csv and tex/proofs.tex from the evidence file and nothing else.

    Raises EvidenceError where it is missing or damaged.
    """
    rows = read_evidence(evidence)
    kinds = [kind for kind in TITLES if any(_kind(row) == kind for row in rows)]
    summary = Table("", ["", "formulas", "claims", *VERDICTS], [
        [title, len({r["id"] for r in mine}), len(mine), *counts(mine).values()]
        for title, mine in [*((TITLES[k], [r for r in rows if _kind(r) == k]) for k in kinds), ("all", rows)]
    ])  # fmt: skip
    parts = [INTRO, markdown(summary)]
    if open_claims := [row for row in rows if row["verdict"] != "proved"]:
        cells = [[f"`{r['id']}`", r["claim"], r["verdict"], _why(r)] for r in open_claims]
        parts.append(markdown(Table("Not proved", ["formula", "claim", "verdict", "why"], cells)))
    for kind in kinds:
        parts.append(f"## {TITLES[kind]}\n")
        ids = dict.fromkeys(row["id"] for row in rows if _kind(row) == kind)
        parts += [_section(id, [row for row in rows if row["id"] == id]) for id in ids]
    write_whole(folder / "proofs.md", "\n".join(parts))
    columns = ["id", "claim", "verdict", "route", "given", "seconds"]
    table = Table("", columns, [[row[column] for column in columns] for row in rows])
    write_whole(folder / "csv" / "proofs.csv", comma_separated(table))
    write_whole(folder / "tex" / "proofs.tex", latex(table))


def _kind(row: Row) -> str:
    return str(row["id"].split("/")[0])


def _why(row: Row) -> str:
    point = row["counterexample"]
    if not point:
        return str(row["reason"])
    where = ", ".join(f"{name} = {value}" for name, value in point["inputs"].items())
    return f"{row['reason'] + ': ' if row['reason'] else ''}at {where} it is {point['true']}, not {point['claimed']}"


def _section(id: str, rows: Sequence[Row]) -> str:
    """One formula: its equations, then one line per claim."""
    lines = [
        f"### {id}",
        "",
        "```math",
        r"\begin{aligned}",
        " \\\\\n".join(_equations(rows)),
        r"\end{aligned}",
        "```",
        "",
    ]
    for row in rows:
        about = "; ".join(text for text in (row["route"], row["given"] and f"for {row['given']}") if text)
        took = f", {row['seconds']} s" if row["seconds"] >= 0.1 else ""
        lines.append(f"* {row['claim']}: **{row['verdict']}** ({about or 'see above'}{took})")
    return "\n".join([*lines, ""])


def _set(expression: str) -> str:
    """Its LaTeX; an expression that cannot be read is shown as it is."""
    try:
        return typeset(expression)
    except SyntaxError:
        return rf"\texttt{{{expression.replace('_', ' ')}}}"


def _equations(rows: Sequence[Row]) -> list[str]:
    """The equalities that the claims are about, with one alignment mark each."""
    of = {row["claim"]: row for row in rows}
    first = rows[0]
    if _kind(first) == "network":
        return [f"{_set(first['left'])} &= {_set(first['right'])}"]
    _, pulled_back, rest = first["right"].partition("v[")
    left = f"s_{{{rest.partition(']')[0].replace(' ', '')}}}" if pulled_back else LEFT[_kind(first)]

    def slope(argument: str) -> str:
        fraction = rf"\frac{{\partial {'s' if pulled_back else left}}}{{\partial {_set(argument)}}}"
        return rf"\left\langle v, {fraction} \right\rangle" if pulled_back else fraction

    lines = [f"{left} &= {_set(first['left'])}"]
    if "numpy_value" in of:
        lines.append(f"&= {_set(of['numpy_value']['right'])}")
    lines.append(f"{slope(first['argument'])} &= {_set(first['right'])}")
    if "numpy_form" in of:
        lines.append(f"&= {_set(of['numpy_form']['right'])}")
    return lines + [f"{slope(r['argument'])} &= {_set(r['right'])}" for r in rows if r["claim"].startswith("∂/∂")]
