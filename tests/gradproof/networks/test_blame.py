import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plants import PLANTS, patch, replace_function

from gradproof.networks import judge
from gradproof.networks.blame import Diagnosis, diagnose, explain, parting
from gradproof.networks.draws import REGIMES, by_id, draw
from oracles import finite_difference
from reference import CATALOGUE
from reference.activations import gelu

G = np.array([[0.3, -1.2, 2.0], [0.7, 0.0, -0.4]])  # 2 examples, 3 outputs
SQUARE = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("got", "expected", "n", "cause"),
    [
        (-G, G, 5, "the sign is wrong (ratio −1)"),
        (5 * G, G, 5, "the 1/n of the mean is missing (ratio 5)"),
        (G / 5, G, 5, "1/n is applied twice"),
        (2 * G, G, 5, "a factor 2 or ½ (ratio 2)"),
        (G / 2, G, 5, "a factor 2 or ½ (ratio 0.5)"),
        (2 * G, G, 2, "the 1/n of the mean is missing (ratio 2)"),
        (1.25 * G, G, 5, "a constant factor (ratio 1.25)"),
        (0 * G, G, 5, "it is zero"),
        (np.where(G > 1, np.nan, G), G, 5, "it is not finite"),
        (np.where(G > 1, np.inf, G), G, 5, "it is not finite"),
        (SQUARE.T, SQUARE, 5, "it is the transpose"),
        (G + 1, G, 5, "no simple cause fits"),
        (G, 0 * G, 5, "no simple cause fits"),
    ],
)
def test_one_cause_explains_the_numbers(got, expected, n, cause):
    assert explain(got, expected, n) == cause


def test_a_named_alternative_comes_before_a_mere_factor():
    """Equal units make every ratio constant; the reason that was looked for says more."""
    assert explain(np.full(3, 0.2), np.ones(3), 1, {"the slope is missing": np.full(3, 0.2)}) == "the slope is missing"
    assert explain(G**2, G, 1, {"something else": G**3, "it is squared": G**2}) == "it is squared"
    assert explain(G**2, G, 1, {"something else": G**3}) == "no simple cause fits"


@given(st.floats(-1e3, 1e3), st.integers(2, 100))
def test_a_constant_ratio_is_always_seen(ratio, n):
    assume(abs(ratio) > 1e-3)
    cause = explain(ratio * G, G, n)
    assert "ratio" in cause or cause == "1/n is applied twice"


def test_a_message_has_formula_argument_place_both_numbers_and_cause():
    d = Diagnosis("cost/mse", "gradient", (1, 2), " at 0.5", 0.75, 0.25, "a constant factor (ratio 3)")
    assert str(d) == (
        "cost/mse: gradient[1, 2] at 0.5 is 0.75 (0x1.8000000000000p-1), should be 0.25 (0x1.0000000000000p-2); "
        "likely cause: a constant factor (ratio 3)"
    )


SOUND = [
    "4-5-3/float64/tanh/sigmoid/bce/l2", "deep/float32/gelu/softmax/cross_entropy/elastic_net",
    "wide/float64/leaky_relu/identity/mae/l1", "2-3-2/float32/elu/log_softmax/nll/none",
    "4-5-3/float64/relu/relu/huber/none", "4-5-3/float64/softplus/identity/softmax_cross_entropy/l2",
    "4-5-3/float32/silu/gelu_tanh/quadratic/none", "deep/float64/huber/identity/bce_logits/l1",
]  # fmt: skip


@pytest.mark.parametrize("id", SOUND)
@pytest.mark.parametrize("regime", REGIMES)
def test_a_sound_gradient_is_blamed_on_nobody(id, regime):
    """At kinks too, where the complex step takes another slope, and in tails where a framework's slopes are 0."""
    c = by_id(id)
    case = draw(c, 0)[REGIMES.index(regime)]
    with np.errstate(all="ignore"):
        if not np.isfinite(judge.gradient(c, case).cost):
            pytest.skip("an infinite cost is undefined, and never blamed on anybody")
    assert diagnose(c, case) is None


