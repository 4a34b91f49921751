"""What a finding means."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """The seven verdicts. None of them is a truth value, so `assert verdict` cannot pass by accident.

    >>> bool(Verdict.agrees)
    Traceback (most recent call last):
    ...
    TypeError: verdict 'agrees' is not a truth value; compare it, e.g. verdict is Verdict.agrees
    """

    exact = "exact"  # equal to the last bit
    agrees = "agrees"  # equal within the propagated rounding error
    convention = "convention"  # equal once the other's choice inside [left, right] at a kink is put in
    inaccurate = "inaccurate"  # the truth sides with us: the oracle is off by more than rounding
    wrong = "wrong"  # the truth sides against us
    undefined = "undefined"  # nothing to compare: the rounding error of this case has no bound
    unknown = "unknown"  # they differ and no truth was there to decide

    def __bool__(self) -> bool:
        raise TypeError(
            f"verdict {self.value!r} is not a truth value; compare it, e.g. verdict is Verdict.{self.value}"
        )


MEANING = {
    "exact": "equal to the last bit",
    "agrees": "equal within the propagated rounding error",
    "convention": "equal once the other's slope at a kink, inside [left, right], is put into ours",
    "inaccurate": "the exact gradient sides with us; the framework is off by more than rounding",
    "wrong": "the exact gradient sides against us",
    "undefined": "no error bound exists: an infinite slope, or a kink within rounding error",
    "unknown": "they differ and nothing was there to decide",
}
OF_CLAIMS = {  # of published equations
    "holds": "true as printed",
    "holds under a convention": "true as printed once the convention named beside it is granted",
    "misprint": "false as printed; a corrected form is given that holds",
    "ambiguous": "two fair readings, of which one holds and the other does not",
    "not checkable": "nothing in it can be computed; the reason is given",
    "unknown": "the oracles do not decide it",
}

# Claims that are judged by proof or by reading have words of their own beside these.
FAILING = frozenset({"wrong", "unknown", "refuted"})
AGREEING = ("exact", "agrees")  # of cases that are counted: what is not said of them
WORSE = ("exact", "proved", "holds", "agrees", "convention", "undefined", "inaccurate", "unknown", "refuted", "wrong")

ROUNDED = 0.501  # ULP that ours is allowed where a result in float64 is rounded once
INACCURATE = 4.0  # ULP beyond which another side is called inaccurate; conditioned, where inputs are given


def got_worse(before: str, now: str) -> bool:
    """True if a verdict stands further from exact than it did.

    >>> got_worse("agrees", "wrong"), got_worse("inaccurate", "agrees"), got_worse("misprint", "ambiguous")
    (True, False, False)
    """
    return before in WORSE and now in WORSE and WORSE.index(now) > WORSE.index(before)
