import numpy as np
import pytest

pytest.importorskip("flint")

from oracles.arb_truth.activations import ELEMENTWISE, bind
from oracles.floats import FORMATS
from oracles.points import around, dense, every, from_ordinal, ordinal, rounded, special, zeros_of_slope


def all_finite(dtype):
    with np.errstate(invalid="ignore"):
        x = np.arange(1 << 16, dtype=np.uint16).view(dtype).astype(float)
    return np.unique(x[np.isfinite(x)])


def test_every_float16():
    np.testing.assert_array_equal(every("float16"), all_finite(np.float16))


def test_every_bfloat16():
    np.testing.assert_array_equal(every("bfloat16"), all_finite(pytest.importorskip("ml_dtypes").bfloat16))


def test_wide_formats_cannot_be_listed():
    with pytest.raises(ValueError, match="float32 has too many"):
        every("float32")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_ordinals_step_with_nextafter(dtype):
    info = np.finfo(dtype)
    x = np.array([0, info.smallest_subnormal, info.tiny, -info.tiny, 0.1, 1, -2, 2.5, 65472.0], dtype)
    up = np.nextafter(x, np.array(np.inf, dtype))
    np.testing.assert_array_equal(ordinal(up, dtype) - ordinal(x, dtype), 1)
    np.testing.assert_array_equal(from_ordinal(ordinal(x, dtype), dtype), x.astype(float))


def test_beyond_the_greatest_there_is_nothing():
    top = ordinal(65504.0, "float16")
    assert from_ordinal([top - 1, top, top + 1, -top - 1], "float16").tolist() == [65472.0, 65504.0]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rounded_rounds_as_numpy_does(dtype):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=1000), rng.normal(size=1000) * 2.0 ** FORMATS[dtype].least * 3])
    np.testing.assert_array_equal(rounded(x, dtype), x.astype(dtype).astype(float))


def test_special_points():
    x = special("float32")
    info = np.finfo(np.float32)
    for value in (0, np.inf, info.max, info.tiny, info.smallest_subnormal):
        assert value in x
        assert -value in x
    assert np.isnan(x).sum() == 1


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("dtype", FORMATS)
def test_dense_points(id, dtype):
    n = 2000
    x = dense(id, dtype, n)
    if FORMATS[dtype].digits > 11:
        assert x.size >= n
    assert (np.diff(x) > 0).all()
    np.testing.assert_array_equal(rounded(x, dtype), x)
    np.testing.assert_array_equal(x, dense(id, dtype, n))
    steps = np.arange(-48, 49)
    for centre in (0.0, *(float(t) for t in bind(id).breakpoints), *zeros_of_slope(id)):
        neighbours = from_ordinal(ordinal(rounded([centre], dtype), dtype)[0] + steps, dtype)
        assert np.isin(neighbours, x).all(), centre
    reach = np.abs(x[x != 0])
    assert reach.min() == 2.0 ** FORMATS[dtype].least
    assert reach.max() > 2.0 ** FORMATS[dtype].greatest


@pytest.mark.parametrize(
    ("id", "zeros"),
    [
        ("activation/silu", [-1.2784645427610738]),
        ("activation/hardswish", [-1.5]),
        ("activation/gaussian", [0.0]),
        ("activation/tanh", []),
        ("activation/relu", []),
    ],
)
def test_zeros_of_the_slope(id, zeros):
    """silu' = 0 where 1 + e⁻ᶻ + z e⁻ᶻ = 0, the root −1.27846454276107…; hardswish is z(z + 3)/6 there."""
    np.testing.assert_allclose(zeros_of_slope(id), zeros, rtol=1e-15)


def test_around_approaches_its_centre():
    x = around(1.0, 200, "float64")
    assert {1.0, np.nextafter(1, 2), np.nextafter(1, 0)} <= set(x.tolist())
    assert x.min() < 0.6
    assert x.max() > 1.4
