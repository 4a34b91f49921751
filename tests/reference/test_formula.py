"""Records are complete and consistent, and the catalogue keeps ids apart."""

import ast
import inspect
import math

import numpy as np
import pytest
from formula_cases import DIFFERENTIABLE, STEP, array_names, difference, draw

import reference
from reference import ALIASES, CATALOGUE, costs, regularizers, updates
from reference.activations import identity, leaky_relu, mish, prelu
from reference.entries import CHECKS
from reference.formula import Formula, Kink, formula, resolve

ACTIVATIONS = [f for f in CATALOGUE.values() if f.kind == "activation"]
COSTS = [f for f in CATALOGUE.values() if f.kind == "cost"]
KINKS = [(f, kink) for f in CATALOGUE.values() for kink in f.kinks]
over_records = pytest.mark.parametrize("record", CATALOGUE.values(), ids=list(CATALOGUE))


@over_records
def test_a_record_has_an_id_a_statement_a_derivation_and_parameters_of_its_function(record):
    assert record.id == f"{record.kind}/{record.name}"
    assert record.statement
    assert record.derivative
    assert record.derivation
    assert record.function.formula is record
    assert set(record.valid) <= set(inspect.signature(record.function).parameters)
    assert set(record.unanswered) <= {"torch", "jax", "truth", "finite_difference"}


@pytest.mark.parametrize(
    ("package", "kind", "others"),
    [
        (reference.activations, "activation", {"Pullback"}),
        (costs, "cost", {"Cost", "one_hot"}),
        (regularizers, "regularizer", {"Regularizer"}),
        (updates, "update", {"Step"}),
    ],
)
def test_every_formula_is_importable_by_its_name(package, kind, others):
    names = {f.name for f in CATALOGUE.values() if f.kind == kind}
    assert names == set(package.__all__) - others
    assert all(getattr(package, name).formula.name == name for name in names)


@pytest.mark.parametrize("record", ACTIVATIONS, ids=lambda f: f.name)
def test_an_activation_names_its_sources_and_states_its_accuracy(record):
    assert record.sources
    assert 0 < record.conditioned_ulp <= 4
    assert record.conditioned_ulp <= record.strict_ulp <= 16
    assert record.strict_ulp == 4 or record.slope_zeros or not record.elementwise
    assert [math.isfinite(record.at(zero)) for zero in record.slope_zeros] == [True] * len(record.slope_zeros)


def test_learnable_parameters_are_those_with_a_slope():
    assert prelu.formula.learnable == ("weight",)
    assert identity.formula.learnable == ()
    assert all(set(f.learnable) <= set(f.parameters) for f in ACTIVATIONS)


