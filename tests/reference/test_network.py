"""The network gradient: every quantity on the way, against the definition and against its symmetries."""

# Over 400 lines: everything that is asked of the one function that the house is about.

import itertools
from functools import partial

import numpy as np
import pytest
from formula_cases import difference, draw

from reference import CATALOGUE, costs
from reference.activations import elu, identity, leaky_relu, log_softmax, relu, sigmoid, softmax, tanh
from reference.costs import (
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_labels,
    cross_entropy_probabilities,
    huber_error,
    nll,
    one_hot,
    quadratic,
    squared_error,
)
from reference.lift import rounded
from reference.network import (
    backprop,
    bias_gradient,
    feedforward,
    hidden_error,
    output_error,
    per_example_norms,
    weight_gradient,
)
from reference.regularizers import l2
from reference.updates.optimizers import sgd, sgd_l2

RNG = np.random.default_rng


def network(sizes, n=3, lead=(), seed=0, dtype=np.float64):
    """x, targets that are rows of probabilities, W and b."""
    rng = RNG(seed)
    W = [(rng.standard_normal((*lead, o, i)) / np.sqrt(i)).astype(dtype) for i, o in itertools.pairwise(sizes)]
    b = [(0.3 * rng.standard_normal((*lead, o))).astype(dtype) for o in sizes[1:]]
    x = rng.standard_normal((*lead, n, sizes[0])).astype(dtype)
    return x, rng.dirichlet(np.ones(sizes[-1]), (*lead, n)).astype(dtype), W, b


def close(p, q, tolerance=1e-13):
    """Lists of arrays, each within a share of its largest entry."""
    for u, v in zip(p, q, strict=True):
        np.testing.assert_allclose(u, v, rtol=0, atol=tolerance * np.abs(v).max())


bce = partial(binary_cross_entropy, reduction="batchmean")
MIXES = [
    ((3, 2), [sigmoid], bce),
    ((3, 2), [softmax], cross_entropy),
    ((4, 5, 3), [tanh, identity], cross_entropy_probabilities),
    ((2, 3, 2), [sigmoid, sigmoid], quadratic),
    ((3, 4, 4, 4, 2), [tanh, sigmoid, softmax, log_softmax], nll),  # a vector activation in the middle
    ((3, 6, 5, 2), [tanh, leaky_relu, identity], squared_error),
]


def forward(x, W, b, layers):
    """The outputs of every layer, by their values alone."""
    a = [x]
    for w, c, g in zip(W, b, layers, strict=True):
        a.append(g(a[-1] @ w.mT + c)[0])
    return a


def value(cost, a, y):
    """The cost of outputs, by its value alone."""
    return float(cost(a, y)[0])


def moved(arrays, k, direction, t):
    """The list with its k-th array moved."""
    return [p + t * direction if i == k else p for i, p in enumerate(arrays)]


@pytest.mark.parametrize(("sizes", "layers", "cost"), MIXES)
@pytest.mark.parametrize("n", [1, 5])
def test_every_gradient_is_that_of_the_definition(sizes, layers, cost, n):
    """Any depth, any mix of activations: along a random direction of every parameter."""
    x, y, W, b = network(sizes, n)
    g = backprop(x, y, W, b, layers, cost)
    assert float(g.cost) == pytest.approx(value(cost, forward(x, W, b, layers)[-1], y), rel=1e-13)
    for k, (dW, db) in enumerate(zip(g.dW, g.db, strict=True)):
        D, d = (RNG(k).standard_normal(q.shape) for q in (dW, db))
        along_W = difference(lambda t, k=k, D=D: value(cost, forward(x, moved(W, k, D, t), b, layers)[-1], y))
        along_b = difference(lambda t, k=k, d=d: value(cost, forward(x, W, moved(b, k, d, t), layers)[-1], y))
        np.testing.assert_allclose([(dW * D).sum(), (db * d).sum()], [along_W, along_b], rtol=1e-8, atol=1e-10)


