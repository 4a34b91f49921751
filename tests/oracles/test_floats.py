import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.floats import FORMATS, Truth, conditioned_error, format_of, ulp, ulp_error

NUMPY_FORMATS = ("float16", "float32", "float64")


def exact(values, dtype="float64", residual=0.0, undecided=False):
    hi = np.asarray(values, np.float64)
    return Truth(hi, np.full(hi.shape, residual), np.full(hi.shape, undecided), dtype)


@pytest.mark.parametrize("dtype", NUMPY_FORMATS)
def test_formats_are_those_of_numpy(dtype):
    info, (digits, least, greatest) = np.finfo(dtype), FORMATS[dtype]
    assert float(info.smallest_subnormal) == math.ldexp(1, least)
    assert float(info.tiny) == math.ldexp(1, least + digits - 1)
    assert float(info.max) == math.ldexp(2**digits - 1, greatest + 1 - digits)


def test_bfloat16_is_that_of_ml_dtypes():
    info, (digits, least, greatest) = pytest.importorskip("ml_dtypes").finfo("bfloat16"), FORMATS["bfloat16"]
    assert float(info.smallest_subnormal) == math.ldexp(1, least)
    assert float(info.max) == math.ldexp(2**digits - 1, greatest + 1 - digits)


@pytest.mark.parametrize("dtype", NUMPY_FORMATS)
def test_ulp_is_the_spacing(dtype):
    info = np.finfo(dtype)
    x = np.array([0, info.smallest_subnormal, info.tiny, 0.1, 1, 1.5, 2, -3, info.max / 2], dtype)
    np.testing.assert_array_equal(ulp(x, dtype), np.abs(np.spacing(x)).astype(float))
    assert np.isnan(ulp(np.nan, dtype))
    assert ulp(np.inf, dtype) == ulp(info.max, dtype) == ulp(-np.inf, dtype)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5))
def test_neighbours_are_whole_ulps_apart(x, steps):
    got = x
    for _ in range(abs(steps)):
        got = math.nextafter(got, math.copysign(math.inf, steps))
    if math.frexp(got)[1] == math.frexp(x)[1] and math.isfinite(got):
        assert ulp_error(got, exact(x)) == abs(steps)


@pytest.mark.parametrize(
    ("got", "truth", "error"),
    [
        (1.0, 1.0, 0.0),
        (-0.0, 0.0, 0.0),
        (5e-324, 0.0, 1.0),
        (0.0, 2.0**-1022, 2.0**52),
        (math.inf, math.inf, 0.0),
        (-math.inf, math.inf, math.inf),
        (math.inf, 1.0, math.inf),
        (1.7e308, math.inf, math.inf),
        (math.nan, 1.0, math.inf),
        (math.nan, math.nan, 0.0),
        (1.0, math.nan, math.inf),
        (-1.0, 1.0, 2.0**53),
        (-1.7e308, 1.7e308, math.ldexp(1.7e308, -970)),
    ],
)
def test_error_is_total(got, truth, error):
    assert ulp_error(got, exact(truth)) == error


def test_residual_counts():
    assert ulp_error(1.0, exact(1.0, residual=0.3)) == pytest.approx(0.3)
    assert ulp_error(1 + 2.0**-52, exact(1.0, residual=0.3)) == pytest.approx(0.7)


def test_no_truth_gives_no_error():
    assert np.isnan(ulp_error(0.5, exact(np.nan, undecided=True)))


def test_beside_0_an_error_of_more_ulps_than_there_are_floats_is_forgiven_likewise():
    assert conditioned_error(1e-3, exact(0.0), 1.0, exact(2.0**50)) == pytest.approx(8e-3)  # 1e-3 over 2^-53·2^50
    assert conditioned_error(1e-3, exact(0.0), 1.0, exact(0.0)) == math.inf
    assert conditioned_error(math.nan, exact(0.0), 1.0, exact(1.0)) == math.inf
    assert conditioned_error(math.inf, exact(1.0), 1.0, exact(1.0)) == math.inf


def test_conditioned_error_forgives_half_an_ulp_of_the_input():
    """cos near its zero: the slope there is −1, so the value at the neighbouring float differs by ulp(x)."""
    x, y, slope = np.array([math.pi / 2]), np.array([6.123233995736766e-17]), np.array([-1.0])
    wrong = y + ulp(x, "float64") / 2
    assert ulp_error(wrong, exact(y)) > 1e15
    assert conditioned_error(wrong, exact(y), x, exact(slope)) == pytest.approx(2 / math.pi)  # 2^-53 over 2^-53·π/2
    assert conditioned_error(wrong, exact(y), 0 * x, exact(slope)) == ulp_error(wrong, exact(y))


@pytest.mark.parametrize(("x", "slope"), [(np.inf, 0.0), (1.0, np.nan), (0.0, np.inf)])
def test_nothing_is_forgiven_where_the_condition_is_unknown(x, slope):
    assert conditioned_error(1 + 2.0**-52, exact(1.0), x, exact(slope)) == 1.0


def test_unknown_dtype_is_named():
    with pytest.raises(ValueError, match="'int32' is not one of float16, bfloat16"):
        format_of(np.int32)
    with pytest.raises(ValueError, match="'float8'"):
        format_of("float8")
