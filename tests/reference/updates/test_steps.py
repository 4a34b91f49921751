"""What every optimizer step owes its caller, over the catalogue: state, dtype, nothing in place, refusals."""

import inspect

import numpy as np
import pytest
from updates import over_steps, run

from reference import CATALOGUE
from reference.lift import rounded
from reference.updates.optimizers import adam, amsgrad, lion, momentum, nadam, radam, sgd
from reference.updates.steps import each_parameter


@over_steps
@pytest.mark.parametrize("dtype", [np.float64, np.longdouble])
def test_dtype_is_kept_through_the_state(record, dtype):
    w, state = run(record.function, [np.ones((2, 3), dtype)], [np.full((2, 3), 0.5, dtype)], 7)
    assert w[0].dtype == dtype
    for slot, values in state.items():
        assert slot == "t" or isinstance(values[0], float) or values[0].dtype == dtype


@over_steps
def test_nothing_is_changed_in_place(record):
    w, g = [np.array([1.0, -2.0])], [np.array([0.3, 0.0])]
    _, state = run(record.function, w, g, 2)
    kept = {slot: np.copy(values) for slot, values in state.items()}
    again = [record.function(w, g, state) for _ in range(2)]
    np.testing.assert_array_equal(again[0][0], again[1][0])
    np.testing.assert_array_equal(w, [[1.0, -2.0]])
    np.testing.assert_array_equal(g, [[0.3, 0.0]])
    for slot, values in kept.items():
        np.testing.assert_array_equal(state[slot], values)


@over_steps
def test_the_state_does_not_share_memory_with_the_gradients(record):
    g = [np.array([0.3, 0.7])]
    _, state = record.function([np.array([1.0, -2.0])], g)
    kept = {slot: np.copy(values) for slot, values in state.items()}
    g[0][:] = 99
    for slot, values in kept.items():
        np.testing.assert_array_equal(state[slot], values)


@over_steps
def test_parameters_do_not_see_each_other_or_are_one_vector(record):
    rng = np.random.default_rng(3)
    w, g = ([rng.standard_normal(s) for s in ((2, 3), (4,), ())] for _ in range(2))
    together, _ = run(record.function, w, g, 3)
    if record.function.joint:
        w, g, together = ([np.concatenate([x.ravel() for x in arrays])] for arrays in (w, g, together))
    for k in range(len(w)):
        alone, _ = run(record.function, [w[k]], [g[k]], 3)
        np.testing.assert_array_equal(together[k], alone[0])


@over_steps
@pytest.mark.parametrize("shapes", [((2,), (3,)), ((1,), (0,)), ((), (1,)), ((2, 2), (0, 3)), ((0,), (0,))])
@pytest.mark.parametrize(
    "dtypes", [("f4", "f8"), ("f8", "f4"), ("f2", "bfloat16"), ("bfloat16", "f4"), ("f4", np.longdouble)], ids=str
)
def test_each_of_mixed_parameters_keeps_its_dtype_and_shape_and_is_rounded_once(record, shapes, dtypes):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtypes = [np.dtype(ml_dtypes.bfloat16 if d == "bfloat16" else d) for d in dtypes]
    rng = np.random.default_rng(4)
    w, g = ([rng.standard_normal(s).astype(d) for s, d in zip(shapes, dtypes, strict=True)] for _ in range(2))
    new, _ = record.function(w, g)
    wide, _ = record.function([x.astype(np.float64) for x in w], [x.astype(np.float64) for x in g])
    for x, old, exact in zip(new, w, wide, strict=True):
        assert (x.dtype, x.shape) == (old.dtype, old.shape)
        if np.longdouble not in dtypes:
            np.testing.assert_array_equal(x, rounded(exact, x.dtype))


@over_steps
def test_no_parameters_and_empty_parameters(record):
    assert record.function([], [])[0] == []
    assert record.function([np.zeros((0, 3))], [np.zeros((0, 3))])[0][0].shape == (0, 3)


@over_steps
def test_a_numpy_scalar_as_hyperparameter_leaves_float32_alone(record):
    w, _ = record.function([np.ones(2, np.float32)], [np.ones(2, np.float32)], eta=np.float64(0.1))
    assert w[0].dtype == np.float32


