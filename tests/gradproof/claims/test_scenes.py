import pytest

from gradproof.claims.scenes import network


def test_the_same_seed_gives_the_same_network():
    one, two, other = (network((2, 3, 1), "tanh", "quadratic", 2, seed) for seed in (7, 7, 8))
    assert [w.value for w in one.w[2].flat] == [w.value for w in two.w[2].flat]
    assert [w.value for w in one.w[2].flat] != [w.value for w in other.w[2].flat]
    assert len(one.examples) == 2


def test_a_cost_that_networks_do_not_take_is_named():
    with pytest.raises(ValueError, match="cost 'hinge': a network here takes 'quadratic' or 'bce'"):
        network((2, 1), "tanh", "hinge", 1, 0)
