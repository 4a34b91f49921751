"""Every formula of the catalogue through its vjp: gradients, dtypes, layouts, shapes, refusals."""

# Over 400 lines: one table of expectations for the whole catalogue.

import inspect
import math

import numpy as np
import pytest
from formula_cases import CATALOGUE, CLIPS, DIFFERENTIABLE, OF_ROWS, along, array_names, cotangents, draw, is_float

from reference import ALIASES, find, resolve, vjp
from reference.lift import rounded

over_formulas = pytest.mark.parametrize("id", DIFFERENTIABLE)
over_all = pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if f.kind != "network"])
COSTS = [id for id in DIFFERENTIABLE if id.startswith("cost/")]
REDUCIBLE = [id for id in COSTS if CATALOGUE[id].reduction]
LEADING = [id for id in COSTS if "leading" in inspect.signature(CATALOGUE[id].function).parameters]
TOLERANCE = 1e-8  # of differences of fourth order, relative to what is added on the way
ROUNDING = 2.0**-46


def sixteen_bits():
    try:
        import ml_dtypes
    except ImportError:
        return [np.dtype(np.float16)]
    return [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]


def reductions(id):
    return [{"reduction": r} for r in ("none", "sum", "mean", "batchmean")] if CATALOGUE[id].reduction else [{}]


def update(id, dtype=np.float64):
    """A case of an update rule after some steps: w, dC and its accumulators."""
    rng = np.random.default_rng(sum(id.encode()))
    shape = (3, 2)
    state = {s: np.asarray(x[0]) for s, x in CATALOGUE[id].function.start([np.ones(shape)]).items() if s != "t"}
    state = {s: np.abs(rng.standard_normal(x.shape)) / 2 if x.ndim else np.array(0.5) for s, x in state.items()}
    wide = np.float64 if np.dtype(dtype).itemsize == 2 else dtype
    state = {s: x.astype(wide if x.ndim else np.float64) for s, x in state.items()}
    return {"w": rng.standard_normal(shape).astype(dtype), "dC": rng.standard_normal(shape).astype(dtype), **state}


# ---------------------------------------------------------------- gradients


@over_formulas
@pytest.mark.parametrize("seed", range(4))
def test_every_gradient_is_the_slope_of_the_outputs_under_a_random_cotangent(id, seed):
    case = draw(id, seed)
    moved = 0
    for changes in reductions(id):
        v = cotangents(case.answer(**changes)[0], seed)
        for name in case.answer(v, **changes)[1]:
            try:
                got, expected, size = along(case, name, v, **changes)
            except LookupError:  # a target that is one of two numbers: what is special about it is tested with its cost
                continue
            moved += 1
            assert abs(got - expected) <= TOLERANCE * size, (name, changes)
    assert moved


def test_a_gradient_that_is_off_by_a_part_in_a_million_is_noticed():
    for id in ("activation/gelu", "cost/cross_entropy_labels", "regularizer/l2"):
        case = draw(id, 1)
        v = cotangents(case.answer()[0])
        name = next(iter(case.arguments))
        got, expected, size = along(case, name, v)
        assert abs(got * (1 + 1e-6) - expected) > TOLERANCE * size


@over_formulas
def test_the_gradients_are_those_of_all_floating_arguments(id):
    case = draw(id)
    outputs, gradients = case.answer()
    floats = {name for name, x in case.arguments.items() if is_float(x)}
    assert set(gradients) <= floats
    assert floats - set(gradients) <= {"y", "mask"}  # as in cost/hinge_embedding, where it is a switch
    for name, gradient in gradients.items():
        assert gradient.shape == np.shape(case.arguments[name])
    assert set(outputs) == (set(case.arguments) if id in CLIPS else case.outputs)


@over_formulas
def test_no_cotangent_is_one_of_ones_and_it_acts_linearly(id):
    case = draw(id, 1)
    outputs, gradients = case.answer()
    ones = {name: np.ones(np.shape(x)) for name, x in outputs.items()}
    v = cotangents(outputs)
    once, again = case.answer(v)[1], case.answer({name: -4 * x for name, x in v.items()})[1]
    nothing = case.answer({name: 0 * x for name, x in v.items()})[1]
    for name, gradient in case.answer(ones)[1].items():
        np.testing.assert_array_equal(gradient, gradients[name])
        np.testing.assert_allclose(again[name], -4 * once[name], rtol=ROUNDING, atol=1e-300)
        assert not nothing[name].any()