@over_steps
def test_the_record_lists_the_signature(record):
    signature = inspect.signature(record.function).parameters
    assert list(signature)[:3] == ["parameters", "gradients", "state"]
    numbers = {
        n for n, p in signature.items() if isinstance(p.default, (int, float)) and not isinstance(p.default, bool)
    }
    assert set(record.parameters) == numbers


@over_steps
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_short_parameters_have_a_wide_state_and_are_rounded_once_a_step(record, dtype):
    dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype)
    rng = np.random.default_rng(8)
    w, state = [rng.standard_normal((2, 3)).astype(dtype)], None
    for _ in range(4):
        g = [rng.standard_normal((2, 3)).astype(dtype)]
        exact, wide = record.function([w[0].astype(np.float64)], [g[0].astype(np.float64)], state)
        w, state = record.function(w, g, state)
        assert w[0].dtype == dtype
        np.testing.assert_array_equal(w[0], rounded(exact[0], dtype))
        for slot in state.keys() - {"t"}:
            assert np.asarray(state[slot][0]).dtype == np.float64
            np.testing.assert_array_equal(state[slot][0], wide[slot][0])


@over_steps
def test_parameters_may_be_lists_and_numbers(record):
    w, state = record.function([[1.0, -2.0], 3.0], [[0.5, 0.25], 1.0])
    expected, _ = record.function([np.array([1.0, -2.0]), np.array(3.0)], [np.array([0.5, 0.25]), np.array(1.0)])
    for p, q in zip(w, expected, strict=True):
        np.testing.assert_array_equal(p, q)
    record.function(w, [[0.5, 0.25], 1.0], state)


SQUARES = ("adagrad", "rmsprop", "rmsprop_centered", "adam", "adamw", "amsgrad", "nadam", "radam")


@pytest.mark.parametrize("name", SQUARES)
@pytest.mark.parametrize("exponent", [700, -700])
@pytest.mark.parametrize("steps", [0, 6])
def test_a_square_that_leaves_the_range_does_not_take_the_step_with_it(name, exponent, steps):
    """Rules that average squares do not see the scale of their gradients, once ε is 0: 2⁷⁰⁰ and 2⁻⁷⁰⁰ are like 1."""
    record = CATALOGUE[f"update/{name}"]
    options, steps = {"eps": 0.0}, 6 if name == "radam" else steps  # before, its step is plain momentum
    g, scale = np.array([3.0, -0.25]), 2.0**exponent
    w, state = (
        run(record.function, [np.ones(2)], [0 * g], steps, **{**options, "eps": 1e-8})
        if steps
        else ([np.ones(2)], None)
    )
    with np.errstate(all="ignore"):
        plain, _ = record.function(w, [g], state, **options)
        scaled, after = record.function(w, [g * scale], state, **options)
    np.testing.assert_allclose(scaled[0] - w[0], plain[0] - w[0], rtol=1e-9 if exponent > 0 else 1e-6)
    if exponent > 0:
        squares = {"adagrad": "G", "rmsprop_centered": "s"}.get(record.name, "v")
        assert np.isinf(after[squares][0]).all()  # the state itself has no such numbers


