"""Every definition of arrays, by every machine: tape, jets and germs know nothing of each other and must overlap."""

import math

import numpy as np
import pytest

pytest.importorskip("flint")

from arb_cases import CASES, floats
from flint import arb, ctx

from oracles.arb_truth import arrays, pullback, tape, vjp
from oracles.arb_truth.arrays import DEFINITIONS, program, reverse, sways, weights
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import above, total
from oracles.arb_truth.germs import TERMS, Germ, along
from oracles.arb_truth.jets import Jet, variables
from oracles.arb_truth.numbers import Number, working
from oracles.arb_truth.tape import Node

BITS = 192


def test_every_definition_is_written_out_here():
    assert all(arrays.has(id) == "composed" for id in CASES)
    assert arrays.has("network/bp1") == arrays.has("cost/mse") == ""


@pytest.mark.parametrize("id", CASES)
def test_outputs_are_those_of_numpy(id):
    case = CASES[id]
    outputs, gradients = vjp(id, case.arguments, **case.parameters)
    assert outputs.keys() == case.outputs.keys()
    for name, y in case.outputs.items():
        assert outputs[name].truth.hi.shape == np.shape(y)
        np.testing.assert_allclose(outputs[name].truth.hi, y, rtol=1e-12, atol=1e-15)
    names, _ = floats(case)
    assert list(gradients) == names
    assert all(gradients[name].truth.hi.shape == case.arguments[name].shape for name in names)


def test_a_wrong_definition_is_noticed(monkeypatch):
    right = DEFINITIONS["cost/dice"]
    almost = Forward(lambda a, y, **given: right.function(a=a, y=y, **given) * (1 + arb(2) ** -36), right.parameters)
    monkeypatch.setitem(DEFINITIONS, "cost/dice", almost)
    with pytest.raises(AssertionError):
        test_outputs_are_those_of_numpy("cost/dice")


# ---------------------------------------------------------------- three machines


def cotangent(id):
    """Random numbers for every output of a case."""
    rng = np.random.default_rng(len(id))
    return {name: rng.standard_normal(np.shape(y)) for name, y in CASES[id].outputs.items()}


def question(id):
    """A case as a function of numbers; every real parameter is one of them."""
    case = CASES[id]
    real = {name for name, default in DEFINITIONS[id].parameters.items() if isinstance(default, float)}
    given = {name: np.float64(case.parameters.get(name, DEFINITIONS[id].parameters[name])) for name in real}
    options = {name: p for name, p in case.parameters.items() if name not in real}
    return program(id, {**case.arguments, **given}, options), cotangent(id)


def outputs_and_loss(f, v, numbers):
    found = f.run(numbers)
    flat = [o for x in found.values() for o in x.ravel()]
    w = weights(v, {name: x.shape for name, x in found.items()})
    return flat, total([o * c for o, c in zip(flat, w, strict=True)])


def coefficients(f, v, direction, order):
    """The coefficient of tᵏ in every output and in L along a direction."""
    flat, L = outputs_and_loss(f, v, along(f.inputs, direction))
    return [o.series[order] if isinstance(o, Germ) else arb(0) for o in (*flat, L)]


def unit(n, *at):
    return [float(k in at) for k in range(n)]


@pytest.mark.parametrize("id", CASES)
def test_tape_jets_and_germs_overlap(id):
    """Values and every entry of the gradient; by real parameters too, under a random cotangent."""
    f, v = question(id)
    n = len(f.inputs)
    with working(BITS, TERMS + 2):
        back = reverse(f, v).balls
        values, gradient = back[:-n], back[-n:]
        flat, L = outputs_and_loss(f, v, variables(f.inputs))
        forward = L.slope.entries() if isinstance(L, Jet) else [arb(0)] * n
        for k in range(n):
            *_, series = coefficients(f, v, unit(n, k), 1)
            assert gradient[k].overlaps(forward[k]), f"input {k}: tape {gradient[k]}, jets {forward[k]}"
            assert gradient[k].overlaps(series), f"input {k}: tape {gradient[k]}, series {series}"
            assert gradient[k].rad() < arb(2) ** -80
        for ball, jet, series in zip(values, flat, coefficients(f, v, unit(n), 0)[:-1], strict=True):
            assert ball.overlaps(jet.ball if isinstance(jet, Number) else arb(jet))
            assert not isinstance(jet, Number) or ball.overlaps(series)


