import dataclasses

import numpy as np
import pytest

from gradproof.networks import configurations as nets
from gradproof.networks.configurations import by_id, configurations, excluded, exclusions
from reference import CATALOGUE


@pytest.fixture(scope="module")
def everything():
    return list(configurations())


def test_a_configuration_is_known_by_its_id(everything):
    assert all(by_id(c.id) == c for c in everything)
    assert len({c.id for c in everything}) == len(everything)
    assert 200_000 <= sum(len(nets.ARCHITECTURES[c.architecture].regimes()) for c in everything) <= 250_000
    with pytest.raises(dataclasses.FrozenInstanceError):
        everything[0].dtype = "float16"


@pytest.mark.parametrize("product", nets.PRODUCTS, ids=lambda p: p.name)
def test_nothing_is_missing_but_what_has_a_reason(product, everything):
    hidden, outputs, costs, regularizers = product.families
    assert {id for family in product.families for id in family} <= set(CATALOGUE)
    left_out = {
        (a, o, c, reason) for a in product.architectures for o in outputs for c in costs
        if (reason := excluded(nets.ARCHITECTURES[a], o, c))
    }  # fmt: skip
    size = len(product.architectures) * len(nets.DTYPES) * np.prod([len(f) for f in product.families])
    there = [c for c in everything if c.product is product]
    assert len(there) + len(left_out) * len(nets.DTYPES) * len(hidden) * len(regularizers) == size
    assert left_out <= {*exclusions()}


def test_further_costs_meet_all_outputs_and_further_regularizers_deep_and_wide_networks(everything):
    for cost in nets.FURTHER_COSTS:
        met = [c for c in everything if c.cost == cost]
        assert {c.output for c in met} == {
            o for o in nets.OUTPUTS if not excluded(nets.ARCHITECTURES["4-5-3"], o, cost)
        }
        assert len({c.hidden for c in met}) >= 2
    for regularizer in nets.FURTHER_REGULARIZERS:
        met = [c for c in everything if c.regularizer == regularizer]
        sizes = [nets.ARCHITECTURES[c.architecture].sizes for c in met]
        assert max(map(len, sizes)) == max(len(a.sizes) for a in nets.ARCHITECTURES.values())
        assert max(map(max, sizes)) == max(max(a.sizes) for a in nets.ARCHITECTURES.values())
        assert len({c.cost for c in met}) >= 2


def test_every_formula_that_a_network_takes_is_compared(everything):
    met = {id for c in everything for id in c.ids}
    assert met >= {*nets.COSTS, *nets.FURTHER_COSTS, *nets.OUTPUTS, *nets.REGULARIZERS, *nets.FURTHER_REGULARIZERS}
    assert {f.id for f in CATALOGUE.values() if f.prediction} <= met
    for id, given in nets.PARAMETERS.items():
        numbers = {name: value for name, value in given.items() if name != "reduction"}
        assert set(numbers) <= set(CATALOGUE[id].parameters)
        assert all(np.float32(value) == value for value in numbers.values())


@pytest.mark.parametrize("cost", ["cost/binary_cross_entropy", "cost/cross_entropy"])
@pytest.mark.parametrize("output", nets.OUTPUTS)
def test_an_output_is_left_out_of_a_logarithm_exactly_if_it_leaves_the_domain(output, cost):
    a = CATALOGUE[output].function(np.array([[-9.0, 0.5, 9.0]]))[0]
    reason = excluded(nets.ARCHITECTURES["4-5-3"], output, cost)
    assert (reason == "") == bool(((a >= 0) & (a <= 1)).all())
    if reason:
        assert output.split("/")[1] in reason
        assert cost.split("/")[1] in reason
        with pytest.raises(ValueError, match="is not a probability"):
            CATALOGUE[cost].function(a, np.ones((1, 3)) / 3)


@pytest.mark.parametrize(
    ("architecture", "output", "cost", "reason"),
    [("breast_cancer", "softmax", "squared_error", "softmax of a single output is constant: every gradient is zero"),
     ("breast_cancer", "sigmoid", "kl_div", "at least two classes"),
     ("diabetes", "tanh", "nll", "at least two classes"),
     ("breast_cancer", "sigmoid", "cross_entropy", "cross_entropy needs at least two classes"),
     ("diabetes", "sigmoid", "binary_cross_entropy", "needs targets in [0, 1]"),
     ("4-5-3", "sigmoid", "jensen_shannon", "takes rows that sum to one"), ("4-5-3", "softmax", "jensen_shannon", ""),
     ("digits", "log_softmax", "kl_div_log_target", "takes logarithms of probabilities"),
     ("breast_cancer", "sigmoid", "binary_cross_entropy", "")],
)  # fmt: skip
def test_what_is_left_out_says_why(architecture, output, cost, reason):
    said = excluded(nets.ARCHITECTURES[architecture], f"activation/{output}", f"cost/{cost}")
    assert reason in said
    assert bool(said) is bool(reason)


def test_patterns_dtypes_and_formulas_pick_configurations(everything):
    one = "4-5-3/float64/tanh/sigmoid/binary_cross_entropy/l2"
    assert [c.id for c in configurations(one)] == [one]
    assert {c.dtype for c in configurations("wide/*/gelu/identity/squared_error/none")} == set(nets.DTYPES)
    assert [*configurations("nothing")] == []
    picked = list(configurations("*", ["float32"], lambda *ids: "activation/huber" in ids))
    assert picked == [c for c in everything if "activation/huber" in (c.hidden, c.output) and c.dtype == "float32"]
