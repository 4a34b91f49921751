import numpy as np
import pytest

from gradproof.cases.data import dataset
from gradproof.networks import configurations as nets
from gradproof.networks.configurations import by_id, excluded
from gradproof.networks.draws import draw
from gradproof.networks.gradients import gradient
from reference import CATALOGUE
from reference.network import feedforward

SYNTHETIC = [a.name for a in nets.ARCHITECTURES.values() if not a.data]


def configuration(architecture="4-5-3", dtype="float64", hidden="tanh", output="identity", cost="squared_error",
                  R="none"):  # fmt: skip
    return by_id(f"{architecture}/{dtype}/{hidden}/{output}/{cost}/{R}")


def raw_bytes(cases):
    return b"".join(q.tobytes() for q in (cases.x, cases.y, *cases.W, *cases.b))


def of(cases, regime):
    return cases[nets.REGIMES.index(regime)]


def forward(case, c):
    hidden, output = (CATALOGUE[id].function for id in (c.hidden, c.output))
    return feedforward(case.x, case.W, case.b, [hidden] * (len(case.W) - 1) + [output])


def test_the_same_seed_draws_the_same_bytes():
    c = configuration()
    first = raw_bytes(draw(c, 0))
    draw(configuration(hidden="relu"), 0)  # another one in between
    assert raw_bytes(draw(c, 0)) == first
    assert raw_bytes(draw(c, 1)) != first
    more = draw(c, 0, 3)
    assert len(more.x) == 7
    assert raw_bytes(more[np.arange(5)]) == first


@pytest.mark.parametrize(
    ("other", "same"),
    [({"R": "l2"}, True), ({"hidden": "relu"}, False), ({"output": "tanh"}, False), ({"cost": "l1"}, False)],
)
def test_only_the_regularizer_sees_the_same_networks(other, same):
    first = raw_bytes(draw(configuration(), 0))
    assert (raw_bytes(draw(configuration(**other), 0)) == first) is same


@pytest.mark.parametrize("architecture", SYNTHETIC)
@pytest.mark.parametrize("dtype", nets.DTYPES)
def test_shapes_dtype_and_regimes(architecture, dtype):
    a = nets.ARCHITECTURES[architecture]
    c = configuration(architecture, dtype)
    cases = draw(c, 0)
    S, n = len(nets.REGIMES), a.batch
    assert cases.x.shape == (S, n, a.sizes[0])
    assert cases.y.shape == (S, n, a.sizes[-1])
    assert [w.shape for w in cases.W] == [(S, *s) for s in zip(a.sizes[1:], a.sizes[:-1], strict=True)]
    assert [b.shape for b in cases.b] == [(S, o) for o in a.sizes[1:]]
    assert {q.dtype for q in (cases.x, cases.y, *cases.W, *cases.b)} == {np.dtype(dtype)}
    assert all(np.array_equal(w, v[2]) for w, v in zip(cases[2].W, cases.W, strict=True))
    assert raw_bytes(cases.repeated(2)[np.arange(S, 2 * S)]) == raw_bytes(cases)
    zero, equal = of(cases, "zero"), of(cases, "equal")
    assert not zero.x.any()
    assert not any(b.any() for b in zero.b)
    assert any(w.any() for w in zero.W)
    assert all(len(np.unique(q)) == 1 for q in (equal.x, *equal.W, *equal.b))
    assert np.median(np.abs(forward(of(cases, "saturated"), c).z[0])) > 15
    before = raw_bytes(cases)
    g = gradient(c, cases)
    assert all(np.isfinite(q[0]).all() and q[0].any() for q in (*g.dW, *g.db))
    assert raw_bytes(cases) == before


FITS = {
    "label": lambda y: (np.sort(y, -1)[..., :-1] == 0).all() and (y.sum(-1) == 1).all(),
    "sign": lambda y: set(np.unique(y)) == {-1, 1},
    "indicator": lambda y: set(np.unique(y)) == {0, 1},
    "probability": lambda y: set(np.unique(y)) <= {0, 0.25, 1},
    "count": lambda y: (y >= 0).all() and (y == np.round(y)).all(),
    "distribution": lambda y: (y >= 0).all() and (y.astype(float).sum(-1) == 1).all(),
    "log distribution": lambda y: np.allclose(np.exp(y.astype(float)).sum(-1), 1, atol=1e-6),
    "real": lambda y: len(np.unique(y)) > y.size / 2,
}


@pytest.mark.parametrize("cost", [*nets.COSTS, *nets.FURTHER_COSTS])
@pytest.mark.parametrize("architecture", ["4-5-3", "digits"])
def test_targets_are_what_the_cost_is_meant_for(cost, architecture):
    """They are in its domain, in both dtypes; real data are labels, or signs."""
    if architecture == "digits":
        pytest.importorskip("sklearn")
    outputs = [o for o in nets.OUTPUTS[::-1] if not excluded(nets.ARCHITECTURES[architecture], o, cost)]
    assert outputs or (architecture, CATALOGUE[cost].targets) == ("digits", "log distribution")
    for output, dtype in [(o, d) for o in outputs[:1] for d in nets.DTYPES]:
        c = configuration(architecture, dtype, output=output.split("/")[1], cost=cost.split("/")[1])
        cases = draw(c, 0)
        kind = CATALOGUE[cost].targets
        assert FITS[kind if architecture == "4-5-3" or kind == "sign" else "label"](cases.y)
        with np.errstate(all="ignore"):
            g = gradient(c, cases)
        assert np.isfinite(g.cost[0])
        assert g.cost.shape == (len(nets.ARCHITECTURES[architecture].regimes()),)


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "elu"])
@pytest.mark.parametrize("dtype", nets.DTYPES)
def test_every_other_unit_is_at_a_kink_or_one_float_beside_it(hidden, dtype):
    c = configuration("deep", dtype, hidden, hidden)
    seen = set()
    for seed in range(20):
        for z in forward(of(draw(c, seed), "kink"), c).z:
            at = z[:, ::2]
            tiny = np.nextafter(np.zeros((), dtype), np.ones((), dtype))
            assert np.isin(at, [-tiny, 0, tiny]).all()
            seen |= set(np.sign(at).ravel())
    assert seen == {-1, 0, 1}


@pytest.mark.parametrize(
    ("cost", "expected"),
    [("l1", {-1, 0, 1}), ("huber_error", {-1, 0, 1}), ("smooth_l1", {-0.5, 0, 0.5}), ("hinge", {0, 1}),
     ("perceptron", {0, 1}), ("multi_margin", {0, 1}), ("multiclass_perceptron", {0, 1})],
)  # fmt: skip
def test_residuals_meet_kinks_and_scores_margins_or_ties(cost, expected):
    c, seen = configuration(cost=cost), set()
    for seed in range(20):
        case = of(draw(c, seed), "kink")
        a = forward(case, c).a[-1]
        seen |= set((a - case.y if CATALOGUE[c.cost].targets == "real" else a)[:, ::2].ravel().tolist())
    assert seen == expected


@pytest.mark.parametrize("name", [a.name for a in nets.ARCHITECTURES.values() if a.data])
def test_data_come_as_mini_batches(name):
    pytest.importorskip("sklearn")
    cases, (x, y) = draw(configuration(name, "float32"), 0), dataset(name)
    assert cases.x.shape == (2, 5, x.shape[1])
    known = {(*p, *q) for p, q in zip(x.astype(np.float32).tolist(), y.astype(np.float32).tolist(), strict=True)}
    drawn = np.concatenate([cases.x, cases.y], -1).reshape(10, -1).tolist()
    assert {tuple(row) for row in drawn} <= known
