"""Numbers as text: exact both ways, and nothing else is taken."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.vectors.numbers import array, exact, read, written


@given(st.floats())
def test_every_float_is_read_as_it_was_written(x):
    y = read(written(x))
    assert y == x or (math.isnan(x) and math.isnan(y))
    assert math.copysign(1, y) == math.copysign(1, x) or math.isnan(x)


@pytest.mark.parametrize(
    ("said", "meant"),
    [(3, 3.0), (0.1, 0.1), ("1e-3", 1e-3), ("Infinity", math.inf), ("-inf", -math.inf), ("0X1P3", 8.0)],
)
def test_numbers_of_other_languages_are_read(said, meant):
    assert read(said) == meant


@pytest.mark.parametrize("said", ["", "0x", "one", "0x1p99999999", None, True, [1], {}, "1,5"])
def test_what_is_no_number_is_refused(said):
    with pytest.raises(ValueError, match="is not a number"):
        read(said)


def test_integers_stand_apart_from_floats():
    assert array(np.array([[1, -1]])) == {"shape": [1, 2], "integers": [1, -1]}
    assert array(np.float32(0.1)) == {"shape": [], "data": ["0x1.99999ap-4"]}


def test_what_has_no_truth_is_none_and_nan_is_nan():
    hi, undecided = np.array([np.nan, np.nan, 1.0, np.inf]), np.array([True, False, False, False])
    found = exact(hi, np.array([0, 0, 0.25, np.nan]), undecided, np.array([0, 0, 0.0004, np.nan]))
    assert found == {"shape": [4], "data": [None, "nan", "0x1p+0", "inf"], "residual": [0, 0, 0.25, 0]}