def test_everything_on_the_way_can_be_looked_at():
    """z, a, and δ = ∂C/∂z of every layer, the deltas by moving z itself."""
    sizes, layers = (3, 4, 4, 2), [tanh, sigmoid, identity]
    x, y, W, b = network(sizes)
    g = backprop(x, y, W, b, layers, squared_error)
    assert [z.shape for z in g.z] == [(3, 4), (3, 4), (3, 2)]
    assert [a.shape for a in g.a] == [(3, 3), (3, 4), (3, 4), (3, 2)]
    np.testing.assert_array_equal(g.a[0], x)
    for l in range(3):
        np.testing.assert_allclose(g.z[l], g.a[l] @ W[l].T + b[l], rtol=1e-14)
        np.testing.assert_array_equal(g.a[l + 1], layers[l](g.z[l])[0])
        D = RNG(l).standard_normal(g.z[l].shape)

        def cost_from(t, l=l, D=D):
            a = layers[l](g.z[l] + t * D)[0]
            return value(squared_error, forward(a, W[l + 1 :], b[l + 1 :], layers[l + 1 :])[-1], y)

        assert (g.delta[l] * D).sum() == pytest.approx(difference(cost_from), rel=1e-9)


ENDS = [f for f in CATALOGUE.values() if f.prediction]
PROBABILITIES = ("probability", "distribution", "rate")


@pytest.mark.parametrize("record", ENDS, ids=lambda f: f.name)
@pytest.mark.parametrize("lead", [(), (2,)], ids=["one", "stacked"])
def test_every_cost_with_a_prediction_stands_at_the_end_of_a_network(record, lead):
    """At its default parameters and at others, with softmax where it wants probabilities."""
    for seed in (0, 1):
        case = draw(record.id, seed, lead=lead)
        y, parameters = case.arguments[record.target], {k: p for k, p in case.parameters.items() if k != "ignore_index"}
        x, _, W, b = network((3, 5, 4), n=3, lead=lead, seed=seed)
        if record.id == "cost/wasserstein_critic":
            x = x[..., : case.arguments["a"].shape[-1], :]
        last = softmax if record.entries.get(record.prediction) in PROBABILITIES else identity
        cost = partial(record.function, **parameters) if parameters else record.function
        g = backprop(x, y, W, b, [tanh, last], cost)
        assert g.cost.shape == lead
        C, gradients = record.function(g.a[-1], y, **parameters, leading=len(lead))
        np.testing.assert_array_equal(g.cost, C)
        v = gradients[record.prediction]
        expected = last(g.z[-1])[1](v) if last is softmax else v
        np.testing.assert_array_equal(g.delta[-1], expected)


def test_what_is_at_the_end_goes_there_directly_or_the_long_way_with_the_same_bits():
    x, y, W, b = network((4, 5, 3), n=6)
    layers = [tanh, identity]
    for cost in (squared_error, quadratic, huber_error, cross_entropy_probabilities):
        direct = backprop(x, y, W, b, layers, cost)
        for again in (
            backprop(x, y, W, b, layers, partial(cost, reduction=cost.formula.reduction)),
            backprop(x, np.asfortranarray(y), W, b, layers, cost),
            backprop(x, y.tolist(), W, b, layers, cost),
        ):
            close([again.cost, *again.dW], [direct.cost, *direct.dW], 0)


def test_a_cost_that_is_none_of_a_network_is_refused():
    x, y, W, b = network((3, 4, 2))
    for cost in (costs.nt_xent, costs.gaussian_nll, partial(costs.triplet_margin, margin=2.0), costs.ctc):
        with pytest.raises(ValueError, match=r"cost/\w+ takes no outputs and targets of a network"):
            backprop(x, y, W, b, [tanh, identity], cost)


def test_any_function_of_outputs_and_targets_is_taken():
    x, y, W, b = network((3, 4, 2))
    mine = backprop(x, y, W, b, [tanh, identity], lambda a, y: (((a - y) ** 2).sum() / 2, a - y))
    ours = backprop(x, y, W, b, [tanh, identity], partial(quadratic, reduction="sum"))
    close([mine.cost, *mine.dW], [ours.cost, *ours.dW])


def test_labels_are_targets_too():
    x, _, W, b = network((3, 4, 2))
    labels = np.array([0, 1, 1])
    g = backprop(x, labels, W, b, [tanh, identity], cross_entropy_labels)
    h = backprop(x, one_hot(labels, 2), W, b, [tanh, identity], cross_entropy_probabilities)
    close([g.cost, *g.dW, *g.db], [h.cost, *h.dW, *h.db])


def test_feedforward_is_the_forward_half():
    x, y, W, b = network((3, 4, 2))
    forward, g = feedforward(x, W, b, [tanh, softmax]), backprop(x, y, W, b, [tanh, softmax], cross_entropy)
    close(forward.z, g.z, 0)
    close(forward.a, g.a, 0)
    v = RNG(1).standard_normal((3, 4))
    np.testing.assert_allclose(forward.pullbacks[0](v), v * tanh(g.z[0])[1], rtol=1e-15)


