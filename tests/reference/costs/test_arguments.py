"""What the arguments of a cost may be: what is refused by name, what broadcasts, where the classes are."""

import numpy as np
import pytest
from formula_cases import CATALOGUE, OF_ROWS, draw
from hypothesis import given
from hypothesis import strategies as st

from gradproof import cases
from reference import costs, vjp
from reference.costs.arguments import class_labels, index, one_hot

COSTS = {id: f for id, f in CATALOGUE.items() if f.kind == "cost"}


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda: costs.binary_cross_entropy([0.0, 1.0], [0.0, 1.0]), 0),
        (lambda: costs.cross_entropy([[1.0, 0.0]], [[1.0, 0.0]]), 0),
        (lambda: costs.kl_div([[0.0, -np.inf]], [[1.0, 0.0]]), 0),
        (lambda: costs.kl_div_log_target([[0.0, -np.inf]], [[0.0, -np.inf]]), 0),
        (lambda: costs.jensen_shannon([[1.0, 0.0]], [[1.0, 0.0]]), 0),
        (lambda: costs.poisson_nll([0.0], [0.0]), 1),
        (lambda: costs.poisson_nll_rate([0.0], [0.0]), 0),
        (lambda: costs.gaussian_nll([0.0], [0.0], [5e-324], reduction="sum"), np.log(5e-324) / 2),
        (lambda: costs.dice([[1.0, 0.0]], [[1.0, 0.0]]), 0),
        (lambda: costs.dice([[0.0, 0.0]], [[0.0, 0.0]], smooth=1e-300), 0),
        (lambda: costs.tversky([[1.0, 0.0]], [[1.0, 0.0]], alpha=0.0, beta=0.0), 0),
        (lambda: costs.sigmoid_focal([0.0], [1.0], alpha=0.0), 0),
        (lambda: costs.sigmoid_focal([0.0], [0.0], alpha=1.0, gamma=0.0), 0),
        (lambda: costs.softmax_focal([[0.0, 0.0]], [1], gamma=0.0), np.log(2)),
        (lambda: costs.cross_entropy_labels([[0.0, 0.0]], [1], label_smoothing=1.0), np.log(2)),
        (lambda: costs.cross_entropy_probabilities([[0.0, 0.0]], [[1.0, 0.0]], label_smoothing=1.0), np.log(2)),
        (lambda: costs.quantile([1.0], [0.0], tau=np.nextafter(1, 0)), 2.0**-53),
        (lambda: costs.quantile([1.0], [0.0], tau=5e-324), 1),
        (lambda: costs.huber_error([1.0], [0.0], delta=5e-324), 5e-324),
        (lambda: costs.smooth_l1([1.0], [0.0], beta=5e-324), 1),
        (lambda: costs.multi_margin([[0.0, 0.0]], [1], p=1), 0.5),
        (lambda: costs.triplet_margin([[0.0]], [[0.0]], [[0.0]], margin=5e-324), 5e-324),
    ],
)
def test_the_ends_of_a_domain_belong_to_it_or_are_refused_beyond(call, value):
    C, gradients = call()
    assert value == C
    assert not any(np.isnan(g).any() for name, g in gradients.items() if name not in ("y", "q", "p"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: costs.quantile([1.0], [0.0], tau=0.0), r"tau = 0\.0; need 0 < tau < 1"),
        (lambda: costs.quantile([1.0], [0.0], tau=1.0), r"tau = 1\.0; need 0 < tau < 1"),
        (lambda: costs.sigmoid_focal([0.0], [1.0], alpha=np.nextafter(1, 2)), "need 0 ≤ alpha ≤ 1"),
        (lambda: costs.huber_error([0.0], [1.0], delta=0.0), "need delta > 0"),
        (lambda: costs.poisson_nll([0.0], [-5e-324]), "is not a count"),
        (lambda: costs.dice([[0.0, 0.0]], [[0.0, 0.0]], smooth=0.0), "masks a and y of row 0 are empty, which is 0/0"),
        (lambda: costs.cosine_distance(np.zeros((2, 3)), np.ones((2, 3))), "row 0 of a is zero"),
    ],
)
def test_just_beyond_it_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- labels


@given(st.integers(1, 6), st.lists(st.integers(-3, 8), min_size=1, max_size=5))
def test_one_hot_takes_labels_within_range_alone(d, labels):
    if all(0 <= k < d for k in labels):
        rows = one_hot(labels, d)
        assert rows.argmax(-1).tolist() == labels
        assert rows.sum() == len(labels)
    else:
        with pytest.raises(ValueError, match="is outside 0 …"):
            one_hot(labels, d)


