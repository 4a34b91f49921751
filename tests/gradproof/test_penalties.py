"""Penalties against autograd and grad, with planted errors, and the page made from the evidence."""

import dataclasses
import json

import numpy as np
import pytest

from gradproof import penalties
from gradproof.files import EvidenceError
from reference import CATALOGUE

pytest.importorskip("torch")
from oracles import torch_penalties


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(penalties, "CASES", 8)


def unexplained(rows):
    return {row["id"].split("/")[1] for row in rows if row["verdict"] == "unknown"}


def test_torch_agrees_on_everything():
    rows = penalties.agreement({"torch": torch_penalties})
    assert not unexplained(rows)
    assert {row["id"].split("/")[1] for row in rows} == {*penalties.MATRIX, *penalties.OUTPUT, *penalties.NETWORK}


def test_jax_agrees(monkeypatch):
    pytest.importorskip("jax")
    from oracles import jax_penalties

    monkeypatch.setattr(penalties, "MATRIX", ("spectral_norm", "max_norm"))
    monkeypatch.setattr(penalties, "OUTPUT", ("label_smoothing",))
    monkeypatch.setattr(penalties, "NETWORK", {"jacobian": 2})
    assert not unexplained(penalties.agreement({"jax": jax_penalties}))


@pytest.mark.parametrize("name", [*penalties.MATRIX, *penalties.OUTPUT, *penalties.NETWORK])
def test_a_planted_error_is_found(name, monkeypatch):
    record = CATALOGUE[f"regularizer/{name}"]

    def planted(*inputs, **parameters):
        R, gradient, *rest = record.function(*inputs, **parameters)
        return R, [1.001 * g for g in gradient] if isinstance(gradient, list) else 1.001 * gradient, *rest

    monkeypatch.setitem(CATALOGUE, record.id, dataclasses.replace(record, function=planted))
    for family in ("MATRIX", "OUTPUT"):
        monkeypatch.setattr(penalties, family, tuple(n for n in getattr(penalties, family) if n == name))
    monkeypatch.setattr(penalties, "NETWORK", {n: k for n, k in penalties.NETWORK.items() if n == name})
    monkeypatch.setattr(penalties, "DTYPES", ("float64",))
    assert unexplained(penalties.agreement({"torch": torch_penalties})) == {name}


def test_torch_drops_with_the_same_factor():
    a = np.random.default_rng(0).standard_normal((50, 20))
    value, mask, gradient = torch_penalties.dropout(a, 0.25, seed=1)
    ours, slope = CATALOGUE["regularizer/inverted_dropout"].function(a, mask, rate=0.25)
    np.testing.assert_allclose(ours, value, rtol=1e-15)
    np.testing.assert_allclose(slope, gradient, rtol=1e-15)
    assert 0.65 < mask.mean() < 0.85


def test_our_edges_are_the_least_subgradients():
    ours = {(row["id"].split("/")[1], row["topic"]): row["measured"] for row in penalties.edges({})}
    assert ours["spectral_norm", "σ₁ = σ₂"] == "(0.5, 0); (0, 0.5)"
    assert ours["nuclear_norm", "rank 1 of 2"] == "(0, 0.6); (0, 0.8)"
    assert ours["group_lasso", "a row of zeros"].startswith("(0, 0)")


def test_the_page_is_made_of_the_evidence(monkeypatch, tmp_path):
    monkeypatch.setattr(penalties, "load", lambda name: torch_penalties if name == "torch" else None)
    path = tmp_path / "penalties.jsonl"
    penalties.measure(path)
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["header"]["missing"] == ["jax"]
    penalties.write_page(path, tmp_path)
    page = (tmp_path / "penalties.md").read_text()
    assert "not installed" in page
    assert "`spectral_norm`" in page
    lines[-2] = json.dumps({**json.loads(lines[-2]), "measured": "something else"})
    path.write_text("\n".join(lines) + "\n")
    penalties.write_page(path, tmp_path)
    assert "something else" in (tmp_path / "penalties.md").read_text()
    path.write_text(lines[0])
    with pytest.raises(EvidenceError):
        penalties.write_page(path, tmp_path)
