import dataclasses

import pytest

from gradproof.tasks import Plan
from gradproof.training import parity as training
from gradproof.training.parity import RECORDED, STEPS, parity, tasks
from gradproof.training.settings import LEARNING
from reference import CATALOGUE

SMALL = dataclasses.replace(LEARNING[2], sizes=(10, 3, 1))  # diabetes, cheap enough for one evaluation per parameter


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(training, "STEPS", 16)


def distances(found):
    """{pair: {step: distance}}"""
    return {
        f.side: dict(zip(f.more["steps"], f.more["distances"], strict=False)) for f in found if f.kind == "distance"
    }


def scores(found):
    return {f.side: (f.more["before"], f.more["after"]) for f in found if f.kind == "score"}


def test_in_float64_rounding_alone_parts_ours_from_the_complex_step(complex_step):
    found = parity(SMALL, "float64", 0, [complex_step])
    apart = distances(found)["ours-complex_step"]
    assert list(apart) == [1, 2, 4, 8, 16]
    assert all(d < 1e-14 for d in apart.values())
    ours, theirs = scores(found)["ours"], scores(found)["complex_step"]
    assert ours == theirs
    assert ours[1] < ours[0]  # the mean squared error falls
    assert 1e-9 < distances(parity(SMALL, "float32", 0, [complex_step]))["ours-complex_step"][16] < 1e-5


def test_a_wrong_gradient_parts_at_once(monkeypatch, complex_step):
    record = CATALOGUE[SMALL.hidden]
    wrong = dataclasses.replace(record, function=lambda z: (record.function(z)[0], -record.function(z)[1]))
    monkeypatch.setitem(CATALOGUE, SMALL.hidden, wrong)
    assert distances(parity(SMALL, "float64", 0, [complex_step]))["ours-complex_step"][1] > 1e-3


def test_the_seed_decides_start_and_batches():
    first = parity(SMALL, "float64", 0, ())
    assert parity(SMALL, "float64", 0, ()) == first
    assert scores(parity(SMALL, "float64", 1, ())) != scores(first)


@pytest.mark.parametrize("task", LEARNING, ids=lambda task: task.data)
def test_all_three_learn_alike(monkeypatch, task):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    monkeypatch.setattr(training, "STEPS", 100)
    found = parity(task, "float64", 0, ("torch", "jax"))
    assert set(distances(found)) == {"ours-torch", "ours-jax", "torch-jax"}
    assert all(apart[100] < 1e-13 for apart in distances(found).values())
    for before, after in scores(found).values():
        assert after > before + 0.2 if task.score == "accuracy" else after < 0.7 * before
    assert {f.more["measure"] for f in found if f.kind == "score"} == {task.score}


def test_every_data_set_and_dtype_is_a_task():
    assert len([*tasks(Plan())]) == 2 * len(LEARNING)
    assert [t.name for t in tasks(Plan(formulas=frozenset({"activation/softplus"}), dtypes=("float64",)))] == [
        "diabetes in float64"
    ]
    assert {1, STEPS} <= set(RECORDED)
    assert max(RECORDED) == STEPS
