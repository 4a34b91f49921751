import re
from types import SimpleNamespace

import numpy as np
import pytest
from plants import PLANTS, changed, derivative, equation, gradient, patch

from gradproof.networks import configurations as nets
from gradproof.networks import gradients
from gradproof.networks.blame import Diagnosis, diagnose, parting
from gradproof.networks.configurations import Configuration, by_id, excluded
from gradproof.networks.draws import draw
from oracles import finite_difference
from reference import CATALOGUE
from reference.activations import gelu


def test_a_message_has_formula_argument_place_both_numbers_and_cause():
    d = Diagnosis("cost/l1", "gradient", (1, 2), " at 0.5", 0.75, 0.25, "a constant factor (ratio 3)")
    assert str(d) == (
        "cost/l1: gradient[1, 2] at 0.5 is 0.75 (0x1.8000000000000p-1), should be 0.25 (0x1.0000000000000p-2); "
        "likely cause: a constant factor (ratio 3)"
    )


@pytest.mark.parametrize("cost", [*nets.COSTS, *nets.FURTHER_COSTS])
def test_a_sound_gradient_is_blamed_on_nobody(cost):
    """At kinks too, where the complex step takes another slope, and in tails where a framework's slopes are 0."""
    finite, turn = 0, [*nets.COSTS, *nets.FURTHER_COSTS].index(cost)
    regularizers = [*nets.REGULARIZERS, *nets.FURTHER_REGULARIZERS]
    outputs = [output for output in nets.OUTPUTS if not excluded(nets.ARCHITECTURES["4-5-3"], output, cost)]
    for k, output in enumerate(outputs[turn % 2 :: 2] or outputs, turn):
        ids = nets.ELEMENTWISE[k % len(nets.ELEMENTWISE)], output, cost, regularizers[k % len(regularizers)]
        c = Configuration("4-5-3", ("float32", "float64")[k % 2], *ids)
        cases = draw(c, 0)
        for case, regime in enumerate(nets.REGIMES):
            if np.isfinite(gradients.gradient(c, cases[case]).cost):  # an infinite cost is never blamed on anybody
                finite += 1
                assert diagnose(c, cases[case]) is None, f"{c.id} {regime}"
    assert finite >= 3


