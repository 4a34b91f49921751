# Over 400 lines: among them the textbook formulas that truths are compared with.

import itertools
import math

import numpy as np
import pytest

pytest.importorskip("flint")
pytest.importorskip("mpmath")

from flint import arb, ctx
from mpmath import mp, mpf

from oracles.arb_truth import points as arb_truth
from oracles.arb_truth.activations import ELEMENTWISE, VECTOR, bind
from oracles.arb_truth.definition import define
from oracles.arb_truth.points import Request, parallel_truths, truth, truths, vector_truth
from oracles.arb_truth.rounding import round_exactly
from oracles.floats import FORMATS, ulp_error
from oracles.points import dense, special

# Written a second time, as textbooks print them; mpmath differentiates them by difference quotients.
TEXTBOOK = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "tanh": lambda z: mp.tanh(z),
    "relu": lambda z: max(z, mpf(0)),
    "relu6": lambda z: min(max(z, mpf(0)), mpf(6)),
    "leaky_relu": lambda z: z if z > 0 else mpf(0.01) * z,
    "prelu": lambda z: z if z > 0 else z / 4,
    "rrelu": lambda z: z if z > 0 else (mpf(1 / 8) + mpf(1 / 3)) / 2 * z,
    "elu": lambda z: z if z > 0 else mp.exp(z) - 1,
    "celu": lambda z: max(z, mpf(0)) + min(mpf(0), mp.exp(z) - 1),
    "selu": lambda z: (
        mpf("1.0507009873554804934193349852946")
        * (z if z > 0 else mpf("1.6732632423543772848170429916717") * (mp.exp(z) - 1))
    ),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "softsign": lambda z: z / (1 + abs(z)),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "gelu": lambda z: z * (1 + mp.erf(z / mp.sqrt(2))) / 2,
    "gelu_tanh": lambda z: z / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mpf("0.044715") * z**3))),
    "mish": lambda z: z * mp.tanh(mp.log(1 + mp.exp(z))),
    "hardtanh": lambda z: min(max(z, mpf(-1)), mpf(1)),
    "hardsigmoid": lambda z: min(max(z + 3, mpf(0)), mpf(6)) / 6,
    "hardswish": lambda z: z * min(max(z + 3, mpf(0)), mpf(6)) / 6,
    "hardshrink": lambda z: z if abs(z) > mpf(0.5) else mpf(0),
    "softshrink": lambda z: mp.sign(z) * max(abs(z) - mpf(0.5), mpf(0)),
    "tanhshrink": lambda z: z - mp.tanh(z),
    "threshold": lambda z: z if z > 0 else mpf(0),
    "softplus_threshold": lambda z: z if z > 20 else mp.log(1 + mp.exp(z)),
    "logsigmoid": lambda z: mp.log(1 / (1 + mp.exp(-z))),
    "squareplus": lambda z: (z + mp.sqrt(z**2 + 4)) / 2,
    "sparse_plus": lambda z: mpf(0) if z <= -1 else (z if z >= 1 else (z + 1) ** 2 / 4),
    "sparse_sigmoid": lambda z: min(max((z + 1) / 2, mpf(0)), mpf(1)),
    "gaussian": lambda z: mp.exp(-(z**2)),
    "exp": lambda z: mp.exp(z),
    "arctan": lambda z: mp.atan(z),
    "log_cosh": lambda z: mp.log(mp.cosh(z)),
    "squared_relu": lambda z: max(z, mpf(0)) ** 2,
    "huber": lambda z: z**2 / 2 if abs(z) <= 1 else abs(z) - mpf(1) / 2,
}
X = np.array(
    [-690.0, -41.3, -11.0, -5.01, -2.5, -1.2, -0.7517916, -0.3, -1e-5, 1e-30, 1e-3, 0.2, 0.8, 1.7, 5.9, 36.7, 700.0]
)


def quotient(f, x, order):
    """Difference quotients in 900 digits with h = 10^-200: off by about h², far below the least float64."""
    h = mpf(10) ** -200
    if order == 0:
        return f(x)
    if order == 1:
        return (f(x + h) - f(x - h)) / (2 * h)
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2


