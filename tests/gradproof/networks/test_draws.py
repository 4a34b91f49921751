import dataclasses

import numpy as np
import pytest

from gradproof.networks.draws import (
    ARCHITECTURES,
    COSTS,
    DTYPES,
    FAMILIES,
    FURTHER_COSTS,
    FURTHER_REGULARIZERS,
    OUTPUTS,
    PARAMETERS,
    PRODUCTS,
    REGIMES,
    REGULARIZERS,
    SYMMETRIC,
    Configuration,
    by_id,
    configurations,
    dataset,
    draw,
    excluded,
    exclusions,
)
from gradproof.networks.judge import gradient
from reference import CATALOGUE
from reference.network import feedforward

SYNTHETIC = [a.name for a in ARCHITECTURES.values() if not a.data]


def configuration(architecture="4-5-3", dtype="float64", hidden="tanh", output="identity", cost="mse", R="none"):
    return by_id(f"{architecture}/{dtype}/{hidden}/{output}/{cost}/{R}")


def raw_bytes(cases):
    return b"".join(q.tobytes() for q in (cases.x, cases.y, *cases.W, *cases.b))


@pytest.fixture(scope="module")
def everything():
    return list(configurations())


def test_the_audit_has_200_000_to_250_000_cases(everything):
    assert 200_000 <= sum(len(ARCHITECTURES[c.architecture].regimes()) for c in everything) <= 250_000


def test_a_configuration_is_known_by_its_id(everything):
    assert all(by_id(c.id) == c for c in everything)
    assert len({c.id for c in everything}) == len(everything)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.name)
def test_nothing_is_missing_but_what_has_a_reason(product, everything):
    hidden, outputs, costs, regularizers = product.families
    left_out = [excluded(ARCHITECTURES[a], o, c) for a in product.architectures for o in outputs for c in costs]
    left_out = [reason for reason in left_out if reason]
    size = len(product.architectures) * len(DTYPES) * np.prod([len(f) for f in product.families])
    there = [c for c in everything if c.product is product]
    assert len(there) + len(left_out) * len(DTYPES) * len(hidden) * len(regularizers) == size
    assert {*exclusions()} >= {
        (a, o, c, reason) for a in product.architectures for o in outputs for c in costs
        if (reason := excluded(ARCHITECTURES[a], o, c))
    }  # fmt: skip


def test_every_further_cost_meets_all_outputs_of_its_domain(everything):
    for cost in FURTHER_COSTS:
        met = {c.output for c in everything if c.cost == cost}
        assert met == {o for o in OUTPUTS if not excluded(ARCHITECTURES["4-5-3"], o, cost)}
        assert len({c.hidden for c in everything if c.cost == cost}) >= 2


def test_every_further_regularizer_meets_deep_networks_and_wide_matrices(everything):
    for regularizer in FURTHER_REGULARIZERS:
        met = [c for c in everything if c.regularizer == regularizer]
        sizes = [ARCHITECTURES[c.architecture].sizes for c in met]
        assert max(map(len, sizes)) == max(len(a.sizes) for a in ARCHITECTURES.values())
        assert max(map(max, sizes)) == max(max(a.sizes) for a in ARCHITECTURES.values())
        assert len({c.cost for c in met}) >= 2


def test_every_cost_of_outputs_and_targets_is_compared(everything):
    """What is left takes more than outputs and targets, or rows that an activation may make zero."""
    left = {id for id, f in CATALOGUE.items() if f.kind == "cost"} - {c.cost for c in everything}
    assert left == {
        f"cost/{name}" for name in ("gaussian_nll", "margin_ranking", "cosine_embedding", "triplet_margin", "nt_xent",
                                    "cosine_distance", "kl_div_log_target", "ctc")
    }  # fmt: skip


KINDS = ["hidden", "output", "cost", "regularizer", "further cost", "further regularizer"]


