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

    @property
    def fails(self) -> bool:
        """True for the verdicts that make an audit fail: wrong and unknown."""
        return self in (Verdict.wrong, Verdict.unknown)
