import itertools

from gradproof.networks import scaling
from gradproof.tasks import Plan


def test_rounding_grows_with_depth_as_predicted(monkeypatch, complex_step):
    for name, value in (("DEPTHS", (1, 8)), ("WIDTHS", (4,)), ("WIDTH", 4)):
        monkeypatch.setattr(scaling, name, value)
    found = {(f.what, f.side): f.more["relative"] for f in scaling.measure("float32", 0, [complex_step])}
    assert set(found) == set(itertools.product(("depth", "width"), ("predicted", "ours-complex_step")))
    predicted, seen = found["depth", "predicted"], found["depth", "ours-complex_step"]
    assert all(0.05 < seen[d] / predicted[d] < 2 for d in ("1", "8"))
    assert seen["8"] > seen["1"]


def test_each_dtype_is_a_task_where_the_formulas_are_wanted():
    assert [task.name for task in scaling.tasks(Plan())] == ["float32", "float64"]
    assert [*scaling.tasks(Plan(formulas=frozenset({"cost/l1"})))] == []
