"""Recorded numbers, replayed over balls: each derivative by a power series, with x → x + t, as the coefficient of t."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flint import arb_series

from oracles.arb_truth.numbers import Ball, working
from oracles.recorded import ARITHMETIC, BITS, Number, definitions, record


def values(wanted: Sequence[Number]) -> list[Ball]:
    """Values as balls of `BITS` bits, each `d` by a power series.

    Raises NotImplementedError for a derivative of a derivative.
    """
    with working(BITS, 2):
        return _replayed(wanted)


def _replayed(wanted: Sequence[Number]) -> list[Ball]:
    named = definitions(lambda x: x.exp(), lambda x: x.log(), lambda x: x.erf(), lambda x: x.sqrt(), lambda x: x[0] > 0)
    found: dict[int, Any] = {}
    below: dict[int, list[Number]] = {}  # the record of each y that is differentiated

    def replay(number: Number, known: Mapping[int, Any]) -> Any:
        args = [known[a.serial] if a.serial in known else found[a.serial] for a in number.args]
        if number.op == "softmax":
            args[0] = number.args[0].value
        return (ARITHMETIC.get(number.op) or named[number.op])(*args)

    for number in record(wanted):
        if number.op == "leaf":
            found[number.serial] = arb_series([number.value])
        elif number.op != "d":
            found[number.serial] = replay(number, {})
        else:
            y, x = number.args
            moved = {x.serial: found[x.serial] + arb_series([0, 1])}  # x + t
            if y.serial not in below:
                below[y.serial] = record([y])
            for later in below[y.serial]:
                if later.serial not in moved and any(a.serial in moved for a in later.args):
                    if later.op == "d":
                        raise NotImplementedError("a derivative of a derivative; balls here go to first order")
                    moved[later.serial] = replay(later, moved)
            found[number.serial] = arb_series([moved[y.serial][1] if y.serial in moved else 0])
    return [found[w.serial][0] for w in wanted]