@pytest.mark.parametrize("family", [*FAMILIES, FURTHER_COSTS, FURTHER_REGULARIZERS], ids=KINDS)
def test_every_id_is_in_the_catalogue_and_is_compared(family, everything):
    assert set(family) <= set(CATALOGUE)
    assert set(family) <= {id for c in everything for id in (c.hidden, c.output, c.cost, c.regularizer)}


def test_parameters_are_those_of_the_records_and_exact_in_float32():
    for id, given in PARAMETERS.items():
        assert set(given) <= set(CATALOGUE[id].parameters)
        assert all(np.float32(value) == value for value in given.values())


@pytest.mark.parametrize("cost", ["cost/bce", "cost/cross_entropy"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_is_left_out_of_a_logarithm_exactly_if_it_leaves_the_domain(output, cost):
    z = np.array([[-9.0, 0.5, 9.0]])
    a = CATALOGUE[output].function(z)[0]
    reason = excluded(ARCHITECTURES["4-5-3"], output, cost)
    assert (reason == "") == bool(((a >= 0) & (a <= 1)).all())
    if reason:
        assert output.split("/")[1] in reason
        assert cost.split("/")[1] in reason
        with pytest.raises(ValueError, match="is not a probability"):
            CATALOGUE[cost].function(a, np.ones((1, 3)) / 3)


def test_a_single_output_has_no_softmax_and_no_classes():
    one = ARCHITECTURES["breast_cancer"]
    assert excluded(one, "activation/softmax", "cost/mse") == (
        "softmax of a single output is constant: every gradient is zero"
    )
    assert "needs at least two classes" in excluded(one, "activation/sigmoid", "cost/cross_entropy")
    assert "needs targets in [0, 1]" in excluded(ARCHITECTURES["diabetes"], "activation/sigmoid", "cost/bce")
    assert excluded(one, "activation/sigmoid", "cost/bce") == ""


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("4-5-3/float64/tanh/sigmoid/bce/l2", {("4-5-3", "float64", "tanh", "sigmoid", "bce", "l2")}),
        ("wide/*/gelu/identity/mse/none", {("wide", d, "gelu", "identity", "mse", "none") for d in DTYPES}),
        ("nothing", set()),
        ("activation/gel", set()),
    ],
)
def test_a_pattern_picks_configurations(only, expected):
    assert {tuple(c.id.split("/")) for c in configurations(only)} == expected


def test_a_formula_id_picks_every_configuration_with_it(everything):
    got = set(configurations("activation/huber", ["float32"]))
    assert got == {c for c in everything if "activation/huber" in (c.hidden, c.output) and c.dtype == "float32"}
    assert {c.cost for c in configurations("cost/huber", ["float32"])} == {"cost/huber"}


def test_the_same_seed_draws_the_same_bytes():
    c = configuration()
    first = raw_bytes(draw(c, 0))
    draw(configuration(hidden="relu"), 0)  # another one in between
    assert raw_bytes(draw(c, 0)) == first
    assert raw_bytes(draw(c, 1)) != first


@pytest.mark.parametrize(
    ("other", "same"),
    [({"R": "l2"}, True), ({"hidden": "relu"}, False), ({"output": "tanh"}, False), ({"cost": "mae"}, False)],
)
def test_only_the_regularizer_sees_the_same_networks(other, same):
    first = raw_bytes(draw(configuration(), 0))
    assert (raw_bytes(draw(configuration(**other), 0)) == first) is same


@pytest.mark.parametrize("architecture", SYNTHETIC)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_and_dtype(architecture, dtype):
    a = ARCHITECTURES[architecture]
    cases = draw(configuration(architecture, dtype), 0)
    S, n = len(REGIMES), a.batch
    assert cases.x.shape == (S, n, a.sizes[0])
    assert cases.y.shape == (S, n, a.sizes[-1])
    assert [w.shape for w in cases.W] == [(S, o, i) for i, o in zip(a.sizes[:-1], a.sizes[1:], strict=True)]
    assert [c.shape for c in cases.b] == [(S, o) for o in a.sizes[1:]]
    assert {q.dtype for q in (cases.x, cases.y, *cases.W, *cases.b)} == {np.dtype(dtype)}
    one = cases[2]
    assert one.x.shape == (n, a.sizes[0])
    assert all(np.array_equal(w, v[2]) for w, v in zip(one.W, cases.W, strict=True))