@pytest.mark.parametrize("id", CASES)
def test_sways_are_those_of_second_coefficients(id):
    """Σᵢ|xᵢ·∂²L/∂xₖ∂xᵢ| + Σⱼ|vⱼ·∂oⱼ/∂xₖ|, each derivative from the series along one or two inputs."""
    f, v = question(id)
    n, by_norm = len(f.inputs), DEFINITIONS[id].by_norm
    with working(BITS, TERMS + 2):
        found = sways(f, v, by_norm).entries
        single = [coefficients(f, v, unit(n, i), 2)[-1] for i in range(n)]
        J = np.array([[float(c) for c in coefficients(f, v, unit(n, i), 1)] for i in range(n)]).T
        H = np.array([[float(2 * single[i]) if i == k else
                       float(coefficients(f, v, unit(n, i, k), 2)[-1] - single[i] - single[k])
                       for i in range(n)] for k in range(n)])  # fmt: skip
    x, w = np.array(f.inputs), np.concatenate([c.ravel() for c in v.values()])
    if by_norm:
        size = np.linalg.norm(x)
        expected = [*(size * np.linalg.norm(J[:-1], axis=1)),
                    *(size * np.linalg.norm(H, axis=1) + np.abs(w) @ np.abs(J[:-1]))]  # fmt: skip
    else:
        expected = [*(np.abs(J[:-1]) @ np.abs(x)), *(np.abs(H) @ np.abs(x) + np.abs(w) @ np.abs(J[:-1]))]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-18)


def test_overlap_notices_a_wrong_tape(monkeypatch):
    """Every truth compares the way back with the way forward."""

    right = Node.__truediv__

    def wrong(self, other):
        return right(self, other) if isinstance(other, Node) else Node(self.value / other, (self,), (arb(1),))

    z = {"z": np.array([0.5, 1.5])}
    vjp("activation/softmax", z, [1.0, 0.0], temperature=0.5)
    monkeypatch.setattr(tape.Node, "__truediv__", wrong)  # forgets the divisor
    with pytest.raises(AssertionError, match=r"input \d: the way back gives"):
        vjp("activation/softmax", z, [1.0, 0.0], temperature=0.5)


# ---------------------------------------------------------------- by hand


def test_a_quadratic_by_hand():
    outputs, gradients = vjp("cost/squared_error", {"a": np.array([[3.0, 1.0]]), "y": np.array([[1.0, 1.0]])})
    assert outputs["value"].truth.hi == 2
    assert gradients["a"].truth.hi.tolist() == [[2.0, 0.0]]
    assert gradients["y"].truth.hi.tolist() == [[-2.0, 0.0]]
    # ∂²C/∂a² = 1 and ∂²C/∂a∂y = −1: Σ|x·∂y/∂x| = 3 + 1 for the first entry
    assert gradients["a"].sway.tolist() == [[4.0, 2.0]]


def test_a_cotangent_scales_and_sways():
    a = {"a": np.array([3.0]), "y": np.array([1.0])}
    _, gradients = vjp("cost/squared_error", a, -0.5)
    assert gradients["a"].truth.hi.tolist() == [-2.0]
    assert gradients["a"].sway.tolist() == [0.5 * 2 * (3 + 1) + 0.5 * 4]
    _, none = vjp("cost/squared_error", a, [0.0], reduction="none")
    assert none["a"].truth.hi.tolist() == none["a"].sway.tolist() == [0.0]


def test_outputs_by_name():
    g = {"g1": np.array([3.0]), "g2": np.array([[0.25]])}
    outputs, gradients = vjp("update/clip_by_value", g, {"g2": [[2.0]]})
    assert (outputs["g1"].truth.hi.tolist(), outputs["g2"].truth.hi.tolist()) == ([1.0], [[0.25]])
    assert (gradients["g1"].truth.hi.tolist(), gradients["g2"].truth.hi.tolist()) == ([0.0], [[2.0]])


def test_the_error_counts_what_the_inputs_forgive():
    inputs = {"a": np.array([[1.0 + 2.0**-40]]), "y": np.array([[1.0]])}
    _, gradients = vjp("cost/squared_error", inputs)
    off_by_rounding = gradients["a"].truth.hi + 4 * 2.0**-53  # the sway: 2·(1 + 1)
    assert gradients["a"].error(off_by_rounding) == pytest.approx(1, rel=1e-2)
    assert gradients["a"].error(gradients["a"].truth.hi) < 1e-3
    assert gradients["a"].error(np.array([[math.nan]])) == math.inf


