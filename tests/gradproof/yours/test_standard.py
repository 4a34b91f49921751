"""What a subject is judged by: each standard is right where it says so, and knows its own error."""

import inspect
import re

import hand_written as by_hand
import numpy as np
import pytest

import gradproof
from gradproof.cases.case import Case
from gradproof.lookup import UsageError
from gradproof.yours.standard import ENTRIES, standard_of
from reference import CATALOGUE

ONE = gradproof.pullback(lambda x: None)


def case(dtype="float64", **arguments):
    given = {name: np.asarray(x, dtype) for name, x in arguments.items()}
    return Case("f", dtype, "plain", 0, given, {"value": np.ones_like(given["x"])})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("forward", "slope"),
    [
        (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        (lambda x: x * np.exp(x), lambda x: (1 + x) * np.exp(x)),
        (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
        (lambda x: abs(x) ** 3, lambda x: 3 * x * abs(x)),  # no analytic function for NumPy
    ],
)
def test_differences_are_right_within_their_own_error(forward, slope, dtype):
    x = np.array([-2.3, -1e-4, 1e-5, 0.7, 3.1])
    truth = standard_of(forward, ONE, {}).truth(case(dtype, x=x))
    g = truth.gradients["x"]
    error = g.error(slope(x.astype(dtype).astype(np.float64)).astype(dtype))
    assert np.isfinite(error).sum() >= 4  # others are beside a kink and not judged
    assert np.nanmax(error) <= 4
    assert g.error(slope(x) * 1.1)[-1] > 1e3


def test_autodiff_is_believed_and_moves_with_the_roundoff_of_its_inputs():
    torch = pytest.importorskip("torch")
    standard = standard_of(gradproof.torch_function(lambda x: torch.sin(1000 * x)), ONE, {})
    assert standard.strength == "autodiff"
    x = np.array([1.5])
    g = standard.truth(case(x=x)).gradients["x"]
    assert float(g.truth.hi[0]) == pytest.approx(1000 * np.cos(1500), rel=1e-12)
    assert g.sway[0] == pytest.approx(abs(1e6 * np.sin(1500) * 1.5), rel=1)  # |x·∂²/∂x²|, by a few moves


def test_second_derivatives_of_an_objective_by_autodiff():
    torch = pytest.importorskip("torch")

    def loss(predt, label):
        return torch.nn.functional.binary_cross_entropy_with_logits(predt, label, reduction="sum")

    def inputs(rng):
        return {"predt": rng.normal(size=6), "label": rng.integers(0, 2, 6).astype(float)}

    forward = gradproof.torch_function(loss)
    for function, verdict in (by_hand.logistic, "right"), (by_hand.logistic_half, "wrong"):
        report = gradproof.check(gradproof.objective(function), forward, inputs=inputs, dtypes=["float64"])
        assert {j.quantity: j.verdict for j in report.judged} == {"∂/∂predt": "right", "∂²/∂predt²": verdict}


def test_of_many_entries_some_are_asked_for_and_all_along_a_direction():
    scale = np.linspace(0.5, 2, 1000)

    def weighted(x, plant=0):
        factor = scale * (1 + plant * (np.arange(1000) == 123))
        return x * x, lambda v: 2 * x * v * np.where(plant, factor / scale, 1)

    def forward(x):
        return x * x

    report = gradproof.check(gradproof.pullback(weighted), forward, inputs={"x": (1000,)}, dtypes=["float64"])
    assert report.verdict == "right"
    (by,) = [j for j in report.judged if j.argument]
    assert by.entries == 9 * ENTRIES < by.of == 9000
    assert f"{by.entries} of 9,000 entries were asked for, at random" in str(report)
    planted = gradproof.pullback(lambda x: weighted(x, 0.1))
    found = gradproof.check(planted, forward, inputs={"x": (1000,)}, dtypes=["float64"])
    assert found.verdict == "wrong"
    assert "all entries together, along a random direction" in str(found)


def test_its_own_values_judge_gradients_alone():
    report = gradproof.check(gradproof.slope(by_hand.tanh_off), inputs={"x": (5,)}, dtypes=["float64"])
    assert report.verdict == "wrong"
    assert [j.quantity for j in report.judged] == ["∂/∂x"]


def test_a_forward_over_balls_is_exact():
    pytest.importorskip("oracles.arb_truth.namespace")

    def forward(xp, x):
        return xp.tanh(x)

    report = gradproof.check(gradproof.pullback(lambda x: (np.tanh(x), lambda v: v * (1 - np.tanh(x) ** 2))), forward,
                             inputs={"x": (3,)}, dtypes=["float32"])  # fmt: skip
    assert report.ok
    assert report.strength == "exact"


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("activation/tanhh", "did you mean activation/tanh"),
        (3, "not an id, a forward function"),
        (gradproof.slope(by_hand.tanh), "is by slope: a hand-written gradient proves nothing about another"),
    ],
)
def test_what_is_no_standard_is_refused(against, message):
    with pytest.raises(UsageError, match=message):
        standard_of(against, ONE, {})


