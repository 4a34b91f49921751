"""Any shape and floating dtype, rounded once, with errors that say what to do."""

import warnings

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.lift import BLOCK, elementwise, floating, numbers, parameter_slope, positive, rounded


def formats():
    try:
        import ml_dtypes
    except ImportError:
        return [np.dtype(np.float16)]
    return [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]


WIDE = [np.dtype(np.float32), np.dtype(np.float64)]


def finite(dtype):
    """All finite floats of a 16-bit dtype, rising, as float64."""
    with np.errstate(invalid="ignore"):
        x = np.arange(1 << 16, dtype=np.uint16).view(dtype).astype(np.float64)
    return np.unique(x[np.isfinite(x)])


def same(a, b):
    """Equal bits, but for the payload of NaN."""
    return (
        a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a.astype(float), b.astype(float), equal_nan=True)
    )


@elementwise
def cube(z, scale=1.0):
    """scale·z³."""
    positive(scale=scale)
    return scale * z * z * z, 3 * scale * z * z


@parameter_slope(cube, "scale")
def cube_scale(z, scale=1.0):
    """z³."""
    return z * z * z


@pytest.mark.parametrize("dtype", [np.float32, np.float64, *formats()])
def test_floats_are_taken_as_they_are(dtype):
    x = np.ones(3, dtype)
    assert floating(x) is x
    assert floating(1.5).dtype == np.float64


@pytest.mark.parametrize("x", [1, [1, 2], True, 1j, "1", [None], np.float16(1).astype(np.longdouble)])
def test_anything_else_is_refused_with_its_dtype_and_a_remedy(x):
    if np.asarray(x).dtype == np.float64:
        pytest.skip("long double is float64 on this platform")
    with pytest.raises(TypeError, match=r"targets has dtype .*targets\.astype\(np\.float64\)"):
        floating(x, "targets")


def test_an_integer_array_is_refused_by_the_lifted_function():
    with pytest.raises(TypeError, match=r"z has dtype int64; pass floats, e\.g\. z\.astype\(np\.float64\)"):
        cube(np.arange(3))


@pytest.mark.parametrize("dtype", formats(), ids=str)
class TestSixteenBits:
    """`rounded` against a search in the sorted list of all floats."""

    def midpoints(self, dtype):
        x = finite(dtype)
        return (x[1:] + x[:-1]) / 2, x

    def test_every_float_is_itself_and_every_midpoint_goes_to_the_even_neighbour(self, dtype):
        middle, x = self.midpoints(dtype)
        assert np.array_equal(rounded(x, dtype).astype(float), x)
        with np.errstate(invalid="ignore"):
            expected = rounded(middle, dtype)
        assert np.all(expected.view(np.uint16) % 2 == 0)
        assert np.all((expected.astype(float) == x[1:]) | (expected.astype(float) == x[:-1]))

    def test_next_to_a_midpoint_it_goes_to_the_nearer_neighbour(self, dtype):
        middle, x = self.midpoints(dtype)
        above, below = np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)
        assert np.array_equal(rounded(above, dtype).astype(float), x[1:])
        assert np.array_equal(rounded(below, dtype).astype(float), x[:-1])
        twice = above.astype(np.float32).astype(dtype).astype(float)
        assert np.any(twice != x[1:]), "rounding twice must fail this test"

    def test_beyond_decides_a_midpoint_and_nothing_else(self, dtype):
        middle, x = self.midpoints(dtype)
        assert np.array_equal(rounded(middle, dtype, 1e-9).astype(float), x[1:])
        assert np.array_equal(rounded(middle, dtype, np.full(middle.shape, -3.0)).astype(float), x[:-1])
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
        for side in (-1, 0, 1):
            assert np.array_equal(rounded(special, dtype, side).astype(float), special, equal_nan=True)
            assert np.signbit(rounded(special, dtype, side)).tolist() == [False, True, False, True, False]
            assert np.array_equal(rounded(x, dtype, side).astype(float), x)

    def test_beyond_the_range_is_infinity(self, dtype):
        top = finite(dtype)[-1]
        with np.errstate(over="ignore"):
            assert rounded(np.array([1e300, -1e300, top * 1.01]), dtype).astype(float).tolist() == [
                np.inf,
                -np.inf,
                np.inf,
            ]
            assert rounded(np.array([1e-300, -1e-300]), dtype).astype(float).tolist() == [0.0, 0.0]