@pytest.mark.parametrize("id", COSTS)
def test_the_function_of_a_cost_gives_the_same(id):
    case = draw(id, 1)
    outputs, gradients = case.answer()
    for C, by_name in (
        case.record.function(**case.arguments, **case.parameters),
        case.record.function(*case.arguments.values(), **case.parameters),
    ):
        assert outputs["value"] == C
        assert {name: g.tolist() for name, g in by_name.items()} == {name: g.tolist() for name, g in gradients.items()}


@pytest.mark.parametrize("id", REDUCIBLE)
def test_reductions_differ_by_their_divisor(id):
    case = draw(id, 0)
    (terms, slopes), (total, of_total) = (case.answer(reduction=r) for r in ("none", "sum"))
    np.testing.assert_allclose(total["value"], terms["value"].sum(), rtol=ROUNDING)
    n = np.shape(case.arguments[array_names(case.record)[0]])[0]
    mean, of_mean = case.answer(reduction="batchmean")
    np.testing.assert_allclose(mean["value"] * n, total["value"], rtol=ROUNDING)
    for name, gradient in of_total.items():
        np.testing.assert_array_equal(slopes[name], gradient)
        np.testing.assert_array_equal(of_mean[name], gradient / n)


# ---------------------------------------------------------------- dtypes


ROWS_OF_ONE = [id for id in COSTS if "distribution" in str(CATALOGUE[id].entries)]


# rows that sum to one in few digits do not in float64
@pytest.mark.parametrize("id", [id for id in DIFFERENTIABLE if id not in ROWS_OF_ONE])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), *sixteen_bits()], ids=str)
def test_short_floats_are_evaluated_in_float64_and_rounded_once(id, dtype):
    case = draw(id, 1)
    short = {name: x.astype(dtype) if is_float(x) else x for name, x in case.arguments.items()}
    v = {name: x.astype(dtype) for name, x in cotangents(case.answer()[0]).items()}
    outputs, gradients = case.answer(v, **short)
    wide = {name: x.astype(np.float64) if is_float(x) else x for name, x in short.items()}
    expected = case.answer({name: x.astype(np.float64) for name, x in v.items()}, **wide)
    for got, exact in ((outputs, expected[0]), (gradients, expected[1])):
        assert set(got) == set(exact)
        for name, x in got.items():
            assert x.dtype == dtype
            np.testing.assert_array_equal(x.astype(float), rounded(exact[name], dtype).astype(float))


@over_formulas
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), *sixteen_bits()], ids=str)
def test_the_dtype_of_the_first_argument_is_that_of_all_results(id, dtype):
    case = draw(id)
    first, *others = (name for name, x in case.arguments.items() if is_float(x))
    outputs, gradients = case.answer(**{first: case.arguments[first].astype(dtype)})
    if id in CLIPS or (case.record.kind == "regularizer" and "W1" in others):
        return  # each array has its own
    assert {x.dtype for x in (*outputs.values(), *gradients.values())} == {dtype}


@over_all
def test_what_is_no_floating_array_is_refused_by_name(id):
    arguments = update(id) if id not in DIFFERENTIABLE else draw(id).arguments
    parameters = {} if id not in DIFFERENTIABLE else draw(id).parameters
    first, *others = (name for name, x in arguments.items() if is_float(x))
    labels = {"labels", "mask", "input_lengths", "target_lengths"}
    shown = {"g1": r"gradients\[0\]|g1", "w": "w|parameters"}.get(first, first)
    for dtype in (int, bool, complex, object, "U3"):
        with pytest.raises(TypeError, match=rf"({shown})(\[\d\])? has dtype"):
            vjp(id, {**arguments, first: np.ones(np.shape(arguments[first])).astype(dtype)}, **parameters)
    for name in others:
        if name in labels or (id.startswith("update/") and id not in CLIPS):
            continue
        for dtype in (complex, object):
            with pytest.raises(TypeError, match=rf"{name}(\[\d\])? has dtype|W\[\d\] has dtype|b\[\d\] has dtype"):
                vjp(id, {**arguments, name: np.ones(np.shape(arguments[name])).astype(dtype)}, **parameters)


# ---------------------------------------------------------------- layouts


def layouts(x):
    """The same numbers, lying in memory in other ways."""
    x = np.asarray(x)
    frozen = x.copy()
    frozen.setflags(write=False)
    yield frozen
    if x.ndim:
        yield np.asfortranarray(x)
        yield np.repeat(x, 2, -1)[..., ::2]
        yield np.ascontiguousarray(x[::-1])[::-1]
        yield x[..., ::-1].copy()[..., ::-1]
        yield np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0)


