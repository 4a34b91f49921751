import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gradproof.answers.factors import explain

G = np.array([[0.3, -1.2, 2.0], [0.7, 0.0, -0.4]])  # 2 examples, 3 outputs
SQUARE = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("got", "expected", "n", "cause"),
    [
        (-G, G, 5, "the sign is wrong (ratio −1)"),
        (5 * G, G, 5, "the 1/n of the mean is missing (ratio 5)"),
        (G / 5, G, 5, "1/n is applied twice"),
        (2 * G, G, 5, "a factor 2 or ½ (ratio 2)"),
        (G / 2, G, 5, "a factor 2 or ½ (ratio 0.5)"),
        (2 * G, G, 2, "the 1/n of the mean is missing (ratio 2)"),
        (1.25 * G, G, 5, "a constant factor (ratio 1.25)"),
        (0 * G, G, 5, "it is zero"),
        (np.where(G > 1, np.nan, G), G, 5, "it is not finite"),
        (np.where(G > 1, np.inf, G), G, 5, "it is not finite"),
        (SQUARE.T, SQUARE, 5, "it is the transpose"),
        (G + 1, G, 5, "no simple cause fits"),
        (G, 0 * G, 5, "no simple cause fits"),
    ],
)
def test_one_cause_explains_the_numbers(got, expected, n, cause):
    assert explain(got, expected, n) == cause


def test_a_named_alternative_comes_before_a_mere_factor():
    """Equal units make every ratio constant; the reason that was looked for says more."""
    assert explain(np.full(3, 0.2), np.ones(3), 1, {"the slope is missing": np.full(3, 0.2)}) == "the slope is missing"
    assert explain(G**2, G, 1, {"something else": G**3, "it is squared": G**2}) == "it is squared"
    assert explain(G**2, G, 1, {"something else": G**3}) == "no simple cause fits"


@given(st.floats(-1e3, 1e3), st.integers(2, 100))
def test_a_constant_ratio_is_always_seen(ratio, n):
    assume(abs(ratio) > 1e-3)
    cause = explain(ratio * G, G, n)
    assert "ratio" in cause or cause == "1/n is applied twice"
