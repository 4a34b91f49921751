"""Every oracle behind one face: its gradients are those of the complex step, and what it lacks is said."""

import functools

import numpy as np
import pytest
from oracle_cases import (
    IDS,
    LEARNED,
    NETWORKS,
    SIDES,
    TOLERANCE,
    as_dtype,
    close,
    cotangents,
    draw,
    flat,
    load,
    network_ids,
    signature,
    small_network,
    where_there_is_one,
)

from gradproof import cases
from oracles import finite_difference as fd
from oracles.finite_difference.costs import REDUCTION, reduced
from reference import CATALOGUE

FRAMEWORKS = ("torch", "jax")
over_sides = pytest.mark.parametrize("side", SIDES)
over_frameworks = pytest.mark.parametrize("side", FRAMEWORKS)
over_ids = pytest.mark.parametrize("id", IDS)
over_networks = pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n[2])

NOT_DIFFERENTIATED = {  # by torch, which raises or leaves out
    "cost/binary_cross_entropy": {"weight"},
    "cost/binary_cross_entropy_logits": {"weight", "pos_weight"},
    "cost/cross_entropy_labels": {"weight"},
    "cost/nll_labels": {"weight"},
    "cost/multi_margin": {"weight"},
    "cost/soft_margin": {"y"},
}
LOOSER = {  # outputs and gradients that are further apart than rounding explains
    ("torch", "activation/hardsigmoid"): (4e-8, 4e-8),  # its 1/6 is that of float32
    ("torch", "cost/cosine_embedding"): (1e-11, 1e-11),  # 1e-12 is added to both squares
    ("torch", "update/clip_by_norm"): (1e-6, TOLERANCE["float64"]),  # 1e-6 is added to the norm
    ("jax", "layer/attention"): (1e-6, 1e-6),  # the softmax of jax.nn.dot_product_attention is in float32
    **{(side, id): (TOLERANCE["float64"], 1e-8) for side in FRAMEWORKS for id in fd.REAL},  # by central differences
}


def asked(oracle, id, seed, dtype="float64", reduction=None):
    """The answer of an oracle under random cotangents, and that of the complex step, to the same arrays."""
    arguments, parameters = draw(id, seed, dtype)
    if reduction and "reduction" in signature(fd, id):
        parameters["reduction"] = reduction
    wide = {name: x.astype(np.float64) if name in floats(arguments) else x for name, x in arguments.items()}
    with np.errstate(under="ignore"):
        v = {name: as_dtype(x, dtype) for name, x in cotangents(fd.vjp(id, wide, **parameters)[0], seed).items()}
    return oracle.vjp(id, arguments, v, **parameters), fd.vjp(id, wide, v, **parameters)


def floats(arguments):
    return {name for name, x in arguments.items() if x.dtype.kind == "f" or x.dtype.name == "bfloat16"}


# ---------------------------------------------------------------- gradients


@over_frameworks
@over_ids
@where_there_is_one()
@pytest.mark.parametrize(("seed", "reduction"), [(0, "none"), (1, None)], ids=["plain", "parameters"])
def test_gradients_are_those_of_the_complex_step(side, id, seed, reduction):
    """By every floating argument, learnable parameters among them; as terms, and reduced with weights."""
    oracle = load(side)
    (outputs, gradients), (expected, slopes) = asked(oracle, id, seed, reduction=reduction)
    left_out = NOT_DIFFERENTIATED.get(id, set()) if side == "torch" else set()
    of_outputs, of_gradients = LOOSER.get((side, id), 2 * (TOLERANCE["float64"],))
    close(outputs, expected, of_outputs)
    close(gradients, {name: g for name, g in slopes.items() if name not in left_out}, of_gradients)


@over_sides
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_is_kept(side, dtype):
    """Of every formula for which the framework has a kernel."""
    oracle, refused = load(side), set()
    for id in IDS if side != "jax" or dtype == "bfloat16" else IDS[::8]:  # every program of JAX has to be compiled
        try:
            answers, expected = asked(oracle, id, 1, dtype)
        except (RuntimeError, NotImplementedError, TypeError):  # the last: JAX's custom rules know 32 and 64 bits
            refused.add(id.split("/")[1])
            continue
        except LookupError as missing:
            if "not in this version" not in str(missing):
                raise
            continue
        for got, wanted in zip(answers, expected, strict=True):
            assert {x.dtype.name for x in got.values()} <= {dtype}, id
            close(got, {name: wanted[name] for name in got}, TOLERANCE[dtype])
    norms, margins = {"spectral_norm", "nuclear_norm"}, {"multi_margin", "multilabel_margin", "ctc"}
    allowed = {"torch": norms | margins, "jax": norms | {"multiclass_sparsemax"}, "complex step": set()}[side]
    assert refused <= (allowed if dtype != "float32" else set())


