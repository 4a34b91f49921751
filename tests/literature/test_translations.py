"""Each column of the notation table, run: its layout, its place for every weight, and its forward pass."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from literature.notation import NOTATIONS, QUANTITIES
from reference.activations import tanh
from reference.network import feedforward

EACH = pytest.mark.parametrize("notation", NOTATIONS, ids=lambda n: n.key)


def network(sizes, n, seed):
    rng = np.random.default_rng(seed)
    W = [rng.standard_normal((o, i)) for i, o in itertools.pairwise(sizes)]
    return rng.standard_normal((n, sizes[0])), W, [rng.standard_normal(w.shape[0]) for w in W]


@EACH
def test_a_column_has_a_cell_for_every_quantity(notation):
    assert len(notation.symbols) == len(QUANTITIES)
    assert all(cell and cell.count("$") % 2 == 0 for cell in notation.symbols)


@EACH
@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=4), n=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_translation_maps_inputs_as_ours_does(notation, sizes, n, seed):
    x, W, b = network(sizes, n, seed)
    ours = feedforward(x, W, b, [tanh] * len(W)).a[-1]
    theirs = notation.forward(x, notation.parameters(W, b), np.tanh)
    np.testing.assert_allclose(
        theirs, ours, rtol=0, atol=1e-13
    )  # |a| ≤ 1; a transpose or a shift shows in the first digit


@EACH
def test_a_translation_keeps_every_weight_at_the_stated_place(notation):
    _, W, b = network([2, 3, 4, 3], 1, 5)
    parameters = notation.parameters(W, b)
    for l, w in enumerate(W):
        for j, k in np.ndindex(w.shape):
            assert notation.weight(parameters, l, j, k) == w[j, k]


@pytest.mark.parametrize(
    ("key", "first"),
    [("backprop-05", "2"), ("backprop-summary-2019", "2"), ("deriving-backprop", "[1]"), ("ufldl", "1"),
     ("goodfellow-2016", "1"), ("flax-dense", "`Dense_0`")],
)  # fmt: skip
def test_the_first_weights_have_the_index_that_the_table_states(key, first):
    (column,) = (n for n in NOTATIONS if n.key == key)
    assert column.symbols[QUANTITIES.index("index of the first weights")] == first
    parameters = column.parameters(*network([2, 3, 4], 1, 9)[1:])
    assert str(min(parameters.get("w", parameters))) == first.strip("`[]")


@EACH
def test_a_forgotten_transpose_is_noticed(notation):
    x, W, b = network([3, 3, 3], 4, 6)
    right = notation.forward(x, notation.parameters(W, b), np.tanh)
    wrong = notation.forward(x, notation.parameters([w.T for w in W], b), np.tanh)
    assert np.abs(right - wrong).max() > 1e-3


def test_torch_linear_takes_what_its_column_says():
    torch = pytest.importorskip("torch")
    x, W, b = network([3, 4, 2], 5, 7)
    (column,) = (n for n in NOTATIONS if n.key == "pytorch-linear")
    a = torch.tensor(x)
    for p in column.parameters(W, b):
        layer = torch.nn.Linear(*reversed(p["weight"].shape), dtype=torch.float64)
        layer.load_state_dict({k: torch.tensor(v) for k, v in p.items()})
        a = torch.tanh(layer(a))
    np.testing.assert_allclose(a.detach().numpy(), column.forward(x, column.parameters(W, b), np.tanh), atol=1e-13)


def test_flax_dense_takes_what_its_column_says():
    linen = pytest.importorskip("flax.linen")
    x, W, b = (
        np.float32(v) if isinstance(v, np.ndarray) else list(map(np.float32, v)) for v in network([3, 4, 2], 5, 8)
    )
    (column,) = (n for n in NOTATIONS if n.key == "flax-dense")
    a = x
    for p in column.parameters(W, b).values():
        a = np.tanh(np.asarray(linen.Dense(p["kernel"].shape[1]).apply({"params": p}, a)))
    np.testing.assert_allclose(a, column.forward(x, column.parameters(W, b), np.tanh), atol=1e-5)  # float32
