import numpy as np
import pytest

from gradproof.answers.variants import VARIANTS
from gradproof.cases.data import dataset
from gradproof.tasks import Plan
from gradproof.training import updates
from gradproof.training.settings import LEARNING, OUTPUT, SETTINGS, Setting
from reference import CATALOGUE


def test_settings_spell_out_every_hyperparameter():
    setting = Setting("update/nadam", given={"momentum_decay": np.inf})
    assert setting.label == "momentum_decay = ∞"
    assert setting.hyperparameters(0.5) == {
        "eta": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": np.inf,
    }  # fmt: skip


def test_every_rule_of_the_catalogue_is_followed():
    steps = {f.id for f in CATALOGUE.values() if hasattr(f.function, "start")}
    assert {s.id for s in SETTINGS} == steps
    assert {id for id, _ in VARIANTS} <= steps
    for s in SETTINGS:
        assert set(s.hyperparameters(0.1)) == set(Setting(s.id).hyperparameters(0.1))  # no name that the rule lacks


def test_each_problem_and_dtype_of_a_setting_is_a_task_and_the_decay_another():
    names = [task.name for task in updates.tasks(Plan())]
    runs = sum((s.quadratic is not None) + (s.digits is not None) for s in SETTINGS)
    assert len(set(names)) == len(names) == 2 * runs + 1
    assert [t.name for t in updates.tasks(Plan(formulas=frozenset({"update/lion"}), dtypes=("float32",)))] == [
        f"update/lion, lam = 0.1, {problem} in float32" for problem in ("quadratic", "digits")
    ]


@pytest.mark.parametrize("task", LEARNING, ids=lambda task: task.data)
def test_what_is_learnt_fits_the_data(task):
    pytest.importorskip("sklearn")
    x, y = dataset(task.data)
    assert (task.sizes[0], task.sizes[-1]) == (x.shape[1], y.shape[1])
    assert {task.hidden, OUTPUT, task.cost} <= set(CATALOGUE)