@pytest.mark.parametrize("plant", PLANTS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_plant_is_found_in_every_regime_that_shows_it(monkeypatch, plant, seed):
    c = by_id(plant.configuration)
    cases = draw(c, seed)
    with np.errstate(all="ignore"):
        sound = [judge.gradient(c, cases[k]) for k in range(5)]
        plant.plant(patch(monkeypatch))
        planted = [judge.gradient(c, cases[k]) for k in range(5)]
    shown = 0
    for k, (p, q) in enumerate(zip(planted, sound, strict=True)):
        if any(not np.allclose(x, y, rtol=1e-4, atol=0) for x, y in zip([*p.dW, *p.db], [*q.dW, *q.db], strict=True)):
            found = diagnose(c, cases[k])
            assert (found.formula, found.argument, found.cause) == (plant.formula, plant.argument, plant.cause)
            shown += 1
    assert shown >= 2


OTHERS = {
    "a value": ("activation/silu", lambda right: lambda z: (right(z)[0] + 1, right(z)[1]), "value",
                "no simple cause fits"),
    "another formula": ("activation/silu", lambda right: lambda z: (right(z)[0], gelu(z)[1]), "slope",
                        "it is the slope of activation/gelu"),
    "half": ("activation/silu", lambda right: lambda z: (right(z)[0], right(z)[1] / 2), "slope",
             "a factor 2 or ½ (ratio 0.5)"),
    "nothing": ("activation/silu", lambda right: lambda z: (right(z)[0], 0 * z), "slope", "it is zero"),
    "not a number": ("activation/silu", lambda right: lambda z: (right(z)[0], z * np.nan), "slope", "it is not finite"),
    "a cost": ("cost/mse", lambda right: lambda a, y: (2 * right(a, y)[0], right(a, y)[1]), "value",
               "a factor 2 or ½ (ratio 2)"),
    "its gradient": ("cost/mse", lambda right: lambda a, y: (right(a, y)[0], -right(a, y)[1]), "gradient",
                     "the sign is wrong (ratio −1)"),
    "1/n twice": ("cost/mse", lambda right: lambda a, y: (right(a, y)[0], right(a, y)[1] / a.shape[-2]), "gradient",
                  "1/n is applied twice"),
    "a penalty": ("regularizer/l2", lambda right: lambda W, **p: (right(W, **p)[0] * 2, right(W, **p)[1]), "value",
                  "a factor 2 or ½ (ratio 2)"),
    "its half": ("regularizer/l2", lambda right: lambda W, **p: (right(W, **p)[0], [r / 2 for r in right(W, **p)[1]]),
                 "dW[0]", "a factor 2 or ½ (ratio 0.5)"),
}  # fmt: skip


@pytest.mark.parametrize("error", OTHERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_formula_at_fault_is_named(monkeypatch, error):
    id, plant, argument, cause = OTHERS[error]
    replace_function(patch(monkeypatch), id, plant(CATALOGUE[id].function))
    c = by_id("4-5-3/float64/silu/identity/mse/l2")
    found = diagnose(c, draw(c, 0)[0])
    assert (found.formula, found.argument, found.cause) == (id, argument, cause)
    assert found.got != found.expected


def test_the_place_is_that_of_the_worst_entry(monkeypatch):
    c = by_id("4-5-3/float64/tanh/identity/mse/none")
    case = draw(c, 0)[0]
    right = CATALOGUE["cost/mse"].function

    def wrong(a, y):
        C, g = right(a, y)
        g[4, 1] += 1
        g[2, 2] += 0.5
        return C, g

    sound = right(judge.gradient(c, case).a[-1], case.y)[1][4, 1]
    replace_function(patch(monkeypatch), "cost/mse", wrong)
    found = diagnose(c, case)
    assert (found.formula, found.argument, found.index) == ("cost/mse", "gradient", (4, 1))
    assert found.expected == pytest.approx(sound, rel=1e-12)
    assert found.got == pytest.approx(1 + sound)


BROKEN = {
    "BP1 without g'": ("output_error", lambda dC_da, pullback: dC_da, "network/bp1", "delta[1]",
                       "the slope g'(z) is missing"),
    "BP2 without g'": ("hidden_error", lambda delta, W, pullback: delta @ W, "network/bp2", "delta[0]",
                       "the slope g'(z) is missing"),
    "BP3 as a mean": ("bias_gradient", lambda delta: delta.mean(-2), "network/bp3", "db[1]", "1/n is applied twice"),
    "BP4 negative": ("weight_gradient", lambda delta, a: -delta.mT @ a, "network/bp4", "dW[1]",
                     "the sign is wrong (ratio −1)"),
}  # fmt: skip


@pytest.mark.parametrize("equation", BROKEN)
def test_a_broken_equation_is_named(monkeypatch, equation):
    from reference import network

    function, wrong, id, argument, cause = BROKEN[equation]
    monkeypatch.setattr(network, function, wrong)
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/none")
    found = diagnose(c, draw(c, 0)[0])
    assert (found.formula, found.argument, found.cause) == (id, argument, cause)


@pytest.mark.parametrize(
    ("factor", "cause"), [(0, "the regularizer's gradient is missing"), (2, "the regularizer is added twice")]
)
def test_a_penalty_that_is_not_added_once_is_named(monkeypatch, factor, cause):
    right = judge.backprop

    def wrong(x, y, W, b, activations, cost, regularizer=None):
        g, dR = right(x, y, W, b, activations, cost, regularizer), regularizer(W)[1]
        return g._replace(dW=[d + (factor - 1) * r for d, r in zip(g.dW, dR, strict=True)])

    monkeypatch.setattr(judge, "backprop", wrong)
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/l2")
    found = diagnose(c, draw(c, 0)[0])
    assert (found.formula, found.argument, found.cause) == ("network/bp4", "dW[1]", cause)


@pytest.mark.parametrize("slope", [-0.5, 1.5])
def test_a_slope_outside_both_sides_of_a_kink_is_blamed(monkeypatch, slope):
    right = CATALOGUE["activation/relu"].function
    replace_function(
        patch(monkeypatch), "activation/relu", lambda z: (right(z)[0], np.where(z == 0, slope, right(z)[1]))
    )
    c = by_id("4-5-3/float64/relu/identity/mse/none")
    found = [diagnose(c, draw(c, seed)[REGIMES.index("kink")]) for seed in range(5)]
    assert "activation/relu" in {f.formula for f in found if f}
    assert {f.got for f in found if f} == {slope}


def test_a_parting_names_the_cost_where_it_is_the_cost():
    c = by_id("4-5-3/float64/tanh/sigmoid/bce/none")
    case = draw(c, 0)[0]

    def without_slope(id, a, y, **parameters):
        value, slope = finite_difference.cost(id, a, y, **parameters)
        return value, slope * np.nan

    oracle = SimpleNamespace(
        COSTS=finite_difference.COSTS, elementwise=finite_difference.elementwise, cost=without_slope
    )
    assert re.match(r"gradient of bce at 0\.\d+, .+: ours .+, theirs nan", parting(c, case, oracle, "theirs"))
    same = SimpleNamespace(COSTS={}, elementwise=lambda id, z: CATALOGUE[id].function(z))
    assert parting(c, case, same, "theirs") is None
