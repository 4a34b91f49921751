"""How times become ratios and goals."""

import pytest

from gradproof.pages.speed import (
    Goal,
    goal_table,
    gradient_goals,
    norm_goals,
    norms_table,
    planned_goals,
    planned_table,
    ratio,
    spread,
)


def test_ratios_are_of_the_same_round():
    times = {"ours": [1.0, 2.0, 4.0], "torch": [3.0, 6.0, 12.0]}
    assert str(ratio(times, "torch", "ours")) == "3 (3–3)"
    assert ratio(times, "ours", "torch").median == pytest.approx(1 / 3)
    assert str(spread([2.5])) == "2.5 (2.5–2.5)"  # one round has no spread


@pytest.mark.parametrize(
    ("seconds", "at_least", "met"), [(1.25, False, True), (1.26, False, False), (1.25, True, True), (1.24, True, False)]
)
def test_a_goal_is_judged_by_the_median(seconds, at_least, met):
    assert Goal("a", "b", 1.25, at_least).met({"a": [seconds, 99.0, 0.0], "b": [1.0, 1.0, 1.0]}) is met


def test_goals_are_for_the_networks_they_name():
    assert [str(goal) for goal in gradient_goals([784, 30, 10])] == ["torch/ours ≥ 3", "jax/ours ≥ 1.3"]
    assert [str(goal) for goal in gradient_goals([784, 512, 512, 10])] == ["ours/products ≤ 1.25", "torch/ours ≥ 0.75"]
    assert gradient_goals([784, 512, 30, 10]) == gradient_goals([2, 3, 2]) == ()


@pytest.mark.parametrize(
    ("sizes", "dtype", "expected"),
    [
        ((2, 3, 2), "float64", ["torch/planned ≥ 30", "jax/planned ≥ 5", "autograd/planned ≥ 100"]),
        ((30, 30, 10), "float32", ["torch/planned ≥ 5", "jax/planned ≥ 2.5"]),
        ((784, 128, 10), "float32", ["torch/planned ≥ 2", "jax/planned ≥ 1.1"]),
        ((784, 128, 10), "float64", ["jax/planned ≥ 1.1"]),
        ((784, 512, 512, 10), "float32", ["planned/products ≤ 1.1", "torch/planned ≥ 0.9", "jax/planned ≥ 0.9"]),
        ((1024,) * 4, "float64", ["planned/products ≤ 1.1", "torch/planned ≥ 1", "jax/planned ≥ 1"]),
        ((3, 7, 2), "float64", []),
    ],
)
def test_goals_of_a_plan(sizes, dtype, expected):
    assert [str(goal) for goal in planned_goals(sizes, dtype)] == expected


def test_a_plan_and_the_norms_have_tables_where_they_were_timed():
    given = {"batch": 1, "hidden": "relu", "output": "identity", "cost": "quadratic", "dtype": "float32"}
    seconds = {"ours": 8.0, "planned": 2.0, "torch": 60.0, "jax": 9.0, "autograd": 100.0, "products": 1.0}
    rows = [
        {"row": "gradient", "sizes": [2, 3, 2], "who": who, "seconds": [t, t], **given} for who, t in seconds.items()
    ]
    wide = {"row": "norms", "sizes": [784, 512, 512, 10], **given}
    rows += [
        {**wide, "who": who, "seconds": [t]}
        for who, t in (("ours", 1.0), ("torch", 30.0), ("jax", 19.0), ("jax fused", 3.0))
    ]
    (line,) = planned_table(rows).rows
    assert line[:4] == ["2-3-2", 1, "float32", "relu + quadratic"]
    assert line[5:-1] == ["2 (2–2)", "4 (4–4)", "30 (30–30)", "4.5 (4.5–4.5)", "50 (50–50)"]
    assert line[-1] == "torch/planned ≥ 30: met; jax/planned ≥ 5: **missed**; autograd/planned ≥ 100: **missed**"
    slow = [{**row, "seconds": [1.9 * t for t in row["seconds"]]} if row["who"] == "products" else row for row in rows]
    assert line[-1] != planned_table(slow).rows[0][-1]
    assert "jax/planned ≥ 5: **missed**, as it would be by the products alone" in planned_table(slow).rows[0][-1]
    (line,) = norms_table(rows).rows
    assert line[4:] == ["30 (30–30)", "19 (19–19)", "3 (3–3)", "jax/ours ≥ 20: **missed**"]
    assert ["784-512-512-10, norms", "jax/ours ≥ 20", "0 of 1", "19–19"] in goal_table(rows).rows
    assert ["2-3-2", "torch/planned ≥ 30", "1 of 1", "30–30"] in goal_table(rows).rows
    assert norm_goals((784, 30, 10)) == ()
    older = [row for row in rows if row["who"] != "planned" and row["row"] != "norms"]  # evidence made before
    assert not planned_table(older).rows
    assert not norms_table(older).rows
    assert not goal_table(older).rows