@over_formulas
def test_how_arrays_lie_in_memory_does_not_change_a_bit(id):
    case = draw(id, 1)
    v = cotangents(case.answer()[0])
    outputs, gradients = case.answer(v)
    every = [layouts(x) for x in case.arguments.values()]
    for laid in zip(*every, strict=False):
        before = [x.copy() for x in laid]
        again = case.answer(v, **dict(zip(case.arguments, laid, strict=True)))
        for got, expected in zip(again, (outputs, gradients), strict=True):
            for name, x in got.items():
                np.testing.assert_array_equal(x, expected[name])
                assert not any(np.shares_memory(x, q) for q in laid)
        assert all(np.array_equal(p, q) for p, q in zip(before, laid, strict=True))


@over_formulas
def test_lists_are_taken(id):
    case = draw(id, 1)
    lists = {name: np.asarray(x).tolist() for name, x in case.arguments.items()}
    v = {name: x.tolist() for name, x in cotangents(case.answer()[0]).items()}
    for got, expected in zip(case.answer(v, **lists), case.answer(v), strict=True):
        assert {name: x.tolist() for name, x in got.items()} == {name: x.tolist() for name, x in expected.items()}


@over_formulas
def test_broadcast_arrays_are_taken(id):
    """Views of one row, which cannot be written to."""
    case = draw(id, 0)
    for name, x in case.arguments.items():
        if np.ndim(x) > 1 and name not in ("labels", "mask") and id != "cost/ctc":
            row = np.broadcast_to(x[:1], x.shape)
            for p, q in zip(case.answer(**{name: row}), case.answer(**{name: row.copy()}), strict=True):
                for key in p:
                    np.testing.assert_array_equal(p[key], q[key])


@pytest.mark.parametrize("id", [id for id in DIFFERENTIABLE if CATALOGUE[id].kind == "activation"])
def test_activations_of_nothing(id):
    case = draw(id)
    z = case.arguments["z"][:0]
    outputs, gradients = case.answer(z=z)
    assert outputs["value"].size == gradients["z"].size == 0
    assert gradients["z"].shape == z.shape
    assert all(gradients[name] == 0 for name in case.record.learnable)


@pytest.mark.parametrize("id", REDUCIBLE)
def test_an_empty_batch_has_a_sum_and_no_mean(id):
    case = draw(id)
    per_class = ("weight", "pos_weight")
    per_class = () if id in OF_ROWS else per_class
    empty = {name: x[:0] if name not in per_class or x.ndim > 1 else x for name, x in case.arguments.items()}
    empty |= {name: case.arguments[name] for name in ("transitions", "start", "end") if name in empty}  # of no example
    for reduction in ("mean", "batchmean"):
        with pytest.raises(ValueError, match=r"labels are all different|the mean over an empty batch is undefined"):
            case.answer(**empty, reduction=reduction)
    if id == "cost/nt_xent":
        return
    outputs, gradients = case.answer(**empty, reduction="sum")
    assert outputs["value"] == 0
    assert {name: g.shape for name, g in gradients.items()} == {name: empty[name].shape for name in gradients}
    assert case.answer(**empty, reduction="none")[0]["value"].size == 0


OF_ENTRIES = [id for id in REDUCIBLE if draw(id).answer(reduction="none")[0]["value"].shape == (3, 4)]


@pytest.mark.parametrize("id", [id for id in OF_ENTRIES if id not in (*ROWS_OF_ONE, "cost/grpo_clip")])
def test_costs_of_entries_take_arrays_of_any_number_of_axes(id):
    case = draw(id, 1)
    for shape in ((12,), (2, 3, 2), (2, 2, 1, 3)):
        laid = {name: x.reshape(shape) if x.shape == (3, 4) else x for name, x in case.arguments.items()}
        if laid.keys() & {"pos_weight"}:
            laid["pos_weight"] = laid["pos_weight"][: shape[-1]][..., :1]
        outputs, gradients = case.answer(**laid, reduction="none")
        assert outputs["value"].shape == shape
        assert gradients[next(iter(laid))].shape == shape
    first = {name: x[0, 0] if x.ndim == 2 else x[0] for name, x in case.arguments.items()}
    alone = case.answer(**first, reduction="none")[0]["value"]
    together = case.answer(reduction="none")[0]["value"]
    assert alone.shape == ()
    assert alone == together[0, 0]


# ---------------------------------------------------------------- independent problems


