import itertools

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb

from oracles import finite_difference as fd
from oracles.arb_truth.definition import working
from oracles.arb_truth.ends import Undefined
from oracles.arb_truth.matrices import PENALTIES
from oracles.arb_truth.network import forward_mode, penalty_truth, program, reverse_mode

GIVEN = {id: {"lam": 0.5, **({"limit": 1.25} if id.endswith("max_norm") else {})} for id in PENALTIES}


def weights(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (b, a)) for a, b in itertools.pairwise(sizes)]


@pytest.mark.parametrize("id", PENALTIES)
@pytest.mark.parametrize("sizes", [(4, 5, 3), (1, 3), (3, 1), (9, 8)], ids=str)
def test_truth_encloses_numpys_norm_and_its_central_differences(id, sizes):
    W = weights(sizes)
    got = penalty_truth(W, id, parameters=GIVEN)
    value = sum(fd.PENALTIES[id](w, **GIVEN[id]) for w in W)
    assert float(got.cost.lower) == pytest.approx(value, rel=1e-12)
    for w, (low, high) in zip(W, got.dW, strict=True):
        assert (low <= high).all()
        np.testing.assert_allclose(high, low, rtol=1e-15)
        np.testing.assert_allclose(low, fd.regularizer(id, w, **GIVEN[id])[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("id", PENALTIES)
def test_tape_overlaps_forward_mode(id):
    W, x = weights((3, 4, 2)), np.ones((1, 3))
    b = [np.zeros(4), np.zeros(2)]
    f = program(x, np.zeros((1, 2)), "activation/tanh", "activation/identity", "cost/mse", id, GIVEN)
    with working(192, 2):
        tape, series = reverse_mode(f, W, b).gradient, forward_mode(f, W, b)
    assert all(p.overlaps(q) for p, q in zip(tape, series, strict=True))


@pytest.mark.parametrize("id", ["regularizer/group_lasso", "regularizer/max_norm"])
def test_a_row_of_zeros_encloses_every_choice(id):
    got = penalty_truth([np.array([[0.0, 0.0], [3.0, 4.0]])], id, parameters=GIVEN)
    low, high = (q[0] for q in got.dW[0])
    slope = 0.5 * np.sqrt(2) if id.endswith("group_lasso") else 0
    np.testing.assert_allclose([low, high], [[-slope] * 2, [slope] * 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("id", "w", "defined"),
    [("spectral_norm", np.ones((3, 4)), True), ("nuclear_norm", np.ones((3, 4)), False),
     ("spectral_norm", np.zeros((2, 2)), False), ("nuclear_norm", np.array([[0.0, 0, 0], [1, 2, 3]]), False),
     ("nuclear_norm", np.diag([3.0, 2.0]), True)],
)  # fmt: skip
def test_a_norm_without_gradient_is_undefined(id, w, defined):
    if defined:
        got = penalty_truth([w], f"regularizer/{id}")
        u, _, v = np.linalg.svd(w, full_matrices=False)
        expected = 0.1 * (np.outer(u[:, 0], v[0]) if id == "spectral_norm" else u @ v)
        np.testing.assert_allclose(got.dW[0].lower, expected, rtol=0, atol=1e-15)
    else:
        with pytest.raises(Undefined, match=r"no gradient at a matrix of rank [01]"):
            penalty_truth([w], f"regularizer/{id}")


@pytest.mark.parametrize(("id", "bad"), [("max_norm", {"limit": 0.0}), ("spectral_norm", {"lam": -1.0})])
def test_a_parameter_outside_its_domain_is_refused(id, bad):
    with pytest.raises(ValueError, match="is required"):
        penalty_truth([np.ones((2, 2))], f"regularizer/{id}", parameters={f"regularizer/{id}": bad})


def test_balls_are_thin_enough_to_round():
    got = penalty_truth(weights((6, 6)), "regularizer/nuclear_norm")
    assert got.precision <= 1024
    assert float(arb(float(got.cost.upper)) - arb(float(got.cost.lower))) <= 4e-16
