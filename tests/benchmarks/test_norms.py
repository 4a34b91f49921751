"""The norms that are timed are the same ones, and a wrong one stops the measurement."""

import pytest

from benchmarks import norms
from benchmarks.gradients import Disagreement
from benchmarks.peers import Problem

NEEDS = ("torch", "jax", "optax")
SMALL = [Problem((5, 4, 3, 2), 6, dtype, *norms.FUNCTIONS) for dtype in ("float32", "float64")]


def test_a_finding_for_each_contender_who_all_agree():
    for needed in NEEDS:
        pytest.importorskip(needed)
    found = list(norms.measure(2, 1e-4, SMALL))
    assert [(f.kind, f.dtype, f.side) for f in found] == [("norms", p.dtype, who) for p in SMALL for who in norms.PEERS]
    assert all(len(f.more["seconds"]) == 2 and f.more["sizes"] == (5, 4, 3, 2) for f in found)


def test_the_whole_list_has_the_network_of_the_goal():
    assert {p.sizes for p in norms.problems()} >= {(784, 512, 512, 10)}


@pytest.mark.parametrize("change", [lambda q: 6 * q, lambda q: q.astype("f"), lambda q: q * float("nan")])
def test_nothing_is_timed_where_norms_differ(monkeypatch, change):
    monkeypatch.setattr(norms, "take_turns", lambda *_: pytest.fail("timed"))
    monkeypatch.setattr(norms, "PEERS", {"ours": norms.ours, "other": lambda p: lambda: change(norms.ours(p)())})
    with pytest.raises(Disagreement, match=r"norms of 5-4-3-2 batch 6 float64 .* by other"):
        list(norms.measure(1, chosen=SMALL[1:]))
