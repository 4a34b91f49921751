"""What entries may be: outside their domain they are refused by name, and rows sum to one as far as dtypes go."""

import numpy as np
import pytest
from formula_cases import CATALOGUE, draw

from reference import costs
from reference.entries import CHECKS, distributions, require

COSTS = {id: f for id, f in CATALOGUE.items() if f.kind == "cost"}
BAD = {  # entries that are not of that kind, each with the words that say so
    "probability": (1.2, "is not a probability: must lie in [0, 1]"),
    "distribution": (-0.5, "is not a probability"),
    "log distribution": (0.5, "is not the logarithm of a probability: must be ≤ 0"),
    "log probability": (0.5, "is not the logarithm of a probability: must be ≤ 0"),
    "indicator": (0.5, "is not an indicator: must be 0 or 1"),
    "sign": (0.0, "is not a label: must be −1 or +1"),
    "count": (-1.0, "is not a count: must be ≥ 0"),
    "rate": (-1.0, "is not a rate: must be ≥ 0"),
    "variance": (0.0, "is not a variance: must be > 0"),
    "variance or 0": (-5e-324, "is not a variance: must be ≥ 0"),
}
ENTRIES = [(id, name, kind) for id, f in COSTS.items() for name, kind in f.entries.items() if kind in CHECKS]


def test_every_kind_of_entry_is_tried():
    assert set(BAD) == set(CHECKS)


@pytest.mark.parametrize(("id", "name", "kind"), ENTRIES)
@pytest.mark.parametrize("bad", ["outside", np.nan])
def test_an_entry_outside_its_domain_is_named_with_its_place(id, name, kind, bad):
    case = draw(id)
    value, message = BAD[kind] if bad == "outside" else (bad, "")
    x = case.arguments[name].copy()
    where = (1, 2, 0)[: x.ndim]
    x = x.astype(float)
    x[where] = value
    with pytest.raises(ValueError, match=rf"(exp\()?{name}\)?( = |: the sum)|the sum of a row of {name}") as error:
        case.answer(**{name: x})
    assert message in str(error.value)
    assert str(where) in str(error.value) or "the sum of a row" in str(error.value)


@pytest.mark.parametrize(("id", "name", "kind"), [e for e in ENTRIES if "distribution" in e[2]])
def test_a_row_that_does_not_sum_to_one_is_named_with_its_sum(id, name, kind):
    case = draw(id)
    x = case.arguments[name].copy()
    x[1] += np.log(0.5) if kind.startswith("log") else -0.05
    with pytest.raises(ValueError, match=rf"the sum of a row of (exp\()?{name}\)? = 0\.\d+ at index \(1,\) is not 1"):
        case.answer(**{name: x})


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 23), ("float64", 52)])
@pytest.mark.parametrize("d", [2, 10, 1000])
def test_rows_normalised_in_the_dtype_are_distributions(dtype, digits, d):
    e = np.exp(np.random.default_rng(d).standard_normal((50, d))).astype(dtype)
    p = e / e.sum(-1, keepdims=True)
    distributions("y", p.astype(np.float64), digits)
    with pytest.raises(ValueError, match="the sum of a row of y"):
        distributions("y", 0.99 * p.astype(np.float64), digits)


@pytest.mark.parametrize("d", [3, 1000])
def test_a_row_sums_to_one_as_far_as_the_coarser_dtype_goes(d):
    p = np.random.default_rng(d).dirichlet(np.ones(d), 4)
    for y in (p, p.astype(np.float32)):
        for z in (np.zeros((4, d)), np.zeros((4, d), np.float32)):
            np.testing.assert_allclose(costs.cross_entropy_probabilities(z, y)[0], np.log(d), rtol=1e-6)
    with pytest.raises(ValueError, match="the sum of a row of y"):
        costs.cross_entropy_probabilities(np.zeros((4, d)), p.astype(np.float32).astype(np.float64))


def test_the_first_entry_that_is_wrong_is_named():
    with pytest.raises(ValueError, match=r"y = nan at index \(1,\) is odd"):
        require(np.array([True, False, False]), "y", np.array([0.0, np.nan, 2.0]), "is odd")
