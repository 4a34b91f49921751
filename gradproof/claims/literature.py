"""The judge of published equations: every reading is run on random networks and put before the oracles.

The two oracles share no machinery: PyTorch autograd in float64, and power series over balls of 400 bits. An
equation holds where both agree that its members are equal at every entry of every network, and fails where
both see them differ in the first digits. What lies between is reported as unknown, never guessed.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradproof.claims.scenes import Scene, network
from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan, Task
from literature import CLAIMS, ROLES, Claim
from literature.claim import Reading
from oracles.recorded import BITS, Number, as_number
from reference import resolve

SEEDS = (1, 2)  # random networks of each shape
DIFFERS = 2.0**-20  # a wrong formula differs in the first digits …
EQUAL = {"torch": 2.0**-36, "balls": 2.0 ** (60 - BITS)}  # … rounding and ball radii in the last
REPLAYS = {"torch": "oracles.torch_autograd.recorded", "balls": "oracles.arb_truth.recorded"}
CONSTANTS = {"seeds": SEEDS, "bits": BITS, "equal": EQUAL, "differs": DIFFERS}


def size(shape: Sequence[int]) -> str:
    """A shape in words.

    >>> size(()), size((3,)), size((2, 3))
    ('one number', '3 numbers', '2 × 3 numbers')
    """
    return f"{' × '.join(map(str, shape))} numbers" if shape else "one number"


def pairs(reading: Reading, scene: Any) -> list[tuple[Number, Number, str]]:
    """(meant, claimed, where) for every entry that the reading sets equal.

    Raises ValueError where shapes do not fit or nothing is compared.
    """
    found = []
    for line, members in enumerate(reading(scene), 1):
        meant, *claimed = (np.asarray(m, dtype=object) for m in members)
        for position, claim in enumerate(claimed, 2):
            if claim.shape != meant.shape:
                raise ValueError(f"member {position} is {size(claim.shape)}, the quantity meant {size(meant.shape)}")
            for k in np.ndindex(meant.shape):
                where = f"comparison {line}, member {position}" + (f", entry {list(k)}" if k else "")
                found.append((as_number(meant[k]), as_number(claim[k]), where))
    if not found:
        raise ValueError("the reading compares nothing")
    return found


def run(claim: Claim, role: str) -> list[list[tuple[Number, Number, str]]]:
    """What one reading sets equal, on every network of its claim. Raises ValueError or IndexError as `pairs` does."""
    if role == "example":  # numbers of its own, in no network
        return [pairs(claim.readings[role], Scene(np.random.default_rng(0)))]
    found = []
    for shape in claim.networks:
        for seed in SEEDS:
            # Every claim has its own networks, the same for all of its readings.
            own = seed + zlib.crc32(claim.id.encode())
            scene = network(shape.sizes, shape.activation, shape.cost, shape.examples, own)
            found.append(pairs(claim.readings[role], claim.notation(scene)))
    return found


def gap(meant: Any, claimed: Any) -> tuple[float, float]:
    """Least and greatest |claimed − meant| that the numbers admit; infinite where what is claimed is not a number."""
    if not math.isfinite(float(claimed)):
        return math.inf, math.inf
    difference = abs(claimed - meant)
    return (difference, difference) if isinstance(difference, float) else (
        float(difference.abs_lower()), float(difference.abs_upper()))  # fmt: skip


def compare(found: list[list[tuple[Number, Number, str]]], oracle: str) -> dict[str, Any]:
    """What one oracle says of the pairs: outcome, entries compared, and for the worst of them the difference, relative
    to the largest number in its network, both numbers and their ratio claimed : meant.

    The outcome is "holds", "fails", "undecided", or "does not fit" where the numbers leave the domain of a function.
    """
    values = importlib.import_module(REPLAYS[oracle]).values
    differs, worst = False, (-1.0, math.nan, math.nan, "")
    for entries in found:
        try:
            numbers = values([n for meant, claimed, _ in entries for n in (meant, claimed)])
        except (ValueError, ZeroDivisionError) as error:
            return misfit(error)
        scale = max(abs(float(v)) for v in numbers)
        if scale == 0:
            return misfit("every value is zero: the comparison is vacuous")
        for meant, claimed, (_, _, where) in zip(numbers[0::2], numbers[1::2], entries, strict=True):
            least, greatest = gap(meant, claimed)
            differs |= not least / scale <= DIFFERS
            if not greatest / scale <= worst[0]:
                worst = (greatest / scale, float(meant), float(claimed), where)
    difference, meant, claimed, where = worst
    compared = sum(map(len, found))
    if difference <= EQUAL[oracle]:
        return {"outcome": "holds", "compared": compared, "difference": float(f"{difference:.0e}")}
    said = {"outcome": "fails" if differs else "undecided", "compared": compared}
    figures = {"difference": difference, "ratio": claimed / meant if meant else math.inf, "meant": meant,
               "claimed": claimed}  # fmt: skip
    return said | {name: float(f"{figure:.6g}") for name, figure in figures.items()} | {"where": where}


def misfit(error: object) -> dict[str, Any]:
    """The result of a reading whose two sides cannot be compared."""
    return {"outcome": "does not fit", "error": str(error).strip()}


def try_reading(claim: Claim, role: str, oracles: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each oracle says of one reading of a claim."""
    try:
        found = run(claim, role)
    except (ValueError, IndexError) as error:
        return {oracle: misfit(error) for oracle in oracles}
    return {oracle: compare(found, oracle) for oracle in oracles}


