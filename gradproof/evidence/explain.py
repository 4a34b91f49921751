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


def failure(found: Finding) -> str:
    """Which formula, argument and input, what was got, the truth and the error, why, and how to see it again."""
    subject = " ".join(filter(None, (found.formula, found.what and f"({found.what})")))
    by = f" by {found.side}" if found.side not in ("", "ours") else ""
    where = f" at {found.at}" if found.at else ""
    dtype = f" in {found.dtype}" if found.dtype else ""
    quantity = f": {found.quantity}" if found.quantity else ""
    said = [f"{subject}{quantity}{by}{where}{dtype} is {found.verdict or 'not as it should be'}"]
    if found.got or found.truth:
        said.append(f"got {shown(found.got)}, truth {shown(found.truth)}")
    if found.max is not None:
        allowed = f", allowed {found.more['allowed']:g}" if "allowed" in found.more else ""
        size = "not a number" if math.isnan(found.max) else f"{found.max:.4g}"
        said.append(f"off by {size} {found.more.get('unit', 'conditioned ULP')}{allowed}")
    if found.why:
        said.append(found.why)
    return "; ".join(said) + f"\n  again: {found.again()}"