def worst(id, order, dtype, f):
    """Greatest distance, in ULP, between the truth and the difference quotient."""
    x = X.astype(dtype).astype(float)
    t = truth(id, x, order, dtype=dtype)
    gaps = []
    with mp.workdps(900):
        for v, hi, residual in zip(x, t.hi, t.residual, strict=True):
            ulp = mpf(2) ** int(arb_ulp_exponent(hi, dtype))
            y = quotient(f, mpf(v), order)
            if math.isinf(hi):
                gaps.append(0.0 if abs(y) >= mpf(2) ** (FORMATS[dtype].greatest + 1) * (1 - ulp) else math.inf)
            else:
                gaps.append(float(abs((y - mpf(hi)) / ulp - mpf(residual))))
    return max(gaps)


def arb_ulp_exponent(hi, dtype):
    from oracles.floats import ulp_exponent

    return ulp_exponent(hi, dtype)


def test_textbook_is_complete():
    assert {f"activation/{name}" for name in TEXTBOOK} == ELEMENTWISE.keys()


@pytest.mark.parametrize("name", TEXTBOOK)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_truth_is_what_difference_quotients_say(name, order):
    assert worst(f"activation/{name}", order, "float64", TEXTBOOK[name]) < 1e-5


def test_a_wrong_definition_is_noticed(monkeypatch):
    """1/(1 + 1.0000000000000002·e⁻ᶻ) is sigmoid to within an ULP or so, and still fails."""
    almost = define(lambda z: 1 / (1 + (1 + arb(2) ** -52) * (-z).exp()))
    monkeypatch.setitem(ELEMENTWISE, "activation/sigmoid", almost)
    assert worst("activation/sigmoid", 1, "float64", TEXTBOOK["sigmoid"]) > 0.5


# ---------------------------------------------------------------- ties


def test_ties_go_to_even_and_say_so():
    """hardswish'(3·2^-54) = ½ + 2^-54 is halfway between two floats, exactly."""
    t = truth("activation/hardswish", np.array([3 * 2.0**-54]), 1)
    assert (t.hi[0], abs(t.residual[0]), t.undecided[0]) == (0.5, 0.5, False)


def test_a_tie_broken_out_of_sight_is_reported():
    """x − tanh x = (x − 1) + 2e^(−2x): an exact tie but for a term of 4e16 bits."""
    t = truth("activation/tanhshrink", np.array([15007507752887434.0]))
    assert t.undecided[0]
    assert abs(t.residual[0]) == pytest.approx(0.5)
    assert t.hi[0] in (15007507752887432.0, 15007507752887434.0)


# ---------------------------------------------------------------- kinks, limits, special values


KINKS = [(id, float(t), k) for id in ELEMENTWISE for k, t in enumerate(bind(id).breakpoints)]


@pytest.mark.parametrize(("id", "at", "k"), KINKS)
def test_one_sided_slopes_continue_their_side(id, at, k):
    """The slope just beside a breakpoint tends to the one-sided slope at it."""
    x = np.array([at])
    for side, step in (("left", -1.0), ("right", 1.0)):
        there = truth(id, x, 1, side=side)
        beside = truth(id, x + step * 2.0**-30, 1)
        assert not there.undecided.any()
        assert abs(there.hi[0] - beside.hi[0]) < 2.0**-27


@pytest.mark.parametrize(("id", "at", "k"), KINKS)
def test_without_a_side_a_kink_has_no_slope(id, at, k):
    x = np.array([at])
    left, right, slope = (truth(id, x, 1, side=side) for side in ("left", "right", None))
    torn = left.hi != right.hi or truth(id, x, 0, side="left").hi != truth(id, x, 0, side="right").hi
    assert slope.undecided[0] == np.isnan(slope.hi[0]) == torn
    if not torn:
        assert slope.hi == left.hi


@pytest.mark.parametrize(
    ("id", "left", "right", "parameters"),
    [
        ("relu", 0, 1, {}), ("leaky_relu", 0.2, 1, {"negative_slope": 0.2}), ("elu", 3, 1, {"alpha": 3.0}),
        ("celu", 1, 1, {"alpha": 3.0}), ("softsign", 1, 1, {}), ("prelu", 0.25, 1, {}),
    ],
)  # fmt: skip
def test_slopes_at_zero(id, left, right, parameters):
    for side, slope in (("left", left), ("right", right)):
        assert truth(f"activation/{id}", np.zeros(1), 1, side=side, **parameters).hi[0] == slope


