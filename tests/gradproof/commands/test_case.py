"""One case again, by everyone, beside the truth."""

import json
import sys

import numpy as np
import pytest
from planted import plant, scaled

from gradproof import cases
from gradproof.cli import main
from gradproof.commands.case import DTYPES, as_json, asked, beside, drawn
from gradproof.evidence import environment
from gradproof.evidence.environment import ORACLES, load
from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.lookup import UsageError
from reference import CATALOGUE, vjp


def rows(id, **given):
    """The rows of a case by quantity and index."""
    return {name: cells for name, *cells in beside(drawn(id, "plain", 1, **given)).rows}


@pytest.mark.parametrize("id", [*cases.DRAWS, *cases.STEPS])
def test_every_entry_of_outputs_and_gradients_is_shown(id):
    pytest.importorskip("flint")
    case, found = cases.draw(id, "float64", "plain", 1), rows(id)
    outputs = case.cotangent or vjp(id, case.arguments, **case.parameters)[0]
    gradients = [] if case.cotangent is None else case.arguments.items()
    wanted = [*outputs.items(), *((f"∂/∂{n}", x) for n, x in gradients if x.dtype.kind == "f")]
    entries = {f"{quantity}{list(index) or ''}" for quantity, x in wanted for index in np.ndindex(x.shape)}
    assert entries <= found.keys()
    for exact, ours, *_ in found.values():
        got, error = ours.split(" ")
        assert float(got) == pytest.approx(float(exact), rel=1e-9, abs=1e-12)
        assert float(error.strip("()")) <= CATALOGUE[id].conditioned_ulp


def test_a_planted_error_stands_in_the_brackets(monkeypatch):
    pytest.importorskip("flint")
    plant(monkeypatch, "cost/kl_div", scaled(1 + 2.0**-30))
    off = {name: float(ours.split("(")[1].strip(")")) > 1000 for name, (_, ours, *_) in rows("cost/kl_div").items()}
    assert off == {name: name.startswith("∂") for name in off}
    assert any(off.values())


def test_an_answer_of_another_shape_is_said_and_does_not_end_the_others(monkeypatch):
    pytest.importorskip("flint")
    plant(monkeypatch, "cost/kl_div", lambda _, gradients, v: ({"value": np.ones(2)}, gradients))
    for _, ours, *others in rows("cost/kl_div").values():
        assert ours == "value has shape (2,), the truth has shape ()"
        assert "shape" not in "".join(others)
    assert "shape" in as_json(drawn("cost/kl_div", "plain", 1))["ours"]


def test_slopes_of_a_sum_are_called_so_and_those_that_vanish_for_it_too(capsys):
    """The entries of a normalised row sum to 0, whatever the row is."""
    pytest.importorskip("flint")
    ask = ["at", "layer/layer_norm", "x=[[1, 2, 4]]", "weight=[0.5, 0.5, 0.5]"]
    assert main(ask) == 0
    assert "; slopes are of the sum of all outputs, and 0 by x: --cotangent V weighs them" in capsys.readouterr().out
    assert main([*ask, "--cotangent", "[[1, 0, 3]]"]) == 0
    assert "cotangent" not in capsys.readouterr().out
    assert main(["at", "layer/linear", "x=[[1, 2]]", "weight=[[3, 4], [5, 6]]"]) == 0
    assert "sum of all outputs: --cotangent V" in capsys.readouterr().out
    assert main(["at", "cost/l1", "a=0.5", "y=0"]) == 0
    assert "cotangent" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ORACLES)
def test_who_has_no_answer_says_why(monkeypatch, name):
    pytest.importorskip("flint"), pytest.importorskip(name)
    told = 1 + [*ORACLES].index(name) + 1  # after the truth and ours
    monkeypatch.setattr(load(name), "has", lambda *_: "")
    assert {cells[told] for cells in rows("cost/l1").values()} == {f"{name} has no cost/l1"}
    monkeypatch.setattr(environment, "load", lambda name: None)
    assert {cells[told] for cells in rows("cost/l1").values()} == {"not installed"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("cost/kl", "near", 0), "no formula 'cost/kl'; did you mean"),
        (("activation/tanh", "near", 0), "tanh has no cases of its own; .*'gradproof at activation/tanh 0.5'"),
        (("network/bp1", "near", 0), "bp1 has no cases of its own; .*--only networks'"),
        (("cost/kl_div", "nearly", 0), "no regime 'nearly'; there are plain, wide, near"),
        (("cost/kl_div", "near", 0, "float8"), f"no cases in 'float8'; there are in {', '.join(DTYPES)}"),
    ],
)
def test_what_has_no_cases_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        drawn(*given)


