"""Optimizer steps against torch.optim and Optax: trajectories of every rule, and why weight decay is not L2."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from gradproof.tasks import Plan, Task
from gradproof.training import weight_decay
from gradproof.training.paths import SEED, STEPS, compare
from gradproof.training.settings import SETTINGS

DTYPES = ("float32", "float64")
CONSTANTS = {"steps": STEPS, "start": SEED}


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each setting, problem and dtype, and one for the decay."""
    for setting in SETTINGS:
        for problem in ("quadratic", "digits"):
            if plan.wants(setting.id) and getattr(setting, problem) is not None:
                for dtype in plan.those(DTYPES):
                    call = functools.partial(compare, setting, problem, dtype, plan.oracles)
                    yield Task(f"{setting.id}, {setting.label}, {problem} in {dtype}", call)
    if plan.wants(*(f"update/{rule}" for rule, *_ in weight_decay.FAMILIES.values())) and plan.those(("float64",)):
        yield Task("weight decay", functools.partial(weight_decay.measure, plan.oracles))