def test_a_label_among_a_hundred_thousand_needs_no_table():
    z, y = np.zeros((1, 100_000)), one_hot([5], 100_000)
    assert y.nbytes == z.nbytes
    for C, _ in (costs.cross_entropy_probabilities(z, y), costs.cross_entropy_labels(z, [5])):
        np.testing.assert_allclose(C, np.log(100_000), rtol=2**-50)


def test_messages_name_argument_index_and_value():
    with pytest.raises(ValueError, match=r"label = 3 at index \(1,\) is outside 0 … 2: there are 3 classes"):
        class_labels([0, 3], (2,), 3)
    with pytest.raises(ValueError, match=r"label = -1 at index \(0,\)"):
        class_labels([-1, 0], (2,), 3)
    with pytest.raises(TypeError, match="labels have dtype float64; pass integers"):
        class_labels([0.0], (1,), 3)
    with pytest.raises(ValueError, match=r"labels have shape \(2,\); expected \(3,\)"):
        class_labels([0, 1], (3,), 3)
    with pytest.raises(TypeError, match="ignore_index = 'x' is not an integer"):
        class_labels([0], (1,), 3, "x")
    with pytest.raises(TypeError, match=r"leading = 1\.5 is not an integer"):
        index("leading", 1.5)


def test_ignored_labels():
    labels, counts = class_labels([0, -100, 2], (3,), 3, -100)
    assert labels.tolist() == [0, 0, 2]
    assert counts.tolist() == [True, False, True]


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    "name", ["l1", "squared_error", "huber_error", "smooth_l1", "log_cosh", "quantile", "quadratic"]
)
@pytest.mark.parametrize("shape", [(4,), (3, 1), (1, 4), (), (1, 1)])
def test_targets_broadcast_to_the_outputs_and_their_gradient_is_summed(name, shape):
    rng = np.random.default_rng(0)
    cost, a, y, v = getattr(costs, name), *(rng.standard_normal(s) for s in ((3, 4), shape, ()))
    full = np.broadcast_to(y, a.shape).copy()
    (got, by), (expected, by_full) = (cost.vjp({"a": a, "y": t}, v) for t in (y, full))
    assert got["value"] == expected["value"]
    np.testing.assert_array_equal(by["a"], by_full["a"])
    axes = tuple(k for k, n in enumerate((1,) * (2 - len(shape)) + shape) if n == 1 or k < 2 - len(shape))
    np.testing.assert_allclose(by["y"], by_full["y"].sum(axes).reshape(shape), rtol=2**-48, atol=2**-52)


def test_outputs_do_not_broadcast_to_their_targets():
    """(n, 1) against (n,) would be (n, n), which nobody means."""
    for a, y in (((3, 1), (3,)), ((3,), (3, 4)), ((3, 1), (3, 4)), ((2, 3), (3, 2))):
        with pytest.raises(ValueError, match=rf"y has shape .*, which does not broadcast to \({a[0]}, ?.*that of a"):
            costs.squared_error(np.zeros(a), np.zeros(y))
    with pytest.raises(ValueError, match=r"y has shape \(2,\), a has shape \(2, 2\); they must be equal"):
        costs.cross_entropy(np.full((2, 2), 0.5), np.array([1, 0]))  # labels, where rows are wanted
    with pytest.raises(ValueError, match=r"y has shape \(1, 2\), z has shape \(2, 2\); they must be equal"):
        costs.cross_entropy_probabilities(np.zeros((2, 2)), np.array([[1.0, 0.0]]))


def test_variances_of_rows():
    rng = np.random.default_rng(1)
    a, y = rng.standard_normal((2, 3, 3))
    v = rng.uniform(1, 2, 3)
    per_row, per_column = costs.gaussian_nll(a, y, v), costs.gaussian_nll(a, y, v[None])
    expected = costs.gaussian_nll(a, y, np.repeat(v[:, None], 3, 1))
    assert per_row[0] == expected[0] != per_column[0]
    np.testing.assert_allclose(per_row[1]["v"], expected[1]["v"].sum(1), rtol=2**-50)
    assert costs.gaussian_nll(a, y, v[:, None])[1]["v"].shape == (3, 1)
    assert costs.gaussian_nll(a, y, v[0])[1]["v"].shape == ()


CLASSES = {
    "nll_labels": "labels", "cross_entropy_labels": "labels", "softmax_focal": "labels",
    "cross_entropy_probabilities": "rows", "poly_cross_entropy": "rows",
}  # fmt: skip