@pytest.mark.parametrize("cost", COSTS)
def test_targets_are_what_the_cost_is_meant_for(cost):
    output = "softmax" if cost == "cost/cross_entropy" else "sigmoid" if cost == "cost/bce" else "identity"
    y = draw(configuration(output=output, cost=cost.split("/")[1]), 0).y
    if cost in ("cost/bce", "cost/bce_logits"):
        assert set(np.unique(y)) <= {0, 0.25, 1}
    elif cost in ("cost/cross_entropy", "cost/nll", "cost/softmax_cross_entropy"):
        assert (np.sort(y, -1) == [0, 0, 1]).all()
    else:
        assert len(np.unique(y)) > y.size / 2


ONE_OF = {
    "labels": "nll_labels cross_entropy_labels softmax_focal multi_margin multiclass_hinge multiclass_perceptron",
    "signs": "hinge squared_hinge perceptron soft_margin hinge_embedding",
    "indicators": "multilabel_margin multilabel_soft_margin dice tversky",
    "probabilities": "binary_cross_entropy binary_cross_entropy_logits sigmoid_focal",
    "counts": "poisson_nll poisson_nll_rate",
    "distributions": "kl_div jensen_shannon cross_entropy_probabilities poly_cross_entropy",
    "real": "l1 squared_error huber_error smooth_l1 log_cosh quantile wasserstein_critic",
}
MEANT_FOR = {f"cost/{name}": kind for kind, names in ONE_OF.items() for name in names.split()}


@pytest.mark.parametrize("cost", FURTHER_COSTS)
@pytest.mark.parametrize("architecture", ["4-5-3", "digits"])
def test_a_further_cost_takes_its_targets(cost, architecture):
    """They are in its domain, in both dtypes and in float64 copies of float32."""
    if architecture == "digits":
        pytest.importorskip("sklearn")
    output = next(o for o in OUTPUTS[::-1] if not excluded(ARCHITECTURES[architecture], o, cost)).split("/")[1]
    for dtype in DTYPES:
        c = configuration(architecture, dtype, output=output, cost=cost.split("/")[1])
        cases = draw(c, 0)
        y = cases.y
        kind = MEANT_FOR[cost] if architecture == "4-5-3" else "signs" if MEANT_FOR[cost] == "signs" else "labels"
        assert {
            "labels": lambda y: (np.sort(y, -1)[..., :-1] == 0).all() and (y.sum(-1) == 1).all(),
            "signs": lambda y: set(np.unique(y)) == {-1, 1},
            "indicators": lambda y: set(np.unique(y)) == {0, 1},
            "probabilities": lambda y: set(np.unique(y)) <= {0, 0.25, 1},
            "counts": lambda y: (y >= 0).all() and (y == np.round(y)).all(),
            "distributions": lambda y: (y > 0).all() and (y.astype(float).sum(-1) == 1).all(),
            "real": lambda y: len(np.unique(y)) > y.size / 2,
        }[kind](y)
        g = gradient(c, cases)
        assert np.isfinite(g.cost[0])
        assert g.cost.shape == (len(ARCHITECTURES[architecture].regimes()),)


@pytest.mark.parametrize("cost", ["hinge", "perceptron", "multi_margin", "multiclass_perceptron"])
def test_scores_meet_margins_or_tie(cost):
    c, seen = configuration(cost=cost), set()
    for seed in range(20):
        case = of(draw(c, seed), "kink")
        seen |= set(forward(case, c).a[-1][:, ::2].ravel())
    assert seen == {0.0, 1.0}