def test_the_four_equations_are_what_backprop_is():
    x, y, W, b = network((3, 4, 5, 2))
    layers = [tanh, sigmoid, sigmoid]
    g = backprop(x, y, W, b, layers, squared_error)
    dC_da = squared_error(g.a[-1], y)[1]["a"]
    slopes = [f(z)[1] for f, z in zip(layers, g.z, strict=True)]
    close([g.delta[2]], [output_error(dC_da, lambda v: v * slopes[2])])
    for l in (1, 0):
        close([g.delta[l]], [hidden_error(g.delta[l + 1], W[l + 1], lambda v, l=l: v * slopes[l])])
    close(g.db, [bias_gradient(d) for d in g.delta])
    close(g.dW, [weight_gradient(d, a) for d, a in zip(g.delta, g.a[:-1], strict=True)])


def test_the_four_equations_neuron_by_neuron():
    """For a single example and as sums over neurons, which is how the literature prints them."""
    x, y, W, b = network((2, 3, 2), n=1)
    g = backprop(x, y, W, b, [sigmoid, sigmoid], quadratic)
    d, a = [q[0] for q in g.delta], [q[0] for q in g.a]
    for j in range(2):
        slope = a[2][j] * (1 - a[2][j])
        assert d[1][j] == pytest.approx((a[2][j] - y[0, j]) * slope, rel=1e-14)  # BP1
    for j in range(3):
        back = sum(W[1][k, j] * d[1][k] for k in range(2))
        assert d[0][j] == pytest.approx(back * a[1][j] * (1 - a[1][j]), rel=1e-13)  # BP2
    for l in range(2):
        for j in range(len(d[l])):
            assert g.db[l][j] == d[l][j]  # BP3
            for k in range(len(a[l])):
                assert g.dW[l][j, k] == pytest.approx(a[l][k] * d[l][j], rel=1e-14)  # BP4


# ---------------------------------------------------------------- batches and steps


@pytest.mark.parametrize("cost", [quadratic, squared_error, cross_entropy_probabilities], ids=lambda f: f.formula.name)
def test_a_batch_has_the_mean_of_the_gradients_of_its_examples(cost):
    x, y, W, b = network((4, 5, 3), n=6)
    layers = [tanh, identity]
    g = backprop(x, y, W, b, layers, cost)
    alone = [backprop(x[i : i + 1], y[i : i + 1], W, b, layers, cost) for i in range(6)]
    close([g.cost], [np.mean([o.cost for o in alone])])
    for l in range(2):
        close([g.dW[l], g.db[l]], [np.mean([o.dW[l] for o in alone], 0), np.mean([o.db[l] for o in alone], 0)])
        np.testing.assert_allclose(g.delta[l] * 6, np.concatenate([o.delta[l] for o in alone]), rtol=1e-12)


def test_the_order_of_the_examples_does_not_matter():
    x, y, W, b = network((4, 5, 3), n=7)
    order = RNG(5).permutation(7)
    g, h = (backprop(x[i], y[i], W, b, [tanh, softmax], cross_entropy) for i in (slice(None), order))
    close([h.cost, *h.dW, *h.db], [g.cost, *g.dW, *g.db])
    close(h.delta, [d[order] for d in g.delta])


def test_leading_axes_are_independent_networks():
    x, y, W, b = network((4, 5, 3), lead=(2, 3))
    g = backprop(x, y, W, b, [tanh, softmax], cross_entropy)
    for k in np.ndindex(2, 3):
        one = backprop(x[k], y[k], [w[k] for w in W], [c[k] for c in b], [tanh, softmax], cross_entropy)
        close([g.cost[k], *(w[k] for w in g.dW), *(c[k] for c in g.db)], [one.cost, *one.dW, *one.db], 1e-14)


def test_the_step_of_a_mini_batch_divides_the_sum_by_its_size():
    """w ← w − (η/m) Σ ∂Cₓ/∂w, as the literature prints it, is our step on the mean."""
    x, y, W, b = network((3, 4, 2), n=5)
    layers, eta = [tanh, identity], 0.3
    g = backprop(x, y, W, b, layers, quadratic)
    alone = [backprop(x[i : i + 1], y[i : i + 1], W, b, layers, quadratic).dW for i in range(5)]
    close(sgd(W, g.dW, eta=eta)[0], [w - eta / 5 * sum(dW[l] for dW in alone) for l, w in enumerate(W)])


