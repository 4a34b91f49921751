"""Which names of the frameworks that are installed have a formula here: asked of the packages, told by a table.

A name is what a package shows: functions of `torch.nn.functional`, `jax.nn` and `optax.losses`, modules of `torch.nn`,
optimizers of `torch.optim`, and what makes a transformation of gradients in Optax. One that the table does not know is
`unknown`: a release brought it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from gradproof.claims.covered import NOT_YET, TABLE, Entry
from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan, Task
from reference import resolve

ROOMS = {"torch": ("torch.nn.functional", "torch.nn", "torch.optim"),
         "jax": ("jax.nn", "optax.losses", "optax", "optax.contrib")}  # fmt: skip


def _subclass(base: str) -> Callable[[ModuleType, Any], bool]:
    """Whether something is a kind of the class of that name in its module, and not that class itself."""

    def wanted(room: ModuleType, x: Any) -> bool:
        of = getattr(room, base)
        return inspect.isclass(x) and issubclass(x, of) and (x is not of or base == "Module")

    return wanted


def _function(room: ModuleType, x: Any) -> bool:
    return callable(x) and not inspect.isclass(x) and type(x).__module__ != "typing"


def _transformation(room: ModuleType, x: Any) -> bool:
    """Whether a function of Optax makes a transformation of gradients; one that does not say what it makes may."""
    x = getattr(x, "func", x)  # some are others with an option set
    if not inspect.isfunction(x) or x.__module__.startswith("optax.losses"):
        return False
    makes = inspect.signature(x).return_annotation
    return makes is inspect.Signature.empty or "GradientTransformation" in str(makes)


WANTED: dict[str, Callable[[ModuleType, Any], bool]] = {
    "torch.nn": _subclass("Module"),
    "torch.optim": _subclass("Optimizer"),
    "optax": _transformation,
    "optax.contrib": _transformation,
}


def names(room: str) -> list[str]:
    """The names that a module of an installed package shows. Raises ImportError where it is not installed."""
    module = importlib.import_module(room)
    wanted = WANTED.get(room, _function)
    return sorted(name for name in dir(module) if not name.startswith("_") and wanted(module, getattr(module, name)))


def measure(room: str, side: str) -> list[Finding]:
    """A finding for each name of a module: how we have it, and by which formulas; none where it is not installed."""
    try:
        shown = names(room)
    except ImportError:
        return []
    return [_finding(room, name, TABLE[room].get(name), side) for name in shown]


def _finding(room: str, name: str, entry: Entry | None, side: str) -> Finding:
    if entry is None:
        why = "the table of gradproof/claims/covered.py does not have this name: say there what we have for it"
        return Finding("name", f"{room}.{name}", side=side, verdict="unknown", why=why)
    there = entry.status != NOT_YET
    more = {"ids": [resolve(id)[0].id if there else id for id in entry.ids]}
    return Finding("name", f"{room}.{name}", entry.status, side=side, why=entry.why, more=more)


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each module of the frameworks asked for; none where formulas are."""
    if plan.formulas is None:
        for side in plan.oracles:
            for room in ROOMS.get(side, ()):
                yield Task(room, functools.partial(measure, room, side))
