"""Any shape and floating dtype, rounded once, with errors that say what to do."""

import warnings

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.activation import BLOCK, elementwise, parameter_slope, rowwise
from reference.formula import formula
from reference.lift import (
    array,
    checked,
    cotangent_of,
    floating,
    integers,
    named,
    real,
    rounded,
    times,
)


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


def registered(**record):
    """Put a record beside a function, but not into the catalogue."""

    def register(function):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("reference.formula.CATALOGUE", {})
            return formula("test/it", statement="", derivative="", **record)(function)

    return register


@registered(valid={"scale": "0 < scale <= 8", "low": "low <= high", "many": "many >= 1", "far": "far <= oo"})
@elementwise
def cube(z, scale=1.0, low=0.0, high=1.0, many=1, far=1.0, plain=True):
    """scale·z³."""
    return scale * z * z * z, 3 * scale * z * z


@parameter_slope(cube, "scale")
def cube_scale(z, scale=1.0):
    """z³."""
    return z * z * z


@rowwise
def doubled(z, factor=2.0):
    """factor·z of rows."""
    return factor * z, lambda v: factor * v


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


BAD = [
    ({"scale": -1.0}, ValueError, r"scale = -1\.0; need 0 < scale ≤ 8"),
    ({"scale": 0}, ValueError, r"scale = 0; need 0 < scale ≤ 8"),
    ({"low": 2}, ValueError, r"low = 2, high = 1\.0; need low ≤ high"),
    ({"low": 2.0, "high": 1.5}, ValueError, r"low = 2\.0, high = 1\.5; need low ≤ high"),
    ({"high": -1}, ValueError, r"low = 0\.0, high = -1; need low ≤ high"),
    ({"many": 0}, ValueError, r"many = 0; need many ≥ 1"),
    ({"scale": np.nan}, ValueError, r"scale = nan is not finite"),
    ({"scale": np.inf}, ValueError, r"scale = inf is not finite"),
    ({"far": np.nan}, ValueError, r"far = nan is not finite"),
    ({"scale": "2"}, TypeError, r"scale = '2' is not a number"),
    ({"scale": [1.0, 2.0]}, TypeError, r"scale = \[1\.0, 2\.0\] is not a number"),
    ({"scale": None}, TypeError, r"scale = None is not a number"),
    ({"scale": 10**400}, ValueError, r"scale = 10* is not finite"),
    ({"scale": True}, TypeError, r"scale = True is not a number"),
    ({"plain": 2}, TypeError, r"plain = 2 is neither True nor False"),
    ({"plain": "no"}, TypeError, r"plain = 'no' is neither True nor False"),
    (
        {"size": 1.0},
        TypeError,
        r"cube got an unexpected keyword argument 'size'; it has scale, low, high, many, far, plain",
    ),
]


@pytest.mark.parametrize(("parameters", "error", "message"), BAD)
@pytest.mark.parametrize("z", [np.ones(2), np.ones(0)], ids=["two", "empty"])
def test_a_bad_parameter_is_named_with_its_value_and_with_what_would_do(z, parameters, error, message):
    with pytest.raises(error, match=message):
        cube(z, **parameters)
    with pytest.raises(error, match=message):
        cube_scale(z, **parameters)
    with pytest.raises(error, match=message):
        cube.vjp({"z": z}, **parameters)


def test_parameters_of_any_number_type_count_as_float64_and_those_with_an_integer_default_stay_integers():
    known = {"a": 1.0, "b": 1.0, "c": 1.0, "n": 1, "m": 1, "flag": False, "name": "x"}
    given = {"a": 2, "b": np.float32(0.5), "c": np.array(3.0), "n": 4.0, "m": 4.5, "flag": np.True_, "name": "y"}
    assert checked(cube, known, given) == given
    assert [type(x) for x in checked(cube, known, given).values()] == [float, float, float, int, float, bool, str]


def test_infinity_is_a_number_where_the_condition_speaks_of_it_or_there_is_no_record():
    assert cube(np.ones(1), far=np.inf)[0] == 1
    assert checked(len, {"x": 1.0}, {"x": np.inf}) == {"x": np.inf}


# ---------------------------------------------------------------- arguments and cotangents


def test_arguments_are_taken_by_name():
    assert named(cube, {"z": 1, "weight": None}, ("z", "weight"), 1) == {"z": 1}
    with pytest.raises(TypeError, match="cube has no argument 'x'; it has z, weight"):
        named(cube, {"x": 1}, ("z", "weight"), 1)
    with pytest.raises(TypeError, match="cube needs the argument 'z'"):
        named(cube, {"z": None, "weight": 1}, ("z", "weight"), 1)


def test_real_numbers_are_floats_integers_and_bools():
    for x in (1.5, 2, True, np.float16(1), np.ones(2, np.uint8)):
        assert real(x, "x").dtype == np.asarray(x).dtype
    for x in (1j, "1", [None]):
        with pytest.raises(TypeError, match=r"x has dtype .*; pass real numbers"):
            real(x, "x")


def test_the_other_byte_order_is_taken_and_made_that_of_the_machine():
    for dtype in (np.float16, np.float32, np.float64):
        x = np.array([1.5, -2.0], dtype)
        swapped = x.astype(x.dtype.newbyteorder("S"))
        for taken in (floating(swapped), real(swapped, "x")):
            assert taken.dtype.isnative
            assert same(taken, x)
        assert all(same(p, q) for p, q in zip(cube(swapped), cube(x), strict=True))
    labels = np.array([1, 2])
    assert integers(labels.astype(labels.dtype.newbyteorder("S")), "labels").dtype == labels.dtype


