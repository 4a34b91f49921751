"""Exact slopes on both sides of kinks: by hand, and where a formula is smooth, those of its gradient."""

import math

import numpy as np
import pytest

pytest.importorskip("flint")

from arb_cases import CASES, floats

from oracles.arb_truth import one_sided, truth, vjp
from oracles.arb_truth.activations import ELEMENTWISE, bind

NAN, ROOT2 = math.nan, math.sqrt(2)


@pytest.mark.parametrize("id", CASES)
def test_off_the_kinks_both_sides_are_the_gradient(id):
    case = CASES[id]
    names, _ = floats(case)
    rng = np.random.default_rng(5)
    D = {name: rng.integers(-8, 9, case.arguments[name].shape) / 8 for name in names}
    _, gradients = vjp(id, case.arguments, **case.parameters)
    slope = sum((gradients[name].truth.hi * D[name]).sum() for name in names)
    found = one_sided(id, case.arguments, D, **case.parameters)
    assert found.how == "series"
    assert found.left == found.right == pytest.approx(slope, rel=1e-12, abs=1e-14)


KINKS = [(id, float(t)) for id in ELEMENTWISE for t in bind(id).breakpoints]


@pytest.mark.parametrize(("id", "at"), KINKS)
def test_activations_have_the_slopes_of_their_pieces(id, at):
    found = one_sided(id, {"z": np.array([at, 0.3])}, {"z": [-1.0, 0.0]}, [2.0, 5.0])
    for slope, side in ((-found.left, "right"), (-found.right, "left")):
        assert slope == 2 * truth(id, np.array([at]), 1, side=side).hi[0]


def one(*values):
    return np.array([values], float)