@pytest.mark.parametrize("output", OUTPUTS)
def test_only_rows_that_sum_to_one_meet_their_divergence(output):
    reason = excluded(ARCHITECTURES["4-5-3"], output, "cost/jensen_shannon")
    assert (reason == "") == (output == "activation/softmax")


@pytest.mark.parametrize("regularizer", [*REGULARIZERS, *FURTHER_REGULARIZERS])
def test_a_configuration_knows_its_product(regularizer):
    c = configuration(R=regularizer.split("/")[1])
    assert c.product.name == ("penalties" if regularizer in FURTHER_REGULARIZERS else "elementwise")
    assert configuration(cost="hinge").product.name == "costs"


def of(cases, regime):
    return cases[REGIMES.index(regime)]


def forward(case, c):
    hidden, output = (CATALOGUE[id].function for id in (c.hidden, c.output))
    return feedforward(case.x, case.W, case.b, [hidden] * (len(case.W) - 1) + [output])


@pytest.mark.parametrize("architecture", SYNTHETIC)
def test_zero_and_equal_are_what_they_say(architecture):
    cases = draw(configuration(architecture), 0)
    zero, equal = of(cases, "zero"), of(cases, "equal")
    assert not zero.x.any()
    assert not any(c.any() for c in zero.b)
    assert any(w.any() for w in zero.W)
    for q in (equal.x, *equal.W, *equal.b):
        assert len(np.unique(q)) == 1
    assert set(SYMMETRIC) == {"zero", "equal"}


@pytest.mark.parametrize("architecture", SYNTHETIC)
def test_saturated_units_are_far_out(architecture):
    c = configuration(architecture)
    z = forward(of(draw(c, 0), "saturated"), c).z
    assert np.median(np.abs(z[0])) > 15


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "elu"])
@pytest.mark.parametrize("dtype", DTYPES)
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


@pytest.mark.parametrize("cost", ["mae", "huber"])
def test_residuals_meet_the_kinks_of_a_cost(cost):
    c, seen = configuration(cost=cost), set()
    for seed in range(20):
        case = of(draw(c, seed), "kink")
        seen |= set((forward(case, c).a[-1] - case.y)[:, 0])
    assert {-1.0, 0.0, 1.0} <= seen


@pytest.mark.parametrize("architecture", SYNTHETIC)
def test_a_drawn_case_has_a_gradient_in_the_sane_regime(architecture):
    c = configuration(architecture, output="softmax", cost="cross_entropy", R="l2")
    cases = draw(c, 0)
    before = raw_bytes(cases)
    g = gradient(c, cases)
    assert all(np.isfinite(q[0]).all() and q[0].any() for q in (*g.dW, *g.db))
    assert raw_bytes(cases) == before


@pytest.mark.parametrize(
    ("name", "shape", "targets"),
    [("digits", (1797, 64), 10), ("breast_cancer", (569, 30), 1), ("diabetes", (442, 10), 1)],
)
def test_data_are_standardised(name, shape, targets):
    pytest.importorskip("sklearn")
    x, y = dataset(name)
    assert x.shape == shape
    assert y.shape == (shape[0], targets)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-12)
    spread = x.std(0)
    np.testing.assert_allclose(spread[spread > 0], 1)
    assert (spread == 0).sum() == (3 if name == "digits" else 0)  # pixels that are blank in every image
    if name == "diabetes":
        np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=1e-12)
    else:
        assert set(np.unique(y)) == {0, 1}
        assert name != "digits" or (y.sum(1) == 1).all()


def test_real_data_come_as_mini_batches():
    pytest.importorskip("sklearn")
    c = configuration("digits", "float32")
    cases = draw(c, 0)
    assert cases.x.shape == (2, 5, 64)
    x, _ = dataset("digits")
    assert all(any(np.array_equal(row, r) for r in x.astype(np.float32)) for row in cases.x.reshape(-1, 64))


def test_a_configuration_cannot_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        configuration().dtype = "float16"
    assert isinstance(configuration(), Configuration)
