"""The planned gradient: the same numbers as `backprop`, and nothing but what it was planned for."""

import copy
import functools

import numpy as np
import pytest

from gradproof.networks.configurations import COSTS, ELEMENTWISE, FURTHER_COSTS, OUTPUTS, PARAMETERS, by_id
from gradproof.networks.draws import draw
from reference import CATALOGUE, plan
from reference.activations import identity, maxout, prelu, relu, sigmoid, softmax, tanh
from reference.costs import binary_cross_entropy, cross_entropy_labels, cross_entropy_probabilities, quadratic
from reference.network import backprop
from reference.plan import Gradients
from reference.plan import _of_floats as of_floats
from reference.regularizers import l2

SIZES, BATCH = (4, 5, 3), 7
IDS = [
    *(f"{name}/identity/quadratic" for name in (id.split("/")[1] for id in OUTPUTS)),
    *(f"tanh/{'softmax' if CATALOGUE[id].domain[0] != '-oo' else 'identity'}/{id.split('/')[1]}"
      for id in (*COSTS, *FURTHER_COSTS)),
]  # fmt: skip


def functions(c):
    """The hidden activation, the output activation and the cost of a configuration."""
    return [functools.partial(f.function, **PARAMETERS.get(f.id, {})) for f in c.formulas[:3]]


def case(id, dtype, k=0):
    """One network of the audit: x, y, W, b and its functions."""
    c = by_id(f"4-5-3/{dtype}/{id}/none")
    one = copy.deepcopy(draw(c, 0)[k])
    y = one.y.argmax(-1) if c.ends[1] == "labels" else one.y
    return (one.x, y, one.W, one.b), functions(c)


def rows(C, gradients):
    """Cost and gradients in one row."""
    return np.concatenate([np.ravel(q) for q in (C, *gradients.dW, *gradients.db)])


def by_backprop(given, activations, cost, regularizer=None):
    """What the definition says, in one row."""
    g = backprop(*given, activations, cost, regularizer)
    return rows(g.cost, g)


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("regularizer", [None, l2])
def test_float64_has_the_same_bits(id, regularizer):
    given, (hidden, output, cost) = case(id, "float64")
    gradient = plan(SIZES, [hidden, output], cost, BATCH, np.float64, regularizer)
    for _ in range(2):  # the second call finds what the first has left
        np.testing.assert_array_equal(rows(*gradient(*given)), by_backprop(given, [hidden, output], cost, regularizer))


@pytest.mark.parametrize("id", IDS)
def test_float32_agrees_to_its_digits(id):
    given, (hidden, output, cost) = case(id, "float32")
    C, gradients = plan(SIZES, [hidden, output], cost, BATCH, np.float32)(*given)
    assert {q.dtype for q in (C, *gradients.dW, *gradients.db)} == {np.dtype(np.float32)}
    expected = by_backprop(given, [hidden, output], cost)
    assert np.linalg.norm(rows(C, gradients) - expected) <= 2e-6 * np.linalg.norm(expected)


def test_leading_axes_are_independent_networks():
    one, functions = case("sigmoid/softmax/cross_entropy", "float64")
    two, _ = case("sigmoid/softmax/cross_entropy", "float64", 1)
    x, y = (np.stack(pair) for pair in zip(one[:2], two[:2], strict=True))
    W, b = ([np.stack(pair) for pair in zip(p, q, strict=True)] for p, q in zip(one[2:], two[2:], strict=True))
    stacked = plan(SIZES, functions[:2], functions[2], BATCH, np.float64, leading=(2,))(x, y, W, b)
    for k, given in enumerate((one, two)):
        expected = plan(SIZES, functions[:2], functions[2], BATCH, np.float64)(*given)
        here = stacked[0][k], Gradients(*([q[k] for q in each] for each in stacked[1]))
        np.testing.assert_allclose(rows(*here), rows(*expected), rtol=1e-13, atol=1e-16)


def test_a_large_batch_goes_by_blocks():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((900, 2)), rng.standard_normal((900, 30))
    W, b = [rng.standard_normal((30, 2))], [rng.standard_normal(30)]
    found = rows(*plan((2, 30), [sigmoid], quadratic, 900, np.float64)(x, y, W, b))
    np.testing.assert_array_equal(found, by_backprop((x, y, W, b), [sigmoid], quadratic))


