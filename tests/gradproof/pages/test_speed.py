"""The page on speed follows from its evidence."""

import json

import pytest

from gradproof.evidence.files import EvidenceError, write_lines
from gradproof.pages.speed import Goal, gradient_goals, ratio, spread, write_page

HEADER = {
    "made": "2026-01-02T03:04:05+00:00", "cpu": "some CPU", "versions": {"numpy": "2.0.0"}, "source": "abc",
    "block": 0.02, "draws": 256,
}  # fmt: skip


def gradient_rows(sizes, **seconds):
    where = {"row": "gradient", "sizes": sizes, "batch": 10, "dtype": "float32", "hidden": "relu",
             "output": "identity", "cost": "softmax_cross_entropy"}  # fmt: skip
    return [{**where, "who": who, "seconds": times} for who, times in seconds.items()]


NAMES = {"one_draw": "one draw", "gradcheck_fast": "gradcheck fast"}


def checking_rows(**seconds):
    where = {"row": "checking", "architecture": "4-5-3", "parameters": 43}
    return [
        {**where, "who": NAMES.get(who, who), "cases": 80 if who == "audit" else 16, "seconds": times}
        for who, times in seconds.items()
    ]


ROWS = [
    *gradient_rows([784, 30, 10], ours=[1e-4] * 3, torch=[3e-4, 4e-4, 9e-4], jax=[1e-4] * 3, autograd=[2e-3] * 3,
                   products=[5e-5] * 3),
    *gradient_rows([784, 512, 512, 10], ours=[0.012] * 3, torch=[0.006] * 3, jax=[0.01] * 3, autograd=[0.02] * 3,
                   products=[0.01] * 3),
    *gradient_rows([2, 3, 2], ours=[1e-4], torch=[1e-4], jax=[1e-4], autograd=[1e-4], products=[1e-5]),
    *checking_rows(audit=[0.8, 1.6], one_draw=[0.5, 0.5], gradcheck=[32.0, 32.0], gradcheck_fast=[1.6, 1.6]),
    *checking_rows(check_grads=[16.0, 16.0]),
]  # fmt: skip


@pytest.fixture
def page(tmp_path):
    def write(rows=ROWS):
        write_lines(tmp_path / "evidence" / "speed.jsonl", HEADER, rows)
        write_page(tmp_path / "evidence", tmp_path)
        return (tmp_path / "speed.md").read_text()

    return write


def line(page, *starts):
    return next(text for text in page.splitlines() if text.startswith("| " + " | ".join(starts)))


def test_ratios_are_of_the_same_round():
    times = {"ours": [1.0, 2.0, 4.0], "torch": [3.0, 6.0, 12.0]}
    assert str(ratio(times, "torch", "ours")) == "3 (3–3)"
    assert ratio(times, "ours", "torch").median == pytest.approx(1 / 3)


def test_one_round_has_no_spread():
    assert str(spread([2.5])) == "2.5 (2.5–2.5)"


@pytest.mark.parametrize(
    ("seconds", "at_least", "met"), [(1.25, False, True), (1.26, False, False), (1.25, True, True), (1.24, True, False)]
)
def test_a_goal_is_judged_by_the_median(seconds, at_least, met):
    assert Goal("a", "b", 1.25, at_least).met({"a": [seconds, 99.0, 0.0], "b": [1.0, 1.0, 1.0]}) is met


def test_goals_are_for_the_networks_they_name():
    assert [str(goal) for goal in gradient_goals([784, 30, 10])] == ["torch/ours ≥ 3", "jax/ours ≥ 1.3"]
    assert [str(goal) for goal in gradient_goals([784, 512, 512, 10])] == ["ours/products ≤ 1.25", "torch/ours ≥ 0.75"]
    assert gradient_goals([784, 512, 30, 10]) == gradient_goals([2, 3, 2]) == ()


def test_goals_met_and_missed_are_both_shown(page):
    text = page()
    assert "torch/ours ≥ 3: met; jax/ours ≥ 1.3: **missed**" in line(text, "784-30-10", "10", "float32")
    assert "ours/products ≤ 1.25: met; torch/ours ≥ 0.75: **missed**" in line(text, "784-512-512-10", "10")
    assert line(text, "784-30-10", "torch/ours ≥ 3").endswith("| 1 of 1 | 4–4 |")
    assert line(text, "784-30-10", "jax/ours ≥ 1.3").endswith("| 0 of 1 | 1–1 |")


def test_checking_is_counted_per_case(page):
    checked = line(page(), "4-5-3", "43")
    # 80 cases in 0.8 and 1.6 s; gradcheck takes 2 s for one, 200 and 100 times as long
    assert "| 66.7 | 32.0 | 0.50 | 10.0 | 1.0 | 150 (125–175) |" in checked
    assert "gradcheck/audit ≥ 150: met; check_grads/audit ≥ 300: **missed**" in checked


def test_the_header_is_on_the_page(page):
    text = page()
    assert all(part in text for part in ("some CPU", "numpy 2.0.0", "2026-01-02", "abc", "20 ms"))


def test_the_page_follows_from_the_evidence_alone(page, tmp_path):
    assert page() == page()
    assert {p.name for p in (tmp_path / "csv").iterdir()} == {"speed.csv", "speed-2.csv", "speed-3.csv"}
    slower = json.loads(json.dumps(ROWS).replace("0.0004", "0.0002"))
    assert page(slower) != page()


def test_evidence_that_is_cut_short_is_refused(page, tmp_path):
    page()
    evidence = tmp_path / "evidence" / "speed.jsonl"
    evidence.write_text("\n".join(evidence.read_text().splitlines()[:-3]))
    with pytest.raises(EvidenceError, match="end is missing"):
        write_page(tmp_path / "evidence", tmp_path)
