"""What every activation owes its caller, over the catalogue: dtype, limits, kinks, ranges."""

import inspect
from fractions import Fraction

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from formula_cases import PARAMETERS
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import CATALOGUE
from reference.activations import celu, elu, leaky_relu, prelu, relu, sigmoid, softplus, softplus_threshold, tanh

RECORDS = [f for f in CATALOGUE.values() if f.kind == "activation" and f.elementwise]
over_activations = pytest.mark.parametrize("record", RECORDS, ids=lambda f: f.name)

POINTS = np.concatenate([np.linspace(-12, 12, 401), np.geomspace(1e-12, 1e3, 60), -np.geomspace(1e-12, 1e3, 60)])


def parameter_sets(record):
    """The defaults, and other parameters where there are any."""
    return [{}, *([PARAMETERS[record.id]] if record.id in PARAMETERS else [])]


@over_activations
@settings(max_examples=25)
@given(
    z=hnp.arrays(
        st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
        elements=st.floats(width=32),
    )
)
def test_any_array_of_floats_gives_two_arrays_like_it(record, z):
    before = z.copy()
    value, slope = record.function(z)
    for output in (value, slope):
        assert isinstance(output, np.ndarray)
        assert (output.shape, output.dtype) == (z.shape, z.dtype)
        assert not np.shares_memory(output, z)
        assert np.array_equal(np.isnan(output), np.isnan(z)), "NaN where the input is NaN, and nowhere else"
    assert not np.shares_memory(value, slope)
    assert np.array_equal(z, before, equal_nan=True)
    again = record.function(z)
    assert value.tobytes() == again[0].tobytes()
    assert slope.tobytes() == again[1].tobytes()


@over_activations
def test_an_entry_does_not_depend_on_its_neighbours(record):
    value, slope = record.function(POINTS)
    for layout in (POINTS[::-1], POINTS[::3], np.broadcast_to(POINTS[:, None], (POINTS.size, 2))[:, 1]):
        order = np.searchsorted(np.sort(POINTS), layout)
        at = np.argsort(POINTS)[order]
        assert np.array_equal(record.function(layout)[0], value[at])
        assert np.array_equal(record.function(layout)[1], slope[at])
    for k in (0, 100, 200, 201, 450):
        assert record.function(POINTS[k])[0] == value[k]
        assert record.function(POINTS[k : k + 1])[1] == slope[k]


@over_activations
def test_float32_is_the_float64_result_rounded_once(record):
    z = POINTS.astype(np.float32)
    for parameters in parameter_sets(record):
        narrow, wide = record.function(z, **parameters), record.function(z.astype(np.float64), **parameters)
        with np.errstate(over="ignore"):
            for short, long in zip(narrow, wide, strict=True):
                assert np.array_equal(short, long.astype(np.float32))


@over_activations
def test_at_infinity_value_and_slope_are_the_limits(record):
    """The limit is what is reached far out, at a point and at its square alike."""
    for parameters in parameter_sets(record):
        for sign in (1, -1):
            at_infinity = record.function(np.array(sign * np.inf), **parameters)
            far_out = record.function(np.array([sign * 1e150, sign * 1e300]), **parameters)
            for limit, far in zip(at_infinity, far_out, strict=True):
                if abs(far[1]) > 1e100:
                    assert limit == np.copysign(np.inf, far[1])
                else:
                    assert far[0] == pytest.approx(limit, rel=1e-15, abs=1e-100)
                    assert far[1] == pytest.approx(limit, rel=1e-15, abs=1e-200)


@over_activations
def test_at_a_kink_the_slope_is_the_chosen_one_and_beside_it_the_one_sided(record):
    for parameters in parameter_sets(record):
        for kink in record.kinks:
            at, left, right, chosen = (
                record.at(text, **parameters) for text in (kink.at, kink.left, kink.right, kink.chosen)
            )
            beside = record.function(np.array([np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf)]), **parameters)
            if record.at(kink.at, **parameters) == 0 and len(record.kinks) == 2 and not any(parameters.values()):
                continue  # both kinks of a shrinkage by 0 meet, and cancel
            assert beside[1] == pytest.approx([left, chosen, right], rel=1e-14, abs=1e-14)
    if any(kink.at == "0" for kink in record.kinks):
        value, slope = record.function(np.array([0.0, -0.0]))
        assert value[0] == value[1]
        assert slope[0] == slope[1]


@over_activations
def test_away_from_kinks_the_slope_is_continuous(record):
    for parameters in parameter_sets(record):
        z = np.linspace(-5, 5, 40001)
        kinks = [record.at(kink.at, **parameters) for kink in record.kinks]
        slope = record.function(z, **parameters)[1]
        step = np.abs(np.diff(slope)) / np.maximum(1, np.abs(slope[1:]))
        near = np.any([np.abs(z[1:] - k) < 1e-3 for k in kinks], axis=0) if kinks else np.zeros(step.shape, bool)
        assert step[~near].max() < 0.01


