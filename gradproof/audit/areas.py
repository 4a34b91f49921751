"""Every area of the audit: a record each, in the order in which they start, the longest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradproof import blocks, pages
from gradproof.checks import accuracy, kinks
from gradproof.claims import coverage, literature, proofs
from gradproof.conventions import ask
from gradproof.evidence.finding import Finding
from gradproof.networks import run as networks
from gradproof.networks import scaling, summary
from gradproof.tasks import Plan, Task
from gradproof.training import parity, updates
from gradproof.yours import catalogue

Findings = list[Finding]


@dataclass(frozen=True)
class Area:
    """One area: what it measures, what it takes, and what becomes of it.

    `uses` names what its evidence depends on (see `evidence.environment.PACKAGES`), `options` those that enter,
    `needs` what it cannot do without: any one of these. `fold` makes evidence of what the tasks found. Where its page
    has `figures`, matplotlib is needed. `kinds` are those of its findings: what another area calls its own does not
    belong into its evidence.
    """

    name: str
    about: str
    tasks: Callable[[Plan], Iterable[Task]]
    page: Callable[[Path, Path], None]
    uses: tuple[str, ...]
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    fold: Callable[[Findings], Findings] = list
    constants: Mapping[str, Any] = field(default_factory=dict)  # for the header: what its pages say of it
    figures: bool = False
    kinds: tuple[str, ...] = ()


AREAS = {
    area.name: area
    for area in (
        Area(
            "networks", "gradients of whole networks, every combination", networks.tasks, pages.networks.write,
            ("numpy", "torch", "jax", "balls", "data"), ("seed", "draws", "dtype", "oracle"), ("torch", "jax"),
            summary.fold, figures=True,
            kinds=("network", "overview", "histogram", "disagreement", "left out"),
        ),
        Area(
            "accuracy", "values and gradients of every formula against the truth", accuracy.tasks, pages.accuracy.write,
            ("numpy", "torch", "jax", "balls", "16 bits"), ("seed", "dtype", "oracle", "device"), ("balls",),
            figures=True,
            kinds=("sweep", "curve", "accuracy"),
        ),
        Area(
            "blocks", "gradients of whole blocks against the truth, and 200 steps from one start", blocks.tasks,
            pages.blocks.write, ("numpy", "torch", "jax", "balls", "data"), ("seed", "dtype", "oracle"), ("balls",),
            kinds=("block", "parity", "learned"),
        ),
        Area(
            "proofs", "every statement and derivative by computer algebra", proofs.tasks, pages.proofs.write,
            ("sympy",), (), ("sympy",),
            kinds=("proof",),
        ),
        Area(
            "updates", "optimizer steps against torch.optim and Optax", updates.tasks, pages.updates.write,
            ("numpy", "torch", "jax", "data"), ("dtype", "oracle"), constants=updates.CONSTANTS,
            kinds=("trajectory", "decay"),
        ),
        Area(
            "conventions", "what each side means by a name", ask.tasks, pages.conventions.write,
            ("numpy", "torch", "jax"), ("oracle",),
            kinds=("convention", "default"),
        ),
        Area(
            "kinks", "slopes where left and right differ, and at special inputs", kinks.tasks, pages.kinks.write,
            ("numpy", "torch", "jax", "balls"), ("oracle",), ("balls",),
            kinds=("kink", "special"),
        ),
        Area(
            "laws", "what our formulas keep besides their numbers, asked as a user's function is", catalogue.tasks,
            pages.laws.write, ("numpy", "balls", "16 bits"), ("seed", "dtype"), ("balls",),
            kinds=("law",),
        ),
        Area(
            "training", "500 steps from one start", parity.tasks, pages.training.write,
            ("numpy", "torch", "jax", "data"), ("seed", "dtype", "oracle"), ("torch", "jax"), figures=True,
            kinds=("distance", "score"),
        ),
        Area(
            "scaling", "differences against depth and width", scaling.tasks, pages.scaling.write,
            ("numpy", "torch", "jax"), ("seed", "dtype", "oracle"), ("torch", "jax"),
            constants=scaling.CONSTANTS, figures=True,
            kinds=("scaling",),
        ),
        Area(
            "literature", "published equations as printed", literature.tasks, pages.literature.write,
            ("numpy", "torch", "balls"), (), ("torch", "balls"), constants=literature.CONSTANTS,
            kinds=("claim",),
        ),
        Area(
            "coverage", "which names of the frameworks have a formula here", coverage.tasks, pages.coverage.write,
            ("torch", "jax"), ("oracle",), ("torch", "jax"), kinds=("name",),
        ),
    )
}  # fmt: skip
