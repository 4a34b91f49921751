"""Vector activations: values and Jacobians against exact ones, limits, shapes."""

import numpy as np
import pytest

from reference import CATALOGUE
from reference.activations import (
    geglu,
    glu,
    l2_normalize,
    log_softmax,
    logmeanexp,
    logsumexp,
    maxout,
    reglu,
    softmax,
    softmin,
    swiglu,
)

RECORDS = {f.name: f for f in CATALOGUE.values() if f.kind == "activation" and not f.elementwise}
WARM = ("softmax", "softmin", "log_softmax", "logsumexp")
CASES = [
    *((name, {}) for name in RECORDS),
    *((name, {"temperature": T}) for name in WARM for T in (0.7, 3.0)),
    ("maxout", {"k": 3}),
]
over_cases = pytest.mark.parametrize(("name", "parameters"), CASES, ids=[f"{n}{p or ''}" for n, p in CASES])


def jacobian(function, z, **parameters):
    """J of one row by pulling back unit vectors.  z: (d,) -> (m, d)."""
    value, pullback = function(z, **parameters)
    units = np.eye(value.size).reshape(-1, *value.shape)
    return np.array([pullback(v) for v in units])


def rows(d, scales=(1e-5, 0.1, 1.0, 5.0, 20.0, 200.0), n=6):
    rng = np.random.default_rng(d)
    even = [rng.normal(size=(n, d)) * s for s in scales]
    uneven = [rng.normal(size=(n, d)) * np.exp(8 * rng.normal(size=(n, d))) * 1e-3]
    return np.concatenate(even + uneven)


def test_every_vector_activation_is_tried():
    assert {name for name, _ in CASES} == set(RECORDS)
    assert {f.name for f in RECORDS.values() if f.parameters} == {*WARM, "maxout"}


@over_cases
@pytest.mark.parametrize("axis", range(-3, 3))
def test_rows_may_be_along_any_axis(name, parameters, axis):
    """As those along the last, with the axis moved there and back: in the function and in its vjp."""
    record, z = RECORDS[name], np.random.default_rng(5).normal(size=(6, 12, 18))
    (value, pullback), (along, pull) = (
        record.function(np.moveaxis(z, axis, -1), **parameters),
        record.function(z, **parameters, axis=axis),
    )
    back = (lambda x: np.moveaxis(x, -1, axis)) if value.ndim == z.ndim else (lambda x: x)
    v = np.random.default_rng(6).normal(size=value.shape)
    assert np.array_equal(along, back(value))
    assert np.array_equal(pull(back(v)), np.moveaxis(pullback(v), -1, axis))
    outputs, gradients = record.vjp({"z": z}, back(v), axis=axis, **parameters)
    assert np.array_equal(outputs["value"], along)
    assert np.array_equal(gradients["z"], pull(back(v)))


@pytest.mark.parametrize("name", RECORDS)
def test_an_axis_that_is_not_there_is_refused(name):
    record, z = RECORDS[name], np.ones((2, 6))
    for axis in (2, -3):
        with pytest.raises(ValueError, match=rf"axis = {axis}, but z has shape \(2, 6\)"):
            record.vjp({"z": z}, axis=axis)
    with pytest.raises(TypeError, match=r"axis = 1\.0 is not an integer"):
        record.function(z, axis=1.0)
    with pytest.raises(ValueError, match=r"z has shape \(0, 6\)"):
        record.function(np.ones((0, 6)), axis=0)
    assert record.function(np.ones((6, 0)), axis=0)[0].size == 0  # no rows


@over_cases
def test_layout_and_neighbouring_rows_do_not_matter(name, parameters):
    function, z = RECORDS[name].function, rows(6)
    value, pullback = function(z, **parameters)
    v = np.random.default_rng(3).normal(size=value.shape)
    g = pullback(v)
    for k in (0, 17, len(z) - 1):
        one, pull = function(z[k], **parameters)
        assert np.array_equal(one, value[k])
        assert np.array_equal(pull(v[k]), g[k])
    strided = np.repeat(z, 2, axis=-1)[:, ::2]
    assert np.array_equal(function(strided, **parameters)[0], value)
    nothing, pull = function(z[:0], **parameters)
    assert nothing.shape == value[:0].shape
    assert pull(v[:0]).shape == (0, 6)