@over_activations
def test_values_lie_in_the_stated_range(record):
    parameters = {} if record.name in ("threshold", "prelu") else parameter_sets(record)[-1]
    value = record.function(POINTS, **parameters)[0]
    lowest, highest = (record.at(end.replace("pi", repr(np.pi)), **parameters) for end in record.range)
    slack = 4 * np.spacing(np.where(np.isfinite(value), np.abs(value), 0))
    assert np.all(value >= lowest - slack)
    assert np.all(value <= highest + slack)


@over_activations
def test_the_slope_is_that_of_the_value(record):
    """Central differences: blunt, but they share nothing with the derivation."""
    h = 2.0**-17
    for parameters in parameter_sets(record):
        z = np.linspace(-6, 6, 1537) + 0.00123
        z = z[[all(abs(x - record.at(k.at, **parameters)) > 2 * h for k in record.kinks) for x in z]]
        right, left = (record.function(z + s * h, **parameters)[0] for s in (1, -1))
        assert record.function(z, **parameters)[1] == pytest.approx((right - left) / (2 * h), rel=1e-6, abs=1e-8)


def test_underflow_is_gradual():
    """Slopes shrink through the subnormals instead of stopping at the least normal number."""
    for function, z in ((sigmoid, -744.0), (tanh, 371.5), (softplus, -740.0), (elu, -744.0), (celu, -740.0)):
        slope = function(np.array([z]))[1][0]
        assert 0 < slope < np.finfo(float).tiny
    assert relu(np.array([5e-324]))[0][0] == 5e-324
    assert relu(np.array([5e-324]))[1][0] == 1
    assert leaky_relu(np.array([-2e-322]), negative_slope=0.5)[0][0] == -1e-322


def test_every_derivative_in_a_parameter_is_stated_and_derived():
    for record in RECORDS:
        assert set(record.partials) == set(record.learnable)
        assert all(inspect.getdoc(slope) for slope in record.function.parameter_slopes.values())
    assert "weight" in prelu.parameter_slopes


def test_extreme_parameters_do_not_overflow_on_the_way():
    assert softplus.parameter_slopes["beta"](np.array([0.0]), beta=1e200) == 0
    assert softplus(np.array([3.0]), beta=1e-320)[1] == 0.5
    assert celu(np.array([-1.0]), alpha=1e300)[0] == -1.0


@pytest.mark.parametrize("record", RECORDS, ids=lambda f: f.name)
def test_body_and_statement_agree(record):
    """The printed statement and derivative, evaluated to 50 digits, are what the body computes."""
    sympy = pytest.importorskip("sympy")
    symbols = {name: sympy.Symbol(name) for name in ("z", *record.parameters)}
    for parameters in parameter_sets(record):
        numbers = {symbols[name]: sympy.Rational(value) for name, value in {**record.parameters, **parameters}.items()}
        z = np.array([-7.3, -2.6, -1.1, -0.4, -0.05, 0.3, 0.9, 1.7, 4.2, 6.5])
        computed = record.function(z, **parameters)
        for text, got in zip((record.statement, record.derivative), computed, strict=True):
            expression = sympy.sympify(text, locals=symbols, rational=True).subs(numbers)
            printed = [float(expression.subs(symbols["z"], sympy.Rational(float(x))).evalf(50)) for x in z]
            assert got == pytest.approx(printed, rel=1e-13, abs=1e-300)


def test_softplus_jumps_where_the_exact_product_passes_the_threshold():
    """βz of floats is no float: at β = 3 and threshold 0.2 its neighbours lie on two sides of it."""
    beta, threshold = 3.0, 0.2
    z = np.nextafter(threshold / beta, [-1, 0, 1], dtype=np.float64)
    beyond = [Fraction(beta) * Fraction(x) > Fraction(threshold) for x in z.tolist()]
    value, slope = softplus_threshold(z, beta=beta, threshold=threshold)
    plain, smooth = softplus(z, beta=beta)
    assert value.tolist() == np.where(beyond, z, plain).tolist()
    assert slope.tolist() == np.where(beyond, 1, smooth).tolist()
    ends, slopes = softplus_threshold(np.array([-np.inf, np.inf, 1e300, -1e300]), beta=1e10)
    assert ends.tolist() == [0, np.inf, 1e300, 0]
    assert slopes.tolist() == [0, 1, 1, 0]
    assert np.array_equal(softplus_threshold(z, threshold=1e6)[0], softplus(z)[0])
