"""Regularizers against autograd and grad, with planted errors, and the page made from the evidence."""

import dataclasses
import json

import numpy as np
import pytest

from gradproof.checks import penalties
from gradproof.evidence.files import EvidenceError, read_lines
from reference import CATALOGUE

pytest.importorskip("torch")
from oracles.torch_autograd import regularizers as torch_penalties


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(penalties, "CASES", 8)


def verdicts(name, oracles):
    return {row["verdict"] for row in penalties.agreement(name, oracles)}


@pytest.mark.parametrize("name", penalties.COMPARED)
def test_torch_agrees_on_everything(name):
    assert verdicts(name, {"torch": torch_penalties}) <= {"exact", "agrees"}


@pytest.mark.parametrize("name", ["spectral_norm", "max_norm", "label_smoothing", "jacobian"])
def test_jax_agrees(name):
    pytest.importorskip("jax")
    from oracles.jax_grad import regularizers as jax_penalties

    assert verdicts(name, {"jax": jax_penalties}) <= {"exact", "agrees"}


@pytest.mark.parametrize("name", penalties.COMPARED)
def test_a_planted_error_is_found(name, monkeypatch):
    record = CATALOGUE[f"regularizer/{name}"]

    def planted(*inputs, **parameters):
        R, gradient, *rest = record.function(*inputs, **parameters)
        return R, [1.001 * g for g in gradient] if isinstance(gradient, list) else 1.001 * gradient, *rest

    monkeypatch.setitem(CATALOGUE, record.id, dataclasses.replace(record, function=planted))
    monkeypatch.setattr(penalties, "DTYPES", ("float64",))
    (row,) = penalties.agreement(name, {"torch": torch_penalties})
    assert row["verdict"] == "unknown"
    assert f"{record.id}: gradients by us and by torch in float64 are " in penalties.failure(row)


def test_torch_drops_with_the_same_factor():
    a = np.random.default_rng(0).standard_normal((50, 20))
    value, mask, gradient = torch_penalties.dropout(a, 0.25, seed=1)
    ours, slope = CATALOGUE["regularizer/inverted_dropout"].function(a, mask, rate=0.25)
    np.testing.assert_allclose(ours, value, rtol=1e-15)
    np.testing.assert_allclose(slope, gradient, rtol=1e-15)
    assert 0.65 < mask.mean() < 0.85


def test_the_page_is_made_of_the_evidence(tmp_path):
    pytest.importorskip("flint")
    rows = [row for name in ("l1", "nuclear_norm") for row in penalties.measure(f"regularizer/{name}", {})]
    rows += penalties.agreement("nuclear_norm", {"torch": torch_penalties})
    path = tmp_path / "penalties.jsonl"
    penalties.write_evidence(path, {"versions": {"torch": "2.0"}}, rows)
    assert read_lines(path)[0]["cases"] == 8
    penalties.write_page(tmp_path, tmp_path)
    page = (tmp_path / "penalties.md").read_text(encoding="utf-8")
    assert "Values and gradients of 2 regularizers" in page
    assert "| `l1` | gradient | 4.0 | 0 (0) | not installed | not installed |" in page
    assert f"| `nuclear_norm` | value | {CATALOGUE['regularizer/nuclear_norm'].conditioned_ulp} |" in page
    assert "| `nuclear_norm` | agrees (" in page
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "max": 777.0})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    penalties.write_page(tmp_path, tmp_path)
    assert "777" in (tmp_path / "penalties.md").read_text(encoding="utf-8")
    path.write_text(lines[0])
    with pytest.raises(EvidenceError):
        penalties.write_page(tmp_path, tmp_path)


def test_what_is_no_regularizer_has_no_evidence():
    with pytest.raises(KeyError, match="no cases of 'regularizer/ridge'"):
        penalties.measure("regularizer/ridge", {})