@over_frameworks
@pytest.mark.parametrize("id", LEARNED)
def test_a_parameter_is_the_same_as_an_argument_and_not(side, id):
    """To the last bit, but for a program of JAX that knows it as a constant."""
    oracle = load(side)
    arguments, _ = draw(id, 1)
    outputs, gradients = oracle.vjp(id, arguments)
    again, slopes = oracle.vjp(id, {"z": arguments["z"]}, **LEARNED[id])
    assert set(gradients) == {"z", *LEARNED[id]}
    assert all(gradients[name].shape == () for name in LEARNED[id])
    tolerance = 0 if side == "torch" else 1e-15
    close(again, outputs, tolerance)
    close(slopes, {"z": gradients["z"]}, tolerance)


COSTS = [id for id in IDS if "reduction" in signature(fd, id)]
REDUCED = [(side, id) for side in SIDES for id in (COSTS[::6] if side == "jax" else COSTS)]  # JAX compiles each


@pytest.mark.parametrize(("side", "id"), REDUCED)
@where_there_is_one()
def test_reductions_follow_from_the_terms(side, id):
    oracle = load(side)
    arguments, parameters = draw(id)
    n = len(next(iter(arguments.values())))
    terms, total, mean, batchmean = (
        oracle.vjp(id, arguments, **parameters, reduction=reduction)[0]["value"]
        for reduction in ("none", "sum", "mean", "batchmean")
    )
    assert len(terms) == n or id == "cost/nt_xent"
    np.testing.assert_allclose(total, terms.sum(), rtol=1e-13)
    np.testing.assert_allclose(batchmean, terms.sum() / n, rtol=1e-13)
    lengths = 2 if id == "cost/ctc" else 1  # of its targets
    np.testing.assert_allclose(mean, terms.mean() / lengths, rtol=1e-13)


@over_sides
def test_none_stands_for_ones_and_an_output_without_cotangent_for_zeros(side):
    oracle = load(side)
    z = np.array([[1.0, 2.0], [0.5, -1.0]])
    ones = oracle.vjp("activation/softplus", {"z": z}, np.ones((2, 2)))[1]["z"]
    assert oracle.vjp("activation/softplus", {"z": z})[1]["z"].tolist() == ones.tolist()
    g = {"g1": np.array([3.0]), "g2": np.array([4.0])}
    outputs, back = oracle.vjp("update/clip_by_norm", g, {"g1": np.ones(1)}, max_norm=1.0)
    np.testing.assert_allclose([outputs["g1"], outputs["g2"]], [[0.6], [0.8]], rtol=1e-6)
    np.testing.assert_allclose([back["g1"], back["g2"]], [[0.128], [-0.096]], rtol=1e-12)


@over_sides
def test_inputs_are_left_alone_and_results_are_numpy(side):
    oracle = load(side)
    a = np.asfortranarray([[1.0, 2.0, 0.5], [3.0, -1.0, 4.0]])[:, ::-1]
    y = np.broadcast_to(np.zeros(()), a.shape)  # read-only
    before = a.copy()
    outputs, gradients = oracle.vjp("cost/squared_error", {"a": a, "y": y, "weight": None})
    assert all(isinstance(x, (np.ndarray, np.generic)) for x in (*outputs.values(), *gradients.values()))
    np.testing.assert_allclose(gradients["a"], a / 3, rtol=1e-15)
    np.testing.assert_array_equal(a, before)


@over_sides
@pytest.mark.parametrize("id", ["activation/tanh", "cost/hinge", "regularizer/l2"])
def test_another_definition_is_noticed(monkeypatch, side, id):
    oracle = load(side)
    right = oracle.DEFINITIONS[id]
    wrong = functools.wraps(right)(lambda *arrays, **given: 1.00001 * right(*arrays, **given))
    monkeypatch.setitem(oracle.DEFINITIONS, id, wrong)
    arguments, _ = draw(id)
    found = oracle.vjp(id, arguments)
    monkeypatch.undo()
    for got, wanted in zip(found, fd.vjp(id, arguments), strict=True):
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            close(got, wanted)