@pytest.mark.parametrize("plant", PLANTS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_plant_is_found_in_every_regime_that_shows_it(monkeypatch, plant, seed):
    c = by_id(plant.configuration)
    cases = draw(c, seed)
    sound = [gradients.gradient(c, cases[k]) for k in range(5)]
    plant.plant(patch(monkeypatch))
    planted = [gradients.gradient(c, cases[k]) for k in range(5)]
    shown = 0
    for k, (p, q) in enumerate(zip(planted, sound, strict=True)):
        if any(not np.allclose(x, y, rtol=1e-4, atol=0) for x, y in zip([*p.dW, *p.db], [*q.dW, *q.db], strict=True)):
            found = diagnose(c, cases[k])
            assert (found.formula, found.argument, found.cause) == (plant.formula, plant.argument, plant.cause)
            shown += 1
    assert shown >= 2


def off_twice(g, *arguments):
    g = g.copy()
    g[4, 1] += 1
    g[2, 2] += 0.5
    return g


def with_penalty_times(factor):
    def wrong(right, x, y, W, b, activations, cost, regularizer):
        g, dR = right(x, y, W, b, activations, cost, regularizer), regularizer(W)[1]
        return g._replace(dW=[d + (factor - 1) * r for d, r in zip(g.dW, dR, strict=True)])

    return gradient(wrong)


SILU, COST, L2 = "activation/silu", "cost/squared_error", "regularizer/l2"
OTHERS = {
    "a value": (changed(SILU, lambda value, slope, z: (value + 1, slope)), SILU, "value", "no simple cause fits"),
    "another formula": (derivative(SILU, lambda slope, z: gelu(z)[1]), SILU, "slope",
                        "it is the slope of activation/gelu"),
    "nothing": (derivative(SILU, lambda slope, z: 0 * z), SILU, "slope", "it is zero"),
    "not a number": (derivative(SILU, lambda slope, z: z * np.nan), SILU, "slope", "it is not finite"),
    "a cost": (changed(COST, lambda C, g, *_: (2 * C, g)), COST, "value", "a factor 2 or ½ (ratio 2)"),
    "1/n twice": (derivative(COST, lambda g, a, *_: g / a.shape[-2]), COST, "gradient", "1/n is applied twice"),
    "two entries": (derivative(COST, off_twice), COST, "gradient", "no simple cause fits"),
    "a penalty": (changed(L2, lambda R, dR, *_: (2 * R, dR)), L2, "value", "a factor 2 or ½ (ratio 2)"),
    "BP1 without g'": (equation("output_error", lambda dC_da, back: dC_da), "network/bp1", "delta[1]",
                       "the slope g'(z) is missing"),
    "BP2 without g'": (equation("hidden_error", lambda delta, W, back: delta @ W), "network/bp2", "delta[0]",
                       "the slope g'(z) is missing"),
    "BP3 as a mean": (equation("bias_gradient", lambda delta: delta.mean(-2)), "network/bp3", "db[1]",
                      "1/n is applied twice"),
    "BP4 negative": (equation("weight_gradient", lambda delta, a: -delta.mT @ a), "network/bp4", "dW[1]",
                     "no simple cause fits"),
    "no penalty": (with_penalty_times(0), "network/bp4", "dW[1]", "the regularizer's gradient is missing"),
    "two penalties": (with_penalty_times(2), "network/bp4", "dW[1]", "the regularizer is added twice"),
}  # fmt: skip


@pytest.mark.parametrize("error", OTHERS)
def test_whoever_is_at_fault_is_named_with_the_worst_entry(monkeypatch, error):
    plant, id, argument, cause = OTHERS[error]
    c = by_id("4-5-3/float64/silu/sigmoid/squared_error/l2")
    case = draw(c, 0)[0]
    plant(patch(monkeypatch))
    found = diagnose(c, case)
    assert (found.formula, found.argument, found.cause) == (id, argument, cause)
    assert found.got != found.expected
    if error == "two entries":
        assert found.index == (4, 1)
        assert found.got == pytest.approx(1 + found.expected)


@pytest.mark.parametrize("slope", [-0.5, 1.5])
def test_a_slope_outside_both_sides_of_a_kink_is_blamed(monkeypatch, slope):
    derivative("activation/relu", lambda right, z: np.where(z == 0, slope, right))(patch(monkeypatch))
    c = by_id("4-5-3/float64/relu/identity/squared_error/none")
    found = [diagnose(c, draw(c, seed)[nets.REGIMES.index("kink")]) for seed in range(5)]
    assert "activation/relu" in {f.formula for f in found if f}
    assert {f.got for f in found if f} == {slope}


def test_a_parting_names_the_cost_where_it_is_the_cost():
    c = by_id("4-5-3/float64/tanh/sigmoid/binary_cross_entropy/none")
    case = draw(c, 0)[0]

    def without_slope(id, arguments, v=None, **parameters):
        outputs, found = finite_difference.vjp(id, arguments, v, **parameters)
        return outputs, {name: g * np.nan for name, g in found.items()} if id == c.cost else found

    def ours(id, arguments, v=None, **given):
        value, found = CATALOGUE[id].function(**arguments, **given)
        return {"value": value}, found if isinstance(found, dict) else {"z": found}

    cause = parting(c, case, SimpleNamespace(vjp=without_slope), "theirs")
    assert re.match(r"gradient of binary_cross_entropy at 0\.\d+, .+: ours .+, theirs nan", cause)
    assert parting(c, case, SimpleNamespace(vjp=ours), "theirs") is None
