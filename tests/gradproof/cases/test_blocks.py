"""Draws of blocks: the same case from the same words, settings in turn, and nothing at a fixed point."""

import numpy as np
import pytest

from gradproof.cases.blocks import DRAWS, REGIMES, SETTINGS, draw


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("id", DRAWS)
def test_a_case_is_made_again_by_its_id_dtype_regime_and_seed_and_settings_take_turns(id, regime):
    first, again, other = (draw(id, "float32", regime, seed) for seed in (1, 1, 1 + len(SETTINGS[id])))
    assert first.parameters == again.parameters == other.parameters == SETTINGS[id][1 % len(SETTINGS[id])]
    for name, x in first.arguments.items():
        assert np.array_equal(x, again.arguments[name])
        assert x.dtype == "float32" or x.dtype.kind in "iub"
    floats = [name for name, x in first.arguments.items() if x.dtype.kind == "f"]
    assert not any(np.array_equal(first.arguments[name], other.arguments[name]) for name in floats)


@pytest.mark.parametrize("id", DRAWS)
def test_no_weight_and_no_cotangent_is_a_fixed_point(id):
    for seed in range(len(SETTINGS[id])):
        case = draw(id, "float64", "plain", seed)
        for name, x in {**case.arguments, **case.cotangent}.items():
            if x.dtype.kind == "f":
                assert not np.isin(x, [0, 1]).any(), name


def test_a_block_that_is_none_is_refused():
    with pytest.raises(KeyError, match="block/transfomer"):
        draw("block/transfomer", "float64", "plain", 0)
