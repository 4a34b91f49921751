"""How times become ratios and goals."""

import pytest

from gradproof.pages.speed import Goal, gradient_goals, ratio, spread


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