def test_a_formula_that_nobody_draws_is_sent_to_the_doctor(monkeypatch):
    monkeypatch.delitem(cases.DRAWS, "cost/l1")
    with pytest.raises(UsageError, match="cost/l1 has no cases of its own; 'gradproof doctor cost/l1' says"):
        drawn("cost/l1", "near", 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_command_prints_the_table(capsys, dtype):
    pytest.importorskip("flint"), pytest.importorskip("ml_dtypes")
    assert main(["case", "cost/l1", "wide", "2", "--dtype", dtype]) == 0
    title, columns, value, *entries = capsys.readouterr().out.splitlines()
    assert title == f"cost/l1 in {dtype}, wide 2, reduction = sum; in brackets: conditioned ULP from the truth"
    assert columns.split() == ["quantity", "truth", "ours", *ORACLES]
    assert value.startswith("value ")
    assert len(entries) == sum(x.size for x in cases.draw("cost/l1", dtype, "wide", 2).arguments.values())
    with pytest.raises(SystemExit):
        main(["case", "cost/l1", "wide", "-2"])


def test_as_json_the_arguments_are_told_exactly_and_labels_as_integers(capsys):
    pytest.importorskip("flint")
    assert main(["case", "cost/nll_labels", "extreme", "1", "--json"]) == 0
    said, case = json.loads(capsys.readouterr().out), cases.draw("cost/nll_labels", "float64", "extreme", 1)
    told = [[float.fromhex(x) for x in row] for row in said["arguments"]["a"]]
    assert told == case.arguments["a"].tolist()
    assert said["arguments"]["labels"] == case.arguments["labels"].tolist()
    assert said["truth"] == as_json(case)["truth"]
    assert float.fromhex(said["cotangent"]["value"]) == case.cotangent["value"]


def test_without_balls_ours_is_shown_and_what_was_measured_of_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "oracles.arb_truth", None)
    monkeypatch.delattr("oracles.arb_truth", raising=False)
    case = drawn("nn.L1Loss", "wide", 2)
    found = Finding("accuracy", "cost/l1", "", "value", "float64", "ours", entries=7, max=1.25)
    write_evidence(tmp_path / "accuracy.jsonl", {"made": "2026-01-02T03"}, [found])
    told = beside(case, tmp_path)
    assert told.title == "cost/l1 in float64, wide 2, reduction = sum"
    outputs, _ = vjp("cost/l1", case.arguments, **case.parameters)
    assert told.rows[0][:3] == ["value", "not known", repr(float(outputs["value"]))]
    assert len(told.rows) == 1 + sum(x.size for x in case.arguments.values())
    assert told.note == (
        "The truth needs python-flint: pip install 'gradproof[check]'. "
        "Measured 2026-01-02: ours is off by at most 1.2 conditioned ULP in 7 numbers."
    )
    assert beside(case, tmp_path / "nowhere").note == "The truth needs python-flint: pip install 'gradproof[check]'."
    dense = asked("layer/linear", ["x=[[1, 2]]", "weight=[[3, 4], [5, 6]]"])
    assert beside(dense).title.endswith("; slopes are of the sum of all outputs: --cotangent V weighs them")
    assert (as_json(case)["truth"], as_json(case)["conditioned ULP"]["ours"]) == ({}, {})


def test_a_switch_has_no_gradient_on_any_side(capsys):
    pytest.importorskip("flint")
    assert main(["at", "cost/generalized_dice", "a=[[[0.5,0.5],[0.1,0.2]]]", "y=[[[1,0],[0,1]]]"]) == 0
    said = capsys.readouterr().out
    assert "∂/∂a" in said
    assert "∂/∂y" not in said


def test_what_balls_do_not_answer_is_named_where_it_is_empty(capsys):
    pytest.importorskip("flint")
    assert main(["at", "layer/local_response_norm", "x=[[[]]]"]) == 2
    assert "x has shape (1, 1, 0), no entries" in capsys.readouterr().err


def test_a_side_that_refuses_is_quoted_in_one_line(capsys):
    for package in ("flint", "torch", "jax"):
        pytest.importorskip(package)
    assert main(["at", "layer/average_pooling", "x=[[1.0,2.0]]", f"stride={10**30}"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.parametrize("regime", ["plain", "wide"])
def test_a_case_of_a_block_is_that_of_the_audit(regime):
    pytest.importorskip("flint")
    table = beside(drawn("block/lstm_classifier", regime, 2, "float32"))
    assert table.title.startswith(f"block/lstm_classifier in float32, {regime} 2; ")
    errors = [float(ours.split("(")[1].strip(")")) for _, _, ours, *_ in table.rows]
    assert len(errors) > 80
    assert max(errors) <= 1
    with pytest.raises(UsageError, match="no regime 'near'; there are plain, wide"):
        drawn("block/lstm_classifier", "near", 2)