def test_a_new_formula_is_tried_on_what_the_audit_draws(monkeypatch):
    monkeypatch.setitem(CATALOGUE, "cost/toy", CATALOGUE["cost/l1"])
    monkeypatch.setitem(cases.DRAWS, "cost/toy", cases.DRAWS["cost/l1"])
    assert [set(draw("cost/toy", seed)[0]) for seed in (0, 1)] == [{"a", "y"}, {"a", "y", "weight"}]


# ---------------------------------------------------------------- what there is


@over_frameworks
def test_all_oracles_define_the_same_formulas_with_the_same_parameters(side):
    oracle = load(side)
    assert set(oracle.DEFINITIONS) == set(IDS)
    for id in IDS:
        assert signature(oracle, id) == signature(fd, id), id


@over_ids
def test_parameters_have_the_names_and_defaults_of_the_record(id):
    taken = signature(fd, id)
    for name, default in CATALOGUE[id].parameters.items():
        assert taken[name] == default
    assert taken.get("reduction", "") == CATALOGUE[id].reduction


def test_a_cost_may_be_a_sum_unless_told_otherwise(monkeypatch):
    arguments, _ = draw("cost/l1")
    monkeypatch.setitem(REDUCTION, "cost/l1", "sum")
    monkeypatch.setitem(fd.DEFINITIONS, "cost/l1", reduced("cost/l1"))
    assert signature(fd, "cost/l1")["reduction"] == "sum"
    found, told = fd.vjp("cost/l1", arguments), fd.vjp("cost/l1", arguments, reduction="sum")
    assert found[0]["value"] == told[0]["value"] > fd.vjp("cost/l1", arguments, reduction="mean")[0]["value"]


@over_sides
@over_ids
def test_it_is_said_whose_an_answer_is(side, id):
    oracle = load(side)
    assert oracle.has(id) in ("native", "composed")
    assert all(oracle.has(id, name) in ("native", "composed") for name in LEARNED.get(id, ()))
    assert side != "complex step" or oracle.has(id) == "composed"


@over_sides
@pytest.mark.parametrize("id", ["cost/mse", "cost/bce", "activation/none", "network/bp1"])
def test_aliases_and_what_is_no_formula_are_not_known(side, id):
    oracle = load(side)
    assert oracle.has(id) == ""
    with pytest.raises(LookupError, match=id):
        oracle.vjp(id, {"a": np.ones((1, 1)), "y": np.ones((1, 1))})
    with pytest.raises(LookupError, match="no such function"):
        oracle.native(id, {"a": np.ones((1, 1))})


@over_sides
def test_what_cannot_be_asked_is_said(side):
    oracle = load(side)
    a = np.ones((2, 3))
    with pytest.raises(LookupError, match="no option 'delta'"):
        oracle.vjp("cost/l1", {"a": a, "y": a}, delta=1.0)
    with pytest.raises(LookupError, match="no option 'pos_weight'"):
        oracle.vjp("cost/l1", {"a": a, "y": a, "pos_weight": a})
    with pytest.raises(TypeError, match="cost/l1 needs y"):
        oracle.vjp("cost/l1", {"a": a})
    with pytest.raises(TypeError, match=r"no floating array among z \(int64\)"):
        oracle.vjp("activation/tanh", {"z": np.ones(2, int)})
    with pytest.raises(ValueError, match=r"cotangent of value has shape \(3,\), value has \(2, 3\)"):
        oracle.vjp("activation/tanh", {"z": a}, np.ones(3))
    with pytest.raises(LookupError, match="no output 'z'; there is value"):
        oracle.vjp("activation/tanh", {"z": a}, {"z": a})
    with pytest.raises(ValueError, match="outputs g1, g2: pass their cotangents by name"):
        oracle.vjp("update/clip_by_value", {"g1": a, "g2": a}, a)


# ---------------------------------------------------------------- networks


