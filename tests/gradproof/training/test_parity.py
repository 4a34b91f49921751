import dataclasses

import numpy as np
import pytest

from gradproof.networks.draws import dataset
from gradproof.training import parity as training
from gradproof.training.parity import RECORDED, STEPS, TASKS, parity
from oracles import finite_difference as fd
from reference import CATALOGUE

SMALL = dataclasses.replace(TASKS[2], sizes=(10, 3, 1))  # diabetes, cheap enough for one evaluation per parameter


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(training, "STEPS", 16)


def distances(rows, pair):
    return {r["step"]: r["distance"] for r in rows if r["row"] == "distance" and r["pair"] == pair}


def scores(rows):
    return {r["side"]: (r["before"], r["after"]) for r in rows if r["row"] == "score"}


def test_what_is_compared_is_known_and_fits_the_data():
    for task in TASKS:
        x, y = dataset(task.data)
        assert (task.sizes[0], task.sizes[-1]) == (x.shape[1], y.shape[1])
        assert {task.hidden, task.cost} <= set(CATALOGUE)
    assert {1, STEPS} <= set(RECORDED)
    assert max(RECORDED) == STEPS


def test_in_float64_rounding_alone_parts_ours_from_the_complex_step():
    rows = parity(SMALL, "float64", 0, {"complex_step": fd})
    apart = distances(rows, "ours-complex_step")
    assert list(apart) == [1, 2, 4, 8, 16]
    assert all(d < 1e-14 for d in apart.values())
    ours, theirs = scores(rows)["ours"], scores(rows)["complex_step"]
    assert ours == theirs
    assert ours[1] < ours[0]  # the mean squared error falls


def test_in_float32_they_part_more():
    rows = parity(SMALL, "float32", 0, {"complex_step": fd})
    assert 1e-9 < distances(rows, "ours-complex_step")[16] < 1e-5


def test_the_seed_decides_start_and_batches():
    first = parity(SMALL, "float64", 0, {})
    assert parity(SMALL, "float64", 0, {}) == first
    assert scores(parity(SMALL, "float64", 1, {})) != scores(first)


def test_a_wrong_gradient_parts_at_once(monkeypatch):
    record = CATALOGUE[SMALL.hidden]
    wrong = dataclasses.replace(record, function=lambda z: (record.function(z)[0], -record.function(z)[1]))
    monkeypatch.setitem(CATALOGUE, SMALL.hidden, wrong)
    assert distances(parity(SMALL, "float64", 0, {"complex_step": fd}), "ours-complex_step")[1] > 1e-3


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.data)
def test_all_three_learn_alike(monkeypatch, task):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    from oracles import jax_grad, torch_autograd

    monkeypatch.setattr(training, "STEPS", 100)
    rows = parity(task, "float64", 0, {"torch": torch_autograd, "jax": jax_grad})
    for pair in ("ours-torch", "ours-jax", "torch-jax"):
        assert distances(rows, pair)[100] < 1e-13
    for before, after in scores(rows).values():
        assert after > before + 0.2 if task.score == "accuracy" else after < 0.7 * before
    assert {r["measure"] for r in rows if r["row"] == "score"} == {task.score}


def test_rows_hold_numbers_that_json_can(monkeypatch):
    rows = parity(SMALL, "float32", 0, {})
    assert rows == [
        {"row": "score", "data": "diabetes", "dtype": "float32", "side": "ours", "measure": "mean squared error",
         "before": rows[0]["before"], "after": rows[0]["after"]}
    ]  # fmt: skip
    assert all(type(rows[0][k]) is float and np.isfinite(rows[0][k]) for k in ("before", "after"))