def test_a_cotangent_along_what_drops_out_is_vacuous():
    z = {"z": np.array([0.5, -1.0, 2.0])}
    assert pullback("activation/softmax", z).vacuity < 1e-30  # the rows of its Jacobian sum to 0
    assert pullback("activation/softmax", z, [1.0, 2.0, -1.0]).vacuity > 0.1
    assert pullback("cost/l1", {"a": [1.0], "y": [3.0]}).vacuity == pytest.approx(1)
    assert math.isnan(pullback("regularizer/none", {"w": np.ones((1, 1))}).vacuity)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_results_round_to_the_dtype(dtype):
    outputs, gradients = vjp("activation/tanh", {"z": [0.5]}, dtype=dtype)
    for truth, exact in ((outputs["value"].truth, math.tanh(0.5)), (gradients["z"].truth, 1 - math.tanh(0.5) ** 2)):
        assert truth.dtype == dtype
        digits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[dtype]
        assert truth.hi == pytest.approx(exact, rel=2.0**-digits)
        assert truth.hi[0] * 2.0 ** (digits + 1) % 1 == 0


def test_cancellation_takes_more_bits():
    _, gradients = vjp("cost/cross_entropy_labels", {"z": np.array([[500.0, 0.0]]), "labels": np.array([0])})
    assert gradients["z"].truth.hi[0, 0] == pytest.approx(-math.exp(-500), rel=1e-13, abs=0)
    assert gradients["z"].sway[0, 0] == pytest.approx(500 * math.exp(-500), rel=1e-13, abs=0)


def test_sways_take_more_bits_where_these_matter():
    """x − tanh x = x³/3, and x times its slope is x³: neither is seen with 128 bits."""
    outputs, gradients = vjp("activation/tanhshrink", {"z": [1e-20]})
    assert outputs["value"].truth.hi == pytest.approx(1e-60 / 3, rel=1e-14, abs=0)
    assert outputs["value"].sway == pytest.approx(1e-60, rel=1e-14, abs=0)
    assert gradients["z"].sway == pytest.approx(2e-40, rel=1e-14, abs=0)


def test_leading_axes_are_independent_problems():
    w = np.arange(1.0, 13).reshape(2, 2, 3)
    outputs, gradients = vjp("regularizer/nuclear_norm", {"w": w}, [2.0, -1.0])
    for k, v in ((0, 2.0), (1, -1.0)):
        one, gradient = vjp("regularizer/nuclear_norm", {"w": w[k]}, v)
        assert outputs["value"].truth.hi[k] == one["value"].truth.hi
        np.testing.assert_array_equal(gradients["w"].truth.hi[k], gradient["w"].truth.hi)


def test_what_is_constant_has_a_value_alone():
    outputs, gradients = vjp("regularizer/nuclear_norm", {"w": np.diag([2, 0])}, lam=1.0)
    assert (float(outputs["value"].truth.hi), gradients) == (2, {})


def test_a_definition_of_ones_own_in_numpy():
    """A forward over arrays of numbers: attention, of 36 numbers."""
    softmax = DEFINITIONS["activation/softmax"].function

    def attention(q, k, v, *, temperature):
        return np.stack([softmax(Q @ K.T / temperature, temperature=1) @ V for Q, K, V in zip(q, k, v, strict=True)])

    rng = np.random.default_rng(0)
    given = {name: rng.standard_normal((2, 2, 3)) for name in "qkv"}
    table = {"layer/attention": Forward(attention, {"temperature": 2.0}, "temperature > 0")}
    outputs, gradients = vjp("layer/attention", given, given["q"], definitions=table)
    S = np.exp(given["q"] @ given["k"].swapaxes(1, 2) / 2)
    A = S / S.sum(-1, keepdims=True)
    np.testing.assert_allclose(outputs["value"].truth.hi, A @ given["v"], rtol=1e-13)
    np.testing.assert_allclose(gradients["v"].truth.hi, A.swapaxes(1, 2) @ given["q"], rtol=1e-13)
    assert all(g.truth.hi.shape == (2, 2, 3) for g in gradients.values())


# ---------------------------------------------------------------- what has no truth, and what it leaves alone

