"""What a wing is asked to measure, and the tasks that it cuts this into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradproof.evidence.environment import CPU, ORACLES
from gradproof.evidence.finding import Finding


@dataclass(frozen=True)
class Plan:
    """What to measure and how. None means everything that an area has.

    `formulas` are ids, `configuration` a pattern of networks; `oracles` are installed ones.
    """

    seed: int = 0
    draws: int = 1
    dtypes: tuple[str, ...] | None = None
    oracles: tuple[str, ...] = tuple(ORACLES)
    formulas: frozenset[str] | None = None
    configuration: str = "*"
    device: str = CPU  # of the frameworks

    def wants(self, *formulas: str) -> bool:
        """True if any of these formulas is to be measured."""
        return self.formulas is None or not self.formulas.isdisjoint(formulas)

    def those(self, dtypes: Sequence[str]) -> list[str]:
        """The dtypes asked for among those that an area measures."""
        return [dtype for dtype in dtypes if self.dtypes is None or dtype in self.dtypes]


@dataclass(frozen=True)
class Task:
    """A piece of work for one process: small, and the same whenever and wherever it is run."""

    name: str
    call: Callable[[], list[Finding]]  # can be pickled
    weight: int = 1  # of progress
