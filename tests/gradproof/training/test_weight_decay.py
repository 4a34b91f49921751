import pytest

from gradproof.training.weight_decay import FAMILIES, measure


@pytest.mark.parametrize("side", ["ours", "torch", "jax"])
def test_decay_and_penalty_part_under_momentum_and_adam_but_not_under_gradient_descent(side):
    pytest.importorskip("sklearn")
    if side != "ours":
        pytest.importorskip({"jax": "optax"}.get(side, side))
    found = {tuple(f.what.split("; ")): f for f in measure(() if side == "ours" else (side,)) if f.side == side}
    assert {family for family, _ in found} == set(FAMILIES)
    assert any(f.max is not None and f.max > 0.1 for f in found.values())
    for (family, problem), f in found.items():
        if f.max is None:
            assert side != "ours"
            assert f.why  # not every side offers every rule
        elif family == "gradient descent":
            assert f.max < 1e-12
        elif problem == "digits":
            assert f.max > 0.1