def chained(oracle, x, y, W, b, hidden, output, cost, ends, regularizer, parameters):
    """The gradient of one network from the pullbacks of its parts."""
    steps, a = [], x
    for k, (w, c) in enumerate(zip(W, b, strict=True), 1):
        id = output if k == len(W) else hidden
        z = a @ w.T + c
        steps.append((id, a, z))
        a = oracle.vjp(id, {"z": z}, **parameters.get(id, {}))[0]["value"]
    targets = y.argmax(-1) if ends[1] == "labels" else y
    outputs, gradients = oracle.vjp(cost, {ends[0]: a, ends[1]: targets}, **parameters.get(cost, {}))
    C, v = outputs["value"], gradients[ends[0]]
    dW, db = [], []
    for (id, below, z), w in zip(reversed(steps), reversed(W), strict=True):
        delta = oracle.vjp(id, {"z": z}, v, **parameters.get(id, {}))[1]["z"]
        penalty, slope = oracle.vjp(regularizer, {"w": w}, **parameters.get(regularizer, {}))
        C, v = C + penalty["value"], delta @ w
        dW.insert(0, delta.T @ below + slope["w"])
        db.insert(0, delta.sum(0))
    return C, dW, db


@over_sides
@over_networks
def test_a_network_is_its_layers_one_after_another(side, network):
    oracle, ids = load(side), network_ids(network)
    found = flat(oracle.network(*small_network(), **ids))
    close(found, flat(chained(oracle, *small_network(), **ids)), 1e-12 if ids["regularizer"] not in fd.REAL else 1e-8)


@over_frameworks
@over_networks
def test_networks_agree_with_the_complex_step_stacked_too(side, network):
    oracle, ids = load(side), network_ids(network)
    for lead in ((2, 2),) if side == "jax" else ((), (2, 2)):
        given = small_network(lead)
        tolerance = 1e-12 if ids["regularizer"] not in fd.REAL else 1e-8
        close(flat(oracle.network(*given, **ids)), flat(fd.network(*given, **ids)), tolerance)


@over_sides
def test_problems_on_leading_axes_are_independent_and_float32_stays(side):
    oracle, ids = load(side), network_ids(NETWORKS[2])
    x, y, W, b = small_network((3,), "float32")
    together = flat(oracle.network(x, y, W, b, **ids))
    assert {g.dtype.name for g in together.values()} == {"float32"}
    for k in range(3):
        alone = flat(oracle.network(x[k], y[k], [w[k] for w in W], [c[k] for c in b], **ids))
        close({name: g[k] for name, g in together.items()}, alone, TOLERANCE["float32"])


@over_sides
def test_every_block_of_the_first_axis_may_have_its_own_regularizer(side):
    oracle, ids = load(side), network_ids(NETWORKS[0])
    x, y, W, b = small_network((4,))
    kinds = ["regularizer/l2", "regularizer/spectral_norm"]
    together = flat(oracle.network(x, y, W, b, **{**ids, "regularizer": kinds}))
    for k, id in enumerate(kinds):
        here = slice(2 * k, 2 * k + 2)
        part = x[here], y[here], [w[here] for w in W], [c[here] for c in b]
        close(
            {name: g[here] for name, g in together.items()}, flat(oracle.network(*part, **{**ids, "regularizer": id}))
        )


@over_sides
def test_ends_may_be_a_table(side):
    oracle, ids = load(side), network_ids(NETWORKS[3])
    table = {ids["cost"]: ids["ends"], "cost/l1": ("a", "y")}
    given = small_network()
    close(flat(oracle.network(*given, **{**ids, "ends": table})), flat(oracle.network(*given, **ids)), 0)


@over_sides
def test_what_cannot_be_asked_of_a_network_is_said(side):
    network, ids = load(side).network, ("activation/tanh", "activation/identity")
    with pytest.raises(LookupError, match="cost/mse"):
        network(*small_network(), *ids, "cost/mse")
    with pytest.raises(LookupError, match="cost/hinge takes no 'a' at the end of a network; it takes z, y"):
        network(*small_network(), *ids, "cost/hinge")
    with pytest.raises(LookupError, match="activation/tanh: no option 'beta'"):
        network(*small_network(), *ids, "cost/l1", parameters={"activation/tanh": {"beta": 2.0}})
    with pytest.raises(ValueError, match="cost/l1: reduction = 'none'; a network ends in one number"):
        network(*small_network(), *ids, "cost/l1", parameters={"cost/l1": {"reduction": "none"}})
