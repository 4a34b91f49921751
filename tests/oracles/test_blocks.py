"""Blocks of the oracles: the same ids and arguments everywhere, and numbers that agree."""

import importlib
import inspect

import numpy as np
import pytest

from gradproof.blocks.cases import SETTINGS, draw
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
        assert [name for name in ours if name != "layers"] == [*theirs]
        if side in ORACLES:
            assert all(theirs[name].default == p.default for name, p in ours.items() if name != "layers")


@pytest.mark.parametrize("side", ORACLES)
def test_an_unknown_block_an_option_and_a_missing_array_are_named(side):
    oracle = pytest.importorskip(PLACES[side], exc_type=ImportError)
    case = draw("block/lstm_classifier", {}, "float64", 0)
    with pytest.raises(LookupError, match="block/lstm"):
        oracle.block("block/lstm", case.arguments)
    with pytest.raises(LookupError, match="no option 'depth'"):
        oracle.block(case.formula, case.arguments, depth=2)
    with pytest.raises(TypeError, match="block/lstm_classifier needs weight_h"):
        oracle.block(case.formula, {name: x for name, x in case.arguments.items() if name != "weight_h"})


@pytest.mark.parametrize(("id", "options"), [(id, o) for id, settings in SETTINGS.items() for o in settings], ids=str)
def test_torch_and_ours_have_the_same_gradients(id, options):
    oracle = pytest.importorskip(PLACES["torch"], exc_type=ImportError)
    case = draw(id, options, "float64", 7)
    ours, theirs = (f(case.arguments, case.cotangent, **case.parameters)[1] for f in (
        BLOCKS[id].vjp, lambda *given, **parameters: oracle.block(id, *given, **parameters)))  # fmt: skip
    assert set(ours) == set(theirs)
    for name, g in ours.items():
        np.testing.assert_allclose(theirs[name], g, rtol=1e-9, atol=1e-10 * np.abs(g).max(), err_msg=name)


def test_the_module_of_a_side_answers_by_block():
    for side in ORACLES:
        assert callable(pytest.importorskip(PLACES[side], exc_type=ImportError).block)
    assert not hasattr(importlib.import_module("oracles.finite_difference"), "block")
