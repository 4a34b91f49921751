"""Whole blocks: their gradients by every weight against the truth, and training from one start."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from gradproof.blocks import check, training
from gradproof.tasks import Plan, Task


def tasks(plan: Plan) -> Iterator[Task]:
    """The training runs, which take longest, then the gradients."""
    yield from itertools.chain(training.tasks(plan), check.tasks(plan))
