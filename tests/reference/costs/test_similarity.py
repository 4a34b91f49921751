"""Costs of embeddings: angles and distances that keep their digits, pairs of a batch."""

import itertools
import math
import time
from fractions import Fraction
from operator import mul

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import vjp
from reference.costs import cosine_distance, cosine_embedding, nt_xent, triplet_margin


@given(st.floats(1e-7, 1e-2))
def test_nearly_parallel_vectors_keep_their_distance(angle):
    a, b = np.array([[1.0, 0.0]]), np.array([[1.0, angle]])
    t = angle * angle
    exact = t / (math.sqrt(1 + t) * (math.sqrt(1 + t) + 1))  # 1 − 1/√(1 + t) without cancellation
    value, gradients = cosine_distance(a, b)
    assert math.isclose(float(value), exact, rel_tol=2**-49)
    # ∂(1 − cos)/∂a = (0, −sin), the sine of the angle between them
    np.testing.assert_allclose(gradients["a"], [[0.0, -angle / math.sqrt(1 + t)]], rtol=2**-49)


@given(st.integers(0, 2**32), st.sampled_from([1e-3, 1e-6, 1e-9, 1e-12]))
def test_the_slope_of_nearly_parallel_rows_keeps_its_digits_though_all_leading_ones_cancel(seed, gap):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=4)
    b = rng.uniform(0.5, 2) * a + gap * rng.normal(size=4)
    x, y = (list(map(Fraction, row)) for row in (a, b))
    xx, yy, xy = (sum(map(mul, p, q)) for p, q in ((x, x), (y, y), (x, y)))
    exact = [float(q * xx - p * xy) / (float(xx) * math.sqrt(xx * yy)) for p, q in zip(x, y, strict=True)]
    np.testing.assert_allclose(cosine_distance(a, b)[1]["a"], np.negative(exact), rtol=2**-49)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e300])
def test_lengths_do_not_matter(scale):
    a, b = np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])
    value, gradients = cosine_distance(a * scale, b / 7)
    assert math.isclose(float(value), 1 - 24 / 25, rel_tol=2**-47)
    expected = -(np.array([[4.0, 3.0]]) / 5 - 24 / 25 * a / 5) / 5
    np.testing.assert_allclose(gradients["a"] * scale, expected, rtol=2**-47)


def test_parallel_and_opposite_vectors_have_no_slope():
    a = np.array([[1.0, 2.0, 3.0]])
    for b, distance in ((2 * a, 0.0), (-4 * a, 2.0)):
        value, gradients = cosine_distance(a, b)
        assert value == distance
        assert not gradients["a"].any()
        assert not gradients["b"].any()


def test_cosine_embedding_at_a_right_angle_meets_the_margin():
    a, b = np.array([[1.0, 0.0]] * 2), np.array([[0.0, 1.0]] * 2)
    value, gradients = cosine_embedding(a, b, [1, -1], reduction="none")
    assert value.tolist() == [1.0, 0.0]
    assert gradients["a"].tolist() == [[0.0, -1.0], [0.0, 0.0]]


def test_triplets():
    value, gradients = triplet_margin([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]])
    assert value == 1 + 5 - 2
    np.testing.assert_allclose(gradients["a"], [[-0.6, -0.8 + 1.0]], rtol=2**-51)
    assert gradients["c"].tolist() == [[0.0, -1.0]]
    coincident = triplet_margin([[1.0]], [[1.0]], [[1.5]])[1]
    assert coincident["b"] == 0
    far = triplet_margin([[0.0]], [[1e200]], [[-1e200]], margin=1.0)[1]  # their squares would overflow
    assert far["a"] == -2


def test_nt_xent_of_one_pair_and_of_learned_pairs():
    z = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    value, gradients = nt_xent(z, [0, 0, 1, 1], temperature=0.5)
    assert math.isclose(float(value), math.log1p(2 * math.exp(-2)), rel_tol=2**-50)
    assert nt_xent(z[:2], [0, 0])[0] == 0
    learned, gradients = nt_xent(z, [0, 0, 1, 1], temperature=0.01)
    assert math.isclose(float(learned), 2 * math.exp(-100), rel_tol=1e-13)
    assert gradients["z"].any()


def by_definition(z, labels, T):
    """NT-Xent, pair by pair."""
    u = z / np.linalg.norm(z, axis=-1, keepdims=True)
    c, terms = u @ u.T / T, []
    for i, j in itertools.permutations(range(len(z)), 2):
        if labels[i] == labels[j]:
            others = sum(np.exp(c[i, k]) for k in range(len(z)) if labels[k] != labels[i])
            terms.append(-np.log(np.exp(c[i, j]) / (np.exp(c[i, j]) + others)))
    return np.array(terms)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 0, 3], [0] * 7, [1, 1, 0, 1, 0, 0, 1]])