NAN, INF = math.nan, math.inf
TORN = {
    "a kink": ("cost/hinge", {"z": [1.0, 0.5], "y": [1, 1]}, {}, 0.25, {"z": [NAN, -0.5]}),
    "a tie": ("activation/maxout", {"z": [1.0, 1.0, 3.0, 2.0]}, {}, [1.0, 3.0], {"z": [NAN, NAN, 1, 0]}),
    "a jump": ("activation/hardshrink", {"z": [-0.5, 0.5, 2.0]}, {}, [0.0, 0.0, 2.0], {"z": [NAN, NAN, 1]}),
    "no jump": ("activation/softshrink", {"z": [0.0]}, {"lambd": 0.0}, [0.0], {"z": [1]}),
    "equal slopes": ("activation/elu", {"z": [0.0]}, {}, [0.0], {"z": [1]}),
    "a row of zeros": ("regularizer/group_lasso", {"w": [[0.0, 0], [3, 4]]}, {"lam": 1.0}, 5 * 2**0.5,
                       {"w": [[NAN, NAN], [0.6 * 2**0.5, 0.8 * 2**0.5]]}),
    "an infinite slope": ("cost/jensen_shannon", {"p": [[0.0, 1.0]], "q": [[1.0, 3.0]]}, {},
                          0.5 * (math.log(2) + 3 * math.log(1.5) + math.log(0.5)),
                          {"p": [[NAN, 0.5 * math.log(0.5)]], "q": [[math.log(2) / 2, math.log(1.5) / 2]]}),
    "a term without weight": ("cost/binary_cross_entropy", {"a": [[1.0, 0.25]], "y": [[1.0, 0.5]]},
                              {"reduction": "sum"}, (math.log(4) + math.log(4 / 3)) / 2,
                              {"a": [[-1, -4 / 3]], "y": [[NAN, math.log(3)]]}),
    "a logarithm of 0": ("cost/binary_cross_entropy", {"a": [0.0, 0.25], "y": [1, 0]}, {"reduction": "none"},
                         [NAN, math.log(4 / 3)], {"a": [NAN, 4 / 3]}),
    "a direction of zeros": ("activation/l2_normalize", {"z": [[0.0, 0.0], [3.0, 4.0]]}, {}, [[NAN, NAN], [0.6, 0.8]],
                             {"z": [[NAN, NAN], [0.032, -0.024]]}),
    "NaN": ("cost/squared_error", {"a": [NAN, 2.0], "y": [1, 1]}, {"reduction": "none"}, [NAN, 1], {"a": [NAN, 2]}),
    "NaN in a sum of sizes": ("regularizer/l1", {"w": [[NAN, -2.0]]}, {"lam": 1.0}, NAN, {"w": [[NAN, -1]]}),
    "NaN among the largest": ("activation/maxout", {"z": [NAN, 1.0, 3.0, 2.0]}, {}, [NAN, 3], {"z": [NAN, NAN, 1, 0]}),
    "NaN in a matrix": ("regularizer/nuclear_norm", {"w": [[NAN, 1.0], [3.0, 2.0]]}, {}, NAN, {"w": [[NAN] * 2] * 2}),
    "the slope at a kink": ("regularizer/jacobian", {"x": [[2.0, 0.0]], "W1": [[0.0, 3.0]], "b1": [0.0]},
                            {"activations": ("activation/relu",)}, NAN, {"x": [[0, NAN]]}),
    "a weight of 0": ("cost/squared_error", {"a": [NAN, 2.0], "y": [1, 1], "weight": [0.0, 2.0]}, {}, 1,
                      {"a": [0, 2], "weight": [NAN, 0]}),
    "an ignored row": ("cost/nll_labels", {"a": [[-1.0, -2.0], [NAN, INF]], "labels": [1, 9]}, {"ignore_index": 9}, 2,
                       {"a": [[0, -1], [0, 0]]}),
    "a masked logit": ("activation/softmax", {"z": [-INF, 0.0, 0.0]}, {}, [0, 0.5, 0.5], {"z": [0, 0, 0]}),
    "a mask": ("regularizer/dropout", {"a": [1.0, INF], "mask": [1, 0]}, {}, [1, NAN], {"a": [1, 0]}),
    "no label that counts": ("cost/nll_labels", {"a": [[-1.0]], "labels": [9]}, {"ignore_index": 9}, NAN, {"a": [[0]]}),
}  # fmt: skip


@pytest.mark.parametrize("what", TORN)
def test_entries_without_a_truth_leave_the_others_alone(what):
    id, arguments, parameters, value, slopes = TORN[what]
    outputs, gradients = vjp(id, arguments, **parameters)
    for truth, expected in ((outputs["value"].truth, value), *((gradients[k].truth, s) for k, s in slopes.items())):
        np.testing.assert_allclose(truth.hi, expected, rtol=1e-14, atol=1e-300)
        np.testing.assert_array_equal(truth.undecided, np.isnan(truth.hi))


def test_a_kink_sways_by_the_steeper_side():
    outputs, _ = vjp("cost/hinge", {"z": [1.0], "y": [1]}, reduction="sum")
    assert outputs["value"].sway == pytest.approx(1, rel=1e-7)


def test_an_entry_without_a_truth_cannot_be_wrong():
    _, gradients = vjp("cost/l1", {"a": [2.0, 0.0], "y": [2.0, 1.0]})
    assert np.isnan(gradients["a"].error([1.0, 1.0])).tolist() == [True, False]


