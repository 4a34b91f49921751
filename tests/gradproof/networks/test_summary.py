"""Findings of tasks, made by hand, and what they come to."""

import itertools
import math
import random
import re
from collections import Counter

import pytest

from gradproof.evidence.files import read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.networks.summary import EDGES, KINDS, fold

IDS = [
    "4-5-3/float32/relu/identity/squared_error/none", "4-5-3/float32/relu/identity/squared_error/l2",
    "deep/float32/relu/identity/squared_error/l2", "4-5-3/float64/relu/sigmoid/l1/none",
]  # fmt: skip
REGIMES = ["gaussian", "saturated", "kink"]


def measured():
    """Three cases of each configuration: torch agrees, mostly but for a kink, jax is off, and once gives no number."""
    sized = random.Random(0)
    found = []
    for k, id in enumerate(IDS):
        torch = {"relative": [0.0, float(f"{sized.random() * 1e-8:.3g}"), 0.5],
                 "verdicts": ["exact", "agrees", "convention" if k < 3 else "agrees"]}  # fmt: skip
        jax = {"relative": [float(f"{10.0 ** -sized.randint(4, 9):.3g}") for _ in REGIMES],
               "verdicts": ["agrees", "agrees", "inaccurate"]}  # fmt: skip
        if k == 1:
            jax = {"relative": [math.nan, *jax["relative"][1:]], "verdicts": ["unknown", "agrees", "inaccurate"],
                   "why": "jax raised"}  # fmt: skip
        both = {"relative": [1e-3, 2e-3, 1.5]}
        sides = {"torch": torch, "jax": jax, "torch-jax": both}
        found.append(Finding("case", id, entries=3, more={"regimes": REGIMES, "sides": sides}))
    return found


def group(found, side, wanted):
    """(relative difference, verdict, place) of the cases of one side that are `wanted`."""
    return [
        (size, verdict, f"{f.formula} {regime}")
        for f in found
        for regime, size, verdict in zip(REGIMES, f.more["sides"][side]["relative"],
                                         f.more["sides"][side].get("verdicts", [None] * 3), strict=True)
        if wanted(f.formula.split("/"), regime)
    ]  # fmt: skip


def check(row, cases):
    sizes = sorted(size for size, _, _ in cases if not math.isnan(size))
    assert row.entries == len(cases)
    assert row.more["median"] == pytest.approx((sizes[(len(sizes) - 1) // 2] + sizes[len(sizes) // 2]) / 2, rel=1e-2)
    worst = math.inf if len(sizes) < len(cases) else sizes[-1]
    assert row.max == pytest.approx(worst, rel=1e-2)
    met = [v for _, v, _ in cases if v]
    assert row.more.get("verdicts", {}) == {v: met.count(v) for v in met}


@pytest.mark.parametrize("side", ["torch", "jax", "torch-jax"])
def test_every_combination_and_every_formula_has_worst_median_and_verdicts(side):
    found = measured()
    rows = [f for f in fold(found) if f.side == side]
    views = {(f.what, f.formula, f.dtype): f for f in rows if f.kind == "overview"}
    assert {what for what, _, _ in views} == {"architecture", "hidden", "output", "cost", "regularizer", "regime"}
    fields = ("architecture", "dtype", "hidden", "output", "cost", "regularizer")
    for (what, formula, dtype), row in views.items():
        name = formula.split("/")[-1]
        cases = group(found, side, lambda said, regime, what=what, name=name, dtype=dtype: (
            said[1] == dtype and (regime if what == "regime" else said[fields.index(what)]) == name))  # fmt: skip
        check(row, cases)
        assert formula.split("/")[0] == KINDS.get(what, name)
        assert row.at in {place for size, _, place in cases if math.isnan(size) or size == row.max}
    combinations = {(f.formula, f.dtype): f for f in rows if f.kind == "network"}
    if side == "torch-jax":
        assert not combinations  # nobody judges the two by each other
        return
    assert len(combinations) == 3
    for (formula, dtype), row in combinations.items():
        cases = group(found, side, lambda said, _, f=formula, d=dtype: said[1] == d and said[2:] == f.split("/"))
        apart = [(math.inf if math.isnan(size) else size, re.sub("/.* ", " ", place), verdict)
                 for size, verdict, place in cases if verdict not in ("exact", "agrees")]  # fmt: skip
        why = "jax raised" if side == "jax" and formula.endswith("l2") else ""
        said = {"verdict": "agrees"}
        if apart:
            said = {"max": max(apart)[0], "at": row.at, "more": {"verdicts": Counter(v for *_, v in apart)}}
            assert (row.max, row.at) in [(size, place) for size, place, _ in apart]
        assert row == Finding("network", formula, dtype=dtype, side=side, entries=len(cases), why=why, **said)


def test_a_histogram_holds_every_finite_distance_once():
    found = measured()
    histograms = {(f.dtype, f.side): f for f in fold(found) if f.kind == "histogram"}
    pairs = {"ours-torch": "torch", "ours-jax": "jax", "torch-jax": "torch-jax"}
    assert set(histograms) == {(dtype, pair) for dtype in ("float32", "float64") for pair in pairs}
    for (dtype, pair), f in histograms.items():
        sizes = [size for size, _, _ in group(found, pairs[pair], lambda said, _, d=dtype: said[1] == d)]
        assert (f.entries, f.more["zero"], f.more["edges"]) == (len(sizes), sizes.count(0), EDGES)
        bounds = [0, *(10.0**e for e in EDGES), math.inf]
        assert f.more["counts"] == [
            sum(low <= size < high for size in sizes if size) for low, high in itertools.pairwise(bounds)
        ]


def test_of_disagreements_the_largest_are_kept_no_two_of_one_cause():
    found = [Finding("disagreement", f"slope of {k % 7}", side="jax", max=float(k), at=f"{k}") for k in range(20)]
    kept = [f for f in fold([*measured(), *found]) if f.kind == "disagreement"]
    assert [f.max for f in kept] == [19, 18, 17, 16, 15]


def test_the_order_of_tasks_is_not_a_finding_and_evidence_is_read_back(tmp_path):
    others = [Finding("left out", "activation/softmax cost/l1", "breast_cancer", why="constant"),
              *(Finding("disagreement", "slope of relu", side=side, max=1.0, at="a") for side in ("torch", "jax"))
              ]  # fmt: skip
    found = [*measured(), *others]
    for name, order in (("a", found), ("b", found[::-1])):
        write_evidence(tmp_path / f"{name}.jsonl", {}, fold(order))
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    _, back = read_evidence(tmp_path / "a.jsonl")
    assert others[0] in back
    assert sorted(f.key for f in back) == sorted(f.key for f in fold(found))
