"""One case again, by everyone, beside the truth."""

import pytest

from gradproof.cli import main
from gradproof.commands.case import replay
from gradproof.lookup import UsageError


@pytest.mark.parametrize("id", ["cost/kl_div", "regularizer/entropy", "regularizer/jacobian", "cost/ctc"])
def test_every_entry_of_value_and_gradients_is_shown(id):
    pytest.importorskip("flint")
    table = replay(id, "plain", 1)
    assert table.columns == ["quantity", "truth", "ours", "torch", "jax"]
    quantities = [row[0] for row in table.rows]
    assert quantities.count("value") == 1
    assert any((q.startswith("∂/∂") and q.endswith("[0, 0]")) or "[0, 0, 0]" in q for q in quantities)
    assert len(set(quantities)) == len(quantities)
    for _, truth, ours, *_ in table.rows:
        got, error = ours.split(" ")
        assert float(got) == pytest.approx(float(truth), rel=1e-9, abs=1e-15)
        assert float(error.strip("()")) <= 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("cost/kl", "near", 0), "no formula 'cost/kl'; did you mean"),
        (("activation/tanh", "near", 0), "activation/tanh has no cases of its own"),
        (("cost/quadratic", "near", 0), "cost/quadratic has no cases of its own"),
        (("cost/kl_div", "nearly", 0), "no regime 'nearly'; there are plain, wide, near"),
        (("cost/kl_div", "near", 0, "float16"), "no cases in 'float16'; there are in float32 and float64"),
    ],
)
def test_what_has_no_cases_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        replay(*given)


def test_the_command_prints_the_table(capsys):
    pytest.importorskip("flint")
    assert main(["case", "cost/l1", "wide", "2", "--dtype", "float32"]) == 0
    title, columns, value, *entries = capsys.readouterr().out.splitlines()
    assert title == "cost/l1 in float32, wide 2; in brackets: conditioned ULP from the truth"
    assert columns.split() == ["quantity", "truth", "ours", "torch", "jax"]
    assert value.startswith("value ")
    assert entries
    with pytest.raises(SystemExit):
        main(["case", "cost/l1", "wide", "-2"])


def test_without_balls_nothing_is_shown(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "flint", None)
    for name in list(sys.modules):
        if name.startswith("oracles.arb"):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match="python-flint: not installed"):
        replay("cost/l1", "wide", 2)