def test_what_cannot_be_judged_is_said():
    function = gradproof.objective(by_hand.logistic)
    with pytest.raises(UsageError, match="returns no value: say what it is the gradient of"):
        standard_of(None, function, {})
    with pytest.raises(UsageError, match="gives second derivatives"):
        standard_of(lambda z, y: z, function, {})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alph": 1.0}, "activation/elu has no parameter 'alph'; there are alpha"),
        ({"alpha": "x"}, "activation/elu"),
        ({"alpha": float("nan")}, "activation/elu"),
    ],
)
def test_parameters_unknown_to_the_formula_or_outside_its_domain_are_refused(parameters, message):
    pytest.importorskip("flint")
    with pytest.raises(UsageError, match=message):
        gradproof.check(gradproof.slope(by_hand.scaled), "activation/elu", parameters=parameters, dtypes=["float64"])


@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if f.kind == "cost"])
def test_arguments_given_as_parameters_are_told_to_be_arguments(id):
    pytest.importorskip("flint")
    taken = inspect.signature(CATALOGUE[id].function).parameters.values()
    for name in [p.name for p in taken if p.default in (p.empty, None) and p.kind is not p.VAR_POSITIONAL]:
        if name not in CATALOGUE[id].parameters:
            with pytest.raises(
                UsageError, match=f"{name} is no parameter of {id} but an argument, which the cases vary"
            ):
                standard_of(id, ONE, {name: 1})


TWO = gradproof.pullback(lambda x: ((x, 2 * x), lambda v, u: v + 2 * u), outputs=("h", "c"))


@pytest.mark.parametrize("forward", [lambda xp, x: (x, x + x), lambda x: (x, x + x),
                                     lambda xp, x: {"c": x + x, "h": x}])  # fmt: skip
def test_a_tuple_has_the_names_that_the_subject_gives_its_outputs(forward):
    if "xp" in inspect.signature(forward).parameters:
        pytest.importorskip("flint")
    inputs = {"x": (3,)}
    assert gradproof.check(TWO, forward, inputs=inputs).verdict == "right"
    swapped = gradproof.pullback(lambda x: ((2 * x, x), lambda v, u: 2 * v + u), outputs=("h", "c"))
    assert gradproof.check(swapped, forward, inputs=inputs).verdict == "wrong"
    with pytest.raises(UsageError, match=r"<lambda> returned (2 outputs, but 1 is|outputs c, h, but no)"):
        gradproof.check(ONE, forward, inputs=inputs)


def test_a_function_of_other_shapes_is_told_what_it_was_given_and_what_is_expected():
    pytest.importorskip("flint")

    def cell(x, h0, c0, W, U, b):
        return x @ W, lambda v: v

    said = gradproof.check(gradproof.pullback(cell), "layer/lstm", dtypes=["float64"]).broken
    assert "raised ValueError in float64" in said
    assert re.search(r"as layer/lstm it was given x \(\d.*\), h0 .*weight_x as W .*, and is to return value \(", said)


def test_a_forward_that_fails_is_not_the_fault_of_the_subject():
    def forward(x):
        raise RuntimeError("no such thing")

    with pytest.raises(UsageError, match=r"judged by forward in float64.*RuntimeError: no such thing"):
        gradproof.check(gradproof.slope(by_hand.tanh), forward, inputs={"x": (3,)})