def test_what_is_no_array_as_it_stands_is_refused_by_name_and_value():
    masked = np.ma.masked_array([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 0])
    for take in (floating, real, integers, array):
        with pytest.raises(TypeError, match=r"x is a masked array, .*it is \[1\.0, --, 3\.0, …\]"):
            take(masked, "x")
        with pytest.raises(ValueError, match=r"x is no array: .*inhomogeneous"):
            take([[1.0], [1.0, 2.0]], "x")
    with pytest.raises(TypeError, match=r"x has dtype int64; .*: it is \[1, 2\]"):
        floating(np.array([1, 2]), "x")
    with pytest.raises(TypeError, match=r"labels have dtype float64; pass integers: it is 1\.5"):
        integers(1.5, "labels")


@pytest.mark.skipif(np.dtype(np.longdouble) == np.float64, reason="long double is float64 on this platform")
def test_a_long_double_is_no_switch_without_a_gradient():
    with pytest.raises(TypeError, match=r"x has dtype .*; pass real numbers of up to 64 bits: it is \[1\.0\]"):
        real(np.ones(1, np.longdouble), "x")


def test_a_cotangent_is_one_array_or_stands_under_the_name_of_the_output():
    for v in ([1, 2], {"value": [1.0, 2.0]}, np.array([1, 2], np.float16)):
        assert cotangent_of(v, (2,)).tolist() == [1, 2]
        assert cotangent_of(v, (2,)).dtype == np.float64
    assert cotangent_of(None, (2,)) is cotangent_of({"value": None}, (2,)) is None
    for v, message in (
        ([1.0], r"cotangent has shape \(1,\), the output has shape \(2,\); they must be equal"),
        ({"w": [1.0, 2.0]}, "cotangents of w; the output is 'value'"),
        ({}, "cotangents of nothing; the output is 'value'"),
    ):
        with pytest.raises(ValueError, match=message):
            cotangent_of(v, (2,))
    with pytest.raises(TypeError, match="cotangent has dtype complex128"):
        cotangent_of([1j, 0], (2,))


def test_what_has_no_weight_does_not_enter():
    x = np.array([np.inf, np.nan, 3.0])
    with np.errstate(invalid="ignore"):
        assert times(np.array([0.0, -0.0, 2.0]), x).tolist() == [0, 0, 6]
    assert times(None, x) is x


def test_learnable_parameters_among_the_arguments():
    z, v = np.array([[1.5, np.nan], [-2, 0]], np.float32), np.array([[2, 0], [0.5, 7]])
    outputs, gradients = cube.vjp({"z": z, "scale": np.array(2.0)}, v)
    assert outputs["value"].dtype == gradients["z"].dtype == gradients["scale"].dtype == np.float32
    assert gradients["scale"] == 2 * 3.375 - 0.5 * 8  # the NaN has the cotangent 0
    assert gradients["z"].tolist() == [[2 * 6 * 2.25, 0], [0.5 * 6 * 4, 0]]
    with pytest.raises(TypeError, match="scale has dtype int64; pass floats"):
        cube.vjp({"z": z, "scale": 2})
    with pytest.raises(TypeError, match=r"scale = array\(\[1., 2.\]\) is not a number"):
        cube.vjp({"z": z, "scale": [1.0, 2.0]})
    with pytest.raises(TypeError, match="cube has no argument 'low'; it has z, scale"):
        cube.vjp({"z": z, "low": 0.5})
    with pytest.raises(ValueError, match=r"scale = 9\.0; need 0 < scale ≤ 8"):
        cube.vjp({"z": z, "scale": 9.0})


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("dtype", [*WIDE, *formats()], ids=str)
def test_rows_keep_their_dtype_and_the_pullback_rounds_once(dtype):
    z = np.linspace(-2, 2, 12).astype(dtype).reshape(3, 4)
    value, pullback = doubled(z, factor=1 / 3)
    wide, wide_pullback = doubled(z.astype(np.float64), 1 / 3)
    assert same(value, rounded(wide, dtype))
    assert same(pullback(z), rounded(wide_pullback(z.astype(np.float64)), dtype))
    assert same(doubled.vjp({"z": z}, z, factor=1 / 3)[1]["z"], pullback(z))


def test_rows_are_needed_and_cotangents_of_their_shape():
    with pytest.raises(ValueError, match=r"z has shape \(\); expected \(\.\.\., d\) with d ≥ 1"):
        doubled(1.0)
    with pytest.raises(ValueError, match=r"z has shape \(2, 0\)"):
        doubled.vjp({"z": np.ones((2, 0))})
    with pytest.raises(ValueError, match=r"cotangent has shape \(2,\), the output has shape \(1, 2\)"):
        doubled(np.ones((1, 2)))[1](np.ones(2))


def test_a_pullback_does_not_see_what_becomes_of_its_input():
    @rowwise
    def square(z):
        return z * z, lambda v: 2 * z * v

    z = np.ones((1, 2))
    _, pullback = square(z)
    z[:] = 7
    assert pullback(np.ones((1, 2))).tolist() == [[2, 2]]
