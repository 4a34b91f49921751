"""What is asked: cases of formulas, one row of them, arrays of one's own."""

import numpy as np
import pytest

from gradproof import cases, gradients, objective, pullback, slope
from gradproof.lookup import UsageError
from gradproof.yours.asked import of_formula, of_inputs, options_of
from gradproof.yours.subject import Subject
from reference import CATALOGUE


def taking(formula):
    """A subject with the arguments of a formula, never called."""
    names = tuple(cases.draw(formula.id, "float64", "plain", 1).arguments)
    return Subject("f", "pullback", names, ("value",), lambda *a: None, lambda *given: None)


ARRAYS = [id for id in cases.DRAWS if id.startswith(("cost/", "activation/")) and not CATALOGUE[id].elementwise]


@pytest.mark.parametrize("id", ARRAYS)
def test_every_regime_of_every_formula_is_asked_and_one_row_where_that_is_a_case(id):
    formula = CATALOGUE[id]
    asked = list(of_formula(taking(formula), formula, "float64", {}, {}, 0))
    assert {a.case.regime.split(",")[0] for a in asked} >= {"plain", "wide", "near"}
    for asking in asked:
        first = next(iter(asking.case.arguments.values()))
        assert first.dtype == np.float64
        if "one row" in asking.case.regime:
            assert len(first) == 1
        for v in (asking.case.cotangent or {}).values():
            assert (np.abs(v) > 0.2).all()


def test_most_formulas_are_asked_for_a_batch_of_one():
    chosen = ["activation/softmax", "cost/cross_entropy_labels", "cost/l1", "cost/kl_div"]
    for id in chosen:
        asked = of_formula(taking(CATALOGUE[id]), CATALOGUE[id], "float64", {}, {}, 0)
        assert any("one row" in a.case.regime for a in asked), id


def test_an_objective_is_asked_for_examples_and_their_sum():
    formula = CATALOGUE["cost/binary_cross_entropy_logits"]
    mine = objective(lambda predt, label: None)
    for asking in of_formula(mine, formula, "float64", {}, {}, 0):
        assert asking.case.parameters["reduction"] == "sum"
        assert [x.ndim for x in asking.case.arguments.values()] == [1, 1]
        assert asking.names == {"z": "predt", "y": "label"}
    labels = objective(lambda scores, labels: None)
    (first, *_) = of_formula(labels, CATALOGUE["cost/cross_entropy_labels"], "float64", {}, {}, 0)
    assert first.case.arguments["z"].ndim == 2


def test_draws_differ_by_seed_and_are_the_same_again():
    formula, mine = CATALOGUE["cost/squared_error"], gradients(lambda a, y: None)

    def arrays(seed):
        return [a.case.arguments["a"].tolist() for a in of_formula(mine, formula, "float64", {}, {}, seed)]

    assert arrays(0) == arrays(0) != arrays(1)


@pytest.mark.parametrize(
    ("function", "id", "names", "message"),
    [
        (lambda z: None, "cost/cross_entropy_labels", {}, "takes z; cost/cross_entropy_labels needs labels too"),
        (lambda a, y: None, "cost/l1", {"a": "b", "y": "y"}, "has no argument 'b'; it takes a, y"),
    ],
)
def test_what_does_not_fit_is_said(function, id, names, message):
    with pytest.raises(UsageError, match=message):
        list(of_formula(gradients(function), CATALOGUE[id], "float64", {}, names, 0))


def shapes(case):
    return {"value": np.zeros(np.shape(case.arguments["x"]))}


def test_arrays_of_ones_own_are_drawn_by_shape_or_taken_as_they_are():
    mine, labels = pullback(lambda x, y: None), np.array([1, 0, 2])
    asked = list(of_inputs(mine, {"x": (3, 4), "y": labels}, "float32", {}, shapes, 0))
    assert len(asked) == 9
    for asking in asked:
        assert asking.case.arguments["x"].dtype == np.float32
        assert asking.case.arguments["y"].tolist() == labels.tolist()
        assert asking.case.cotangent["value"].dtype == np.float32
    sizes = {
        r: np.abs([a.case.arguments["x"] for a in asked if a.case.regime == r]) for r in ("plain", "wide", "small")
    }
    assert sizes["small"].max() < 2**-6 < np.median(sizes["plain"]) < sizes["wide"].max()


def test_several_outputs_are_asked_for_together_and_alone():
    mine = pullback(lambda x: None, ("p", "q"))
    both = {"p": np.zeros(2), "q": np.zeros(3)}
    asked = list(of_inputs(mine, {"x": (3,)}, "float64", {}, lambda case: both, 0))
    seen = {tuple(name for name, v in a.case.cotangent.items() if v.any()) for a in asked}
    assert seen == {("p", "q"), ("p",), ("q",)}


@pytest.mark.parametrize("inputs", [{}, {"x": (3,), "q": (3,)}, lambda rng: {"q": 1}])
def test_inputs_that_are_not_those_of_the_subject_are_refused(inputs):
    with pytest.raises(UsageError, match="takes x"):
        list(of_inputs(slope(lambda x: None), inputs, "float64", {}, shapes, 0))


def test_options_are_passed_to_who_takes_them():
    given = {"alpha": 2.0}
    assert options_of(slope(lambda x, alpha=1: None), given) == given
    assert options_of(slope(lambda x, **more: None), given) == given
    assert options_of(slope(lambda x: None), given) == {}
