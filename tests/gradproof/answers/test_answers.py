"""Everyone answers a case alike: by the names of outputs and arguments; who has no answer says why."""

import math
import sys

import numpy as np
import pytest

from gradproof import cases
from gradproof.answers.answer import Answer
from gradproof.answers.frameworks import composed, framework, sides
from gradproof.answers.ours import ours
from gradproof.answers.truth import truth
from gradproof.cases.case import Case
from gradproof.evidence.environment import ORACLES, load
from gradproof.lookup import Missing
from reference import CATALOGUE, vjp

PLAIN = {id: cases.draw(id, "float64", "plain", 1) for id in cases.DRAWS}


@pytest.fixture(params=ORACLES)
def oracle(request):
    """The name of an oracle that is installed."""
    if not load(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


def test_quantities_are_outputs_and_gradients_by_argument():
    assert Answer({"value": 1}, {"a": 2, "y": 3}).quantities == {"value": 1, "∂/∂a": 2, "∂/∂y": 3}


@pytest.mark.parametrize("id", PLAIN)
def test_ours_is_the_formula_itself_and_the_truth_is_close(id):
    case = PLAIN[id]
    outputs, gradients = vjp(id, case.arguments, case.cotangent, **case.parameters)
    answer = ours(case)
    assert answer.quantities.keys() == {*outputs, *(f"∂/∂{name}" for name in gradients)}
    pytest.importorskip("flint")
    exact = truth(case)
    assert exact.quantities.keys() == answer.quantities.keys()
    assert not exact.vacuity < 1e-3
    for quantity, known in exact.quantities.items():
        np.testing.assert_allclose(answer.quantities[quantity], known.truth.hi, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("id", PLAIN)
def test_a_framework_answers_under_the_same_names_or_the_record_says_why_not(id, oracle):
    excused = oracle in CATALOGUE[id].unanswered
    try:
        answer = framework(oracle)(PLAIN[id])
    except Missing:
        assert excused
        return
    assert not excused
    mine = ours(PLAIN[id])
    assert answer.outputs.keys() == mine.outputs.keys()
    assert answer.gradients.keys() <= mine.gradients.keys()
    # torch adds 1e-6 to the norm; the softmax of jax.nn.dot_product_attention is in float32
    rtol = {("torch", "update/clip_by_norm"): 1e-6, ("jax", "layer/attention"): 1e-5}.get((oracle, id), 1e-7)
    for quantity, got in answer.quantities.items():
        np.testing.assert_allclose(np.asarray(got), mine.quantities[quantity], rtol=rtol, atol=1e-9)


def test_what_a_framework_cannot_do_is_missing_with_its_reason(oracle, monkeypatch):
    def refuse(*args, **given):
        raise NotImplementedError("no kernel\n for Half " + 200 * "x")

    with pytest.raises(Missing, match=f"{oracle} has no cost/none_such"):
        framework(oracle)(Case("cost/none_such", "float64", "plain", 0, {}, None))
    monkeypatch.setattr(load(oracle), "vjp", refuse)
    with pytest.raises(Missing, match=r"no kernel for Half x+$") as raised:
        framework(oracle)(PLAIN["cost/l1"])
    assert len(str(raised.value)) <= 120
    assert not composed(oracle, "cost/squared_error", "value")
    assert not composed("ours", "cost/squared_error", "value"), "who is no framework composes nothing"


def test_without_frameworks_we_answer_alone(monkeypatch):
    for name, module in ORACLES.items():
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setitem(sys.modules, name, None)
    assert list(sides(ORACLES)) == ["ours"]


def test_the_truth_has_no_answer_at_a_kink_and_sees_what_a_cotangent_hides():
    pytest.importorskip("flint")
    exact = truth(Case("cost/l1", "float64", "kink", 0, {"a": np.array([[0.5]]), "y": np.array([[0.5]])}, None))
    assert math.isnan(exact.gradients["a"].truth.hi.item())
    assert truth(Case("activation/softmax", "float64", "plain", 0, {"z": np.array([[0.5, 2.0]])}, None)).vacuity < 1e-9


def test_without_balls_there_is_no_truth(monkeypatch):
    for module in [m for m in sys.modules if m.startswith("oracles.arb")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("oracles.arb_truth", raising=False)
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(ImportError):
        truth(PLAIN["cost/l1"])
