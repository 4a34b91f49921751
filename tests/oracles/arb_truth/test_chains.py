"""Truths of chains: the same numbers as without links, and sways that count what goes from one layer to the next."""

import numpy as np
import pytest

pytest.importorskip("flint")

from gradproof.cases.blocks import SETTINGS, draw
from oracles.arb_truth import chained, pullback
from oracles.arb_truth.chains import links_of


@pytest.mark.parametrize("id", SETTINGS)
def test_links_change_no_truth_and_forgive_more_than_inputs_alone(id):
    case = draw(id, "float64", "wide", 0)
    asked = case.formula, case.arguments, case.cotangent
    plain, chain = pullback(*asked, **case.parameters), chained(*asked, **case.parameters)
    assert plain.outputs.keys() == chain.outputs.keys()
    assert plain.gradients.keys() == chain.gradients.keys()
    for kind in ("outputs", "gradients"):
        for name, one in getattr(plain, kind).items():
            other = getattr(chain, kind)[name]
            np.testing.assert_array_equal(one.truth.hi, other.truth.hi)
            assert (other.sway >= one.sway * (1 - 2.0**-20)).all()
            assert (other.sway > 0).any() or not (one.truth.hi != 0).any()


def test_there_are_two_links_for_each_number_that_is_handed_on():
    case = draw("block/transformer", "float64", "plain", 0)
    between = 5  # two norms, two layers, and the sum between them
    assert links_of(case.formula, case.arguments, case.parameters) == 2 * between * case.arguments["x"].size


def test_the_second_link_of_a_number_is_felt_by_gradients_alone():
    """Of z = h·w and C = v·z: rounding the cotangent of z moves ∂C/∂w and ∂C/∂h, and no value."""
    case = draw("block/lstm_classifier", "float64", "plain", 0)
    links = np.ones(links_of(case.formula, case.arguments, {}))
    found = pullback(case.formula, {**case.arguments, "links": links}, case.cotangent)
    back = found.gradients["links"].truth.hi[1::2]
    np.testing.assert_array_equal(back, 0)