@pytest.mark.parametrize("id", LEADING)
def test_leading_axes_of_a_cost_are_independent_problems(id):
    case = draw(id, 1, lead=(2, 3))
    shared = {name for name, x in case.arguments.items() if np.shape(x)[:2] != (2, 3)}
    for changes in reductions(id):
        outputs, _ = case.answer(leading=2, **changes)
        v = cotangents(outputs)["value"]
        outputs, gradients = case.answer(v, leading=2, **changes)
        summed = {name: np.zeros_like(gradients[name]) for name in shared & set(gradients)}
        for k in np.ndindex(2, 3):
            one = {name: x if name in shared else x[k] for name, x in case.arguments.items()}
            value, slopes = case.answer(v[k], **one, **changes)
            np.testing.assert_allclose(outputs["value"][k], value["value"], rtol=ROUNDING)
            for name, slope in slopes.items():
                if name in shared:
                    summed[name] += slope
                else:
                    np.testing.assert_allclose(gradients[name][k], slope, rtol=ROUNDING, atol=1e-300)
        for name, slope in summed.items():
            np.testing.assert_allclose(gradients[name], slope, rtol=1e-12)


PENALTIES = [id for id in DIFFERENTIABLE if CATALOGUE[id].kind == "regularizer"]


@pytest.mark.parametrize("id", [*PENALTIES, *(f.id for f in CATALOGUE.values() if f.kind == "activation")])
def test_leading_axes_of_all_others_are_so_without_a_word(id):
    case = draw(id, 1, lead=(2, 3))
    outputs, gradients = case.answer()
    for k in np.ndindex(2, 3):
        one = {name: x[k] if np.ndim(x) > 1 else x for name, x in case.arguments.items()}
        value, slopes = case.answer(**one)
        np.testing.assert_allclose(outputs["value"][k], value["value"], rtol=ROUNDING)
        for name, slope in slopes.items():
            if np.ndim(case.arguments[name]) > 1:
                np.testing.assert_allclose(gradients[name][k], slope, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("id", LEADING)
def test_too_many_leading_axes(id):
    case = draw(id)
    for leading in (4, -1):
        with pytest.raises(ValueError, match=f"leading = {leading}, but|a has shape"):
            case.answer(leading=leading)
    with pytest.raises(TypeError, match=r"leading = 0\.5 is not an integer"):
        case.answer(leading=0.5)


# ---------------------------------------------------------------- what is refused


CANDIDATES = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0, -1e300]


def violations(record):
    """Parameters that break one condition of the record each."""
    for name, condition in record.valid.items():
        names = {**record.parameters, "oo": math.inf}
        for value in CANDIDATES:
            if not eval(condition, {"__builtins__": {}}, {**names, name: value}):
                yield name, value
                break
        else:
            raise AssertionError(f"{record.id}: nothing breaks {condition}")


def call(id, **parameters):
    if id in DIFFERENTIABLE:
        case = draw(id)
        arguments = {name: x for name, x in case.arguments.items() if name not in parameters}
        return vjp(id, arguments, **{**case.parameters, **parameters})
    return vjp(id, update(id), **parameters)


@over_all
def test_a_parameter_out_of_its_range_is_named_with_its_value(id):
    record = CATALOGUE[id]
    for name, value in violations(record):
        with pytest.raises(ValueError, match=rf"{name} = {value}.*; need ".replace("+", r"\+")):
            call(id, **{name: value})


@pytest.mark.parametrize("id", DIFFERENTIABLE)
def test_a_whole_number_of_any_size_is_answered_or_named(id):
    """Of iterations there may be any number."""
    known = inspect.signature(CATALOGUE[id].function).parameters.values()
    options = [p.name for p in known if p.kind is p.KEYWORD_ONLY]
    for name in [p.name for p in known if p.name in options and not isinstance(p.default, (bool, str))]:
        for value in (2**63, -(10**30), 10**30, 1e300) if name != "iterations" else ():
            try:
                call(id, **{name: value})
            except (TypeError, ValueError) as error:
                said = str(error)
            else:
                continue
            assert str(value) in said or any(option in said for option in options)


@over_all
def test_a_parameter_that_is_no_finite_number_is_named(id):
    record = CATALOGUE[id]
    for name in record.parameters:
        for value in ("x", [1.0, 2.0], None, 1j):
            with pytest.raises(TypeError, match=rf"{name} = .* is not a"):
                call(id, **{name: value})
        with pytest.raises(ValueError, match=rf"{name} = nan is not finite"):
            call(id, **{name: math.nan})
        if "oo" not in record.valid.get(name, ""):
            with pytest.raises(ValueError, match=rf"{name} = -?inf is not finite"):
                call(id, **{name: math.inf})


