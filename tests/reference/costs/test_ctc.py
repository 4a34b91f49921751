"""Forward and backward against every path, tried one by one, and against counting where all paths are alike."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.alignments import alignments
from reference.costs import ctc


def over_paths(a, labels, blank):
    """−log p and γ by their definition: a sum over all paths. None where there is no path."""
    T, d = a.shape
    try:
        paths = alignments(labels, T, d, blank)
    except ValueError:
        return None
    logs = [math.fsum(a[t, k] for t, k in enumerate(path)) for path in paths]
    top = max(logs)
    shares = [math.exp(x - top) for x in logs]
    gamma = np.array([[math.fsum(s for s, path in zip(shares, paths, strict=True) if path[t] == k) for k in range(d)]
                      for t in range(T)])  # fmt: skip
    return -(top + math.log(math.fsum(shares))), gamma / math.fsum(shares)


@st.composite
def examples(draw):
    """a: (1, T, d), labels: (1, U) and the blank; some targets are too long for their frames."""
    T, d = draw(st.integers(1, 5)), draw(st.integers(2, 3))
    blank = draw(st.integers(0, d - 1))
    symbols = [k for k in range(d) if k != blank]
    labels = draw(st.lists(st.sampled_from(symbols), max_size=3))
    a = draw(st.lists(st.floats(-40, 2), min_size=T * d, max_size=T * d))
    return np.reshape(a, (1, T, d)), np.array([labels], int).reshape(1, -1), blank


@given(examples())
def test_value_and_gradient_are_those_of_the_sum_over_all_paths(example):
    a, labels, blank = example
    value, gradients = ctc(a, labels, blank=blank, reduction="sum")
    expected = over_paths(a[0], labels[0].tolist(), blank)
    if expected is None:
        assert value == math.inf
        assert np.isnan(gradients["a"]).all()
        return
    assert abs(value - expected[0]) <= 2.0**-50 * (np.abs(a).sum() + 1)
    # a path has a logarithm of up to 200, which the sum over paths rounds to 2⁻⁴⁶, and rounds again less the largest
    np.testing.assert_allclose(-gradients["a"][0], expected[1], rtol=2.0**-43, atol=1e-300)
    np.testing.assert_allclose(-gradients["a"].sum(-1), 1, rtol=2.0**-49)


def test_the_comparison_tells_the_slopes_in_logits_and_a_step_over_the_blank_between_equal_labels():
    a = np.log(np.random.default_rng(0).dirichlet(np.ones(3), (1, 4)))
    _, gamma = over_paths(a[0], [1, 1], 0)
    _, gradients = ctc(a, [[1, 1]])
    assert np.abs(np.exp(a) - gamma + gamma).max() > 0.1  # what y − γ would be wrong by
    _, other = over_paths(a[0], [1, 2], 0)
    merged = other[:, [0, 1]] + other[:, [2, 2]] * [0, 1]  # as if 1 → 1 were a step like 1 → 2
    assert np.abs(merged - gamma[:, :2]).max() > 0.1
    np.testing.assert_allclose(-2 * gradients["a"][0], gamma, rtol=2.0**-46)  # the mean divides by two labels


# ---------------------------------------------------------------- long sequences


def number_of_paths(T, labels):
    """Of T frames: each of the U labels has a run, with blanks around, of which one is needed between equal ones."""
    U = len(labels)
    repeats = sum(p == q for p, q in itertools.pairwise(labels))
    return math.comb(T + U - repeats, 2 * U)


def test_the_number_of_paths():
    for T in range(1, 7):
        for labels in ([], [1], [1, 2], [1, 1], [1, 2, 1], [1, 1, 2]):
            try:
                count = len(alignments(labels, T, 3, 0))
            except ValueError:
                count = 0
            assert number_of_paths(T, labels) == count


@pytest.mark.parametrize("log_probability", [-1e-3, -1.0, -800.0])
@pytest.mark.parametrize("labels", [[1, 2] * 50, [1] * 40, [2]], ids=len)
def test_a_thousand_equal_frames(labels, log_probability):
    """With every factor the same, p is the number of paths times one of them: e^−800000 is far below any float."""
    T = 1000
    value, gradients = ctc(np.full((1, T, 3), log_probability), [labels], reduction="sum")
    exact = -T * log_probability - math.log(number_of_paths(T, labels))
    assert math.isclose(value, exact, rel_tol=2.0**-50)
    gamma = -gradients["a"][0]
    assert np.isfinite(gamma).all()
    # the first frame is a blank in as many paths as the other frames have
    assert math.isclose(gamma[0, 0], number_of_paths(T - 1, labels) / number_of_paths(T, labels), rel_tol=2.0**-46)
    if labels == labels[::-1]:
        np.testing.assert_allclose(gamma, gamma[::-1], rtol=2.0**-46)


def test_probabilities_far_below_the_largest_keep_their_digits():
    """Of the paths 10, 11 and 01, the last two are e^−400.3 and e^−700.4 times as likely as the first."""
    _, gradients = ctc([[[-300.1, 0.0], [0.0, -400.3]]], [[1]])
    second, third = math.exp(-400.3), math.exp(-300.1) * math.exp(-400.3)  # not e^−700.4: the sum would be rounded
    np.testing.assert_allclose(-gradients["a"][0], [[third, 1], [1, second + third]], rtol=2.0**-51)


def test_learned_targets_keep_their_cost():
    """p = 1 − 1e−24: the cost is not lost beside 1, and has as many digits as the log-probabilities leave it."""
    miss = 1e-12
    value, _ = ctc([[[np.log(miss), np.log1p(-miss)]] * 2], [[1]])
    assert math.isclose(value, miss**2, rel_tol=1e-2)


# ---------------------------------------------------------------- batches


@pytest.fixture
def batch():
    a = np.log(np.random.default_rng(1).dirichlet(np.ones(4), (3, 6)))
    return a, np.array([[1, 1, 2], [3, 2, 9], [-7, 9, 9]]), np.array([6, 4, 5]), np.array([3, 2, 0])


def test_reductions(batch):
    a, labels, frames, lengths = batch
    terms, slopes = ctc(*batch, reduction="none")
    for i, (T, U) in enumerate(zip(frames, lengths, strict=True)):
        alone, slope = ctc(a[i : i + 1, :T], labels[i : i + 1, :U], reduction="sum")
        assert terms[i] == alone
        np.testing.assert_array_equal(slopes["a"][i, :T], slope["a"][0])
        assert not slopes["a"][i, T:].any()
    total, of_total = ctc(*batch, reduction="sum")
    assert total == terms.sum()
    np.testing.assert_array_equal(of_total["a"], slopes["a"])
    mean, of_mean = ctc(*batch)
    assert math.isclose(mean, (terms[0] / 3 + terms[1] / 2 + terms[2] / 1) / 3, rel_tol=2.0**-51)
    np.testing.assert_array_equal(of_mean["a"], slopes["a"] / np.array([9, 6, 3])[:, None, None])


def test_an_empty_target_is_all_blanks(batch):
    a, _, _, _ = batch
    value, gradients = ctc(a, np.zeros((3, 0), int), blank=2, reduction="none")
    np.testing.assert_allclose(value, -a[:, :, 2].sum(1), rtol=2.0**-51)
    np.testing.assert_array_equal(gradients["a"], np.broadcast_to([0.0, 0.0, -1.0, 0.0], a.shape))


def test_no_frames(batch):
    value, gradients = ctc(batch[0], [[1], [3], [2]], [0, 6, 0], [0, 1, 1], reduction="none")
    assert (value[0], value[2]) == (0, math.inf)
    assert not gradients["a"][[0, 2]].any()


def test_an_array_without_frames_is_taken_and_one_without_symbols_refused():
    for labels, cost in ((np.zeros((2, 0), int), 0), ([[1], [2]], math.inf)):
        value, gradients = ctc(np.zeros((2, 0, 3)), labels, reduction="none")
        assert value.tolist() == [cost, cost]
        assert gradients["a"].shape == (2, 0, 3)
    with pytest.raises(ValueError, match=r"a has shape \(2, 5, 0\); expected .* d symbols"):
        ctc(np.zeros((2, 5, 0)), np.zeros((2, 1), int))


def test_impossible_targets(batch):
    a, labels, _, lengths = batch
    terms, slopes = ctc(a, labels, [3, 4, 5], lengths, reduction="none")  # 1, 1, 2 needs four frames
    assert terms[0] == math.inf
    assert np.isfinite(terms[1:]).all()
    assert np.isnan(slopes["a"][0, :3]).all()
    assert np.isfinite(slopes["a"][1:]).all()
    assert not slopes["a"][0, 3:].any()
    assert ctc(a, labels, [3, 4, 5], lengths)[0] == math.inf
    zeroed, of_zeroed = ctc(a, labels, [3, 4, 5], lengths, reduction="none", zero_infinity=True)
    assert zeroed.tolist() == [0, *terms[1:]]
    assert not of_zeroed["a"][0].any()
    np.testing.assert_array_equal(of_zeroed["a"][1:], slopes["a"][1:])


def test_symbols_of_probability_zero(batch):
    a = batch[0][:1].copy()
    a[0, :, 3] = -np.inf  # not in the target
    a[0, 2, 1] = -np.inf
    value, gradients = ctc(a, [[1, 2]], reduction="sum")
    expected = over_paths(np.maximum(a[0], -1e5), [1, 2], 0)
    assert math.isclose(value, expected[0], rel_tol=2.0**-50)
    np.testing.assert_allclose(-gradients["a"][0], expected[1], rtol=2.0**-46, atol=0)
    a[0, 0] = -np.inf
    value, gradients = ctc(a, [[1, 2]])
    assert value == math.inf
    assert np.isnan(gradients["a"]).all()


def test_one_example_and_problems_of_their_own(batch):
    a, labels, frames, lengths = batch
    terms, slopes = ctc(*batch, reduction="none")
    for i in range(3):
        alone, slope = ctc(a[i], labels[i], frames[i], lengths[i])
        assert alone == terms[i] / max(lengths[i], 1)
        np.testing.assert_array_equal(slope["a"], slopes["a"][i] / max(lengths[i], 1))
    value, slopes = ctc(np.stack([a, a[::-1]]), np.stack([labels, labels[::-1]]), np.stack([frames, frames[::-1]]),
                        np.stack([lengths, lengths[::-1]]), leading=1)  # fmt: skip
    expected, slope = ctc(*batch)
    np.testing.assert_allclose(value, expected, rtol=2**-50)
    np.testing.assert_array_equal(slopes["a"], [slope["a"], slope["a"][::-1]])


def test_torch_gives_the_slopes_in_logits(batch):
    torch = pytest.importorskip("torch")
    a, labels, frames, lengths = batch
    _, gradients = ctc(*batch, reduction="sum")
    leaf = torch.tensor(a, requires_grad=True)
    given = [torch.tensor(x) for x in (np.where((labels < 0) | (labels > 3), 0, labels), frames, lengths)]
    cost = torch.nn.functional.ctc_loss(leaf.transpose(0, 1), *given, reduction="sum")
    (slopes,) = torch.autograd.grad(cost, leaf)
    counts = (np.arange(6) < frames[:, None])[..., None]
    np.testing.assert_allclose(slopes.numpy(), gradients["a"] + np.exp(a) * counts, rtol=1e-11, atol=1e-13)


ONE = np.log([[[0.5, 0.5], [0.25, 0.75]]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ctc(ONE[0, 0], [1]), r"a has shape \(2,\); expected \(n examples, T frames, d symbols\)"),
        (lambda: ctc(ONE[0], [[1]]), r"labels have shape \(1, 1\); expected \(U\)"),
        (lambda: ctc(ONE, [1]), r"labels have shape \(1,\); expected \(1, U\)"),
        (lambda: ctc(ONE, [[1], [1]]), r"labels have shape \(2, 1\); expected \(1, U\)"),
        (lambda: ctc(ONE, [[1, 2]]), r"label = 2 at index \(0, 1\) is outside 0 … 1: there are 2 symbols"),
        (lambda: ctc(ONE, [[-1]]), r"label = -1 at index \(0, 0\) is outside 0 … 1"),
        (lambda: ctc(ONE, [[0]]), r"label = 0 at index \(0, 0\) is the blank: a target has none"),
        (lambda: ctc(ONE, [[1]], blank=1), r"label = 1 at index \(0, 0\) is the blank"),
        (lambda: ctc(ONE, [[1]], blank=2), "blank = 2 is outside 0 … 1: there are 2 symbols"),
        (lambda: ctc(ONE, [[1]], blank=-1), "blank = -1 is outside"),
        (lambda: ctc(ONE, [[1]], [3]), r"input_lengths = 3 at index \(0,\) is outside 0 … 2, the number of frames"),
        (lambda: ctc(ONE, [[1]], [-1]), r"input_lengths = -1 at index \(0,\)"),
        (lambda: ctc(ONE, [[1]], [2, 2]), r"input_lengths have shape \(2,\); expected \(1,\)"),
        (lambda: ctc(ONE, [[1]], None, [2]), r"target_lengths = 2 at index \(0,\) is outside 0 … 1, the number of lab"),
        (
            lambda: ctc(ONE, [[1]], reduction="average"),
            "reduction = 'average' is not one of none, sum, mean, batchmean",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ctc(ONE, [[1.0]]), "labels have dtype float64; pass integers"),
        (lambda: ctc(ONE, [[1]], [2.0]), "input_lengths have dtype float64; pass integers"),
        (lambda: ctc(ONE, [[1]], blank=0.5), r"blank = 0\.5 is not an integer"),
    ],
)
def test_what_is_no_integer(call, message):
    with pytest.raises(TypeError, match=message):
        call()
