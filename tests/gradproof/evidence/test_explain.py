"""A failing finding says which formula, where, what was got, how far it is off, why, and how to see it again."""

import math
from dataclasses import replace

import pytest

from gradproof.evidence.explain import failure, shown
from gradproof.evidence.finding import Finding

DRAWN = Finding("accuracy", "cost/kl_div", "log", "∂/∂a", "float64", "ours", "wrong", max=9.0, at="near 3 [0, 1]",
                got="0x1.0p+0", truth="0x1.8p+0", why="the sign is wrong", more={"allowed": 4.0})  # fmt: skip
WHOLE = """\
cost/kl_div (log): ∂/∂a at near 3 [0, 1] in float64 is wrong; got 1.0 (0x1.0p+0), truth 1.5 (0x1.8p+0); \
off by 9 conditioned ULP, allowed 4; the sign is wrong
  again: gradproof case cost/kl_div near 3"""


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ({}, "", ""),
        ({"what": ""}, " (log)", ""),
        ({"side": "jax"}, "∂/∂a at", "∂/∂a by jax at"),
        ({"dtype": ""}, " in float64", ""),
        ({"verdict": ""}, "is wrong;", "is not as it should be;"),
        ({"got": "", "truth": ""}, "; got 1.0 (0x1.0p+0), truth 1.5 (0x1.8p+0)", ""),
        ({"got": "nan"}, "1.0 (0x1.0p+0)", "nan (nan)"),
        ({"got": "no gradient"}, "1.0 (0x1.0p+0)", "no gradient"),
        ({"max": None}, "; off by 9 conditioned ULP, allowed 4", ""),
        ({"max": math.nan}, "off by 9", "off by not a number"),
        ({"max": 1234567.0}, "off by 9", "off by 1.235e+06"),
        ({"more": {"unit": "relative"}}, "conditioned ULP, allowed 4", "relative"),
        (
            {"more": {"allowed": 4.0, "broken": {"unit": "strict ULP", "error": 0.75, "allowed": 0.501}}},
            "off by 9 conditioned ULP, allowed 4",
            "off by 0.75 strict ULP, allowed 0.501",
        ),
        ({"why": ""}, "; the sign is wrong", ""),
        ({"kind": "proof", "quantity": "", "at": ""}, ": ∂/∂a at near 3 [0, 1]", ""),
    ],
)
def test_a_failure_names_everything_a_person_needs_and_nothing_that_is_not_known(change, old, new):
    found = replace(DRAWN, **change)
    said = WHOLE.replace(old, new, 1) if old else WHOLE
    assert failure(found) == said.replace("gradproof case cost/kl_div near 3", found.again())


@pytest.mark.parametrize("x", [0.1, -3.0, 5e-324, math.inf])
def test_a_float_is_shown_in_decimals_that_name_it(x):
    decimals, hexadecimals = shown(x.hex()).rstrip(")").split(" (")
    assert float(decimals) == float.fromhex(hexadecimals) == x
