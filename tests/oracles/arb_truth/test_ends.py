import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, arb_series

from oracles.arb_truth.ends import COSTS, ENDINGS, REGULARIZERS, Undefined, bind_term

rng = np.random.default_rng(5)
Z = rng.normal(size=(4, 3))
P = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
Y = np.eye(3)[[0, 2, 1, 1]]


def rows(matrix):
    """Numbers as costs take them: entry 0 is the ball."""
    return [[arb_series([arb(v)], 1) for v in row] for row in matrix.tolist()]


def value(id, a, y, **parameters):
    targets = [[arb(v) for v in row] for row in y.tolist()]
    return float(bind_term(id, COSTS, parameters)(rows(a), targets)[0])


def torch_losses():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    a, y = torch.tensor(Z), torch.tensor(Y)
    p = torch.tensor(P)
    return {
        "cost/quadratic": (Z, ((a - y) ** 2).sum(1).mean() / 2),
        "cost/mse": (Z, F.mse_loss(a, y)),
        "cost/mae": (Z, F.l1_loss(a, y)),
        "cost/huber": (Z, F.huber_loss(a, y, delta=0.7)),
        "cost/bce": (P, F.binary_cross_entropy(p, y, reduction="sum") / 4),
        "cost/bce_logits": (Z, F.binary_cross_entropy_with_logits(a, y, reduction="sum") / 4),
        "cost/cross_entropy": (P, F.nll_loss(p.log(), y.argmax(1))),
        "cost/nll": (np.log(P), F.nll_loss(p.log(), y.argmax(1))),
        "cost/softmax_cross_entropy": (Z, F.cross_entropy(a, y)),
    }


@pytest.mark.parametrize("id", COSTS)
def test_values_are_those_of_torch(id):
    a, loss = torch_losses()[id]
    parameters = {"delta": 0.7} if id == "cost/huber" else {}
    assert value(id, a, Y, **parameters) == pytest.approx(float(loss), rel=1e-12)


@pytest.mark.parametrize(
    ("id", "parameters", "penalty"),
    [
        ("none", {}, lambda w: 0),
        ("l2", {"lam": 0.3, "n": 50}, lambda w: 0.3 / 100 * (w**2).sum()),
        ("l1", {"lam": 0.3}, lambda w: 0.3 * np.abs(w).sum()),
        ("elastic_net", {"lam": 0.3, "mix": 0.8}, lambda w: 0.3 * (0.8 * np.abs(w) + 0.1 * w**2).sum()),
    ],
)
def test_regularizers(id, parameters, penalty):
    weights = [row[0] for row in rows(Z.reshape(-1, 1))]
    got = bind_term(f"regularizer/{id}", REGULARIZERS, parameters)(weights)
    assert float(got if id == "none" else got[0]) == pytest.approx(penalty(Z), rel=1e-12)


@pytest.mark.parametrize("id", ["cost/bce", "cost/cross_entropy"])
def test_a_term_without_weight_does_not_count(id):
    """0·log 0 is 0: certain and right costs nothing."""
    assert value(id, np.eye(3), np.eye(3)) == 0


@pytest.mark.parametrize(
    ("id", "a"), [("cost/bce", 1.0), ("cost/bce", 1.5), ("cost/cross_entropy", 0.0), ("cost/bce", -0.5)]
)
def test_certain_and_wrong_is_undefined(id, a):
    y = np.zeros((1, 1)) if id == "cost/bce" and a >= 1 else np.ones((1, 1))
    with pytest.raises(Undefined, match="logarithm of"):
        value(id, np.full((1, 1), a), y)


@pytest.mark.parametrize(
    ("id", "table", "parameters", "error", "message"),
    [
        ("cost/msee", COSTS, {}, KeyError, "did you mean cost/mse"),
        ("cost/huber", COSTS, {"delta": 0.0}, ValueError, r"delta = 0\.0, but delta > 0"),
        ("regularizer/l2", REGULARIZERS, {"n": 0}, ValueError, r"n = 0\.0"),
        ("regularizer/elastic_net", REGULARIZERS, {"mix": 1.5}, ValueError, r"mix = 1\.5"),
        ("regularizer/l1", REGULARIZERS, {"lamda": 1.0}, TypeError, "no parameter 'lamda'; its parameters: lam"),
    ],
)
def test_bad_input_is_named(id, table, parameters, error, message):
    with pytest.raises(error, match=message):
        bind_term(id, table, parameters)


TARGETS = {
    **dict.fromkeys(("hinge", "squared_hinge", "perceptron", "soft_margin", "hinge_embedding"), 2 * Y - 1),
    **dict.fromkeys(("kl_div", "jensen_shannon", "cross_entropy_probabilities", "poly_cross_entropy"), P[::-1]),
    **dict.fromkeys(("l1", "squared_error", "huber_error", "smooth_l1", "log_cosh", "quantile"), Z[::-1]),
}
ON_PROBABILITIES = ("jensen_shannon", "binary_cross_entropy", "dice", "tversky", "poisson_nll_rate")


@pytest.mark.parametrize("id", ENDINGS)
def test_endings_have_the_values_of_the_complex_step(id):
    from oracles import finite_difference as fd

    name = id.split("/")[1]
    a, y = P if name in ON_PROBABILITIES else Z, TARGETS.get(name, Y)
    balls = bind_term(id, ENDINGS, {})(rows(a), [[arb(v) for v in row] for row in y.tolist()])
    assert float(balls[0]) == pytest.approx(float(fd.COSTS[id](a, y)), rel=1e-12)