@pytest.mark.parametrize(("name", "targets"), CLASSES.items())
def test_classes_are_on_the_axis_after_that_of_the_examples(name, targets):
    """(C,), (n, C) and (n, C, d₁, d₂), as torch has it; every place of (n, d₁, d₂) is an example of its own."""
    cost, rng = getattr(costs, name), np.random.default_rng(2)
    z, v = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 4, 5))
    labels = rng.integers(0, 3, (2, 4, 5))
    y = labels if targets == "labels" else np.moveaxis(rng.dirichlet(np.ones(3), (2, 4, 5)), -1, 1)
    first, second = ("a" if name == "nll_labels" else "z"), ("labels" if targets == "labels" else "y")
    given = {first: z, second: y} | ({} if "poly" in name else {"weight": np.array([0.5, 2.0, 3.0])})
    flat = {**given, first: np.moveaxis(z, 1, -1).reshape(-1, 3),
            second: y.ravel() if targets == "labels" else np.moveaxis(y, 1, -1).reshape(-1, 3)}  # fmt: skip
    for reduction, u in (("none", v), ("sum", None), ("mean", None)):
        outputs, gradients = cost.vjp(given, u, reduction=reduction)
        expected, slopes = cost.vjp(flat, None if u is None else u.ravel(), reduction=reduction)
        np.testing.assert_allclose(outputs["value"].ravel(), expected["value"].ravel(), rtol=2**-48)
        np.testing.assert_allclose(np.moveaxis(gradients[first], 1, -1).reshape(-1, 3), slopes[first], rtol=2**-44)
        if "weight" in given:
            np.testing.assert_allclose(gradients["weight"], slopes["weight"], rtol=1e-13)
    one = {first: z[0, :, 0, 0], second: y[0, 0, 0] if targets == "labels" else y[0, :, 0, 0]}
    value, slopes = cost.vjp(one)
    batch, by_batch = cost.vjp({key: x[None] for key, x in one.items()})
    assert value["value"] == batch["value"]
    np.testing.assert_array_equal(slopes[first], by_batch[first][0])


ROWS = [id for id, f in COSTS.items() if f.reduction and draw(id).answer(reduction="none")[0]["value"].shape == (3,)]


@pytest.mark.parametrize("id", ROWS)
def test_a_single_row_is_one_example(id):
    case = draw(id)
    apart = {"W", "b"} if "W" in case.arguments else set() if id in OF_ROWS else {"weight"}  # not one for each row
    one = {key: x if key in apart else x[0] for key, x in case.arguments.items()}
    batch = {key: x if key in apart else x[:1] for key, x in case.arguments.items()}
    for reduction in ("none", "mean", "batchmean"):
        (value, slopes), (expected, by_batch) = (case.answer(**given, reduction=reduction) for given in (one, batch))
        assert value["value"].shape == ()
        assert value["value"] == expected["value"].reshape(())
        for key, slope in slopes.items():
            np.testing.assert_array_equal(slope, by_batch[key].reshape(slope.shape))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: costs.l1([0.0], [0.0], [1.0, 2.0]), r"weight has shape \(2,\), which does not broadcast to \(1,\)"),
        (lambda: costs.nll_labels(np.zeros((2, 3)), [0, 1], [1.0, 2.0]), r"weight has shape \(2,\); expected \(3,\)"),
        (lambda: costs.nll_labels(np.zeros((2, 3)), [0]), r"labels have shape \(1,\); expected \(2,\)"),
        (lambda: costs.cross_entropy_labels(np.zeros((2, 5, 7)), np.zeros((2, 5), int)), r"expected \(2, 7\)"),
        (
            lambda: costs.nll_labels(np.zeros((2, 0)), [0, 0]),
            r"a has shape \(2, 0\); expected rows of one entry or more",
        ),
        (lambda: costs.dice(0.5, 0.5), r"a has shape \(\); expected rows"),
        (lambda: costs.cosine_embedding(np.ones((2, 3)), np.ones((2, 3)), 1), r"y has shape \(\); expected \(2,\)"),
        (
            lambda: costs.cosine_distance(np.ones((2, 3)), np.ones((2, 2))),
            r"b has shape \(2, 2\), a has shape \(2, 3\)",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_named_with_the_one_that_would(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_calls_that_cannot_be_meant():
    with pytest.raises(TypeError, match="l1 takes the arrays a, y, weight; 4 are given"):
        costs.l1([0.0], [0.0], [1.0], "sum")
    with pytest.raises(TypeError, match="l1 got a twice"):
        costs.l1([0.0], [0.0], a=[1.0])
    with pytest.raises(TypeError, match="l1 needs the argument 'y'"):
        costs.l1([0.0])


LABELLED = [id for id, f in COSTS.items() if f.entries.get("labels") == "label"]


@pytest.mark.parametrize("id", LABELLED)
@pytest.mark.parametrize("reshaped", [lambda y: y[0], lambda y: y[..., None], lambda y: y[:1], lambda y: y[None]])
def test_labels_are_never_broadcast(id, reshaped):
    case = cases.draw(id, "float64", "plain", 1)
    with pytest.raises(ValueError, match=r"labels ha(ve|s) shape"):
        vjp(id, {**case.arguments, "labels": reshaped(case.arguments["labels"])}, **case.parameters)
