"""Every question has one answer from each side, and what is known of the frameworks is found."""

import pytest

from gradproof.conventions.ask import measure, questions, tasks
from gradproof.conventions.sequences import DIVISORS
from gradproof.conventions.updates import QUESTIONS
from gradproof.evidence.files import read_evidence, write_evidence
from gradproof.tasks import Plan
from reference import CATALOGUE

EDGES = "clipping at its edges"
REFUSED = "ValueError: gradients[0][0] = inf: only finite gradients have a direction to keep"
NO_LIMIT = "ValueError: max_norm = 0.0; need max_norm > 0"
SLOPE = "gradient at a tie or a zero, λ = 1"


@pytest.fixture(scope="module")
def ours():
    """Our answers to everything."""
    return [f for task in tasks(Plan(oracles=())) for f in task.call()]


def reading(found, topic, id, side="ours"):
    return [f.more["reading"] for f in found if (f.more.get("topic"), f.formula, f.side) == (topic, id, side)]


def test_every_cost_regularizer_and_update_is_asked_about_but_the_empty_ones():
    asked = {task.name for task in tasks(Plan())}
    whole = {f.id for f in CATALOGUE.values() if f.kind in ("cost", "regularizer", "update")}
    assert whole - asked == {"cost/wasserstein_critic", "regularizer/none"}
    assert [task.name for task in tasks(Plan(formulas=frozenset({"cost/l1"})))] == ["cost/l1"]


def test_ours_answers_each_question_once_and_it_can_be_written(ours, tmp_path):
    asked = [f for f in ours if f.kind == "convention"]
    steps = sum(len(names) for _, _, names in QUESTIONS)
    assert len(asked) == len(questions()) + steps
    assert {f.side for f in ours} == {"ours"}
    write_evidence(tmp_path / "a.jsonl", {}, ours)  # no two of one key
    back = read_evidence(tmp_path / "a.jsonl").findings
    assert {f.key: f.more.get("reading") for f in back} == {f.key: f.more.get("reading") for f in ours}


@pytest.mark.parametrize(
    ("topic", "id", "expected"),
    [
        ("a weighted mean divides by", "cost/l1", ["the sum of the weights"]),
        ("a weighted mean divides by", "cost/binary_cross_entropy", ["the number of terms"]),
        ("logarithms clamped", "cost/binary_cross_entropy", ["no: ∞", "no"]),
        ("reduction by default", "cost/ctc", ["mean over examples, each over its number of labels"]),
        ("slope in log-probabilities", "cost/ctc", ["0, of the cost"]),
        ("what a mean over tokens divides by", "cost/grpo_clip", [*DIVISORS]),
        ("share of the token of a short answer", "cost/grpo_clip", [*DIVISORS]),
        ("a target that no path gives", "cost/ctc", ["∞, slope NaN", "0, slope 0"]),
        (SLOPE, "regularizer/spectral_norm", ["(0, 0); (0, 0)", "(0.5, 0); (0, 0.5)"]),  # least subgradients
        (SLOPE, "regularizer/nuclear_norm", ["(0, 0); (0, 0)", "(0, 0.6); (0, 0.8)", "(1, 0); (0, 1)"]),
        (SLOPE, "regularizer/entropy", ["(0, 0)", "(0, 0)"]),
        ("dropped entries", "regularizer/alpha_dropout", ["SELU's least −λα, then standardised"]),
        ("biases", "regularizer/l2", ["left alone"]),
        ("as a constraint: ε", "regularizer/max_norm", ["a penalty only"]),
        ("scale by default", "layer/attention", ["1/√d"]),
        ("where causal begins", "layer/attention", ["upper left: the first key"]),
        ("a query that sees no key", "layer/attention", ["0"]),
        ("where ε is added", "update/adam", ["√v̂ + ε"]),
        ("rectified from", "update/radam", ["step 5: between ρ = 4.00 and 5.00"]),
        ("impossible hyperparameters", "update/adam", ["refuses all three (ValueError)"]),
        ("one gradient of 10²⁰ in float32", "update/adam", ["as far as in float64"]),
        ("decay takes off", "update/adam", ["adam has no lam"]),
        (EDGES, "update/clip_by_value", ["(0)", "(NaN)"]),
        (EDGES, "update/clip_by_norm", ["0", "(-0.32, 0.24)", "(1, 2)", "1", REFUSED, NO_LIMIT]),
    ],
)
def test_our_conventions(ours, topic, id, expected):
    assert reading(ours, topic, id) == expected


