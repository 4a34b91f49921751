"""Cases are made again from their names, are what their regime says, and leave no formula and no parameter out."""

import inspect

import numpy as np
import pytest

from gradproof import cases
from gradproof.cases.case import as_dtype, generator, random_cotangent
from gradproof.cases.data import dataset
from gradproof.cases.kinks import places
from gradproof.cases.parameters import OTHERS, label, setting, settings
from gradproof.cases.source import REGIMES
from reference import CATALOGUE, vjp

IDS = list(cases.DRAWS)


def arrays(case):
    return {**case.arguments, **{f"cotangent of {name}": v for name, v in case.cotangent.items()}}


def test_every_formula_of_arrays_has_cases():
    """Networks have configurations, activations without parameters sweeps."""
    assert set(cases.STEPS) == {id for id, f in CATALOGUE.items() if f.is_step}
    others = {id for id, f in CATALOGUE.items() if f.is_step or f.kind == "network"
              or (f.elementwise and not f.learnable)}  # fmt: skip
    assert set(IDS) == CATALOGUE.keys() - others


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("id", IDS)
def test_a_case_is_made_again_from_its_name_and_is_another_by_any_other(id, regime):
    first, second = (cases.draw(id, "float32", regime, 3) for _ in range(2))
    assert first.name == f"{regime} 3"
    assert first.parameters == second.parameters
    for name, x in arrays(first).items():
        np.testing.assert_array_equal(x, arrays(second)[name])
        assert x.dtype == np.float32 or x.dtype.kind in "ib"
        assert np.isfinite(x).all()
    for other in (cases.draw(id, "float32", regime, 5), cases.draw(id, "float64", regime, 3)):
        assert any(not np.array_equal(x, arrays(other).get(name)) for name, x in arrays(first).items())


@pytest.mark.parametrize("id", IDS)
def test_a_case_can_be_asked_and_its_cotangent_fits_and_is_no_constant(id):
    for case in cases.of(id, "float64", (0, 1)):
        with np.errstate(all="ignore"):
            outputs, _ = vjp(id, case.arguments, case.cotangent, **case.parameters)
        assert {name: y.shape for name, y in outputs.items()} == {n: v.shape for n, v in case.cotangent.items()}
        assert all((v != 1).all() for v in case.cotangent.values())


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_cotangents_are_of_all_sizes_in_every_second_extreme_case_and_of_one_size_elsewhere(dtype):
    spread = {}
    for regime in REGIMES:
        for seed in range(12):
            v = np.abs(cases.draw("activation/softmax", dtype, regime, seed).cotangent["value"].astype(float))
            spread[regime, seed] = v.max() / v[v > 0].min()
            assert np.isfinite(v).all()
    assert {regime for (regime, _), ratio in spread.items() if ratio > 12} == {"extreme"}
    assert 4 <= sum(ratio > 12 for ratio in spread.values()) <= 6  # of a row of one entry there is one size


@pytest.mark.parametrize(
    "id", [id for id in IDS if "reduction" in inspect.signature(CATALOGUE[id].function).parameters]
)
def test_every_reduction_is_asked_for(id):
    given = {cases.draw(id, "float64", "plain", seed).parameters.get("reduction", "") for seed in range(6)}
    assert given == {"", "sum", "mean", "none"}


def test_what_has_no_cases_raises():
    for id in ("regularizer/ridge", "activation/tanh", "update/unheard_of"):
        with pytest.raises(KeyError):
            cases.draw(id, "float64", "plain", 0)


@pytest.mark.parametrize("id", cases.STEPS)
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_step_is_asked_from_its_start_and_from_later_states_with_every_accumulator(id, dtype):
    slots = {*inspect.signature(CATALOGUE[id].function.__wrapped__).parameters}
    first, later = set(), set()
    for case in cases.of(id, dtype, range(6)):
        assert case.cotangent is None
        again = cases.draw(id, dtype, case.regime, case.seed)
        assert all(np.array_equal(x, again.arguments[name]) for name, x in case.arguments.items())
        assert all(x.dtype == dtype and np.isfinite(x).all() for x in case.arguments.values())
        (first if case.parameters["t"] == 1 else later).add(frozenset(case.arguments))
        outputs, none = vjp(id, case.arguments, **case.parameters)
        assert none == {}
        assert {name for name in outputs if name != "w"} <= slots
        assert case.arguments.keys() - {"dC"} <= outputs.keys()
    assert first == {frozenset(("w", "dC"))}
    assert later == {frozenset(("dC", *outputs))}


