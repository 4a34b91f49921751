"""From measurement to page: evidence is complete, and the page is made of it alone."""

import json
import types

import numpy as np
import pytest

from gradproof.checks.clipping import agreement, edges
from gradproof.evidence.files import EvidenceError, read_lines
from gradproof.training import optimizers
from gradproof.training.paths import Setting
from gradproof.training.weight_decay import weight_decay
from reference.updates.clipping import clip_by_norm, clip_by_value

FEW = (Setting("update/sgd", 5e-5, None), Setting("update/adagrad", 0.1, None), Setting("update/lion", 0.01, None))


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(optimizers, "SETTINGS", FEW)


@pytest.fixture
def alone(monkeypatch):
    """No framework is installed."""
    used = optimizers.versions() | {"torch": "not installed", "optax": "not installed"}
    monkeypatch.setattr(optimizers, "versions", lambda: used)
    monkeypatch.setattr(optimizers, "load", dict)


def evidence(path):
    """Rows of every task, also written to `path`."""
    rows = [row for task in optimizers.tasks() for row in optimizers.measure(task)]
    optimizers.write_evidence(path, rows)
    return rows


def clipper(value, norm):
    """An oracle that clips with the given functions."""
    functions = {"update/clip_by_value": value, "update/clip_by_norm": norm}
    return types.SimpleNamespace(
        clip=lambda id, g, limit: functions[id](g, limit)[0],
        clip_pullback=lambda id, g, limit, v: functions[id](g, limit)[1](v),
    )


def identity_backward(g, limit):
    return clip_by_norm(g, limit)[0], lambda v: list(v)


def eps_in_the_norm(g, limit):
    norm = np.sqrt(sum((np.float64(x) ** 2).sum() for x in g))
    scale = min(1.0, limit / (norm + 1e-6))
    return [(x * scale).astype(x.dtype) for x in g], clip_by_norm(g, limit)[1]


def test_clipping_against_itself_is_exact():
    rows = agreement({"other": clipper(clip_by_value, clip_by_norm)})
    assert {row["verdict"] for row in rows} == {"exact"}
    assert len(rows) == 8


def test_a_forgotten_backward_is_found():
    rows = agreement({"other": clipper(clip_by_value, identity_backward)})
    wrong = {(r["id"], r["quantity"]) for r in rows if r["verdict"] == "unknown"}
    assert wrong == {("update/clip_by_norm", "backward")}


def test_an_eps_in_the_norm_is_told_from_an_error():
    rows = agreement({"other": clipper(clip_by_value, eps_in_the_norm)})
    verdicts = {(r["dtype"], r["quantity"]): r["verdict"] for r in rows if r["id"] == "update/clip_by_norm"}
    assert verdicts["float64", "value"] == "convention"


def test_our_edges():
    ours = {row["topic"]: row["measured"] for row in edges({})}
    assert ours["backward at g = 0, v = (1, 2)"] == "(1, 2)"
    assert ours["length of a clipped float32 (10³⁰, 10³⁰), limit 1"] == "1"
    assert ours["g = (∞, 1), limit 1"].startswith("ValueError: gradients[0][0] = inf")


def test_decay_and_penalty_part_under_momentum_and_adam_but_not_under_gradient_descent():
    pytest.importorskip("sklearn")
    apart = {(r["family"], r["problem"]): r["apart"] for r in weight_decay({})}
    assert max(apart["gradient descent", p] for p in ("quadratic", "digits")) < 1e-12
    assert apart["momentum", "digits"] > 0.1
    assert apart["Adam", "digits"] > 0.1


def test_measure_and_page_without_any_framework(few, alone, tmp_path):
    pytest.importorskip("sklearn")
    assert len(optimizers.tasks()) == len(FEW) + 2
    evidence(tmp_path / "optimizers.jsonl")
    header, rows = read_lines(tmp_path / "optimizers.jsonl")
    assert header["missing"] == ["torch", "optax"]
    wider = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps
    assert {row["part"] for row in rows} == {"trajectory", "decay"} or not wider
    optimizers.write_page(tmp_path / "optimizers.jsonl", tmp_path)
    page = (tmp_path / "optimizers.md").read_text()
    assert "not installed" in page
    assert "0 comparisons" in page


def test_measure_and_page_with_both(few, tmp_path):
    for name in ("torch", "optax", "sklearn"):
        pytest.importorskip(name)
    rows = evidence(tmp_path / "optimizers.jsonl")
    assert not [row for row in rows if row.get("verdict") in ("unknown", "wrong")]
    found = {(row["id"], row["who"], row["dtype"]): row["verdict"] for row in rows if row["part"] == "trajectory"}
    assert found["update/sgd", "torch", "float64"] == "agrees"
    assert found["update/lion", "torch", "float64"] is None
    optimizers.write_page(tmp_path / "optimizers.jsonl", tmp_path)
    first = (tmp_path / "optimizers.md").read_bytes()
    assert "torch.optim has no Lion" in first.decode()
    assert (tmp_path / "csv" / "optimizers.csv").exists()
    optimizers.write_page(tmp_path / "optimizers.jsonl", tmp_path)
    assert (tmp_path / "optimizers.md").read_bytes() == first


def test_the_page_says_what_the_evidence_says(few, alone, tmp_path):
    pytest.importorskip("sklearn")
    evidence(tmp_path / "optimizers.jsonl")
    file = tmp_path / "optimizers.jsonl"
    lines = file.read_text().splitlines()
    row = json.loads(lines[1])
    assert row["part"] == "decay"
    lines[1] = json.dumps({**row, "why": "something else"})
    file.write_text("\n".join(lines) + "\n")
    optimizers.write_page(tmp_path / "optimizers.jsonl", tmp_path)
    assert "something else" in (tmp_path / "optimizers.md").read_text()


def test_a_failure_says_what_and_how_to_see_it_again():
    row = {"part": "trajectory", "id": "update/adam", "who": "torch", "dtype": "float64", "ratio": 12.0, "why": "why",
           "setting": "defaults", "eta": 0.01, "problem": "digits"}  # fmt: skip
    for part in ("update/adam", "torch", "float64", "12.0 times the bound", "why", "digits", "compare"):
        assert part in optimizers.failure(row)
    assert "agreement" in optimizers.failure({**row, "part": "clip"})


def test_damaged_evidence_is_refused(tmp_path):
    path = tmp_path / "optimizers.jsonl"
    with pytest.raises(EvidenceError, match=r"optimizers\.jsonl: cannot be read"):
        optimizers.write_page(path, tmp_path)
    path.write_text('{"header": {}}\n{"part": "trajectory"')
    with pytest.raises(EvidenceError, match="line 2"):
        optimizers.write_page(path, tmp_path)
