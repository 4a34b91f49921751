"""Every statement and derivative of the catalogue, handed to SymPy to be proved or refuted.

Claims are decided in processes that are killed at the time limit of a claim: an algorithm that does not come back
costs one `unknown`, with that reason, and nothing else.
"""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan, Task
from gradproof.workers import end_with_parent
from reference import CATALOGUE
from reference.formula import Formula

NETWORKS = (((2, 2, 2, 2), 1), ((2, 2, 2, 2), 2), ((4, 5, 3), 1))  # layer sizes and batch: where BP1–BP4 are proved
BRANCHES = ("Piecewise(", "Abs(", "sign(", "Max(", "Min(")

# Claims that no route decides, by id and name, with the reason. One that is decided after all fails until it is gone.
LIMIT, PATIENCE = 60.0, 10.0  # seconds for a claim, and for one that is open
NESTED = f"roots within roots, of sums over three entries: not decided within {PATIENCE:g} seconds"
OPEN: dict[tuple[str, str], str] = {
    (id, "derivative"): NESTED for id in ("update/adafactor", "update/lamb", "update/momo_adam", "update/prodigy")
}


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
    if record.printed_kinks or (record.kind != "update" and any(branch in statement for branch in BRANCHES)):
        kinks = [(kink.at, kink.left, kink.right, kink.chosen) for kink in record.printed_kinks]
        for name, condition in record.valid.items():
            if condition.startswith(f"{name} =="):  # one of a few numbers: the kinks are those of its default
                number = f"{record.parameters[name]:g}"
                statement, derivative = (re.sub(rf"\b{name}\b", number, text) for text in (statement, derivative))
        yield Claim(record.id, "kinks", "kinks", statement, derivative, {**options, "kinks": kinks})


def prove(claim: Claim) -> dict[str, Any]:
    """Decide one claim here and now: verdict, route, given, reason and counterexample.

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
        "counterexample": proof.counterexample and asdict(proof.counterexample),
    }  # fmt: skip


def undecided(reason: str) -> dict[str, Any]:
    """What `prove` returns, for a claim on which it could not."""
    return {"verdict": "unknown", "route": "", "given": "", "reason": reason, "counterexample": None}


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """In the child: answer every item with (result, "") or (None, what went wrong), until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
    end_with_parent()  # a claim may take for ever, and the one that ends it at its limit may have been killed
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
    function: Callable[[Any], Any], items: Sequence[Any], jobs: int = 0, limit: float = LIMIT
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


def decide(todo: Sequence[Claim], jobs: int = 1, limit: float = LIMIT) -> list[Finding]:
    """One finding a claim.

    A claim that cannot be decided (SymPy missing, `limit` seconds passed, an expression that cannot be read) is
    `unknown` with the reason.
    """
    found: dict[int, dict[str, Any]] = {}
    if importlib.util.find_spec("sympy") is None:
        found = {k: undecided("sympy: not installed") for k in range(len(todo))}
    else:
        for k, proof, problem in in_processes(prove, todo, jobs, limit):
            found[k] = proof or undecided(problem)
    return [_finding(claim, found[k]) for k, claim in enumerate(todo)]


def _finding(claim: Claim, proof: dict[str, Any]) -> Finding:
    verdict, why = proof.pop("verdict"), proof.pop("reason")
    if expected := OPEN.get((claim.id, claim.name)):
        verdict, why = (
            ("undefined", expected) if verdict == "unknown" else ("unknown", f"{verdict}: it is open no more")
        )
    more = {"left": claim.left, "right": claim.right, **{k: v for k, v in proof.items() if v}}
    return Finding("proof", claim.id, claim.name, claim.options["argument"], verdict=verdict, why=why, more=more)


def measure(id: str) -> list[Finding]:
    """The findings on every claim of one record."""
    todo = list(claims(CATALOGUE[id]))
    still_open = [claim for claim in todo if (claim.id, claim.name) in OPEN]
    return decide([claim for claim in todo if claim not in still_open]) + decide(still_open, limit=PATIENCE)


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each record."""
    for id in CATALOGUE:
        if plan.wants(id):
            yield Task(id, functools.partial(measure, id))