@settings(deadline=None)
@given(
    z=hnp.arrays(
        st.sampled_from(WIDE), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0), elements=st.floats(-8, 8, width=32)
    )
)
def test_shape_and_dtype_are_kept_and_the_input_is_not_touched(z):
    before = z.copy()
    value, slope = cube(z)
    assert value.shape == slope.shape == z.shape
    assert value.dtype == slope.dtype == z.dtype
    assert same(z, before)
    assert not np.shares_memory(value, z)
    again = cube(z)
    assert same(value, again[0])
    assert same(slope, again[1])
    wide = z.astype(np.float64)
    assert same(value, (wide * wide * wide).astype(z.dtype))


@pytest.mark.parametrize("dtype", [*WIDE, *formats()], ids=str)
def test_every_layout_gives_the_values_of_its_entries(dtype):
    grid = np.linspace(-3, 3, 24).astype(dtype).reshape(4, 6)
    frozen = grid.copy()
    frozen.setflags(write=False)
    for z in (grid.T, grid[::2, ::-1], np.broadcast_to(grid[0], (5, 6)), np.asfortranarray(grid), frozen, grid[:, :0]):
        value, slope = cube(z)
        assert same(value, cube(np.ascontiguousarray(z))[0])
        assert same(slope, cube(np.ascontiguousarray(z))[1])
    scalar = cube(grid[1, 1])
    assert scalar[0].shape == ()
    assert scalar[0] == cube(grid)[0][1, 1]


def test_blocks_leave_no_seam():
    z = np.linspace(-2, 2, 2 * BLOCK + 7)
    value, slope = cube(z)
    assert same(value, z * z * z)
    assert same(slope, 3 * z * z)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("dtype", [*WIDE, *formats()], ids=str)
def test_nan_is_passed_on_to_value_and_slope_without_a_warning(dtype, exact):
    @elementwise(exact=exact)
    def deaf(z):
        """A body that ignores NaN in its slope."""
        return z + 0, np.ones_like(z)

    bits = {2: np.uint16, 4: np.uint32, 8: np.uint64}[dtype.itemsize]
    signalling = (np.array([np.inf], dtype).view(bits) + 1).view(dtype)
    z = np.concatenate([np.array([1, np.nan, 2], dtype), signalling])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, slope = deaf(z)
    assert np.isnan(value).tolist() == np.isnan(slope).tolist() == [False, True, False, True]


def test_overflow_and_underflow_are_results_and_no_warning():
    value, slope = cube(np.array([1e200, -1e200, 1e-200]))
    assert value.tolist() == [np.inf, -np.inf, 0]
    assert slope.tolist() == [np.inf, np.inf, 0]


def test_the_slope_in_a_parameter_is_lifted_alike():
    z = np.array([[1.5, np.nan], [-2, 0]], np.float32)
    slope = cube.parameter_slopes["scale"](z, scale=2.0)
    assert same(slope, np.array([[3.375, np.nan], [-8, 0]], np.float32))
    with pytest.raises(TypeError, match="dtype int64"):
        cube_scale(np.arange(2))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"scale": -1.0}, ValueError, r"scale = -1.0; need scale > 0"),
        ({"scale": 0}, ValueError, r"scale = 0.0; need scale > 0"),
        ({"scale": np.nan}, ValueError, r"scale = nan is not finite"),
        ({"scale": np.inf}, ValueError, r"scale = inf is not finite"),
        ({"scale": "2"}, TypeError, r"scale = '2' is not a number"),
        ({"scale": [1.0, 2.0]}, TypeError, r"scale = \[1.0, 2.0\] is not a number"),
        ({"scale": None}, TypeError, r"scale = None is not a number"),
        ({"size": 1.0}, TypeError, r"unexpected keyword argument 'size'"),
    ],
)
@pytest.mark.parametrize("z", [np.ones(2), np.ones(0)], ids=["two", "empty"])
def test_a_bad_parameter_is_named_with_its_value(z, parameters, error, message):
    with pytest.raises(error, match=message):
        cube(z, **parameters)


def test_parameters_of_any_number_type_count_as_float64():
    assert numbers(a=2, b=np.float32(0.5), c=np.array(3.0)) == {"a": 2.0, "b": 0.5, "c": 3.0}