def test_a_jump_belongs_to_its_owner():
    """PyTorch documents x > λ, x < −λ and x > threshold as strict."""
    assert truth("activation/hardshrink", np.array([-0.5, 0.5])).hi.tolist() == [0, 0]
    assert truth("activation/threshold", np.zeros(1), value=20.0).hi[0] == 20
    assert truth("activation/hardshrink", np.array([0.5]), side="right").hi[0] == 0.5


@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("sigmoid", (0, 0), (1, 0)), ("tanh", (-1, 0), (1, 0)), ("relu", (0, 0), (math.inf, 1)),
        ("gelu", (0, 0), (math.inf, 1)), ("gelu_tanh", (0, 0), (math.inf, 1)), ("mish", (0, 0), (math.inf, 1)),
        ("exp", (0, 0), (math.inf, math.inf)), ("log_cosh", (math.inf, -1), (math.inf, 1)),
        ("arctan", (-math.pi / 2, 0), (math.pi / 2, 0)), ("huber", (math.inf, -1), (math.inf, 1)),
        ("tanhshrink", (-math.inf, 1), (math.inf, 1)), ("squareplus", (0, 0), (math.inf, 1)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", FORMATS)
def test_limits(name, below, above, dtype):
    for x, limits in ((-math.inf, below), (math.inf, above)):
        for t, limit in zip(truths(f"activation/{name}", np.array([x]), (0, 1), dtype=dtype), limits, strict=True):
            with np.errstate(over="ignore"):
                near = limit if math.isinf(limit) else round_exactly(*_dyadic(limit), FORMATS[dtype]).hi
            assert t.hi[0] == near
            assert not t.undecided[0]


def _dyadic(x):
    mantissa, denominator = float(x).as_integer_ratio()
    return mantissa, 1 - denominator.bit_length()


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("dtype", FORMATS)
def test_special_values_are_answered(id, dtype):
    x = special(dtype)
    for t in truths(id, x, dtype=dtype):
        np.testing.assert_array_equal(np.isnan(t.hi) & ~t.undecided, np.isnan(x))
        kinks = {float(b) for b in bind(id).breakpoints}
        assert all(v in kinks for v in x[t.undecided])


# ---------------------------------------------------------------- formats, parameters, arrays


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("id", ELEMENTWISE)
def test_narrow_truths_are_the_wide_one_rounded(id, dtype):
    """From hi + residual in float64 one can round again, except next to a tie of the narrow format."""
    x = dense(id, dtype, 300)[::5]
    for order in (0, 1):
        wide, narrow = (truth(id, x, order, dtype=d) for d in ("float64", dtype))
        for v, w, n in zip(x, wide.hi, narrow.hi, strict=True):
            if not math.isfinite(w):
                assert w == n or (np.isnan(w) and np.isnan(n)), v
                continue
            again = round_exactly(*_dyadic(w), FORMATS[dtype])
            assert again.hi == n or abs(abs(again.residual) - 0.5) < 1e-6, v


def test_shapes_and_strides_are_kept():
    x = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, ::2]
    t = truth("activation/tanh", x, 1)
    assert t.hi.shape == t.residual.shape == t.undecided.shape == x.shape
    assert t.hi[1, 2, 1] == truth("activation/tanh", x[1, 2, 1], 1).hi
    assert truth("activation/tanh", np.zeros((0, 3))).hi.shape == (0, 3)


def test_orders_together_are_orders_alone():
    x = dense("activation/mish", "float64", 100)
    for order, t in zip((2, 0, 1), truths("activation/mish", x, (2, 0, 1)), strict=True):
        np.testing.assert_array_equal(t.hi, truth("activation/mish", x, order).hi)


@pytest.mark.parametrize(
    ("id", "variable", "f"),
    [
        ("prelu", "weight", lambda z, p: min(z, mpf(0)) * p + max(z, mpf(0))),
        ("softplus", "beta", lambda z, p: mp.log(1 + mp.exp(p * z)) / p),
        ("celu", "alpha", lambda z, p: max(z, mpf(0)) + min(mpf(0), p * (mp.exp(z / p) - 1))),
        ("elu", "alpha", lambda z, p: z if z > 0 else p * (mp.exp(z) - 1)),
        ("huber", "delta", lambda z, p: z**2 / 2 if abs(z) <= p else p * (abs(z) - p / 2)),
        ("squareplus", "b", lambda z, p: (z + mp.sqrt(z**2 + p)) / 2),
    ],
)
def test_slopes_in_a_parameter(id, variable, f):
    x, at = np.array([-30.0, -2.0, -0.3, 0.0, 1e-9, 0.4, 7.0]), 1.25
    t = truth(f"activation/{id}", x, 1, variable=variable, **{variable: at})
    assert not t.undecided.any()
    with mp.workdps(400):
        h = mpf(10) ** -100
        exact = [(f(mpf(v), at + h) - f(mpf(v), at - h)) / (2 * h) for v in x]
    np.testing.assert_allclose(t.hi, [float(e) for e in exact], rtol=1e-15, atol=1e-90)