@over_all
def test_strangers_are_refused_by_name(id):
    with pytest.raises(TypeError, match="'stranger'"):
        call(id, stranger=1.0)
    arguments = update(id) if id not in DIFFERENTIABLE else draw(id).arguments
    parameters = {} if id not in DIFFERENTIABLE else draw(id).parameters
    with pytest.raises(TypeError, match="stranger"):
        vjp(id, {**arguments, "stranger": np.ones(2)}, **parameters)
    first = next(iter(arguments))
    if id not in CLIPS:
        with pytest.raises(TypeError, match=rf"needs the argument '{first}'"):
            vjp(id, {name: x for name, x in arguments.items() if name != first}, **parameters)


@over_formulas
def test_a_cotangent_that_does_not_fit_is_refused(id):
    case = draw(id)
    outputs, _ = case.answer()
    wrong = {name: np.ones((*np.shape(x), 2)) for name, x in outputs.items()}
    with pytest.raises(ValueError, match="cotangent has shape"):
        case.answer(wrong)
    with pytest.raises(ValueError, match="cotangent"):
        case.answer({"other": np.ones(2)})


@pytest.mark.parametrize("id", REDUCIBLE)
def test_an_unknown_reduction(id):
    with pytest.raises(ValueError, match="reduction = 'average' is not one of none, sum, mean, batchmean"):
        draw(id).answer(reduction="average")


# ---------------------------------------------------------------- update rules, networks, former ids


STEPS = [f.id for f in CATALOGUE.values() if f.kind == "update" and f.id not in CLIPS]


@pytest.mark.parametrize("id", STEPS)
def test_an_update_rule_is_one_step_from_its_accumulators(id):
    x = update(id)
    outputs, gradients = vjp(id, x, t=5)
    state = {"t": 4} | {s: [q if q.ndim else float(q)] for s, q in x.items() if s not in ("w", "dC")}
    (w,), after = CATALOGUE[id].function([x["w"]], [x["dC"]], state)
    assert gradients == {}
    np.testing.assert_array_equal(outputs["w"], w)
    for s in state.keys() - {"t"}:
        np.testing.assert_array_equal(outputs[s], after[s][0])
    with pytest.raises(ValueError, match="no gradients"):
        vjp(id, x, np.ones(2))


@pytest.mark.parametrize("id", STEPS)
def test_the_number_of_a_step_and_accumulators_that_are_numbers_are_named(id):
    for t in ("x", None, 1.5):
        with pytest.raises(TypeError, match=f"t = {t!r} is not an integer"):
            vjp(id, update(id), t=t)
    for t in (0, -1):
        with pytest.raises(ValueError, match=f"t = {t}; need the number of the step"):
            vjp(id, update(id), t=t)
    for name in (
        s for s, q in CATALOGUE[id].function.start([np.ones(2)]).items() if np.isscalar(q) or np.isscalar(q[0])
    ):
        for value in ("x", np.array([0.5])):
            with pytest.raises(TypeError, match=f"^{name} = .* is not a"):
                vjp(id, update(id) | {name: value}) if name != "t" else vjp(id, update(id), t=value)


@pytest.mark.parametrize("equation", ["bp1", "bp2", "bp3", "bp4"])
def test_the_equations_of_a_network_are_no_functions_of_arrays(equation):
    with pytest.raises(LookupError, match=f"network/{equation} has no vjp"):
        vjp(f"network/{equation}", {})


def test_the_former_ids():
    names = {"mse", "mae", "huber", "bce", "bce_logits", "softmax_cross_entropy"}
    assert set(ALIASES) == {f"cost/{name}" for name in names} | {"layer/instance_norm"}
    assert not {*CATALOGUE} & {*ALIASES}


@pytest.mark.parametrize("id", ALIASES)
def test_a_former_id_answers_with_what_it_stands_for(id):
    record, parameters = resolve(id)
    assert record is find(id)
    assert record.id == ALIASES[id][0]
    case = draw(record.id)
    expected = vjp(record.id, case.arguments, **parameters)
    got = vjp(id, case.arguments)
    np.testing.assert_array_equal(got[0]["value"], expected[0]["value"])
    for name, gradient in expected[1].items():
        np.testing.assert_array_equal(got[1][name], gradient)
    if not record.reduction:
        return
    total = vjp(record.id, case.arguments, reduction="sum")[0]["value"]
    assert vjp(id, case.arguments, reduction="sum")[0]["value"] == total


def test_an_id_that_never_was():
    for call in (find, resolve, lambda id: vjp(id, {})):
        with pytest.raises(KeyError, match="no formula 'cost/mean_squared'"):
            call("cost/mean_squared")
