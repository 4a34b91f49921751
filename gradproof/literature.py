"""The judge of published equations: every reading is run on random networks and put before the oracles.

The two oracles share no machinery: PyTorch autograd in float64, and power series over balls of 400 bits. An
equation holds where both agree that its members are equal at every entry of every network, and fails where
both see them differ in the first digits. What lies between is reported as unknown, never guessed.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import platform
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gradproof import __version__
from gradproof.expression import BITS, Number, as_number, ball_values, torch_values
from gradproof.files import write_lines
from gradproof.scenes import network
from literature import CLAIMS, ROLES, Claim
from literature.claim import Reading

VERDICTS = {
    "holds": "true as printed",
    "holds under a convention": "true as printed once the convention named beside it is granted",
    "misprint": "false as printed; a corrected form is given that holds",
    "ambiguous": "two fair readings, of which one holds and the other does not",
    "not checkable": "nothing in it can be computed; the reason is given",
    "unknown": "the oracles do not decide it",
}

SEEDS = (1, 2)  # random networks of each shape
DIFFERS = 2.0**-20  # a wrong formula differs in the first digits …
EQUAL = {"torch": 2.0**-36, "balls": 2.0 ** (60 - BITS)}  # … rounding and ball radii in the last


def pairs(reading: Reading, scene: Any) -> list[tuple[Number, Number, str]]:
    """(meant, claimed, where) for every entry that the reading sets equal.

    Raises ValueError where shapes do not fit or nothing is compared.
    """
    found = []
    for line, members in enumerate(reading(scene), 1):
        meant, *claimed = (np.asarray(m, dtype=object) for m in members)
        for position, claim in enumerate(claimed, 2):
            if claim.shape != meant.shape:
                raise ValueError(f"member {position} has shape {claim.shape}, the quantity meant {meant.shape}")
            for k in np.ndindex(meant.shape):
                where = f"comparison {line}, member {position}" + (f", entry {list(k)}" if k else "")
                found.append((as_number(meant[k]), as_number(claim[k]), where))
    if not found:
        raise ValueError("the reading compares nothing")
    return found


def try_reading(claim: Claim, role: str, oracle: str) -> dict[str, Any]:
    """Run one reading on every network of its claim and compare by one oracle.

    Returns outcome ("holds", "fails", "undecided" or "does not fit"), how many entries were compared, and for
    the worst of them the relative difference and the ratio claimed : meant.
    """
    values = {"torch": torch_values, "balls": ball_values}[oracle]
    compared, worst = 0, (-1.0, math.nan, "")
    for shape in claim.networks:
        for seed in SEEDS:
            scene = network(
                shape.sizes, shape.activation, shape.cost, shape.examples, seed + zlib.crc32(claim.id.encode())
            )
            try:
                found = pairs(claim.readings[role], claim.notation(scene))
            except ValueError as error:
                return {"outcome": "does not fit", "error": str(error)}
            numbers = values([n for meant, claimed, _ in found for n in (meant, claimed)])
            meants, claims = numbers[0::2], numbers[1::2]
            scale = max(abs(float(v)) for v in numbers)
            if scale == 0:
                return {"outcome": "does not fit", "error": "every value is zero: the comparison is vacuous"}
            for m, c, (_, _, where) in zip(meants, claims, found, strict=True):
                # A ball's upper bound: equal only if every number in it is that close.
                gap = abs(c - m) if oracle == "torch" else float((c - m).abs_upper())
                if not gap / scale <= worst[0]:
                    worst = (gap / scale, float(c) / float(m) if float(m) else math.inf, where)
            compared += len(found)
    difference, ratio, where = worst
    outcome = "holds" if difference <= EQUAL[oracle] else "fails" if not difference <= DIFFERS else "undecided"
    if outcome == "holds":
        return {"outcome": outcome, "compared": compared, "difference": float(f"{difference:.0e}")}
    return {"outcome": outcome, "compared": compared, "difference": float(f"{difference:.3g}"),
            "ratio": float(f"{ratio:.6g}"), "where": where}  # fmt: skip


def outcome(results: dict[str, dict[str, Any]]) -> str:
    """What the oracles say together of one reading: "holds", "fails" or "unknown"."""
    said = {"fails" if r["outcome"] == "does not fit" else r["outcome"] for r in results.values()}
    return said.pop() if len(said) == 1 and said <= {"holds", "fails"} else "unknown"


def verdict(claim: Claim, outcomes: dict[str, str]) -> str:
    """The verdict that follows from the outcome of each reading; see `VERDICTS`."""
    said = outcomes.get
    if not claim.readings:
        return "not checkable" if claim.unchecked else "unknown"
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


def judge(claim: Claim, oracles: Sequence[str]) -> dict[str, Any]:
    """One evidence row: the claim, what each oracle says of each of its readings, and the verdict."""
    results = {role: {o: try_reading(claim, role, o) for o in oracles} for role in ROLES if role in claim.readings}
    outcomes = {role: outcome(said) for role, said in results.items()}
    return {
        "claim": claim.id, "verdict": verdict(claim, outcomes), "place": claim.place, "latex": dict(claim.latex),
        "assumptions": list(claim.assumptions), "supports": list(claim.supports), "convention": claim.convention,
        "wrong": claim.wrong, "charity": claim.charity, "doubt": claim.doubt, "unchecked": claim.unchecked,
        "remark": claim.remark, "source_hash": source_hash(claim), "readings": results,
    }  # fmt: skip


def source_hash(claim: Claim) -> str:
    """Short hash of the module a claim is written in: evidence of another text of it is stale."""
    module = inspect.getmodule(claim.notation) if not claim.readings else inspect.getmodule(claim.readings["printed"])
    return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()[:12] if module else ""


def _judge_by_id(id: str, oracles: Sequence[str]) -> dict[str, Any]:
    return judge(CLAIMS[id], oracles)


def judge_all(
    path: Path,
    ids: Iterable[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Judge the claims `ids` (all of them unless given), write the evidence to `path` and return its rows.

    `progress(done, total)` is called after each claim. Raises KeyError for an unknown id, ImportError where no
    oracle is installed, OSError where `path` cannot be written.
    """
    chosen, oracles = list(CLAIMS) if ids is None else list(ids), oracles_here()
    unknown = [id for id in chosen if id not in CLAIMS]
    if unknown:
        raise KeyError(f"no claim {unknown[0]!r}")
    rows = []
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            for row in pool.map(_judge_by_id, chosen, [oracles] * len(chosen), chunksize=4):
                rows.append(row)
                progress(len(rows), len(chosen))
    else:
        for id in chosen:
            rows.append(_judge_by_id(id, oracles))
            progress(len(rows), len(chosen))
    write_lines(path, header(oracles), rows)
    return rows


def header(oracles: Sequence[str]) -> dict[str, Any]:
    """Versions, seeds and thresholds the evidence was made with."""
    from importlib.metadata import version

    versions = {name: version({"torch": "torch", "balls": "python-flint"}[name]) for name in oracles}
    return {
        "kind": "literature", "gradproof": __version__, "python": platform.python_version(), "numpy": np.__version__,
        "machine": f"{sys.platform} {platform.machine()}", "oracles": versions, "seeds": list(SEEDS), "bits": BITS,
        "equal": EQUAL, "differs": DIFFERS,
    }  # fmt: skip
