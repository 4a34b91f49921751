"""What is timed is the same gradient, and the floor is the matrix products of exactly that gradient."""

import re
from collections import Counter

import numpy as np
import pytest

from benchmarks.gradients import COMBINATIONS, DTYPES, Disagreement, check_agreement, measure, problems
from benchmarks.peers import PEERS, Problem, matrix_products, ours
from gradproof.evidence.files import read_evidence, write_evidence
from reference.activations import identity, relu
from reference.costs import cross_entropy_probabilities
from reference.network import backprop

NEEDS = {"ours": "numpy", "planned": "numpy", "torch": "torch", "jax": "jax", "autograd": "autograd"}


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("who", PEERS)
def test_peers_agree(who, dtype, combination):
    pytest.importorskip(NEEDS[who])
    p = Problem((5, 4, 3), 6, dtype, *combination)
    check_agreement(p, {"ours": ours(p), who: PEERS[who](p)})


def plant(p, change):
    """Our gradient in float64 with `change(C, dW, db)` done to it."""

    def call():
        C, dW, db = ours(p)()
        return change(C, [w.copy() for w in dW], [c.copy() for c in db])

    return call


PLANTS = {
    "a factor of the cost": (lambda C, dW, db: (2 * C, dW, db), "C by planted differs"),
    "a sign": (lambda C, dW, db: (C, dW, [-db[0], db[1]]), "∂C/∂b of layer 1 by planted differs"),
    "a dropped 1/n": (lambda C, dW, db: (C, [6 * w for w in dW], db), "∂C/∂W of layer 1 by planted differs"),
    "one entry by 1e-6": (
        lambda C, dW, db: (C, [dW[0], dW[1] + 1e-6 * np.eye(*dW[1].shape)], db),
        "∂C/∂W of layer 2 by planted differs",
    ),
    "NaN": (lambda C, dW, db: (C, dW, [db[0] * np.nan, db[1]]), "∂C/∂b of layer 1 by planted differs"),
    "another dtype": (lambda C, dW, db: (C, [w.astype("f") for w in dW], db), "is float32 of shape"),
    "a transpose": (
        lambda C, dW, db: (C, [w.T for w in dW], db),
        "float64 of shape (5, 4), expected float64 of (4, 5)",
    ),
}


@pytest.mark.parametrize(("change", "message"), PLANTS.values(), ids=PLANTS)
def test_a_planted_difference_is_found(change, message):
    p = Problem((5, 4, 3), 6, "float64", "tanh", "identity", "cross_entropy_probabilities")
    with pytest.raises(Disagreement, match=re.escape(message)):
        check_agreement(p, {"ours": ours(p), "planted": plant(p, change)})


class Recorded(np.ndarray):
    """An array that writes down the shapes of the matrix products it takes part in."""

    seen: list = []  # noqa: RUF012  # shared on purpose

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [np.asarray(q) for q in inputs]
        if ufunc is np.matmul:
            self.seen.append((plain[0].shape, plain[1].shape, plain[0].dtype))
        return np.asarray(getattr(ufunc, method)(*plain, **kwargs)).view(Recorded)


@pytest.mark.parametrize("sizes", [(5, 4, 3), (5, 7, 6, 3), (4, 2)])
def test_the_floor_forms_the_products_of_backprop(sizes, monkeypatch):
    monkeypatch.setattr(Recorded, "seen", [])
    monkeypatch.setattr("reference.network.floating", lambda array, name: array)  # keeps the kind of array
    p = Problem(sizes, 6, "float32", "relu", "identity", "cross_entropy_probabilities")
    x, labels, W, b = p.arrays
    p.__dict__["arrays"] = (x.view(Recorded), labels, [w.view(Recorded) for w in W], b)

    def activation(g):
        return lambda z: tuple(q.view(Recorded) for q in g(np.asarray(z)))

    def cost(a, y):
        C, gradients = cross_entropy_probabilities(np.asarray(a), y)
        return C, gradients["z"].view(Recorded)

    layers = [activation(relu)] * (len(W) - 1) + [activation(identity)]
    backprop(p.arrays[0], p.rows, p.arrays[2], b, layers, cost)
    products = Counter(Recorded.seen)
    assert products.total() == 3 * len(W) - 1
    Recorded.seen.clear()
    gradients = matrix_products(p)()[1]
    assert [g.shape for g in gradients] == [w.shape for w in W]
    # The floor multiplies plain arrays of deltas and activations, so BP4 is seen only where x takes part.
    assert Counter(Recorded.seen) <= products
    assert len(Recorded.seen) == 2 * len(W)


def test_the_whole_list_is_what_the_page_promises():
    sizes = {p.sizes for p in problems()}
    assert sizes >= {(2, 3, 2), (30, 30, 10), (784, 30, 10), (784, 128, 10), (784, 512, 512, 10), (1024,) * 4}
    assert len(problems()) == len(set(problems())) == len(sizes) * len(DTYPES) * len(COMBINATIONS)


def test_inputs_do_not_change_from_run_to_run():
    one, two = (Problem((5, 4, 3), 6, "float32", *COMBINATIONS[0]) for _ in range(2))
    assert np.array_equal(one.arrays[0], two.arrays[0])
    assert all(np.array_equal(v, w) for v, w in zip(one.arrays[2], two.arrays[2], strict=True))


def test_measure_yields_a_finding_for_each_contender(tmp_path):
    for needed in NEEDS.values():
        pytest.importorskip(needed)
    p = Problem((2, 3, 2), 1, "float64", *COMBINATIONS[0])
    found = list(measure(rounds=2, seconds=1e-4, chosen=[p]))
    assert [f.side for f in found] == [*PEERS, "products"]
    assert all(len(f.more["seconds"]) == 2 and f.more["sizes"] == (2, 3, 2) for f in found)
    write_evidence(tmp_path / "speed.jsonl", {}, found)  # no two findings have one key
    assert [f.dtype for f in read_evidence(tmp_path / "speed.jsonl").findings] == ["float64"] * len(found)


def test_nothing_is_timed_where_gradients_differ(monkeypatch):
    monkeypatch.setattr("benchmarks.gradients.take_turns", lambda *_: pytest.fail("timed"))
    monkeypatch.setattr(
        "benchmarks.gradients.PEERS", {"ours": ours, "other": lambda p: plant(p, lambda C, dW, db: (C + 1, dW, db))}
    )
    with pytest.raises(Disagreement, match=r"5-4-3 batch 6 float64 .*: C by other"):
        list(measure(rounds=1, chosen=[Problem((5, 4, 3), 6, "float64", *COMBINATIONS[0])]))