@pytest.mark.parametrize("record", [f for f in ACTIVATIONS if f.curvature], ids=lambda f: f.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_curvature_is_the_slope_of_the_slope(record, seed):
    case = draw(record.id, seed)
    parameters = {**case.parameters, **dict.fromkeys(record.learnable, 0.8)}
    z = case.arguments["z"]
    a, slope = record.function(z, **parameters)
    steps = STEP, -STEP, 2 * STEP, -2 * STEP
    beside = dict(zip(steps, record.function(np.stack([z + t for t in steps]), **parameters)[1], strict=True))
    expected = difference(lambda t: beside[t])
    np.testing.assert_allclose(record.curvature(z, a, slope, **parameters), expected, rtol=1e-7, atol=1e-9)
    ends = np.array([-np.inf, -1e300, 1e300, np.inf, 0.0])
    with np.errstate(all="ignore"):
        limits = record.curvature(ends, *record.function(ends, **parameters), **parameters)
    assert not np.isnan(limits).any()


def test_what_has_no_curvature_here():
    assert {f.name for f in ACTIVATIONS if f.elementwise and f.curvature is None} == {"mish", "gelu_tanh"}
    assert mish.formula.curvature is None


# ---------------------------------------------------------------- what arguments are


@pytest.mark.parametrize("record", COSTS, ids=lambda f: f.name)
def test_prediction_and_target_of_a_cost_are_arguments_of_it(record):
    names = array_names(record)
    assert set(record.entries) <= set(names)
    assert set(record.entries.values()) <= {*CHECKS, "label", "length"}
    assert bool(record.prediction) == bool(record.target) == bool(record.targets)
    if record.prediction:
        assert [record.prediction, record.target] == names[:2]
        assert record.targets == ("label" if record.target == "labels" else record.entries.get(record.target, "real"))
        assert "leading" in inspect.signature(record.function).parameters


def test_what_costs_want_for_targets():
    by_targets = {}
    for record in COSTS:
        by_targets.setdefault(record.targets, set()).add(record.name)
    assert by_targets["sign"] == {"hinge", "squared_hinge", "perceptron", "soft_margin", "hinge_embedding"}
    assert by_targets["count"] == {"poisson_nll", "poisson_nll_rate"}
    assert by_targets["indicator"] == {"multilabel_margin"}
    assert {"kl_div", "jensen_shannon", "cross_entropy_probabilities", "poly_cross_entropy"} == by_targets[
        "distribution"
    ]
    assert by_targets[""] == {
        "gaussian_nll", "margin_ranking", "cosine_distance", "cosine_embedding", "triplet_margin", "nt_xent", "ctc",
        "dpo", "ipo", "kto", "orpo", "ppo_clip", "kl_k3", "z_loss", "distillation", "linear_cross_entropy",
        "ranking_softmax", "multiclass_sparsemax", "total_variation", "generalized_kl", "sparsemax",
        "crf", "transducer", "cpo", "simpo", "grpo_clip", "kl_k1", "reverse_kl", "generalized_dice",
        "adaptive_log_softmax", "entmax",
    }  # fmt: skip


def test_the_reductions_by_default():
    others = {f.name: f.reduction for f in COSTS if f.reduction != "mean"}
    batchmean = ("quadratic", "cross_entropy", "nll", "kl_div", "kl_div_log_target", "generalized_kl")
    assert others == {**dict.fromkeys(batchmean, "batchmean"), "wasserstein_critic": ""}


# ---------------------------------------------------------------- kinks


@pytest.mark.parametrize(("record", "kink"), KINKS, ids=[f"{f.id}@{k.of}={k.at}" for f, k in KINKS])
def test_the_chosen_slope_lies_between_the_one_sided_slopes(record, kink):
    left, right, chosen = (record.at(text, n=1) for text in (kink.left, kink.right, kink.chosen))
    assert min(left, right) <= chosen <= max(left, right)
    assert math.isfinite(record.at(kink.at))
    assert kink.why
    known = {name.split("[")[0] for name in record.arguments} | set(record.parameters) | {"norm", "cos"}
    assert kink.names <= known


def test_a_kink_says_what_it_is_one_of():
    assert Kink("0", "0", "1", "0").of == "z"
    assert costs.hinge.formula.kinks[0].names == {"y", "z"}
    assert costs.multiclass_hinge.formula.kinks[0].names == set()  # words
    assert [kink.of for kink in costs.triplet_margin.formula.printed_kinks] == ["margin + norm(a - b) - norm(a - c)"]
    assert regularizers.group_lasso.formula.printed_kinks == ()
    assert len(reference.activations.hardtanh.formula.printed_kinks) == 2
    assert reference.activations.reglu.formula.printed_kinks == ()  # in b, which is not the first argument


@pytest.mark.parametrize("record", [f for f in COSTS if "sign(" in f.derivative], ids=lambda f: f.name)
def test_a_derivative_that_jumps_is_one_of_a_record_with_kinks(record):
    smooth = ("huber_error", "smooth_l1")  # sign stands in a branch that does not reach 0
    assert bool(record.kinks) == (record.name not in smooth)


# ---------------------------------------------------------------- expressions and registration


def test_parameters_are_the_numeric_defaults_of_the_signature():
    assert dict(leaky_relu.formula.parameters) == {"negative_slope": 0.01}
    assert "leading" not in costs.l1.formula.parameters
    assert leaky_relu.formula.at("2*negative_slope", negative_slope=0.5) == 1.0
    assert leaky_relu.formula.at("-oo") == -np.inf


@pytest.mark.parametrize("record", [f for f in CATALOGUE.values() if f.valid], ids=lambda f: f.id)
def test_defaults_are_valid(record):
    for name, condition in record.valid.items():
        assert name in {node.id for node in ast.walk(ast.parse(condition)) if isinstance(node, ast.Name)}
        options = {p.name: p.default for p in inspect.signature(record.function).parameters.values()}  # an axis too
        assert eval(condition, {"__builtins__": {}}, {**options, **record.parameters, "oo": math.inf})


def test_every_formula_with_parameters_is_tried_away_from_its_defaults():
    for id in DIFFERENTIABLE:
        record = CATALOGUE[id]
        if record.parameters and record.parameters.keys() - {"lam"}:
            assert draw(id, 1).parameters.keys() - {"activations"} or record.learnable, id


def test_an_expression_of_a_record_cannot_reach_the_interpreter():
    with pytest.raises(NameError):
        leaky_relu.formula.at("open('x')")


def test_a_taken_id_is_refused_with_the_name_of_its_owner():
    with pytest.raises(ValueError, match="'activation/relu' is taken by relu"):
        formula("activation/relu", statement="z", derivative="1")(lambda z: (z, z))
    with pytest.raises(ValueError, match="'cost/mse' is taken: it stands for cost/squared_error"):
        formula("cost/mse", statement="z", derivative="1")(lambda z: (z, z))
    for alias, message in (("cost/l1", "taken by l1"), ("cost/mae", "it stands for cost/l1"), ("cost/new", "itself")):
        with pytest.raises(ValueError, match=message):
            formula("cost/new", statement="z", derivative="1", aliases={alias: {}})(lambda z: (z, z))
    assert "cost/new" not in CATALOGUE


def test_a_condition_on_what_is_no_parameter_is_refused():
    with pytest.raises(ValueError, match="conditions on b, which are no parameters"):
        formula("cost/new", statement="z", derivative="1", valid={"b": "b > 0"})(lambda z, a=1.0: (z, z))
    assert "cost/new" not in CATALOGUE


def test_registering_adds_exactly_one_record(monkeypatch):
    monkeypatch.setattr("reference.formula.CATALOGUE", catalogue := {})
    monkeypatch.setattr("reference.formula.ALIASES", aliases := {})

    @formula(
        "activation/twice",
        statement="c*z",
        derivative="c",
        kinks=(Kink("0", "c", "c", "c"),),
        aliases={"activation/doubled": {"c": 2.0}},
    )
    def twice(z, c=2, name="x", flag=True):
        """Twice the input."""

    assert list(catalogue) == ["activation/twice"]
    assert aliases == {"activation/doubled": ("activation/twice", {"c": 2.0})}
    assert isinstance(twice.formula, Formula)
    assert dict(twice.formula.parameters) == {"c": 2.0}
    assert not twice.formula.elementwise
    assert resolve("activation/doubled") == (twice.formula, {"c": 2.0})


def test_former_ids_stand_for_records():
    assert not set(ALIASES) & set(CATALOGUE)
    assert all(id in CATALOGUE for id, _ in ALIASES.values())