def test_errors_of_known_culprits():
    """σ(1 − σ) dies at 38 in float64; e⁻ᶻ/(1 + e⁻ᶻ)² does not."""
    x = np.array([38.0])
    t, s = truth("activation/sigmoid", x, 1), 1 / (1 + np.exp(-x))
    assert ulp_error(s * (1 - s), t) > 1e15
    assert ulp_error(np.exp(-x) / (1 + np.exp(-x)) ** 2, t) < 4


@pytest.mark.parametrize("jobs", [1, 2])
def test_parallel_is_the_same(jobs, monkeypatch):
    monkeypatch.setattr(arb_truth, "BLOCK", 7)
    requests = [
        Request("activation/gelu", np.linspace(-3, 3, 20, dtype=np.float32).reshape(4, 5)),
        Request("activation/relu", np.zeros((1, 1)), {}, (1,), "left"),
        Request("activation/celu", np.linspace(-3, 3, 9), {"alpha": 2.5}, (0, 1)),
    ]
    for request, answers in zip(requests, parallel_truths(requests, jobs), strict=True):
        keywords = {"side": request.side, **request.parameters}
        for got, alone in zip(answers, truths(request.id, request.x, request.orders, **keywords), strict=True):
            np.testing.assert_array_equal(got.hi, alone.hi)
            np.testing.assert_array_equal(got.residual, alone.residual)
            assert got.dtype == alone.dtype


# ---------------------------------------------------------------- vector activations


def _softmax(z):
    e = [mp.exp(v) for v in z]
    return [v / sum(e) for v in e]


VECTORS = {
    "softmax": _softmax,
    "softmin": lambda z: _softmax([-v for v in z]),
    "log_softmax": lambda z: [mp.log(v) for v in _softmax(z)],
    "logmeanexp": lambda z: [mp.log(sum(mp.exp(v) for v in z) / len(z))],
    "logsumexp": lambda z: [mp.log(sum(mp.exp(v) for v in z))],
    "glu": lambda z: [a / (1 + mp.exp(-b)) for a, b in _halves(z)],
    "geglu": lambda z: [a * b * (1 + mp.erf(b / mp.sqrt(2))) / 2 for a, b in _halves(z)],
    "swiglu": lambda z: [a * b / (1 + mp.exp(-b)) for a, b in _halves(z)],
    "reglu": lambda z: [a * max(b, mpf(0)) for a, b in _halves(z)],
    "maxout": lambda z: [max(z[k : k + 2]) for k in range(0, len(z), 2)],
    "l2_normalize": lambda z: [v / mp.sqrt(sum(u**2 for u in z)) for v in z],
}


