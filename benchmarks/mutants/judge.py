"""Who notices that a formula has become wrong: the checks of the audit, fewer points, the truth remembered.

The truth never comes from `reference/`, so it is that of every mutant. What is asked of the formula is asked anew.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np

from gradproof import cases
from gradproof.answers.ours import ours
from gradproof.cases.kinks import places
from gradproof.cases.parameters import settings
from gradproof.checks import accuracy, kinks, sweep
from gradproof.evidence.finding import Finding
from gradproof.networks import run as networks
from gradproof.networks.configurations import configurations
from gradproof.training import paths
from gradproof.training.paths import bounds
from gradproof.training.settings import SETTINGS
from oracles import arb_truth
from oracles.arb_truth import points
from reference import CATALOGUE

Check = Callable[[], list[Finding]]
ORACLES = ("torch",)  # JAX starts threads, and the tests run in a fork
FAILING = ("wrong", "unknown")
POINTS = {"float64": 400, "float32": 200}  # of a sweep
SEEDS = {"float64": 6, "float32": 2}  # of each regime of the cases
NETWORKS = ("4-5-3/float64/tanh/sigmoid/quadratic/l2", "2-3-2/float64/relu/softmax/cross_entropy/none",
            "4-5-3/float32/sigmoid/identity/cross_entropy_probabilities/none")  # fmt: skip


def remembered(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, which answers again what it has answered before, or raises it."""
    known: dict[bytes, tuple[Any, Exception | None]] = {}  # pickled arguments: answer, or what was raised

    @functools.wraps(f)
    def once(*args: Any, **given: Any) -> Any:
        asked = pickle.dumps((args, sorted(given.items())))
        if asked not in known:
            try:
                known[asked] = f(*args, **given), None
            except Exception as raised:
                known[asked] = None, raised
        answer, error = known[asked]
        if error is not None:
            raise error
        return answer

    return once


@contextmanager
def memory() -> Iterator[None]:
    """Exact answers, those of the frameworks and bounds of rounding errors are found once, while this lasts."""
    from oracles.torch_autograd import updates

    kept = [(accuracy, "truth"), (kinks, "places"), (points, "truths"), (points, "truth"), (arb_truth, "one_sided"),
            (cases, "draw")]  # fmt: skip
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(paths, "bounds", _of_rule(paths.bounds)))
        patches.enter_context(mock.patch.object(updates, "trajectory", _of_problem(updates.trajectory)))
        for owner, name in kept:
            patches.enter_context(mock.patch.object(owner, name, remembered(getattr(owner, name))))
        yield


def _of_rule(bounds: Callable[..., Any]) -> Callable[..., Any]:
    """Bounds by the name of the rule: those of the right one, whatever it has become."""
    known: dict[str, Any] = {}

    def once(step: Any, start: Any, gradient: Any, steps: int, dtype: str, **given: Any) -> Any:
        asked = repr((step.__name__, start, steps, dtype, sorted(given.items())))
        if asked not in known:
            known[asked] = bounds(step, start, gradient, steps, dtype, **given)
        return known[asked]

    return once


def _of_problem(trajectory: Callable[..., Any]) -> Callable[..., Any]:
    """A framework's path, by rule and start: the gradient is that of the one problem which is asked."""
    known: dict[str, Any] = {}

    def once(id: str, start: Any, gradient: Any, steps: int, **given: Any) -> Any:
        asked = repr((id, start, steps, sorted(given.items())))
        if asked not in known:
            try:
                known[asked] = trajectory(id, start, gradient, steps, **given)
            except LookupError as missing:
                known[asked] = missing
        if isinstance(known[asked], LookupError):
            raise known[asked]
        return known[asked]

    return once


class Quick(sweep.Sweep):
    """A sweep that does not search round its worst points, which would be others for every mutant."""

    def search(self, found: dict[str, sweep.Measured]) -> dict[str, sweep.Measured]:
        """What was found, and no more."""
        return found


def _sweep(id: str, dtype: str) -> list[Finding]:
    asked = [Quick(CATALOGUE[id], dtype, given, {"ours": ours}).findings(POINTS[dtype]) for given in settings(id)]
    return [f for found in asked for f in found]


def _accuracy(id: str, dtype: str) -> list[Finding]:
    return accuracy.check(cases.of(id, dtype, range(SEEDS[dtype])), {"ours": ours})


def _network(id: str) -> list[Finding]:
    (c,) = configurations(id, (id.split("/")[1],))
    return networks.measure([c], 0, ORACLES)


def _rounding(id: str) -> list[Finding]:
    """The bound of the rounding error of a rule can be found: numbers that carry their errors pass through it."""
    start, gradient = paths.quadratic("float64")
    bounds(CATALOGUE[id].function, start, gradient, 3, "float64", eta=0.01)
    return []


def checks(id: str) -> dict[str, Check]:
    """The checks of one formula by their names, the quickest first."""
    record = CATALOGUE[id]
    found: dict[str, Check] = {}
    for dtype in POINTS:
        if id in cases.DRAWS:
            found[f"accuracy in {dtype}"] = functools.partial(_accuracy, id, dtype)
        if record.elementwise:
            found[f"sweep in {dtype}"] = functools.partial(_sweep, id, dtype)
    if record.elementwise or any(place.case.formula == id for place in places()):
        found["kinks"] = functools.partial(kinks.measure, id, ())
    if record.kind == "update" and id not in cases.DRAWS:
        found["rounding error"] = functools.partial(_rounding, id)
        for dtype in POINTS:
            for setting in (s for s in SETTINGS if s.id == id and s.quadratic is not None):
                name = f"trajectory in {dtype}, {setting.label}"
                found[name] = functools.partial(paths.compare, setting, "quadratic", dtype, ORACLES)
    if record.kind == "network":
        found |= {f"network {name}": functools.partial(_network, name) for name in NETWORKS}
    return found


def noticed(check: Check) -> str:
    """What a check has to say against a formula, in a few words; empty where it has nothing.

    Raises what no formula may: a mutant that raises is noticed by whoever calls it.
    """
    with np.errstate(all="ignore"):
        for f in check():
            if f.verdict in FAILING or (f.kind == "network" and "wrong" in f.more.get("verdicts", ())):
                about = " ".join(filter(None, (f.quantity, f.what, f.at)))
                return f"{f.verdict or 'wrong'}: {about}"
    return ""


def formulas() -> Sequence[str]:
    """The ids of all that can be judged."""
    return [id for id in CATALOGUE if checks(id)]
