"""Blocks of the oracles: the same ids and arguments everywhere, and numbers that agree."""

import inspect

import numpy as np
import pytest

from gradproof.cases.blocks import SETTINGS, draw
from gradproof.evidence.environment import ORACLES
from reference.blocks import BLOCKS

PLACES = {**ORACLES, "truth": "oracles.arb_truth"}


def definitions(side):
    """What a side has, as functions."""
    table = pytest.importorskip(f"{PLACES[side]}.layers.blocks", exc_type=ImportError).BLOCKS
    return {id: getattr(definition, "function", definition) for id, definition in table.items()}


@pytest.mark.parametrize("side", PLACES)
def test_a_side_has_every_block_with_the_arguments_and_defaults_of_ours(side):
    found = definitions(side)
    assert set(found) == set(BLOCKS)
    for id, definition in found.items():
        ours, theirs = (inspect.signature(f).parameters for f in (BLOCKS[id], definition))
        assert [name for name in ours if name != "parts"] == [name for name in theirs if name not in ("cut", "links")]
        if side in ORACLES:
            assert all(theirs[name].default == p.default for name, p in ours.items() if name != "parts")


@pytest.mark.parametrize("side", ORACLES)
def test_an_unknown_block_an_option_and_a_missing_array_are_named(side):
    oracle = pytest.importorskip(PLACES[side], exc_type=ImportError)
    case = draw("block/lstm_classifier", "float64", "plain", 0)
    with pytest.raises(LookupError, match="block/lstm"):
        oracle.vjp("block/lstm", case.arguments)
    with pytest.raises(LookupError, match="no option 'depth'"):
        oracle.vjp(case.formula, case.arguments, depth=2)
    with pytest.raises(TypeError, match="block/lstm_classifier needs weight_h"):
        oracle.vjp(case.formula, {name: x for name, x in case.arguments.items() if name != "weight_h"})


EVERY = [("torch", id, k) for id in SETTINGS for k in range(len(SETTINGS[id]))]
FIRST = [("jax", id, 0) for id in SETTINGS]  # which JAX compiles, for seconds each


@pytest.mark.parametrize(("side", "id", "setting"), [*EVERY, *FIRST])
def test_a_framework_and_ours_have_the_same_gradients(side, id, setting):
    oracle = pytest.importorskip(PLACES[side], exc_type=ImportError)
    case = draw(id, "float64", "plain", setting)
    theirs = oracle.vjp(id, case.arguments, case.cotangent, **case.parameters)[1]
    ours = BLOCKS[id].vjp(case.arguments, case.cotangent, **case.parameters)[1]
    assert set(ours) == set(theirs)
    for name, g in ours.items():
        np.testing.assert_allclose(theirs[name], g, rtol=1e-9, atol=1e-10 * np.abs(g).max(), err_msg=name)


@pytest.mark.parametrize("side", PLACES)
def test_a_side_says_that_a_block_is_composed_and_no_formula(side):
    oracle = pytest.importorskip(PLACES[side], exc_type=ImportError)
    assert {oracle.has(id) for id in BLOCKS} == {"composed"}
    assert not set(oracle.DEFINITIONS) & set(BLOCKS)