@over_cases
def test_value_and_jacobian_are_exact_to_a_few_ulp(name, parameters):
    pytest.importorskip("flint")
    from oracles.arb_truth.points import vector_truth
    from oracles.floats import ulp, ulp_error

    record = RECORDS[name]
    for d in (6, 2) if parameters.get("k") != 3 else (6, 3):
        z = rows(d)
        if "glu" in name:
            z = np.clip(z, -30, 30)  # farther out the gate is subnormal
        exact, slopes = (vector_truth(record.id, z, order, **parameters) for order in (0, 1))
        value = record.function(z, **parameters)[0].reshape(exact.hi.shape)
        J = np.array([jacobian(record.function, row, **parameters) for row in z]).reshape(slopes.hi.shape)
        sway = 2.0**-53 * np.sum(np.abs(slopes.hi * z[:, None, :]), -1) / ulp(exact.hi, "float64")
        assert np.nanmax(ulp_error(value, exact) / (1 + sway)) <= record.conditioned_ulp
        error = ulp_error(J, slopes)
        for zero in record.slope_zeros:  # of the gate: ∂/∂b crosses zero with it
            error[..., d // 2 :][np.abs(z[:, None, d // 2 :] - float(zero)).repeat(J.shape[1], 1) < 0.25] = 0
        assert np.nanmax(error) <= record.strict_ulp


def textbook_softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    s = e / e.sum(-1, keepdims=True)
    return s, lambda v: s * (v - (v * s).sum(-1, keepdims=True))


def textbook_log_softmax(z):
    shifted = z - z.max(-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(-1, keepdims=True)
    return shifted - np.log(total), lambda v: v - e / total * v.sum(-1, keepdims=True)


@pytest.mark.parametrize(("name", "textbook"), [("softmax", textbook_softmax), ("log_softmax", textbook_log_softmax)])
def test_the_textbook_pullback_loses_every_digit_of_a_confident_row(name, textbook):
    pytest.importorskip("flint")
    from oracles.arb_truth.points import vector_truth
    from oracles.floats import ulp_error

    z = np.array([40.0, 1.0, 0.3])
    exact = vector_truth(f"activation/{name}", z, 1)
    assert np.max(ulp_error(jacobian(textbook, z), exact)) > 1e10
    assert np.max(ulp_error(jacobian(RECORDS[name].function, z), exact)) < 8


def test_known_values():
    s, pullback = softmax(np.array([0.0, np.log(3.0)]))
    assert s == pytest.approx([0.25, 0.75], rel=1e-15)
    assert pullback(np.array([1.0, 0.0])) == pytest.approx([3 / 16, -3 / 16], rel=1e-15)
    assert softmin(np.array([0.0, np.log(3.0)]))[0] == pytest.approx([0.75, 0.25], rel=1e-15)
    assert logsumexp(np.array([0.0, np.log(3.0)]))[0] == pytest.approx(np.log(4), rel=1e-15)
    assert logsumexp(np.array([2.0, 2.0]), temperature=3.0)[0] == pytest.approx(2 + 3 * np.log(2), rel=1e-15)
    assert glu(np.array([3.0, 0.0]))[0].tolist() == [1.5]
    assert geglu(np.array([3.0, 0.0]))[0].tolist() == [0.0]
    assert swiglu(np.array([3.0, 0.0]))[1](np.ones(1)).tolist() == [0.0, 1.5]
    assert reglu(np.array([3.0, 0.0]))[1](np.ones(1)).tolist() == [0.0, 0.0]  # the kink of relu
    assert l2_normalize(np.array([3.0, 4.0]))[0].tolist() == [0.6, 0.8]


def test_maxout_takes_consecutive_groups_and_shares_a_tie():
    value, pullback = maxout(np.array([1.0, 5.0, 2.0, 2.0]))
    assert value.tolist() == [5.0, 2.0]
    assert pullback(np.array([3.0, 7.0])).tolist() == [0.0, 3.0, 3.5, 3.5]
    assert maxout(np.array([1.0, 5.0, 2.0, 2.0]), k=4)[0].tolist() == [5.0]
    assert np.isnan(maxout(np.array([1.0, np.nan, 2.0, 2.0]))[0]).tolist() == [True, False]


class TestLimits:
    inf = np.inf

    def test_one_infinite_logit_takes_all(self):
        z = np.array([1.0, self.inf, -3.0])
        s, pullback = softmax(z)
        assert s.tolist() == [0, 1, 0]
        assert pullback(np.array([1.0, 2.0, 3.0])).tolist() == [0, 0, 0]
        assert softmin(-z)[0].tolist() == [0, 1, 0]
        assert log_softmax(z)[0].tolist() == [-self.inf, 0, -self.inf]
        assert logsumexp(z)[0] == self.inf

    def test_masked_entries_have_no_share(self):
        z = np.array([1.0, -self.inf, 1.0])
        s, pullback = softmax(z)
        assert s.tolist() == [0.5, 0, 0.5]
        assert pullback(np.array([1.0, 9.0, 3.0])).tolist() == [-0.5, 0, 0.5]
        assert log_softmax(z)[1](np.array([1.0, 0.0, 0.0])).tolist() == [0.5, 0, -0.5]
        assert logsumexp(np.full(3, -self.inf))[0] == -self.inf
        assert logsumexp(np.full(3, self.inf))[0] == self.inf

    @pytest.mark.parametrize("function", [softmax, log_softmax])
    @pytest.mark.parametrize("z", [[np.inf, np.inf, 0.0], [-np.inf, -np.inf], [np.nan, 1.0]])
    def test_where_there_is_no_limit_the_row_is_nan_and_no_other_is(self, function, z):
        value = function(np.array([z, np.zeros(len(z))]))[0]
        assert np.isnan(value).any(-1).tolist() == [True, False]

    def test_a_vector_with_one_infinite_entry_has_a_direction(self):
        s, pullback = l2_normalize(np.array([2.0, -self.inf]))
        assert s.tolist() == [0, -1]
        assert pullback(np.array([1.0, 2.0])).tolist() == [0, 0]
        for z in ([0.0, 0.0], [self.inf, self.inf], [np.nan, 1.0]):
            assert np.isnan(l2_normalize(np.array(z))[0]).all()

    def test_nothing_overflows_on_the_way(self):
        assert l2_normalize(np.array([3e300, 4e300]))[0] == pytest.approx([0.6, 0.8], rel=1e-15)
        assert l2_normalize(np.array([3e-320, 4e-320]))[0] == pytest.approx([0.6, 0.8], rel=1e-3)
        assert l2_normalize(np.array([3e300, 4e300]))[1](np.array([5e300, 0.0])) == pytest.approx([0.64, -0.48])
        assert softmax(np.array([1.7e308, -1.7e308]))[0].tolist() == [1, 0]
        assert logsumexp(np.array([1.7e308, 1.7e308]))[0] == 1.7e308


@pytest.mark.parametrize("function", [glu, geglu, swiglu, reglu])
def test_a_row_of_odd_length_has_no_halves(function):
    with pytest.raises(ValueError, match=r"z has shape \(2, 3\); its last axis must split into two halves"):
        function(np.ones((2, 3)))


def test_maxout_needs_whole_groups():
    with pytest.raises(
        ValueError, match=r"k = 4 and z has shape \(6,\); need a last axis of whole groups of k entries"
    ):
        maxout(np.ones(6), k=4)
    with pytest.raises(ValueError, match=r"k = 1\.5; need k ≥ 1 and k % 1 = 0"):
        maxout(np.ones(6), k=1.5)


@pytest.mark.parametrize("name", RECORDS)
def test_a_row_that_does_not_enter_may_hold_anything(name):
    z = np.array([[np.nan] * 6, [np.inf] * 6, [-np.inf] * 6, [1.0, -2, 0.5, 3, -1, 2]])
    value, pullback = RECORDS[name].function(z)
    v = np.zeros(value.shape)
    v[3] = np.arange(1, v[3].size + 1).reshape(v[3].shape)
    alone = RECORDS[name].function(z[3])[1](v[3])
    assert np.array_equal(pullback(v), [*np.zeros((3, 6)), alone])


def test_the_log_of_a_mean_of_equals_is_that_number_and_loses_no_digit_beside_it():
    for x in (-3.0, 0.0, 1e-320, 1.7e308, -np.inf, np.inf):
        assert logmeanexp(np.full(7, x))[0] == x
    small = np.array([3e-20, -1e-20])
    assert logmeanexp(small)[0] == pytest.approx(1e-20, rel=1e-15)
    assert logmeanexp(np.array([-np.inf, 2.0]))[0] == pytest.approx(2 - np.log(2), rel=1e-15)
    z = np.random.default_rng(1).standard_normal((4, 5))
    np.testing.assert_allclose(logmeanexp(z)[0], logsumexp(z)[0] - np.log(5), rtol=1e-14)
    np.testing.assert_array_equal(logmeanexp(z)[1](np.ones(4)), logsumexp(z)[1](np.ones(4)))