@pytest.mark.parametrize(("eta", "lam", "n"), [(0.5, 0.1, 1), (0.01, 5.0, 50_000), (1.0, 0.0, 3)])
def test_the_l2_step_is_weight_decay(eta, lam, n):
    """−η ∂(C + λ/2n·Σw²)/∂w is (1 − ηλ/n)w − η ∂C/∂w, and biases do not decay."""
    x, y, W, b = network((3, 4, 2), n=5)
    layers = [tanh, identity]
    plain = backprop(x, y, W, b, layers, quadratic)
    penalised = backprop(x, y, W, b, layers, quadratic, lambda W: l2(W, lam=lam, n=n))
    decayed = sgd_l2(W, plain.dW, eta=eta, lam=lam, n=n)[0]
    close(decayed, sgd(W, penalised.dW, eta=eta)[0], 1e-14)
    close(decayed, [(1 - eta * lam / n) * w - eta * d for w, d in zip(W, plain.dW, strict=True)], 1e-14)
    close(sgd(b, penalised.db, eta=eta)[0], sgd(b, plain.db, eta=eta)[0], 0)


def test_small_steps_go_downhill():
    x, y, W, b = network((3, 8, 2), n=20)
    layers = [tanh, identity]
    g = backprop(x, y, W, b, layers, squared_error)
    eta = 1e-4
    after = backprop(x, y, sgd(W, g.dW, eta=eta)[0], sgd(b, g.db, eta=eta)[0], layers, squared_error)
    fall = eta * sum((q * q).sum() for q in (*g.dW, *g.db))
    assert g.cost - after.cost == pytest.approx(fall, rel=1e-2)


# ---------------------------------------------------------------- dtypes, layouts in memory, special sizes


def sixteen_bits():
    try:
        import ml_dtypes
    except ImportError:
        return [np.dtype(np.float16)]
    return [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]


def everything(g):
    return (g.cost, *g.dW, *g.db, *g.delta, *g.z, *g.a)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64), *sixteen_bits()], ids=str)
def test_the_dtype_is_kept_everywhere(dtype):
    x, y, W, b = network((3, 4, 2), dtype=dtype)
    y = y.astype(np.float64) / y.astype(np.float64).sum(-1, keepdims=True)
    g = backprop(x, y, W, b, [tanh, softmax], cross_entropy, l2)
    assert {q.dtype for q in everything(g)} == {dtype}
    f = feedforward(x, W, b, [tanh, softmax])
    assert {q.dtype for q in (*f.z, *f.a, *(p(a) for p, a in zip(f.pullbacks, f.a[1:], strict=True)))} == {dtype}


@pytest.mark.parametrize("dtype", sixteen_bits(), ids=str)
def test_sixteen_bits_are_computed_in_float64_and_rounded_once(dtype):
    x, _, W, b = network((3, 4, 2), dtype=dtype)
    y = np.array([[0.5, 1.0], [0.25, -1.0], [2.0, 0.0]])
    long = [q.astype(np.float64) for q in (x, *W, *b)]
    layers = [tanh, elu]
    g = backprop(x, y, W, b, layers, squared_error, l2)
    exact = backprop(long[0], y, long[1:3], long[3:], layers, squared_error, l2)
    for p, q in zip(everything(g), everything(exact), strict=True):
        np.testing.assert_array_equal(p.astype(float), rounded(np.asarray(q), dtype).astype(float))
    f, wide = feedforward(x, W, b, layers), feedforward(long[0], long[1:3], long[3:], layers)
    for p, q in zip((*f.z, *f.a), (*wide.z, *wide.a), strict=True):
        np.testing.assert_array_equal(p.astype(float), rounded(q, dtype).astype(float))
    v = RNG(2).standard_normal((3, 4)).astype(dtype)
    back = wide.pullbacks[0](v.astype(np.float64))
    np.testing.assert_array_equal(f.pullbacks[0](v).astype(float), rounded(back, dtype).astype(float))


def test_a_parameter_of_another_dtype_keeps_it():
    x, y, W, b = network((3, 4, 2))
    g = backprop(x.astype(np.float16), y, [W[0], W[1].astype(np.float32)], b, [tanh, identity], squared_error)
    assert [q.dtype for q in (g.cost, *g.dW, *g.db)] == [np.float16, np.float64, np.float32, np.float64, np.float64]


def test_lists_are_taken():
    x, y, W, b = network((3, 4, 2))
    g = backprop(
        x.tolist(), y.tolist(), [w.tolist() for w in W], [c.tolist() for c in b], [tanh, identity], squared_error
    )
    h = backprop(x, y, W, b, [tanh, identity], squared_error)
    close(everything(g), everything(h), 0)