# formula, what, arguments, the direction, parameters, slopes left and right
AT_KINKS = [
    ("activation/leaky_relu", "z = 0", {"z": 0.0}, {"z": 1.0}, {"negative_slope": 0.25}, (0.25, 1)),
    ("activation/elu", "α = 3", {"z": 0.0}, {"z": -1.0}, {"alpha": 3.0}, (-1, -3)),
    ("activation/prelu", "by the slope too", {"z": 0.0, "weight": 0.5}, {"z": 1.0, "weight": 4.0}, {}, (0.5, 1)),
    ("activation/hardtanh", "with the bound", {"z": 1.0, "max_val": 1.0}, {"z": 1.0, "max_val": 0.5}, {}, (1, 0.5)),
    ("activation/softshrink", "λ = 0, no jump", {"z": 0.0}, {"z": 1.0}, {"lambd": 0.0}, (1, 1)),
    ("activation/hardshrink", "λ = 0, no jump", {"z": 0.0}, {"z": 1.0}, {"lambd": 0.0}, (1, 1)),
    ("activation/maxout", "a tie", {"z": [1.0, 1.0]}, {"z": [1.0, -1.0]}, {}, (-1, 1)),
    ("activation/maxout", "a tie of three", {"z": [1.0, 1, 1]}, {"z": [1.0, 2, 3]}, {"k": 3}, (1, 3)),
    ("activation/reglu", "b = 0", {"z": [2.0, 0.0]}, {"z": [5.0, 1.0]}, {}, (0, 2)),
    ("activation/l2_normalize", "off 0", {"z": [3.0, 4.0]}, {"z": [3.0, 4.0]}, {}, (0, 0)),
    ("cost/l1", "a = y", {"a": 0.5, "y": 0.5}, {"a": 1.0}, {}, (-1, 1)),
    ("cost/l1", "a − y stays 0", {"a": 0.5, "y": 0.5}, {"a": 1.0, "y": 1.0}, {}, (0, 0)),
    ("cost/quantile", "τ = 0.75", {"a": 0.5, "y": 0.5}, {"a": 1.0}, {"tau": 0.75}, (-0.75, 0.25)),
    ("cost/quantile", "τ = 1", {"a": 0.5, "y": 0.5}, {"a": 1.0}, {"tau": 1.0}, (-1, 0)),
    ("cost/huber_error", "|r| = δ, smooth", {"a": 1.0, "y": 0.0}, {"a": 1.0}, {}, (1, 1)),
    ("cost/hinge", "yz = 1", {"z": 1.0, "y": 1}, {"z": 1.0}, {}, (-1, 0)),
    ("cost/squared_hinge", "yz = 1, smooth", {"z": 1.0, "y": 1}, {"z": 1.0}, {}, (0, 0)),
    ("cost/perceptron", "z = 0", {"z": 0.0, "y": 1}, {"z": 1.0}, {}, (-1, 0)),
    ("cost/hinge_embedding", "z = margin", {"z": 1.0, "y": -1}, {"z": 1.0}, {}, (-1, 0)),
    ("cost/margin_ranking", "a = b", {"a": 0.5, "b": 0.5, "y": 1}, {"a": 1.0}, {}, (-1, 0)),
    ("cost/multi_margin", "a margin", {"z": one(1.5, 0.5), "labels": [0]}, {"z": one(0, 1)}, {}, (0, 0.5)),
    ("cost/multilabel_margin", "a margin", {"z": one(1.5, 0.5), "y": [[1, 0]]}, {"z": one(0, 1)}, {}, (0, 0.5)),
    ("cost/multiclass_hinge", "two others tie", {"z": one(0, 2, 2), "labels": [0]}, {"z": one(0, 1, 0)}, {}, (0, 1)),
    ("cost/multiclass_perceptron", "a tie", {"z": one(0.5, 0.5), "labels": [0]}, {"z": one(0, 1)}, {}, (0, 1)),
    ("cost/cosine_embedding", "cos = margin", {"a": one(1, 0), "b": one(0, 1), "y": [-1]}, {"b": one(1, 0)}, {},
     (0, 1)),
    ("cost/triplet_margin", "a margin", {"a": one(0), "b": one(1), "c": one(2)}, {"b": one(1)}, {}, (0, 1)),
    ("cost/triplet_margin", "a = b", {"a": one(0.5), "b": one(0.5), "c": one(0.75)}, {"b": one(1)}, {}, (-1, 1)),
    ("cost/jensen_shannon", "−∞ at p = 0", {"p": one(0, 1), "q": one(0.5, 0.5)}, {"p": one(1, 0)}, {}, (NAN, NAN)),
    ("cost/kl_div", "at y = 0, along a", {"a": one(-1, -2), "y": one(0, 1)}, {"a": one(1, 1)}, {}, (-1.0, -1.0)),
    ("regularizer/l1", "w = 0", {"w": one(0, 2)}, {"w": one(1, 1)}, {"lam": 1.0}, (0, 2)),
    ("regularizer/elastic_net", "w = 0", {"w": one(0)}, {"w": one(1)}, {"lam": 1.0, "mix": 0.25}, (-0.25, 0.25)),
    ("regularizer/group_lasso", "a row of zeros", {"w": one(0, 0)}, {"w": one(3, 4)}, {"lam": 1.0},
     (-5 * ROOT2, 5 * ROOT2)),
    ("regularizer/max_norm", "a row of zeros", {"w": one(0, 0)}, {"w": one(3, 4)}, {}, (0, 0)),
    ("regularizer/max_norm", "‖row‖ = limit", {"w": one(0, 3)}, {"w": one(1, 1)}, {}, (0, 0)),
    ("regularizer/activity_l1", "a = 0", {"a": one(0, 0)}, {"a": one(1, -2)}, {"lam": 1.0}, (-3, 3)),
    ("update/clip_by_value", "g = limit", {"g1": 1.0}, {"g1": 1.0}, {}, (1, 0)),
    ("update/clip_by_norm", "‖g‖ = limit", {"g1": [3.0, 4.0]}, {"g1": [1.0, 0.0]}, {"max_norm": 5.0},
     (1, 1 - 0.6 * 7 / 5)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("id", "what", "arguments", "direction", "parameters", "slopes"), AT_KINKS, ids=[f"{k[0]} {k[1]}" for k in AT_KINKS]
)
def test_at_kinks(id, what, arguments, direction, parameters, slopes):
    found = one_sided(id, arguments, direction, **parameters)
    assert found.how == "series"
    np.testing.assert_allclose((found.left, found.right), slopes, rtol=1e-15, atol=0)


def test_a_gradient_at_the_input_that_vanishes():
    network = {"x": np.ones((1, 2)), "W1": np.zeros((1, 2)), "b1": np.zeros(1)}
    found = one_sided("regularizer/gradient_penalty", network, {"W1": one(3, 4)}, lam=1.0,
                      activations=("activation/identity",))  # fmt: skip
    assert found == (10, -10, "series")  # (‖q‖ − 1)², ‖q‖ = 5|t|


@pytest.mark.parametrize(
    ("id", "w", "D", "slopes"),
    [
        ("spectral_norm", np.zeros((2, 2)), np.diag([3.0, -5.0]), (-5, 5)),
        ("nuclear_norm", np.zeros((2, 2)), np.diag([3.0, -5.0]), (-8, 8)),
        ("spectral_norm", np.diag([2.0, 2.0]), np.diag([3.0, -5.0]), (-5, 3)),
        ("nuclear_norm", np.diag([2.0, 2.0]), np.diag([3.0, -5.0]), (-2, -2)),
        ("nuclear_norm", np.diag([4.0, 0.0]), np.diag([3.0, -5.0]), (-2, 8)),
    ],
)
def test_singular_values_that_tie_are_displaced(id, w, D, slopes):
    found = one_sided(f"regularizer/{id}", {"w": w}, {"w": D}, lam=1.0)
    assert found.how == "displaced 2^-40"
    np.testing.assert_allclose(found[:2], slopes, rtol=2.0**-38)


def test_a_cotangent_turns_and_chooses():
    g, D = {"g1": [3.0, 4.0]}, {"g1": [1.0, 0.0]}
    both = [one_sided("update/clip_by_norm", g, D, v, max_norm=5.0).right for v in ([1.0, 0.0], [0.0, -1.0])]
    np.testing.assert_allclose(both, [1 - 0.36, 0.48], rtol=1e-15)


@pytest.mark.parametrize(
    ("direction", "error", "message"),
    [({"z": [1.0]}, KeyError, "a direction in 'z', but the float arguments are a, y"),
     ({"a": 1.0}, ValueError, r"direction in 'a' has shape \(\), the argument has shape \(1,\)")],
)  # fmt: skip
def test_directions_that_do_not_fit(direction, error, message):
    with pytest.raises(error, match=message):
        one_sided("cost/l1", {"a": [1.0], "y": [0.0]}, direction)