def outcome(results: dict[str, dict[str, Any]]) -> str:
    """What the oracles say together of one reading: "holds", "fails" or "unknown"."""
    said = {"fails" if r["outcome"] == "does not fit" else r["outcome"] for r in results.values()}
    return said.pop() if len(said) == 1 and said <= {"holds", "fails"} else "unknown"


def verdict(claim: Claim, outcomes: dict[str, str]) -> str:
    """The verdict that follows from the outcome of each reading; see `evidence.verdicts.OF_CLAIMS`."""
    said = outcomes.get
    if not claim.readings:
        return "not checkable" if claim.unchecked else "unknown"
    if said("example", "fails") != "fails":
        return "unknown"
    if claim.doubt:
        return "ambiguous" if {said("printed"), said("other")} == {"holds", "fails"} else "unknown"
    if said("printed") == "holds" and said("again", "holds") == "holds":
        if not claim.convention:
            return "holds"
        return "holds under a convention" if said("otherwise", "fails") == "fails" else "unknown"
    if said("printed") == said("again") == "fails" and said("corrected") == "holds":
        return "misprint" if said("charitable", "holds") == "holds" else "unknown"
    return "unknown"


def oracles_here() -> list[str]:
    """The oracles that are installed. Raises ImportError, naming both, where there is none."""
    import importlib.util

    here = [name for name, module in (("torch", "torch"), ("balls", "flint")) if importlib.util.find_spec(module)]
    if not here:
        raise ImportError(
            "neither torch nor python-flint is installed: published equations have nothing to be judged by"
        )
    return here


def judge(claim: Claim, oracles: Sequence[str]) -> Finding:
    """The claim, what each oracle says of each of its readings, and the verdict."""
    results = {role: try_reading(claim, role, oracles) for role in ROLES if role in claim.readings}
    outcomes = {role: outcome(said) for role, said in results.items()}
    said = {
        "place": claim.place, "latex": dict(claim.latex), "assumptions": list(claim.assumptions),
        "supports": list(claim.supports), "convention": claim.convention, "wrong": claim.wrong,
        "charity": claim.charity, "doubt": claim.doubt, "unchecked": claim.unchecked, "example": claim.example,
        "remark": claim.remark, "source": source_hash(claim), "readings": results,
    }  # fmt: skip
    more = {name: value for name, value in said.items() if value}
    return Finding("claim", claim.id, verdict=verdict(claim, outcomes), more=more)


def measure(id: str, oracles: Sequence[str]) -> list[Finding]:
    """The finding on one claim, as a task of a worker."""
    return [judge(CLAIMS[id], oracles)]


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each claim."""
    oracles = oracles_here()
    for id, claim in CLAIMS.items():
        if plan.wants(id, *(resolve(formula)[0].id for formula in claim.supports)):
            yield Task(id, functools.partial(measure, id, oracles))


def source_hash(claim: Claim) -> str:
    """Short hash of the module a claim is written in: evidence of another text of it is stale."""
    module = inspect.getmodule(claim.notation) if not claim.readings else inspect.getmodule(claim.readings["printed"])
    return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()[:12] if module else ""


def stale(findings: Sequence[Finding]) -> list[str]:
    """Ids of claims that the evidence lacks, has beyond ours, or was made from another text of."""
    hashes = {f.formula: f.more["source"] for f in findings}
    return sorted(id for id in hashes.keys() | CLAIMS if id not in CLAIMS or hashes.get(id) != source_hash(CLAIMS[id]))
