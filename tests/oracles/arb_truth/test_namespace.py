"""Every function of the namespace over balls is NumPy's, with the slopes that neighbouring points have."""

import doctest
import math

import numpy as np
import pytest
from array_api_calls import CALLS, OPERATORS, B, K, X, Y

pytest.importorskip("flint")

from oracles.arb_truth import Undecided, namespace, one_sided
from oracles.arb_truth.array_type import Numbers
from oracles.arb_truth.namespace import CONSTANTS, INSTEAD, forward, pullback_of, xp
from oracles.arb_truth.tape import Node
from oracles.finite_difference import central_difference


def numpys(f):
    """NumPy's value of f, and its gradients by x and y by central differences, under a random cotangent."""
    value = np.asarray(f(np, X, Y))
    v = np.random.default_rng(1).standard_normal(value.shape)
    by_x = central_difference(lambda x: np.sum(v * f(np, x, Y)), X, 2)
    by_y = central_difference(lambda y: np.sum(v * f(np, X, y)), Y, 2)
    return value, v, {"x": by_x, "y": by_y}


def test_every_name_is_met():
    assert set(CALLS) | set(CONSTANTS) == set(dir(xp))
    assert not set(CALLS) & set(CONSTANTS)


@pytest.mark.parametrize("f", {**CALLS, **OPERATORS}.values(), ids={**CALLS, **OPERATORS})
def test_a_function_is_that_of_numpy(f):
    value, v, slopes = numpys(f)
    found = pullback_of(f, {"x": X, "y": Y}, v)
    np.testing.assert_allclose(found.outputs["value"].truth.hi, value, rtol=1e-14, atol=1e-15, strict=True)
    for name, slope in slopes.items():
        np.testing.assert_allclose(found.gradients[name].truth.hi, slope, rtol=1e-7, atol=1e-8)


def test_a_wrong_function_is_noticed(monkeypatch):
    monkeypatch.setattr(Node, "sqrt", Node.exp)
    with pytest.raises(AssertionError):
        test_a_function_is_that_of_numpy(CALLS["std"])


def test_constants_are_not_rounded():
    found = pullback_of(lambda xp, x: x * xp.pi, {"x": [1.0]}).outputs["value"].truth
    assert found.hi[0] == math.pi
    assert 0 < abs(found.residual[0]) < 0.5  # π is no float
    assert pullback_of(lambda xp, x: xp.log(xp.e * x), {"x": [1.0]}).outputs["value"].truth.hi[0] == 1.0


def test_integers_and_bools_stay_numpys():
    seen = {}

    def f(xp, x, labels, mask):
        seen.update(labels=labels, mask=mask, counted=xp.sum(mask), hot=labels[:, None] == xp.arange(3), x=x)
        return xp.where(mask, x[labels], 0.0)

    pullback_of(f, {"x": X[0], "labels": K, "mask": B})
    assert seen["labels"].dtype == np.int64
    assert seen["mask"].dtype == seen["hot"].dtype == bool
    assert seen["counted"] == 2
    assert isinstance(seen["x"], Numbers)


# ---------------------------------------------------------------- kinks