def test_the_arrays_are_the_same_in_every_call():
    given, (hidden, output, cost) = case("tanh/identity/quadratic", "float64")
    gradient = plan(SIZES, [hidden, output], cost, BATCH, np.float64)
    _, first = gradient(*given)
    before = [q.copy() for q in first.dW]
    _, second = gradient(given[0] + 1, *given[1:])
    assert all(p is q for p, q in zip(first.dW, second.dW, strict=True))
    assert not np.array_equal(before[0], first.dW[0])


def test_nothing_given_is_written_to():
    for id in IDS:
        given, (hidden, output, cost) = case(id, "float64")
        for q in (given[0], given[1], *given[2], *given[3]):
            q.flags.writeable = False
        plan(SIZES, [hidden, output], cost, BATCH, np.float64)(*given)


def test_a_function_of_the_users_own_may_keep_what_it_returns():
    kept = []

    def cost(a, y):
        kept.append((a - y) / len(a))
        return np.sum((a - y) ** 2) / (2 * len(a)), kept[-1]

    given, _ = case("tanh/sigmoid/quadratic", "float64")
    found = rows(*plan(SIZES, [tanh, lambda z: sigmoid(z)], cost, BATCH, np.float64)(*given))
    g = backprop(*given, [tanh, sigmoid], quadratic)
    np.testing.assert_allclose(found, rows(g.cost, g), rtol=1e-14, atol=1e-17)
    np.testing.assert_allclose(kept[0], (g.a[-1] - given[1]) / BATCH, rtol=1e-15)


# ---------------------------------------------------------------- float32 evaluated in float32


@pytest.mark.parametrize("change", [lambda q: q * np.float32(1 + 1e-6), np.nan_to_num])
def test_a_body_that_is_off_or_hides_nan_in_float32_is_not_taken(change):
    @functools.wraps(sigmoid)
    def as_it_is(z):
        return sigmoid(z)

    @functools.wraps(sigmoid)
    def changed(z):
        return sigmoid(z)

    changed.body = lambda z: tuple(map(change, sigmoid.body(z)))
    assert of_floats(as_it_is, (), np.dtype("f"))[0] is sigmoid.body
    assert of_floats(changed, (), np.dtype("f"))[0] is not changed.body


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_only_the_identity_is_left_out(id):
    assert of_floats(CATALOGUE[id].function, (), np.dtype("f"))[1] == (id == "activation/identity")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("where", ["x", "W", "b", "y"])
@pytest.mark.parametrize("hidden", [relu, sigmoid, softmax])
def test_what_is_out_of_the_ordinary_is_as_backprop_says(bad, where, hidden):
    (x, y, W, b), _ = case("tanh/identity/quadratic", "float64")
    {"x": x, "y": y, "W": W[0], "b": b[1]}[where].flat[1] = bad
    gradient = plan(SIZES, [hidden, identity], quadratic, BATCH, np.float64)
    with np.errstate(all="ignore"):
        expected = by_backprop((x, y, W, b), [hidden, identity], quadratic)
    np.testing.assert_array_equal(rows(*gradient(x, y, W, b)), expected)


def test_targets_that_make_no_cost_are_refused_as_by_backprop():
    (x, _, W, b), _ = case("tanh/identity/quadratic", "float64")
    gradient = plan(SIZES, [tanh, identity], binary_cross_entropy, BATCH, np.float64)
    with pytest.raises(ValueError, match="is not a probability"):
        gradient(x, np.ones((BATCH, 3)), W, b)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("argument", "change", "said"),
    [
        ("x", lambda x: x[:-1], r"x has shape \(6, 4\) and dtype float64; planned for \(7, 4\) and float64"),
        ("x", lambda x: x.astype(np.float32), "x has shape .* and dtype float32; planned for .* and float64"),
        ("x", lambda x: x.tolist(), "x is of type list; planned for an array"),
        ("x", lambda x: x.astype(">f8"), "dtype >f8"),
        ("x", np.ma.masked_array, "x is of type MaskedArray"),
        ("y", lambda y: y[:, :2], r"y has shape \(7, 2\) .*planned for \(7, 3\)"),
        ("W", lambda W: W[:1], "3 weights and biases; planned for 2 weights and 2 biases"),
        ("W", lambda W: [W[0], W[1].T], r"W\[1\] has shape \(5, 3\)"),
        ("b", lambda b: [b[0], b[1][:1]], r"b\[1\] has shape \(1,\) and dtype float64; planned for \(3,\)"),
    ],
)
def test_other_arrays_than_planned_for(argument, change, said):
    given, (hidden, output, cost) = case("tanh/identity/quadratic", "float64")
    named = dict(zip(("x", "y", "W", "b"), given, strict=True))
    named[argument] = change(named[argument])
    with pytest.raises(ValueError, match=said):
        plan(SIZES, [hidden, output], cost, BATCH, np.float64)(**named)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"sizes": (4,)}, ValueError, r"sizes = \(4,\); need"),
        ({"sizes": (4, 0, 3)}, ValueError, "sizes"),
        ({"sizes": (4, 5.5, 3)}, TypeError, "sizes = 5.5 is not an integer"),
        ({"activations": [tanh]}, ValueError, "1 activations for sizes"),
        ({"activations": [maxout, tanh], "sizes": (4, 6, 3)}, ValueError, r"makes \(7, 3\) of z of shape \(7, 6\)"),
        ({"batch": 0}, ValueError, "batch = 0; need"),
        ({"batch": "7"}, TypeError, "batch = '7' is not an integer"),
        ({"dtype": np.float16}, ValueError, "dtype = float16; a plan is for float32 or float64"),
        ({"dtype": int}, ValueError, "dtype = int64"),
    ],
)
def test_what_cannot_be_planned(change, error, said):
    given = {"sizes": SIZES, "activations": [tanh, tanh], "cost": quadratic, "batch": BATCH, "dtype": np.float64}
    with pytest.raises(error, match=said):
        plan(**given | change)


