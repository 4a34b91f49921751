"""Rows and columns of second moments: by hand, the record as numbers, and bad input."""

import ast
import itertools

import numpy as np
import pytest

from reference import CATALOGUE
from reference.updates import adafactor, sm3

W, G = np.array([[0.5, -2.0, 1.5], [0.75, 1.25, -3.0]]), np.array([[0.25, 3.0, -1.0], [1.5, -2.0, 0.5]])


def evaluate(node, names):
    """An expression of a record in floats, its sums term by term."""
    if isinstance(node, str):
        node = ast.parse(node, mode="eval").body
    if isinstance(node, ast.Subscript):
        at = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return names[node.value.id][tuple(names[index.id] - 1 for index in at)]
    if isinstance(node, ast.Call) and node.func.id == "Sum":
        term, *limits = node.args
        ends = [range(1, names[last.id] + 1) for _, _, last in (limit.elts for limit in limits)]
        letters = [limit.elts[0].id for limit in limits]
        return sum(evaluate(term, {**names, **dict(zip(letters, at, strict=True))}) for at in itertools.product(*ends))
    if isinstance(node, ast.Call) and node.func.id == "Piecewise":
        return next(evaluate(x.elts[0], names) for x in node.args if evaluate(x.elts[1], names))
    if isinstance(node, ast.Call):
        function = {"Max": max, "Min": min, "sqrt": np.sqrt}[node.func.id]
        return function(*(evaluate(x, names) for x in node.args))
    if isinstance(node, ast.BinOp):
        x, y = evaluate(node.left, names), evaluate(node.right, names)
        return {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power}[
            type(node.op)
        ](x, y)
    if isinstance(node, ast.UnaryOp):
        return -evaluate(node.operand, names)
    if isinstance(node, ast.Compare):
        x, y = evaluate(node.left, names), evaluate(node.comparators[0], names)
        return x < y if isinstance(node.ops[0], ast.Lt) else x <= y
    return names[node.id] if isinstance(node, ast.Name) else node.value


@pytest.mark.parametrize("clip", [0.5, 50.0], ids=["clipped", "within"])
@pytest.mark.parametrize("t", [1, 3])
def test_the_record_of_adafactor_is_the_rule_and_its_derivative_that_of_the_statement(t, clip):
    record, rng = CATALOGUE["update/adafactor"], np.random.default_rng(7)
    h = {**record.parameters, "clip": clip, "lam": 0.25, "eps": 0.125}
    r, c, v = rng.uniform(0.5, 2, (2, 1)), rng.uniform(0.5, 2, (1, 3)), rng.standard_normal((2, 3))
    names = {**h, "w": W, "r": r[:, 0], "c": c[0], "v": v, "n": 2, "d": 3, "t": float(t), "True": True}

    def new(g):
        at = itertools.product((1, 2), (1, 2, 3))
        return np.array([evaluate(record.statement, {**names, "dC": g, "i": i, "j": j}) for i, j in at]).reshape(2, 3)

    (w,), _ = adafactor([W], [G], {"t": t - 1, "r": [r], "c": [c]}, **h)
    np.testing.assert_allclose(new(G), w, rtol=1e-13)
    for i, j in ((1, 1), (2, 3)):
        said = evaluate(record.derivative, {**names, "dC": G, "i": i, "j": j})
        step = 1e-3 * (np.arange(6).reshape(2, 3) == 3 * (i - 1) + j - 1)
        slopes = [((new(G + k * step) - new(G - k * step)) * v).sum() / (2e-3 * k) for k in (1, 2)]
        assert said == pytest.approx((4 * slopes[0] - slopes[1]) / 3, rel=1e-8)


def test_adafactor_of_a_matrix_of_rank_one_is_a_sign():
    """Its squares are the product of their rows and columns: every entry is 1 or −1, and the size that of w."""
    g = np.outer([1.0, -2.0], [3.0, 0.5, -1.0])
    step = W - adafactor([W], [g], eta=0.125)[0][0]
    np.testing.assert_allclose(step, 0.125 * np.sqrt((W**2).mean()) * np.sign(g))
    for scale in (1e200, 1e-200):
        np.testing.assert_allclose(W - adafactor([W], [g * scale], eta=0.125, eps=0.0)[0][0], step)


def test_sm3_divides_by_the_least_of_row_and_column():
    (w,), state = sm3([W], [G], eta=1.0, beta1=0.0, eps=0.0)
    np.testing.assert_allclose(w, W - np.sign(G))  # as Adagrad at first
    np.testing.assert_allclose(state["r"][0], [[9.0], [4.0]])
    np.testing.assert_allclose(state["c"][0], [[2.25, 9.0, 1.0]])
    (after,), _ = sm3([w], [G], state, eta=1.0, beta1=0.0, eps=0.0)
    least = np.minimum(state["r"][0], state["c"][0])
    np.testing.assert_allclose(after, w - G / np.sqrt(G**2 + least))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sm3([np.ones((2, 2, 2))], [np.ones((2, 2, 2))]), r"shape \(2, 2, 2\); reshape it to a matrix"),
        (lambda: adafactor([W], [G], clip=0.0), "need clip > 0"),
        (lambda: adafactor([W], [G], decay=-0.5), "need decay ≥ 0"),
        (lambda: adafactor([W], [G], {"t": 1, "r": [W], "c": [W]}), r"state\['r'\] does not fit"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
