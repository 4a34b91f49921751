"""Training of blocks: rounding alone parts the sides, and a wrong gradient parts at once."""

import pytest

from gradproof.answers.answer import Answer
from gradproof.answers.ours import ours
from gradproof.blocks import training
from gradproof.tasks import Plan

LM = training.LEARNING[0]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(training, "STEPS", 40)
    monkeypatch.setattr(training, "RECORDED", (1, 5, 40))


def apart(found):
    return {f.side: f.more["differences"] for f in found if f.kind == "parity"}


def with_other(monkeypatch, change):
    def other(case):
        outputs, gradients = ours(case)
        return Answer(outputs, {name: change(name, g) for name, g in gradients.items()})

    monkeypatch.setattr(training, "sides", lambda names: {"ours": ours, "other": other})


def test_equal_gradients_stay_together_and_a_wrong_one_parts_at_once(monkeypatch):
    with_other(monkeypatch, lambda name, g: g)
    assert apart(training.parity(LM, "float64", 0, ())) == {"ours-other": [0.0, 0.0, 0.0]}
    with_other(monkeypatch, lambda name, g: -g if name == "norm1" else g)
    first, fifth, last = apart(training.parity(LM, "float64", 0, ()))["ours-other"]
    assert first == 0
    assert fifth > 1e-6
    assert last > 1e-4


@pytest.mark.parametrize("task", training.LEARNING, ids=lambda task: task.block)
def test_ours_and_torch_learn_alike(task):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    found = training.parity(task, "float64", 0, ("torch",))
    assert max(apart(found)["ours-torch"]) < 1e-13
    learned = {f.side: f.more for f in found if f.kind == "learned"}
    assert learned["ours"] == learned["torch"]
    assert learned["ours"]["after"] < learned["ours"]["before"]


def test_the_seed_decides_start_and_batches():
    first = training.parity(LM, "float32", 0, ())
    assert training.parity(LM, "float32", 0, ()) == first
    assert training.parity(LM, "float32", 1, ()) != first


def test_every_block_that_learns_and_dtype_is_a_task():
    assert len([*training.tasks(Plan())]) == 2 * len(training.LEARNING)
    wanted = Plan(formulas=frozenset({LM.block}), dtypes=("float64",))
    assert [task.name for task in training.tasks(wanted)] == ["training of block/language_model in float64"]
    assert max(task.weight for task in training.tasks(Plan())) > 1