def test_nt_xent_is_its_definition_pair_by_pair_in_order(labels):
    z = np.random.default_rng(2).standard_normal((7, 3))
    terms, gradients = nt_xent(z, labels, temperature=0.5, reduction="none")
    np.testing.assert_allclose(terms, by_definition(z, labels, 0.5), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose((gradients["z"] * z).sum(-1), 0, atol=1e-15)  # lengths do not matter
    assert nt_xent(z, labels, temperature=0.5)[0] == pytest.approx(terms.mean(), rel=1e-14)


def test_a_thousand_rows_are_quick_whatever_their_labels():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((1000, 64))
    for labels in (rng.integers(0, 10, 1000), np.zeros(1000, int)):
        start = time.process_time()  # of this process alone, however busy the machine is
        value, gradients = nt_xent(z, labels)
        assert time.process_time() - start < 1
        assert np.isfinite(value)
        assert np.isfinite(gradients["z"]).all()


def test_a_low_temperature_overflows_nothing():
    z = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 2.0]])
    value, gradients = nt_xent(z, [0, 0, 1, 1], temperature=1e-4, reduction="none")
    assert np.isfinite(value).all()
    assert np.isfinite(gradients["z"]).all()
    assert value[0] == pytest.approx(math.sqrt(0.5) / 1e-4, rel=1e-12)  # the nearest other is at 45°, the own at 90°


ROW = np.array([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine_distance(0 * ROW, ROW), "row 0 of a is zero: its direction is undefined"),
        (lambda: cosine_distance(ROW, 0 * ROW), "row 0 of b is zero"),
        (lambda: cosine_distance(np.stack([ROW, 0 * ROW]), np.ones((2, 1, 2))), "row 1, 0 of a is zero"),
        (lambda: nt_xent(np.eye(2), [0, 1]), "labels are all different"),
        (lambda: nt_xent(np.zeros((2, 2)), [0, 0]), "row 0 of z is zero"),
        (lambda: nt_xent(np.ones(2), [0, 0]), r"z has shape \(2,\); expected \(n examples, d\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_with_swap_the_nearer_of_anchor_and_positive_counts():
    """In one dimension: a = 0, b = 1, and c at 0.75 is nearer to b."""
    value, gradients = triplet_margin([[0.0]], [[1.0]], [[0.75]], swap=True)
    assert value == 1 + 1 - 0.25
    assert [gradients[name].item() for name in "abc"] == [-1.0, 0.0, 1.0]  # of 1 + (b − a) − (b − c)
    assert triplet_margin([[0.0]], [[1.0]], [[0.25]], swap=True)[0] == triplet_margin([[0.0]], [[1.0]], [[0.25]])[0]
    tied = triplet_margin([[0.0]], [[1.0]], [[0.5]], swap=True)[1]
    assert [tied[name].item() for name in "abc"] == [-0.5, 0.5, 0.0]  # half of each
    with pytest.raises(TypeError, match="swap = 'yes' is neither True nor False"):
        triplet_margin([[0.0]], [[1.0]], [[0.5]], swap="yes")


def test_rows_of_one_number_do_not_turn():
    value, gradients = cosine_distance([[-4.8], [0.3]], [[-7.6], [-1e-300]], reduction="none")
    assert value.tolist() == [0, 2]
    assert not gradients["a"].any()
    assert not gradients["b"].any()


@pytest.mark.parametrize("labels", [["a", "a", "b"], [1.0, 1.0, 2.0], [1j, 1j, 2.0], [None, None, 1]])
def test_labels_of_nt_xent_are_integers(labels):
    with pytest.raises(TypeError, match=r"labels have dtype .*; pass integers"):
        nt_xent(np.eye(3), labels)


def test_no_cotangent_no_gradient_of_nt_xent_whatever_a_row_is():
    z = np.eye(4)
    z[1] = math.nan
    _, gradients = vjp("cost/nt_xent", {"z": z, "labels": [0, 0, 1, 1]}, 0.0)
    assert not gradients["z"].any()


def test_the_turn_of_a_swapped_positive_that_has_both_others_on_one_side_does_not_cancel():
    """From b, a and c lie in directions that are one to 1e-6: the slope is their difference."""
    a, b, c = [[1e6, 1.0]], [[0.0, 0.0]], [[1.0, 0.0]]
    _, gradients = triplet_margin(a, b, c, swap=True)
    short = 5e-13 * (1 - 0.75e-12)  # 1 − 1/√(1 + 1e-12)
    np.testing.assert_allclose(gradients["b"], [[short, -1e-6 * (1 - short)]], rtol=1e-15)


@pytest.mark.parametrize("size", [1.0, 1e100, 1e-100])
def test_angles_do_not_depend_on_lengths_also_beside_entries_that_are_far_smaller(size):
    a, b = np.array([[3.0, 4e-200]]), np.array([[5.0, 7e-180]])
    _, gradients = cosine_distance(size * a, b, reduction="sum")
    np.testing.assert_allclose(gradients["a"][0, 1] * size, -(7e-180 / 5) / 3, rtol=1e-13)