def test_ours_means_by_default_and_refuses_what_makes_no_sense(ours):
    means = [f.more["reading"] for f in ours if f.more.get("topic") == "reduction by default"]
    assert means
    assert all(said.startswith("mean over") for said in means)
    nonsense = [f.more["reading"] for f in ours if f.more.get("topic") == "input that makes no sense"]
    assert nonsense
    assert all(said.startswith("ValueError: ") for said in nonsense)


KNOWN = [
    ("torch", "logarithms clamped", "cost/binary_cross_entropy", ["at −100", "at −100"]),
    ("torch", "a weighted mean divides by", "cost/l1", ["the sum of the weights"]),
    ("torch", "a weighted mean divides by", "cost/huber_error", ["the number of terms"]),
    ("torch", "reduction by default", "cost/kl_div", ["mean over entries"]),
    ("jax", "smooth", "cost/dice", ["1 above, ½(a + y) + 1 below"]),
    ("torch", "smooth", "cost/dice", ["no such function"]),
    ("torch", "slope in log-probabilities", "cost/ctc", ["½, of logits"]),
    ("torch", "a target that no path gives", "cost/ctc", ["∞, slope NaN", "0, slope 0"]),
    ("torch", "scores that are not normalised", "cost/ctc", ["as they are"]),
    ("torch", "what a mean over tokens divides by", "cost/cross_entropy_labels", [DIVISORS[1]]),
    ("torch", "Muon's iteration", "update/muon", ["in bfloat16"]),
    ("jax", "Muon's average", "update/muon", ["both terms bias-corrected"]),
    ("jax", "what is no matrix", "update/muon", ["that of AdamW with Nesterov's momentum"]),
    ("jax", "scores that are not normalised", "cost/ctc", ["normalised"]),
    ("torch", "input that makes no sense", "cost/binary_cross_entropy", ["RuntimeError", "RuntimeError"]),
    ("torch", "biases", "regularizer/l2", ["decayed"]),
    ("jax", "biases", "regularizer/l2", ["decayed"]),
    ("torch", "as a constraint: ε", "regularizer/max_norm", ["1e-7 is added to the norm"]),
    ("torch", "kept entries", "regularizer/inverted_dropout", ["divided by 1 − rate"]),
    ("torch", "kept entries", "regularizer/alpha_dropout", ["standardised with what is dropped"]),
    ("torch", "dropped entries", "regularizer/alpha_dropout", ["SELU's least −λα, then standardised"]),
    ("jax", "rate 0", "regularizer/inverted_dropout", ["no such function"]),
    ("jax", SLOPE, "regularizer/gradient_penalty", ["(NaN, NaN)"]),
    ("jax", SLOPE, "regularizer/l1", ["(1)"]),
    ("torch", "where ε is added", "update/radam", ["√v + ε, v not corrected"]),
    ("torch", EDGES, "update/clip_by_value", ["(1)", "(NaN)"]),
    ("torch", EDGES, "update/clip_by_norm", ["-2e-07", "(-0.32, 0.24)", "(NaN, NaN)", "0", "(NaN, 0)", "(0, 0)"]),
    ("jax", EDGES, "update/clip_by_value", ["(0.5)", "(NaN)"]),
    ("jax", EDGES, "update/clip_by_norm", ["0", "(-0.32, 0.24)", "(NaN, NaN)", "0", "(NaN, 0)", "(NaN, NaN)"]),
    ("jax", "accumulator starts at", "update/adagrad", ["0.1"]),
    ("torch", "dtype of the softmax", "layer/attention", ["float64"]),
    ("jax", "dtype of the softmax", "layer/attention", ["float32"]),
    ("torch", "a query that sees no key", "layer/attention", ["0"]),
    ("jax", "a query that sees no key", "layer/attention", ["the mean of all values"]),
]


@pytest.mark.parametrize(("side", "topic", "id", "expected"), KNOWN)
def test_frameworks_differ_where_they_are_known_to(side, topic, id, expected):
    pytest.importorskip("optax" if side == "jax" else side)
    assert reading(measure(id, [side]), topic, id, side) == expected
