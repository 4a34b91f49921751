"""The network gradient: every quantity on the way, against the definition and against its symmetries."""

import itertools

import numpy as np
import pytest

from oracles import finite_difference as fd
from reference import CATALOGUE
from reference.activations import identity, leaky_relu, log_softmax, relu, sigmoid, softmax, tanh
from reference.costs import bce, cross_entropy, mse, nll, quadratic, softmax_cross_entropy
from reference.network import (
    backprop,
    bias_gradient,
    feedforward,
    hidden_error,
    output_error,
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


MIXES = [
    ((3, 2), [sigmoid], bce),
    ((3, 2), [softmax], cross_entropy),
    ((4, 5, 3), [tanh, identity], softmax_cross_entropy),
    ((2, 3, 2), [sigmoid, sigmoid], quadratic),
    ((3, 4, 4, 4, 2), [tanh, sigmoid, softmax, log_softmax], nll),  # a vector activation in the middle
    ((3, 6, 5, 2), [tanh, leaky_relu, identity], mse),
]


@pytest.mark.parametrize(("sizes", "layers", "cost"), MIXES)
@pytest.mark.parametrize("n", [1, 5])
def test_every_gradient_is_that_of_the_definition(sizes, layers, cost, n):
    """Any depth, any mix of activations: one evaluation of the cost for every parameter."""
    x, y, W, b = network(sizes, n)
    g = backprop(x, y, W, b, layers, cost)
    definitions = [{**fd.ELEMENTWISE, **fd.ROWWISE}[f.formula.id] for f in layers]

    def total(W, b):
        a = x
        for w, c, f in zip(W, b, definitions, strict=True):
            a = f(a @ w.mT + c)
        return fd.COSTS[cost.formula.id](a, y)

    def by_complex_step(parameters, axes, put):
        return [fd.complex_step(lambda q, k=k: total(*put(k, q)), p, axes) for k, p in enumerate(parameters)]

    close([g.cost], [total(W, b)])
    close(g.dW, by_complex_step(W, 2, lambda k, q: ([*W[:k], q, *W[k + 1 :]], b)))
    close(g.db, by_complex_step(b, 1, lambda k, q: (W, [*b[:k], q, *b[k + 1 :]])))


def test_everything_on_the_way_can_be_looked_at():
    """z, a, and δ = ∂C/∂z of every layer, the deltas by perturbing z itself."""
    sizes, layers = (3, 4, 4, 2), [tanh, sigmoid, identity]
    x, y, W, b = network(sizes)
    g = backprop(x, y, W, b, layers, mse)
    assert [z.shape for z in g.z] == [(3, 4), (3, 4), (3, 2)]
    assert [a.shape for a in g.a] == [(3, 3), (3, 4), (3, 4), (3, 2)]
    np.testing.assert_array_equal(g.a[0], x)
    for l in range(3):
        np.testing.assert_allclose(g.z[l], g.a[l] @ W[l].T + b[l], rtol=1e-14)
        np.testing.assert_array_equal(g.a[l + 1], layers[l](g.z[l])[0])

        def cost_from(z, l=l):
            a = fd.ELEMENTWISE[layers[l].formula.id](z)
            for k in range(l + 1, 3):
                a = fd.ELEMENTWISE[layers[k].formula.id](a @ W[k].T + b[k])
            return fd.COSTS["cost/mse"](a, y)

        close([g.delta[l]], [fd.complex_step(cost_from, g.z[l], 2)])


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
    g = backprop(x, y, W, b, layers, mse)
    _, dC_da = mse(g.a[-1], y)
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


@pytest.mark.parametrize("cost", [quadratic, mse, softmax_cross_entropy], ids=lambda cost: cost.formula.name)
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
    g = backprop(x, y, W, b, layers, mse)
    eta = 1e-4
    after = backprop(x, y, sgd(W, g.dW, eta=eta)[0], sgd(b, g.db, eta=eta)[0], layers, mse)
    fall = eta * sum((q * q).sum() for q in (*g.dW, *g.db))
    assert g.cost - after.cost == pytest.approx(fall, rel=1e-2)


# ---------------------------------------------------------------- dtypes, layouts in memory, special sizes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_everywhere(dtype):
    given = network((3, 4, 2), dtype=dtype)
    g = backprop(*given, [tanh, softmax], cross_entropy, l2)
    assert {q.dtype for q in (g.cost, *g.dW, *g.db, *g.delta, *g.z, *g.a)} == {np.dtype(dtype)}


def test_inputs_stay_as_they_are_and_may_lie_anyhow():
    x, y, W, b = network((3, 4, 2), n=6)
    before = [q.copy() for q in (x, y, *W, *b)]
    g = backprop(x, y, W, b, [tanh, identity], mse)
    assert all(np.array_equal(p, q) for p, q in zip((x, y, *W, *b), before, strict=True))
    spread = [np.repeat(q, 2, -1)[..., ::2] for q in (x, y, *W, *b)]
    h = backprop(spread[0], spread[1], spread[2:4], spread[4:], [tanh, identity], mse)
    close([h.cost, *h.dW, *h.db], [g.cost, *g.dW, *g.db], 1e-14)


def test_a_network_of_one_unit():
    """C = ½(wx + b − y)², with pencil: δ = wx + b − y."""
    g = backprop(np.array([[2.0]]), np.array([[1.0]]), [np.array([[3.0]])], [np.array([-1.0])], [identity], quadratic)
    assert (float(g.cost), g.delta[0].tolist()) == (8.0, [[4.0]])
    assert (g.dW[0].tolist(), g.db[0].tolist()) == ([[8.0]], [4.0])


def test_a_dead_unit_passes_nothing_on():
    x, y, W, b = network((3, 4, 2))
    b[0][1] = -1e6
    g = backprop(x, y, W, b, [relu, identity], mse)
    assert not g.dW[0][1].any()
    assert g.db[0][1] == 0
    assert not g.dW[1][:, 1].any()


# ---------------------------------------------------------------- what is refused


def refuse(message, x=None, W=None, b=None, layers=(tanh, identity), error=ValueError):
    """Both backprop and feedforward refuse a network in which something is replaced."""
    given = network((3, 4, 2))
    x, W, b = (default if q is None else q for q, default in zip((x, W, b), (given[0], *given[2:]), strict=True))
    with pytest.raises(error, match=message):
        backprop(x, given[1], W, b, layers, mse)
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


def test_integer_arrays_are_refused():
    x, W, b = np.ones((2, 3), int), [np.ones((4, 3), int), np.ones((2, 4), int)], [np.ones(4, int), np.ones(2, int)]
    refuse(r"has dtype int64; pass floats, e\.g\. \w+\.astype\(np\.float64\)", x=x, W=W, b=b, error=TypeError)


def test_targets_that_do_not_fit_are_refused():
    x, _, W, b = network((3, 4, 2))
    with pytest.raises(ValueError, match=r"targets y have shape \(3, 5\), outputs a have shape \(3, 2\)"):
        backprop(x, np.zeros((3, 5)), W, b, [tanh, identity], mse)
    with pytest.raises(ValueError, match="label 2 at index \\(1,\\) is outside 0 … 1"):
        backprop(x, np.array([0, 2, 1]), W, b, [tanh, identity], softmax_cross_entropy)


# ---------------------------------------------------------------- the comparison can fail


@pytest.mark.parametrize("equation", ["output_error", "hidden_error", "bias_gradient", "weight_gradient"])
def test_an_error_in_any_equation_is_caught(monkeypatch, equation):
    from reference import network as module

    right = getattr(module, equation)
    monkeypatch.setattr(module, equation, lambda *args: right(*args) * (1 + 1e-9))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_every_gradient_is_that_of_the_definition((4, 5, 3), [tanh, identity], softmax_cross_entropy, 5)


def test_the_records_name_the_four_equations():
    functions = [CATALOGUE[f"network/bp{k}"].function for k in (1, 2, 3, 4)]
    assert functions == [output_error, hidden_error, bias_gradient, weight_gradient]