def _halves(z):
    return zip(z[: len(z) // 2], z[len(z) // 2 :], strict=True)


ROWS = np.array(
    [[0.3, -1.2, 2.5, 0.1], [40.0, -60.0, 41.0, 0.0], [1e-9, 2e-9, -3e-9, 4e-9], [-700.0, 0.5, 30.0, 500.0]]
)


def test_vectors_are_complete():
    assert {f"activation/{name}" for name in VECTORS} == VECTOR.keys()


@pytest.mark.parametrize("name", VECTORS)
def test_vector_values_and_jacobians(name):
    f, id = VECTORS[name], f"activation/{name}"
    values, jacobian = vector_truth(id, ROWS), vector_truth(id, ROWS, 1)
    torn = ROWS[:, None, 2:] == 0 if name == "reglu" else np.zeros((4, 1, 2), bool)
    with mp.workdps(900):
        h = mpf(10) ** -200
        for i, row in enumerate(ROWS):
            z = [mpf(v) for v in row]
            for k, y in enumerate(f(z)):
                assert_close(values, (i, k), y)
            for j in range(4):
                up, down = (f([v + s * h * (m == j) for m, v in enumerate(z)]) for s in (1, -1))
                for k, (a, c) in enumerate(zip(up, down, strict=True)):
                    if not (torn.any() and j == 2 + k and torn[i, 0, k]):
                        assert_close(jacobian, (i, k, j), (a - c) / (2 * h))


def assert_close(t, index, y):
    ulp = mpf(2) ** int(arb_ulp_exponent(t.hi[index], t.dtype))
    assert abs((y - mpf(t.hi[index])) / ulp - mpf(t.residual[index])) < 1e-5, index


def test_ties_and_zero_vectors_have_no_jacobian():
    assert vector_truth("activation/maxout", np.array([[1.0, 1.0]])).hi.tolist() == [[1.0]]
    assert vector_truth("activation/maxout", np.array([[1.0, 1.0]]), 1).undecided.all()
    assert vector_truth("activation/reglu", np.array([[1.0, 0.0]]), 1).undecided.tolist() == [[[False, True]]]
    assert vector_truth("activation/l2_normalize", np.zeros((1, 3))).undecided.all()


def test_vectors_with_special_rows_and_one_entry():
    t = vector_truth("activation/softmax", np.array([[math.nan, 1.0], [math.inf, 1.0], [1e300, -1e300]]))
    assert np.isnan(t.hi[:2]).all()
    assert t.undecided.tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert t.hi[2].tolist() == [1, 0]
    one = vector_truth("activation/log_softmax", np.array([3.0]), 1)
    assert (one.hi.tolist(), one.undecided.tolist()) == ([[0.0]], [[False]])


def test_temperature():
    z = np.array([[0.5, 1.0, -2.0]])
    np.testing.assert_array_equal(
        vector_truth("activation/softmax", z, temperature=0.5).hi, vector_truth("activation/softmax", 2 * z).hi
    )


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        (("activation/gleu", np.zeros(1)), {}, KeyError, "did you mean activation/gelu"),
        (("activation/gelu", np.zeros(1, int)), {}, TypeError, "x has dtype int64"),
        (("activation/gelu", ["a"]), {}, TypeError, "x has dtype"),
        (("activation/gelu", np.zeros(1), 3), {}, ValueError, "order"),
        (("activation/gelu", np.zeros(1)), {"dtype": "float8"}, ValueError, "'float8' is not one of"),
        (("activation/gelu", np.zeros(1, np.longdouble)), {}, ValueError, "is not one of float16"),
        (("activation/gelu", np.zeros(1)), {"side": "up"}, ValueError, "side 'up'"),
        (("activation/celu", np.zeros(1)), {"alpha": -1.0}, ValueError, r"alpha = -1\.0, but alpha > 0"),
        (("activation/gelu", np.zeros(1)), {"alpha": 1.0}, TypeError, "no parameter 'alpha'"),
        (("activation/gelu", np.zeros(1), 1), {"variable": "w"}, TypeError, "no parameter 'w'"),
    ],
)
def test_bad_input_is_named(arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        truth(*arguments, **keywords)


@pytest.mark.parametrize(
    ("id", "x", "error", "message"),
    [
        ("activation/glu", np.zeros((2, 3)), ValueError, "a row of 3 entries cannot be halved"),
        ("activation/maxout", np.zeros((2, 3)), ValueError, "groups of k = 2"),
        ("activation/softmax", np.zeros(()), ValueError, r"shape \(\)"),
        ("activation/gelu", np.zeros((2, 2)), KeyError, "activation/geglu"),
    ],
)
def test_bad_vectors_are_named(id, x, error, message):
    with pytest.raises(error, match=message):
        vector_truth(id, x)
    with pytest.raises(ValueError, match="order 2 is not among 0, 1"):
        vector_truth("activation/softmax", np.ones(2), 2)


def test_globals_are_put_back():
    before = ctx.prec, ctx.cap
    truth("activation/gelu", np.array([1e-300, 3.0]), 2)
    with pytest.raises(ValueError, match="halved"):
        vector_truth("activation/glu", np.zeros(3))
    assert (ctx.prec, ctx.cap) == before


def test_neighbouring_inputs_have_monotone_truths():
    """Correct rounding keeps order: sigmoid never falls between neighbouring floats."""
    x = dense("activation/sigmoid", "float64", 1000)
    t = truth("activation/sigmoid", x)
    assert all(a <= c for a, c in itertools.pairwise(t.hi))