def test_inputs_stay_as_they_are_and_may_lie_anyhow():
    x, y, W, b = network((3, 4, 2), n=6)
    before = [q.copy() for q in (x, y, *W, *b)]
    g = backprop(x, y, W, b, [tanh, identity], squared_error)
    assert all(np.array_equal(p, q) for p, q in zip((x, y, *W, *b), before, strict=True))
    spread = [np.repeat(q, 2, -1)[..., ::2] for q in (x, y, *W, *b)]
    h = backprop(spread[0], spread[1], spread[2:4], spread[4:], [tanh, identity], squared_error)
    close([h.cost, *h.dW, *h.db], [g.cost, *g.dW, *g.db], 1e-14)


def test_a_network_of_one_unit():
    """C = ½(wx + b − y)², with pencil: δ = wx + b − y."""
    g = backprop(np.array([[2.0]]), np.array([[1.0]]), [np.array([[3.0]])], [np.array([-1.0])], [identity], quadratic)
    assert (float(g.cost), g.delta[0].tolist()) == (8.0, [[4.0]])
    assert (g.dW[0].tolist(), g.db[0].tolist()) == ([[8.0]], [4.0])


def test_a_dead_unit_passes_nothing_on():
    x, y, W, b = network((3, 4, 2))
    b[0][1] = -1e6
    g = backprop(x, y, W, b, [relu, identity], squared_error)
    assert not g.dW[0][1].any()
    assert g.db[0][1] == 0
    assert not g.dW[1][:, 1].any()


# ---------------------------------------------------------------- what is refused


def refuse(message, x=None, W=None, b=None, layers=(tanh, identity), error=ValueError):
    """Both backprop and feedforward refuse a network in which something is replaced."""
    given = network((3, 4, 2))
    x, W, b = (default if q is None else q for q, default in zip((x, W, b), (given[0], *given[2:]), strict=True))
    with pytest.raises(error, match=message):
        backprop(x, given[1], W, b, layers, squared_error)
    with pytest.raises(error, match=message):
        feedforward(x, W, b, layers)


def test_a_layer_that_does_not_fit_is_named_with_both_shapes():
    W, b = network((3, 4, 2))[2:]
    refuse(r"layer 1: W has shape \(4, 3\), but x gives 5 features, not 3", x=np.zeros((2, 5)))
    refuse(r"layer 2: W has shape \(2, 5\), but layer 1 gives 4 features, not 5", W=[W[0], np.zeros((2, 5))])
    refuse(r"layer 2: b has shape \(3,\), but W has shape \(2, 4\): 2 units", b=[b[0], np.zeros(3)])
    refuse(r"layer 1: W has shape \(3, 4\), but x gives 3 features, not 4", W=[W[0].T, W[1]])


def test_as_many_weights_biases_and_activations():
    b = network((3, 4, 2))[3]
    refuse("2 weights, 1 biases, 2 activations: one each per layer", b=b[:1])
    refuse("2 weights, 2 biases, 1 activations: one each per layer", layers=[tanh])
    refuse("0 weights, 0 biases, 2 activations: one each per layer", W=[], b=[])


def test_an_empty_batch_and_a_missing_axis():
    refuse(r"x has shape \(0, 3\); expected \(n examples, d_in\) with n ≥ 1", x=np.zeros((0, 3)))
    refuse(r"x has shape \(3,\); expected .* use x\[None\] for one example", x=np.zeros(3))


def test_what_is_no_matrix_or_vector():
    W, b = network((3, 4, 2))[2:]
    refuse(r"layer 1: W has shape \(3,\), b has shape \(4,\); need \(d_out, d_in\), \(d_out,\)", W=[W[0][0], W[1]])
    refuse(r"layer 2: W has shape \(2, 4\), b has shape \(\)", b=[b[0], np.array(1.0)])


def test_integer_arrays_are_refused_by_name():
    x, W, b = np.ones((2, 3), int), [np.ones((4, 3)), np.ones((2, 4), int)], [np.ones(4, int), np.ones(2)]
    for given, name in (({"x": x}, "x"), ({"W": W}, r"W\[1\]"), ({"b": b}, r"b\[0\]")):
        refuse(rf"{name} has dtype int64; pass floats", **given, error=TypeError)
    refuse(r"W\[0\] has dtype complex128; pass floats", W=[w.astype(complex) for w in W], error=TypeError)