def test_near_is_near():
    w = cases.draw("regularizer/max_norm", "float64", "near", 0).arguments["w"]
    np.testing.assert_allclose(np.linalg.norm(w, axis=-1), CATALOGUE["regularizer/max_norm"].parameters["limit"], 1e-2)
    w = cases.draw("regularizer/orthogonality", "float64", "near", 0).arguments["w"]
    np.testing.assert_allclose(w @ w.T, np.eye(len(w)), atol=2e-2)
    case = cases.draw("update/clip_by_norm", "float64", "near", 0)
    norm = np.sqrt(sum((g**2).sum() for g in case.arguments.values()))
    assert norm == pytest.approx(case.parameters["max_norm"], rel=1e-5)
    a, y = (cases.draw("cost/l1", "float64", "near", 0).arguments[name] for name in "ay")
    np.testing.assert_allclose(a, y, rtol=1e-2)


def test_random_numbers_of_one_case_are_their_own():
    first = generator("cost/l1", "float32", "wide", 3).random(4)
    others = (("cost/l2", "float32", "wide", 3), ("cost/l1", "float64", "wide", 3), ("cost/l1", "float32", "near", 3),
              ("cost/l1", "float32", "wide", 4), ("cost/l1", "float32", "wide", 3, " cotangent"))  # fmt: skip
    assert all((first != generator(*other).random(4)).all() for other in others)
    v = random_cotangent(generator(*others[0]), (100,))
    assert (np.abs(v) >= 0.3).all()
    assert {-1, 1} == set(np.sign(v))
    assert as_dtype(0.1, "float16") == np.float16(0.1)


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("id", OTHERS)
def test_settings_are_of_the_parameters_and_off_their_defaults(id):
    known = {name: p.default for name, p in inspect.signature(CATALOGUE[id].function).parameters.items()}
    assert list(settings(id)) == [{}, *OTHERS[id]]
    for given in OTHERS[id]:
        assert given.keys() <= known.keys()
        assert given != {name: known[name] for name in given}
    assert [setting(id, k) for k in range(len(OTHERS[id]) + 2)] == [{}, *OTHERS[id], {}]


@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if f.elementwise])
def test_a_parameter_at_which_pieces_meet_is_exact_in_float32(id):
    assert all(float(np.float32(x)) == x for given in OTHERS.get(id, ()) for name, x in given.items()
               if any(name in kink.at for kink in CATALOGUE[id].kinks))  # fmt: skip


def test_a_setting_in_words():
    assert label({}) == ""
    assert label({"alpha": 2.0, "k": 3, "reduction": "sum"}) == "alpha = 2, k = 3, reduction = sum"


# ---------------------------------------------------------------- kinks


def test_no_two_places_have_one_name_and_every_kink_on_record_is_one():
    found = places()
    names = [(p.case.formula, p.what, p.argument) for p in found]
    assert len(set(names)) == len(names)
    assert {id for id, f in CATALOGUE.items() if f.kinks} <= {id for id, *_ in names}
    for place in found:
        assert all(d.shape == place.case.arguments[place.argument].shape and d.any() for d in place.directions)


# ---------------------------------------------------------------- data


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [("digits", (1797, 64), (1797, 10)), ("breast_cancer", (569, 30), (569, 1)), ("diabetes", (442, 10), (442, 1))],
)
def test_data_are_standardised(name, x, y):
    pytest.importorskip("sklearn")
    found = dataset(name)
    assert (found[0].shape, found[1].shape) == (x, y)
    np.testing.assert_allclose(found[0].mean(0), 0, atol=1e-12)
    spread = found[0].std(0)
    np.testing.assert_allclose(spread[spread != 0], 1)
    targets = {"digits": {0, 1}, "breast_cancer": {0, 1}}.get(name)
    assert targets is None or set(np.unique(found[1])) == targets