KINKS = {  # at x = 0, with the slopes on both sides
    "maximum": (lambda xp, x: xp.maximum(x, 0.0), 0, 1),
    "where": (lambda xp, x: xp.where(x > 0, 2 * x, x), 1, 2),
    "abs": (lambda xp, x: xp.abs(x), -1, 1),
    "clip": (lambda xp, x: xp.clip(x, 0.0, 1.0), 0, 1),
    "max": (lambda xp, x: xp.max(xp.stack([x, -x]), axis=0), -1, 1),
    "mask": (lambda xp, x: x * (x >= 0), 0, 1),
    "steps": (lambda xp, x: x * 2 * xp.sign(x), -2, 2),
    "floor": (lambda xp, x: x * xp.floor(x), -1, 0),
    "moved": (lambda xp, x: xp.where(xp.flip(xp.stack([x < 0, x > 0]))[0, ::-1], x, 2 * x), 2, 1),
    "not": (lambda xp, x: xp.where(xp.logical_not(xp.concat([x <= 0])), x, 2 * x), 2, 1),
    "any": (lambda xp, x: xp.where(xp.any(xp.stack([x < 0, x >= 0, x > 2])[1:], axis=0), x, 2 * x), 2, 1),
    "all": (lambda xp, x: xp.where(xp.all(xp.stack([x >= 0, x < 2]), axis=0), x, 2 * x), 2, 1),
    "either": (lambda xp, x: xp.where((x > 0) | (x > 1), x, 2 * x), 2, 1),
    "one of": (lambda xp, x: xp.where((x > 0) ^ (x > 1), x, 2 * x), 2, 1),
    "minimum": (lambda xp, x: xp.minimum(x, xp.zeros_like(x)) + x, 2, 1),
    "copysign": (lambda xp, x: xp.copysign(x, x) * xp.copysign(xp.ones(1), x), -1, 1),
    "both": (lambda xp, x: xp.where((x > 0) & (x < 1), 3 * x, 0.0), 0, 3),
}
SMOOTH = {
    "pieces": (lambda xp, x: xp.where(x > 0, x + x * x, xp.sin(x)), 1),
    "the same": (lambda xp, x: xp.maximum(x, x) + xp.where(x < 0, x, x), 2),
    "not chosen": (lambda xp, x: xp.where(x > -1, x, xp.log(x)), 1),
}


@pytest.mark.parametrize(("f", "left", "right"), KINKS.values(), ids=KINKS)
def test_a_kink_is_undecided_and_has_two_sides(f, left, right):
    slope = pullback_of(f, {"x": [0.0, 0.25]}, [1.0, 1.0]).gradients["x"].truth
    assert slope.undecided.tolist() == [True, False]
    assert np.isnan(slope.hi[0])
    assert slope.hi[1] == right
    sides = one_sided("f", {"x": [0.0]}, {"x": [1.0]}, definitions={"f": forward(f)})
    assert (sides.left, sides.right) == (left, right)


@pytest.mark.parametrize(("f", "slope"), SMOOTH.values(), ids=SMOOTH)
def test_branches_that_join_smoothly_have_a_slope(f, slope):
    assert pullback_of(f, {"x": [0.0]}).gradients["x"].truth.hi.tolist() == [slope]


def test_a_jump_has_no_slope_and_a_tie_of_rounded_numbers_is_undecided():
    jump = pullback_of(lambda xp, x: xp.where(x > 0, x + 1, x), {"x": [0.0]})
    assert jump.outputs["value"].truth.hi[0] == 0.0
    assert np.isnan(jump.gradients["x"].truth.hi[0])
    with pytest.raises(Undecided, match="bits"):
        pullback_of(lambda xp, x: xp.maximum(xp.exp(x) * xp.exp(-x), 1.0), {"x": [0.5]})


LEFT_OPEN = {
    "branch": lambda xp, x: x if x[0] > 0 else -x,
    "place": lambda xp, x: x[xp.argmax(x)],
    "mask": lambda xp, x: x[x > 0],
}


@pytest.mark.parametrize("f", LEFT_OPEN.values(), ids=LEFT_OPEN)
def test_what_python_or_an_index_cannot_leave_open_is_undecided(f):
    with pytest.raises(Undecided):
        pullback_of(f, {"x": [0.0, 0.0]})
    assert pullback_of(f, {"x": [0.5, 0.25]}).gradients["x"].truth.hi[0] == 1


def test_what_is_no_number_is_that_entry_alone():
    f = lambda xp, x: xp.maximum(xp.log(x), 0.0)  # noqa: E731
    found = pullback_of(f, {"x": [-1.0, 2.0, math.nan]}, [1.0, 1.0, 1.0])
    assert np.isnan(found.outputs["value"].truth.hi).tolist() == [True, False, True]
    assert found.gradients["x"].truth.hi[1] == 0.5


