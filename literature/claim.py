"""A claim: one published equation or algorithm step, as printed, with readings that can be run.

A reading is a generator of plain NumPy code in the document's own notation. It receives a scene `s` (numbers
under the document's names, and `s.d(y, x)` for ∂y/∂x) and yields tuples whose members the document says are
equal. The first member is the quantity meant, the others are what is claimed of it. Nothing here decides
whether they are: that is left to oracles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Reading = Callable[[Any], Iterator[tuple[Any, ...]]]

ROLES = {
    "printed": "as printed",
    "again": "as printed, transcribed a second time",
    "other": "the other fair reading",
    "otherwise": "without the convention",
    "corrected": "nearest corrected form",
    "charitable": "the reading in which it is right",
    "example": "small example",
}

# What to assume where the printed cost sums over the outputs, and the record of the cost means them by default.
BATCHMEAN = "batchmean: sum over outputs, mean over examples"


@dataclass(frozen=True)
class Network:
    """A random network to try a claim on: layer widths, the activation of every layer, the cost, how many examples.

    `cost` is "quadratic" (½Σ(a − y)²) or "bce" (binary cross-entropy summed over the outputs), for one example;
    the cost of several is their mean.
    """

    sizes: tuple[int, ...] = (3, 4, 2, 3)
    activation: str = "sigmoid"
    cost: str = "quadratic"
    examples: int = 1


@dataclass
class Claim:
    """One equation of one document.

    `convention` is what must be granted for the printed form to hold; `wrong` says what is wrong with a
    misprint and `charity` under which reading it would be right; `doubt` names the two fair readings of an
    ambiguous equation; `unchecked` says why there is nothing to run. `latex` maps a role to the equation in that
    role. `example` tells in words, around {meant} and {claimed}, the smallest case in which a misprint or one side
    of an ambiguity shows; its two numbers are the oracles'. `supports` are formula ids.
    """

    id: str
    place: str
    latex: dict[str, str]
    readings: dict[str, Reading]
    networks: tuple[Network, ...]
    notation: Callable[[Any], Any]
    assumptions: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()
    convention: str = ""
    wrong: str = ""
    charity: str = ""
    doubt: str = ""
    unchecked: str = ""
    example: str = ""
    remark: str = ""

    @property
    def source(self) -> str:
        """Key of the document in the bibliography: the part of the id before the slash."""
        return self.id.split("/")[0]

    def _role(self, role: str, latex: str) -> Callable[[Reading], Claim]:
        def add(reading: Reading) -> Claim:
            self.readings[role] = reading
            if latex:
                self.latex[role] = latex
            return self

        return add

    def again(self, reading: Reading) -> Claim:
        """Add a second transcription of what is printed, made from the document anew."""
        return self._role("again", "")(reading)

    def otherwise(self, reading: Reading) -> Claim:
        """Add what one gets without granting the convention; it must fail."""
        return self._role("otherwise", "")(reading)

    def other(self, latex: str) -> Callable[[Reading], Claim]:
        """Add the other fair reading of an ambiguous equation."""
        return self._role("other", latex)

    def corrected(self, latex: str) -> Callable[[Reading], Claim]:
        """Add the nearest form that holds."""
        return self._role("corrected", latex)

    def charitable(self, latex: str) -> Callable[[Reading], Claim]:
        """Add the reading under which the printed form would be right."""
        return self._role("charitable", latex)

    def smallest(self, text: str) -> Callable[[Reading], Claim]:
        """Add the smallest case that shows the difference: one pair (meant, claimed) of given numbers, not random.

        Its reading receives the plain scene, without the document's notation. `text` has {meant} and {claimed}.
        """
        self.example = text
        return self._role("example", "")


CLAIMS: dict[str, Claim] = {}


@dataclass(frozen=True)
class Source:
    """A document: its key, its notation (a translation from a network in ours) and the networks to try it on.

    Calling it with a name, a place and the LaTeX makes a claim; used as a decorator it takes the reading, and
    `unchecked=` makes a claim that has none.
    """

    key: str
    notation: Callable[[Any], Any] = field(default=lambda scene: scene)
    networks: tuple[Network, ...] = (Network(),)

    def __call__(self, name: str, place: str, latex: str, **about: Any) -> Callable[[Reading], Claim]:
        """Register claim `key/name`. Raises ValueError if the id is taken."""
        about = {"networks": self.networks, "notation": self.notation, **about}
        claim = Claim(f"{self.key}/{name}", place, {"printed": latex}, {}, **about)
        if claim.id in CLAIMS:
            raise ValueError(f"claim id {claim.id!r} is taken by the equation at {CLAIMS[claim.id].place!r}")
        CLAIMS[claim.id] = claim

        def read(reading: Reading) -> Claim:
            claim.readings["printed"] = reading
            return claim

        return read