@pytest.mark.parametrize("n", [1, 40])
def test_its_own_gradients_are_no_weights_unless_they_are_copied(n):
    W, b, rng = [np.ones((3, 2))], [np.ones(3)], np.random.default_rng(0)
    x, y = rng.standard_normal((n, 2)), rng.standard_normal((n, 3))
    gradient = plan((2, 3), [identity], quadratic, batch=n, dtype=np.float64)
    _, (dW, db) = gradient(x, y, W, b)
    for given, named in (((dW, b), r"W\[0\]"), ((W, db), r"b\[0\]")):
        with pytest.raises(ValueError, match=f"{named} is a gradient that this plan writes to"):
            gradient(x, y, *given)
    gradient(x, y, [dW[0].copy()], [db[0].copy()])


def test_costs_of_examples_with_a_penalty_and_leading_axes_are_those_of_each_network():
    rng = np.random.default_rng(0)
    x, y, W, b = (rng.standard_normal(s) for s in ((3, 4, 2), (3, 4, 3), (3, 3, 2), (3, 3)))
    cost = functools.partial(quadratic, reduction="none")
    whole = backprop(x, y, [W], [b], [identity], cost, l2).cost
    planned, _ = plan((2, 3), [identity], cost, 4, np.float64, l2, leading=(3,))(x, y, [W], [b])
    for k in range(3):
        alone = backprop(x[k], y[k], [W[k]], [b[k]], [identity], cost, l2).cost
        np.testing.assert_array_equal(whole[k], alone)
        np.testing.assert_array_equal(planned[k], alone)


def test_labels_are_left_to_the_cost():
    (x, _, W, b), _ = case("tanh/identity/quadratic", "float64")
    labels = np.arange(BATCH) % 3
    gradient = plan(SIZES, [tanh, identity], cross_entropy_labels, BATCH, np.float64)
    hot = plan(SIZES, [tanh, identity], cross_entropy_probabilities, BATCH, np.float64)
    np.testing.assert_allclose(
        rows(*gradient(x, labels, W, b)), rows(*hot(x, np.eye(3)[labels], W, b)), rtol=1e-13, atol=1e-17
    )
    with pytest.raises(ValueError, match="label = 3"):
        gradient(x, labels + 1, W, b)


def test_costs_that_are_not_reduced_are_as_backprop_says():
    given, (hidden, output, _) = case("tanh/identity/quadratic", "float64")
    cost = functools.partial(quadratic, reduction="none")
    C, gradients = plan(SIZES, [hidden, output], cost, BATCH, np.float64)(*given)
    assert C.shape == (BATCH, 3)
    np.testing.assert_array_equal(rows(C, gradients), by_backprop(given, [hidden, output], cost))


@pytest.mark.parametrize("weight", [0.5, np.float32(0.5), np.array(0.5)])
def test_parameters_are_numbers_of_any_kind(weight):
    given, _ = case("tanh/identity/quadratic", "float64")
    layers = [functools.partial(prelu, weight=weight), identity]
    found = rows(*plan(SIZES, layers, quadratic, BATCH, np.float64)(*given))
    np.testing.assert_array_equal(found, by_backprop(given, layers, quadratic))
    with pytest.raises(ValueError, match="weight = nan is not finite"):
        plan(SIZES, [functools.partial(prelu, weight=np.nan), identity], quadratic, BATCH, np.float64)