LARGE = {  # where w = 1 goes in a step of four gradients of 1.5e308, whose norm is 3e308
    "lars": 0.9999, "novograd": 1 - 0.001 / 2, "fromage": (1 - 0.01) / 1.0001**0.5, "adaptive_clipping": 0.999,
    "clip_by_block_rms": 0.99, "normalize_by_update_norm": 1 - 0.01 / 2, "dog": 1 - 3e-6 / 2, "dowg": 1 - 0.01 / 2,
    "cocob": 0.99, "momo": 1.0, "momo_adam": 1.0, "sam": 1 + 0.05 / 2, "adafactor": 0.99, "adagrad": 0.99,
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_gradient_whose_norm_overflows_has_a_direction(name):
    rows = {"adaptive_clipping": (1, 4), "adafactor": (2, 2)}
    shape = rows.get(name, (4,))
    (w,), _ = CATALOGUE[f"update/{name}"].function([np.ones(shape)], [np.full(shape, 1.5e308)])
    np.testing.assert_allclose(w, LARGE[name], rtol=1e-12)


def test_adadelta_of_a_gradient_whose_square_overflows():
    (w,), _ = CATALOGUE["update/adadelta"].function([np.ones(1)], [np.array([1e200])], rho=0.75, eps=1e-6)
    np.testing.assert_allclose(1 - w, np.sqrt(1e-6) / 0.5, rtol=1e-12)


def test_adam_of_the_largest_gradient_steps_by_eta():
    for g in (1e200, 1e-200, np.finfo(float).max):
        assert adam([np.ones(1)], [np.array([g])], eps=0.0, eta=0.25)[0][0] == pytest.approx(0.75, rel=1e-12)


def test_scalar_accumulators_are_one_number_per_parameter():
    @each_parameter("a", s=2.0)
    def rule(w, g, t, a, s, *, eta=1.0):
        return w - eta * s * g, a + g, s / 2

    w, state = run(rule, [np.zeros(2), np.zeros(1)], [np.ones(2), np.ones(1)], 3)
    assert state["s"] == [0.25, 0.25]
    np.testing.assert_array_equal(w[0], [-3.5, -3.5])
    np.testing.assert_array_equal(state["a"][0], [3.0, 3.0])


ONE = [np.ones(2)]
START = adam(ONE, ONE)[1]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: sgd(ONE, [np.ones(3)]), ValueError, r"gradient 0 has shape \(3,\).*\(2,\)"),
        (lambda: sgd(ONE, []), ValueError, "1 parameters but 0 gradients"),
        (lambda: sgd(ONE, ONE, 0.1), TypeError, "state is 0.1.*by keyword"),
        (lambda: sgd([np.ones(2, int)], [np.ones(2, int)]), TypeError, "int64"),
        (lambda: sgd([np.ones(2, np.float32)], ONE), TypeError, "gradient 0 has dtype float64.*float32"),
        (lambda: adam(ONE, ONE, lr=0.1), TypeError, "lr"),
        (lambda: adam(ONE, ONE, beta1=1.0), ValueError, "beta1 = 1.0; need 0 ≤ beta1 < 1"),
        (lambda: adam(ONE, ONE, beta2=-0.1), ValueError, "beta2 = -0.1"),
        (lambda: adam(ONE, ONE, eps=-1e-8), ValueError, "eps = -1e-08"),
        (lambda: adam(ONE, ONE, eta=float("nan")), ValueError, "eta = nan"),
        (lambda: adam(ONE, ONE, eta=float("inf")), ValueError, "eta = inf"),
        (lambda: adam(ONE, ONE, eta="0.1"), TypeError, "eta = '0.1' is not a number"),
        (lambda: amsgrad(ONE, ONE, bias_correction=2), TypeError, "bias_correction = 2 is neither True nor False"),
        (
            lambda: adam(ONE, ONE, START | {"t": -5}),
            ValueError,
            r"adam: state\['t'\] = -5; need the number of steps made",
        ),
        (lambda: adam(ONE, ONE, START | {"t": 1.5}), ValueError, r"state\['t'\] = 1\.5"),
        (lambda: adam(ONE, ONE, START | {"v": [None]}), ValueError, r"state\['v'\] does not fit"),
        (lambda: nadam(ONE, ONE, nadam(ONE, ONE)[1] | {"P": [ONE[0]]}), ValueError, r"state\['P'\] does not fit"),
        (lambda: momentum(ONE, ONE, dampening=float("nan")), ValueError, "dampening = nan"),
        (lambda: radam(ONE, ONE, threshold=3.0), ValueError, "threshold = 3.0"),
        (lambda: adam(ONE, ONE, {"t": 1}), ValueError, r"state has \['t'\], this rule keeps \['m', 't', 'v'\]"),
        (lambda: lion(ONE, ONE, adam(ONE, ONE)[1]), ValueError, "lion: state has"),
        (lambda: adam(ONE, ONE, adam([np.ones(3)], [np.ones(3)])[1]), ValueError, r"state\['m'\] does not fit"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
