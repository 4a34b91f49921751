"""What a failing finding says to a person."""

from __future__ import annotations

import math

from gradproof.evidence.finding import Finding


def shown(hex: str) -> str:
    """A float written as hex, in the shortest decimals that name it, and as hex.

    >>> shown("0x1.999999999999ap-4")
    '0.1 (0x1.999999999999ap-4)'
    """
    try:
        return f"{float.fromhex(hex)!r} ({hex})"
    except ValueError:
        return hex


def failure(found: Finding, given: str = "", cause: str = "") -> str:
    """Which formula, argument and input, what was got, the truth and the error, why, and how to see it again.

    `given` is the input in words where the finding does not name it, and `cause` what explains the numbers.
    """
    subject = " ".join(filter(None, (found.formula, found.what and f"({found.what})")))
    by = f" by {found.side}" if found.side not in ("", "ours") else ""
    where = f" at {found.at}" if found.at else ""
    dtype = f" in {found.dtype}" if found.dtype else ""
    quantity = f": {found.quantity}" if found.quantity else ""
    said = [f"{subject}{quantity}{by}{where}{dtype} is {found.verdict or 'not as it should be'}"]
    if given:
        said.append(f"input {given}")
    if found.got or found.truth:
        sides = [shown(found.more[side]) for side in ("left", "right") if side in found.more]
        right = shown(found.truth) if found.truth or not sides else f"between {' and '.join(sides)}"
        said.append(f"got {shown(found.got)}, truth {right}")
    measured = {"unit": "conditioned ULP", **found.more, "error": found.max, **found.more.get("broken", {})}
    if (error := measured["error"]) is not None:
        limit, unit = measured.get("allowed"), measured["unit"]
        allowed = f", allowed {limit:g}" if limit is not None else ""
        said.append(f"off by {'not a number' if math.isnan(error) else f'{error:.4g}'} {unit}{allowed}")
    if found.why:
        said.append(found.why)
    if cause:
        said.append(f"likely cause: {cause}")
    return "; ".join(said) + f"\n  again: {found.again()}"