def test_targets_that_do_not_fit_are_refused():
    x, _, W, b = network((3, 4, 2))
    with pytest.raises(ValueError, match=r"y has shape \(3, 5\), which does not broadcast to \(3, 2\), that of a"):
        backprop(x, np.zeros((3, 5)), W, b, [tanh, identity], squared_error)
    with pytest.raises(ValueError, match=r"label = 2 at index \(1,\) is outside 0 … 1"):
        backprop(x, np.array([0, 2, 1]), W, b, [tanh, identity], cross_entropy_labels)


# ---------------------------------------------------------------- the comparison can fail


@pytest.mark.parametrize("equation", ["output_error", "hidden_error", "bias_gradient", "weight_gradient"])
def test_an_error_in_any_equation_is_caught(monkeypatch, equation):
    from reference import network as module

    right = getattr(module, equation)
    monkeypatch.setattr(module, equation, lambda *args: right(*args) * (1 + 1e-6))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_every_gradient_is_that_of_the_definition((4, 5, 3), [tanh, identity], cross_entropy_probabilities, 5)


def test_the_records_name_the_four_equations():
    functions = [CATALOGUE[f"network/bp{k}"].function for k in (1, 2, 3, 4)]
    assert functions == [output_error, hidden_error, bias_gradient, weight_gradient]


# ---------------------------------------------------------------- per-example norms


def one_by_one(x, y, W, b, layers, cost):
    """The norm of every example's own gradient, by backprop of a batch of one."""
    grads = [backprop(x[i : i + 1], y[i : i + 1], W, b, layers, cost) for i in range(len(x))]
    return np.array([np.sqrt(sum(np.sum(q * q) for q in (*g.dW, *g.db))) for g in grads])


@pytest.mark.parametrize(("sizes", "layers", "cost"), MIXES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_per_example_norms_are_those_of_the_examples_alone(sizes, layers, cost, dtype):
    x, y, W, b = network(sizes, n=5, dtype=dtype)
    if cost is bce:
        y = np.clip(y, 0, 1)
    found = per_example_norms(x, y, W, b, layers, cost)
    assert found.dtype == dtype
    np.testing.assert_allclose(
        5 * found, one_by_one(x, y, W, b, layers, cost), rtol=1e-13 if dtype is np.float64 else 3e-6
    )


def test_per_example_norms_of_leading_axes_of_16_bits_and_of_extreme_sizes():
    x, y, W, b = network((4, 5, 3), n=5, lead=(2,))
    layers, cost = [tanh, identity], quadratic
    both = per_example_norms(x, y, W, b, layers, cost)
    for k in range(2):
        alone = per_example_norms(x[k], y[k], [w[k] for w in W], [c[k] for c in b], layers, cost)
        np.testing.assert_allclose(both[k], alone, rtol=1e-13)
    short = [q.astype(np.float16) for q in (x[0], W[0][0], W[1][0], b[0][0], b[1][0])]
    found = per_example_norms(short[0], y[0], short[1:3], short[3:], layers, cost)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, both[0], rtol=0.02)
    for size in (1e-200, 1e200):  # no square overflows or vanishes
        one = [size * np.ones((1, 1)), np.zeros((1, 1)), [np.ones((1, 1))], [np.zeros(1)], [identity]]
        assert per_example_norms(*one, lambda a, y: (0.0, np.ones_like(a))) == pytest.approx(np.hypot(size, 1))
        found = per_example_norms(*one, lambda a, y, s=size: (0.0, np.ones_like(a) / s))
        assert found == pytest.approx(np.hypot(size, 1) / size)
    far, two = np.array([[3e200, 4e200], [5e200, 12e200]]), [np.zeros((2, 1)), [np.ones((1, 2))], [np.zeros(1)]]
    found = per_example_norms(far, *two, [identity], lambda a, y: (0.0, np.ones_like(a)))
    np.testing.assert_allclose(found, [5e200, 13e200], rtol=1e-15)
    assert np.isnan(per_example_norms(np.full((1, 1), np.nan), *one[1:], quadratic)).all()


def test_per_example_norms_refuse_what_backprop_refuses():
    x, y, W, b = network((4, 5, 3))
    with pytest.raises(ValueError, match="layer 2"):
        per_example_norms(x, y, [W[0], W[1].T], b, [tanh, identity], quadratic)
    with pytest.raises(TypeError, match=r"W\[1\]"):
        per_example_norms(x, y, [W[0], W[1].astype(int)], b, [tanh, identity], quadratic)