@pytest.mark.parametrize("name", ["maximum", "minimum", "sign", "floor", "trunc", "round", "ceil", "atan2", "abs"])
def test_an_input_that_is_no_number_takes_no_other_with_it(name):
    f = lambda xp, x: CALLS[name](xp, x, xp.asarray([0.5, 0.5]))  # noqa: E731
    found = pullback_of(f, {"x": [math.nan, 1.25]}, [1.0, 1.0])
    assert np.isnan(found.outputs["value"].truth.hi).tolist() == [True, False]
    assert np.isnan(found.gradients["x"].truth.hi).tolist() == [True, False]


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("name", [*INSTEAD, "logsumexq", "arcsin"])
def test_an_unknown_name_says_what_there_is(name):
    with pytest.raises(AttributeError, match=f"xp.{name} is not there over balls: ") as raised:
        getattr(xp, name)
    assert INSTEAD.get(name, "did you mean") in str(raised.value)
    assert not hasattr(xp, name)


BAD = {
    "numpy": (lambda xp, x: np.sum(x), NotImplementedError, "NumPy's sum"),
    "ufunc": (lambda xp, x: np.cbrt(x), NotImplementedError, "cbrt"),
    "reduce": (lambda xp, x: np.add.reduce(x), NotImplementedError, "add"),
    "array": (lambda xp, x: np.asarray(x), TypeError, "slopes"),
    "float": (lambda xp, x: float(x[0]), TypeError, "Python float"),
    "place": (lambda xp, x: x.__setitem__(0, 1.0), TypeError, "in place"),
    "method": (lambda xp, x: x.softmax(), AttributeError, "softmax"),
    "var": (lambda xp, x: x.var(), AttributeError, "xp.var"),
    "shapes": (lambda xp, x: x + xp.ones(3), ValueError, "broadcast"),
    "matmul": (lambda xp, x: x @ xp.ones(3), ValueError, r"\(2,\) and \(3,\)"),
    "mask": (lambda xp, x: xp.where(x, x, x), TypeError, "no mask"),
    "integers": (lambda xp, x: xp.astype(x, xp.int64), TypeError, "int64"),
    "truth": (lambda xp, x: x if x > 1 else -x, ValueError, "ambiguous"),
    "complex": (lambda xp, x: x * 1j, TypeError, "complex"),
    "empty": (lambda xp, x: xp.max(x[:0]), ValueError, "no numbers"),
    "tuple": (lambda xp, x: (x, x), TypeError, "tuple"),
    "nothing": (lambda xp, x: None, TypeError, "None"),
    "count": (lambda xp, x: xp.exp(x, x), TypeError, "1 array"),
}


@pytest.mark.parametrize(("f", "error", "words"), BAD.values(), ids=BAD)
def test_a_mistake_is_said(f, error, words):
    with pytest.raises(error, match=words):
        pullback_of(f, {"x": [0.5, 2.0]})


def test_what_f_takes():
    def f(xp, x, w=None, *, eps=0.5, heads):
        return x * eps * heads if w is None else x * w * eps * heads

    assert pullback_of(f, {"x": [1.0]}, heads=3).outputs["value"].truth.hi.tolist() == [1.5]
    found = pullback_of(f, {"x": [1.0], "w": [2.0], "eps": np.array(0.25)}, heads=3)
    assert float(found.gradients["eps"].truth.hi) == 6.0
    for wrong, words in (({"depth": 3}, "takes no 'depth'"), ({"heads": 3, "eps": math.nan}, "not finite")):
        with pytest.raises((TypeError, ValueError), match=words):
            pullback_of(f, {"x": [1.0]}, **wrong)
    with pytest.raises(TypeError, match="no argument 'y'"):
        pullback_of(f, {"x": [1.0], "y": [1.0]}, heads=3)
    with pytest.raises(TypeError, match="takes no namespace"):
        forward(lambda: 1.0)


def test_examples():
    assert doctest.testmod(namespace) == (0, 2)