@pytest.mark.parametrize("id", ["spectral_norm", "nuclear_norm"])
@pytest.mark.parametrize(
    ("w", "sigma"), [(np.diag([2.0, 2.0]), (2, 2)), (np.zeros((2, 2)), (0, 0)), (np.array([[0.0, 3], [0, 4]]), (5, 0))]
)
def test_singular_values_that_tie_have_values_alone(id, w, sigma):
    outputs, gradients = vjp(f"regularizer/{id}", {"w": w}, lam=1.0)
    assert outputs["value"].truth.hi == (max(sigma) if id == "spectral_norm" else sum(sigma))
    alone = id == "spectral_norm" and sigma == (5, 0)
    assert gradients["w"].truth.undecided.all() == (not alone)


def test_all_but_equal_singular_values_are_told_apart():
    _, gradients = vjp("regularizer/spectral_norm", {"w": np.diag([2.0, 2.0 - 2.0**-51])}, lam=1.0)
    assert gradients["w"].truth.hi.tolist() == [[1, 0], [0, 0]]


# ---------------------------------------------------------------- bad input

ONE = {"a": [1.0], "y": [2.0]}
BAD = [
    ("cost/l2", ONE, {}, KeyError, "did you mean cost/l1"),
    ("cost/l1", {**ONE, "z": [1.0]}, {}, TypeError, "no argument 'z'; its arguments: a, y, weight"),
    ("cost/l1", {"a": [1.0]}, {}, TypeError, "missing .* argument: 'y'"),
    ("cost/l1", {**ONE, "a": [1j]}, {}, TypeError, "a has dtype complex128; pass floats, integers or bools"),
    ("cost/l1", {**ONE, "a": np.ones(1, np.longdouble)}, {}, ValueError, "is not one of float16"),
    ("cost/l1", ONE, {"delta": 1.0}, TypeError, "no parameter 'delta'; its parameters: reduction"),
    ("cost/l1", ONE, {"cotangent": [1.0]}, ValueError, r"cotangent of 'value' has shape \(1,\).*has shape \(\)"),
    ("cost/l1", ONE, {"cotangent": {"C": 1.0}}, ValueError, "a cotangent of 'C', but the outputs are value"),
    ("update/clip_by_value", {"g1": [1.0], "g2": [1.0]}, {"cotangent": [1.0]}, ValueError, "pass a mapping by name"),
    ("cost/huber_error", ONE, {"delta": 0.0}, ValueError, r"delta = 0\.0, but delta > 0 is required"),
    ("cost/huber_error", {**ONE, "delta": -1.0}, {}, ValueError, r"delta = -1\.0, but delta > 0 is required"),
    ("cost/huber_error", {**ONE, "delta": [1.0]}, {}, TypeError, r"parameter delta has shape \(1,\); pass one number"),
    ("regularizer/l2", {"w": np.ones((1, 1))}, {"n": 0}, ValueError, r"n = 0\.0"),
    ("regularizer/l1", {"w": np.ones((1, 1))}, {"lam": "x"}, TypeError, "parameter lam = 'x' is not a number"),
    ("regularizer/max_norm", {"w": np.ones((1, 1))}, {"limit": math.inf}, ValueError, "limit = inf is not finite"),
    ("activation/elu", {"z": [1.0], "beta": 2.0}, {}, TypeError, "no argument 'beta'; its arguments: z"),
    ("activation/glu", {"z": [1.0]}, {}, ValueError, "a row of 1 entries cannot be halved"),
    ("activation/softmax", {"z": [1.0]}, {"dtype": "float8"}, ValueError, "'float8' is not one of"),
]


@pytest.mark.parametrize(("id", "arguments", "keywords", "error", "message"), BAD)
def test_bad_input_is_named(id, arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        vjp(id, arguments, **keywords)


def test_what_no_precision_decides_is_said():
    """e¹e⁻¹ − 1 is 0, but no ball says so."""
    table = {"cost/zero": Forward(lambda a: above(np.exp(a) * np.exp(-a) - 1))}
    with pytest.raises(arrays.Undecided, match=r"not decided against a breakpoint.*32768 bits"):
        vjp("cost/zero", {"a": np.array(1.0)}, definitions=table)


def test_globals_are_put_back():
    before = ctx.prec, ctx.cap
    vjp("cost/cross_entropy_labels", {"z": [[500.0, 0.0]], "labels": [0]})
    with pytest.raises(ValueError, match="halved"):
        vjp("activation/glu", {"z": [1.0]})
    assert (ctx.prec, ctx.cap) == before
