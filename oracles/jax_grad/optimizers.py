"""The optimizers of Optax by formula id, with the hyperparameters of the records, and where they keep accumulators."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax import contrib


def _momentum(*, eta: float, mu: float, dampening: float) -> Any:
    if dampening:
        raise LookupError("optax.sgd has no dampening")
    return optax.sgd(eta, momentum=mu)


def _sgdw(*, eta: float, mu: float, lam: float) -> Any:
    return optax.chain(optax.trace(mu), optax.add_decayed_weights(lam), optax.scale_by_learning_rate(eta))


def _rmsprop(centered: bool, *, eta: float, rho: float, mu: float, eps: float) -> Any:
    return optax.rmsprop(eta, decay=rho, eps=eps, eps_in_sqrt=False, centered=centered, momentum=mu or None)


def _amsgrad(*, eta: float, beta1: float, beta2: float, eps: float, bias_correction: bool) -> Any:
    return optax.amsgrad(eta, beta1, beta2, eps, bias_correction_mu=bias_correction, bias_correction_nu=bias_correction)


def _nadam(*, eta: float, beta1: float, beta2: float, eps: float, momentum_decay: float) -> Any:
    if momentum_decay != math.inf:
        raise LookupError("optax.nadam has no momentum schedule")
    return optax.nadam(eta, beta1, beta2, eps)


def _adan(*, eta: float, beta1: float, beta2: float, beta3: float, gamma: float, eps: float) -> Any:
    if gamma != 1 - beta2:
        raise LookupError(f"optax.adan takes 1 − b2 = {1 - beta2:.4g} times the change, not {gamma}")
    return optax.adan(eta, beta1, beta2, beta3, eps, eps_root=0.0)


def _by_rows(make: Callable[[tuple[int, ...] | None], Any]) -> Any:
    """A transformation of single arrays whose axes depend on theirs: all but the first, and None for one axis."""

    def update(g: Any, state: Any, w: Any) -> Any:
        leaves, structure = jax.tree.flatten(g)
        steps = [
            make(tuple(range(1, x.ndim)) or None).update(x, optax.EmptyState(), p)[0]
            for x, p in zip(leaves, jax.tree.leaves(w), strict=True)
        ]
        return jax.tree.unflatten(structure, steps), state

    return optax.GradientTransformation(lambda w: optax.EmptyState(), update)


class _Slow(NamedTuple):
    """The state of what is wrapped, and the slow parameters, which Optax leaves to the caller."""

    inner: Any
    slow: Any


def _lookahead(*, eta: float, alpha: float, period: float) -> Any:
    inner = optax.lookahead(optax.sgd(eta), int(period), alpha)

    def init(w: Any) -> _Slow:
        return _Slow(inner.init(optax.LookaheadParams.init_synced(w)), w)

    def update(g: Any, state: _Slow, w: Any) -> tuple[Any, _Slow]:
        moves, after = inner.update(g, state.inner, optax.LookaheadParams(w, state.slow))
        return moves.fast, _Slow(after, optax.apply_updates(state.slow, moves.slow))

    return optax.GradientTransformation(init, update)


def _with_value(optimizer: Any, value: float) -> Any:
    """An optimizer that is told the cost, with the same one in every step."""
    return optax.GradientTransformation(
        optimizer.init, lambda g, state, w: optimizer.update(g, state, w, value=jnp.asarray(value))
    )


def _polyak(*, eta: float, value: float, lower: float, most: float, eps: float) -> Any:
    return _with_value(optax.polyak_sgd(most, eta, lower, eps), value)


def _momo(*, eta: float, beta1: float, value: float, lower: float, lam: float) -> Any:
    return _with_value(contrib.momo(eta, beta1, lower, lam), value)


def _momo_adam(*, eta: float, beta1: float, beta2: float, eps: float, value: float, lower: float, lam: float) -> Any:
    return _with_value(contrib.momo_adam(eta, beta1, beta2, eps, lower, lam), value)


def _prodigy(*, eta: float, beta1: float, beta2: float, eps: float, d0: float, coefficient: float, lam: float) -> Any:
    return contrib.prodigy(eta, (beta1, beta2), eps=eps, estim_lr0=d0, estim_lr_coef=coefficient, weight_decay=lam)


def _adafactor(*, eta: float, decay: float, eps: float, least: float, clip: float, lam: float) -> Any:
    if least != 1e-3:
        raise LookupError(f"optax.adafactor counts the size of a parameter as 0.001 at least, not as {least}")
    return optax.adafactor(
        lambda count: jnp.minimum(eta, 1 / jnp.sqrt(count + 1.0)), min_dim_size_to_factor=1, decay_rate=decay,
        clipping_threshold=clip, weight_decay_rate=eta * lam, eps=eps,
    )  # fmt: skip


def _sm3(*, eta: float, beta1: float, eps: float) -> Any:
    return optax.chain(optax.scale_by_sm3(beta1, eps=eps), optax.scale_by_learning_rate(eta))


def _sophia(*, eta: float, beta1: float, gamma: float, eps: float, clip: float, lam: float) -> Any:
    """With an average of Hessians that is given, and stays."""
    return contrib.sophia(
        eta, beta1, eps=eps, weight_decay=lam, gamma=gamma, clip_threshold=clip, update_interval=2**30,
        hessian_diagonal_fn=optax.set_to_zero(),
    )  # fmt: skip


def _muon(
    *, eta: float, mu: float, lam: float, a: float, b: float, c: float, eps: float, iterations: int, nesterov: bool,
    adjust: str,
) -> Any:  # fmt: skip
    size = {"original": None, "match_rms_adamw": 0.2}[adjust]
    inner = contrib.muon(eta, (a, b, c), int(iterations), mu, eps, lam, nesterov=nesterov, consistent_rms=size)

    def init(w: Any) -> Any:
        if any(jnp.ndim(x) != 2 for x in jax.tree.leaves(w)):
            raise LookupError("optax.contrib.muon gives what is no matrix to AdamW")
        return inner.init(w)

    return optax.GradientTransformation(init, inner.update)


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "update/sgd": lambda *, eta: optax.sgd(eta),
    "update/sgd_l2": lambda *, eta, lam, n: optax.chain(optax.add_decayed_weights(lam / n), optax.sgd(eta)),
    "update/momentum": _momentum,
    "update/momentum_l2": lambda *, eta, mu, lam: optax.chain(
        optax.add_decayed_weights(lam), optax.sgd(eta, momentum=mu)
    ),
    "update/nesterov": lambda *, eta, mu: optax.sgd(eta, momentum=mu, nesterov=True),
    "update/sgdw": _sgdw,
    "update/adagrad": lambda *, eta, eps, initial: optax.adagrad(eta, initial_accumulator_value=initial, eps=eps),
    "update/rmsprop": lambda **h: _rmsprop(False, **h),
    "update/rmsprop_centered": lambda **h: _rmsprop(True, **h),
    "update/adadelta": lambda *, eta, rho, eps: optax.adadelta(eta, rho, eps),
    "update/adam": lambda *, eta, beta1, beta2, eps: optax.adam(eta, beta1, beta2, eps),
    "update/adam_l2": lambda *, eta, beta1, beta2, eps, lam: optax.chain(
        optax.add_decayed_weights(lam), optax.adam(eta, beta1, beta2, eps)
    ),
    "update/adamw": lambda *, eta, beta1, beta2, eps, lam: optax.adamw(eta, beta1, beta2, eps, weight_decay=lam),
    "update/amsgrad": _amsgrad,
    "update/nadam": _nadam,
    "update/radam": lambda *, eta, beta1, beta2, eps, threshold: optax.radam(
        eta, beta1, beta2, eps, threshold=threshold
    ),
    "update/adamax": lambda *, eta, beta1, beta2, eps: optax.adamax(eta, beta1, beta2, eps),
    "update/yogi": lambda *, eta, beta1, beta2, eps: optax.chain(
        optax.scale_by_yogi(beta1, beta2, eps, initial_accumulator_value=0.0), optax.scale_by_learning_rate(eta)
    ),
    "update/adabelief": lambda *, eta, beta1, beta2, eps: optax.adabelief(eta, beta1, beta2, eps, eps),
    "update/adan": _adan,
    "update/sign_sgd": lambda *, eta: optax.sign_sgd(eta),
    "update/signum": lambda *, eta, beta1: optax.signum(eta, beta1),
    "update/rprop": lambda *, eta, eta_minus, eta_plus, smallest, largest: optax.rprop(
        eta, eta_minus, eta_plus, smallest, largest
    ),
    "update/lion": lambda *, eta, beta1, beta2, lam: optax.lion(eta, beta1, beta2, weight_decay=lam),
    "update/lars": lambda *, eta, mu, lam, trust, eps: optax.lars(
        eta, lam, trust_coefficient=trust, eps=eps, momentum=mu
    ),
    "update/lamb": lambda *, eta, beta1, beta2, eps, lam: optax.lamb(eta, beta1, beta2, eps, weight_decay=lam),
    "update/novograd": lambda *, eta, beta1, beta2, eps, lam: optax.novograd(eta, beta1, beta2, eps, weight_decay=lam),
    "update/fromage": lambda *, eta, least: optax.fromage(eta, least),
    "update/adaptive_clipping": lambda *, eta, clip, eps: optax.chain(
        _by_rows(lambda axes: optax.adaptive_grad_clip(clip, eps, axes)), optax.sgd(eta)
    ),
    "update/adafactor": _adafactor,
    "update/sm3": _sm3,
    "update/centralize": lambda *, eta: optax.chain(optax.centralize(), optax.sgd(eta)),
    "update/clip_by_block_rms": lambda *, eta, clip: optax.chain(optax.clip_by_block_rms(clip), optax.sgd(eta)),
    "update/normalize_by_update_norm": lambda *, eta, eps: optax.normalize_by_update_norm(-eta, eps),
    "update/lookahead": _lookahead,
    "update/polyak_sgd": _polyak,
    "update/dog": lambda *, eta, alpha, eps: contrib.dog(eta, ("heuristic", alpha), eps),
    "update/dowg": lambda *, eta, initial, eps: contrib.dowg(eta, initial, eps),
    "update/dadapt_adamw": lambda *, eta, beta1, beta2, eps, d0, lam: contrib.dadapt_adamw(
        eta, (beta1, beta2), eps, d0, lam
    ),
    "update/prodigy": _prodigy,
    "update/momo": _momo,
    "update/momo_adam": _momo_adam,
    "update/sam": lambda *, eta, radius: contrib.sam(
        optax.sgd(eta), optax.chain(contrib.normalize(), optax.sgd(radius))
    ),
    "update/schedule_free_sgd": lambda *, eta, beta1, lam: contrib.schedule_free_sgd(eta, b1=beta1, weight_decay=lam),
    "update/schedule_free_adamw": lambda *, eta, beta1, beta2, eps, lam: contrib.schedule_free_adamw(
        eta, None, beta1, beta2, eps, lam
    ),
    "update/optimistic_gradient_descent": lambda *, eta, alpha, optimism: optax.optimistic_gradient_descent(
        eta, alpha, optimism
    ),
    "update/optimistic_adam": lambda *, eta, beta1, beta2, eps, alpha, optimism: optax.optimistic_adam_v2(
        eta, alpha=alpha, beta=optimism, b1=beta1, b2=beta2, eps=eps, nesterov=False
    ),
    "update/ademamix": lambda *, eta, beta1, beta2, beta3, alpha, eps, lam: contrib.ademamix(
        eta, beta1, beta2, beta3, alpha, eps, weight_decay=lam
    ),
    "update/simplified_ademamix": lambda *, eta, beta1, beta2, alpha, eps, lam: contrib.simplified_ademamix(
        eta, beta1, beta2, alpha, eps, weight_decay=lam
    ),
    "update/adopt": lambda *, eta, beta1, beta2, eps: contrib.adopt(eta, beta1, beta2, eps),
    "update/acprop": lambda *, eta, beta1, beta2, eps: contrib.acprop(eta, beta1, beta2, eps, eps),
    "update/sophia": _sophia,
    "update/madgrad": lambda *, eta, mu, eps: contrib.madgrad(eta, mu, eps=eps),
    "update/cocob": lambda *, eta, alpha, eps: contrib.cocob(eta, alpha, eps),
    "update/muon": _muon,
}
NATIVE: dict[str, Callable[..., Any]] = {
    "update/sgd": optax.sgd,
    "update/momentum": optax.sgd,
    "update/nesterov": functools.partial(optax.sgd, nesterov=True),
    "update/adagrad": optax.adagrad,
    "update/rmsprop": optax.rmsprop,
    "update/rmsprop_centered": functools.partial(optax.rmsprop, centered=True),
    "update/adadelta": optax.adadelta,
    "update/adam": optax.adam,
    "update/adamw": optax.adamw,
    "update/amsgrad": optax.amsgrad,
    "update/nadam": optax.nadam,
    "update/radam": optax.radam,
    "update/adamax": optax.adamax,
    "update/yogi": optax.yogi,
    "update/adabelief": optax.adabelief,
    "update/adan": optax.adan,
    "update/sign_sgd": optax.sign_sgd,
    "update/signum": optax.signum,
    "update/rprop": optax.rprop,
    "update/lion": optax.lion,
    "update/lars": optax.lars,
    "update/lamb": optax.lamb,
    "update/novograd": optax.novograd,
    "update/fromage": optax.fromage,
    "update/adafactor": optax.adafactor,
    "update/sm3": optax.sm3,
    "update/schedule_free_sgd": contrib.schedule_free_sgd,
    "update/schedule_free_adamw": contrib.schedule_free_adamw,
    "update/optimistic_gradient_descent": optax.optimistic_gradient_descent,
    "update/optimistic_adam": optax.optimistic_adam_v2,
    "update/ademamix": contrib.ademamix,
    "update/simplified_ademamix": contrib.simplified_ademamix,
    "update/adopt": contrib.adopt,
    "update/acprop": contrib.acprop,
    "update/madgrad": contrib.madgrad,
    "update/cocob": contrib.cocob,
    **({"update/muon": contrib.muon} if hasattr(contrib, "muon") else {}),
}
NAMES = {"eta": "learning_rate", "mu": "momentum", "lam": "weight_decay", "initial": "initial_accumulator_value",
         "beta1": "b1", "rho": "decay"}  # fmt: skip

# Where Optax keeps the accumulators of a rule. That of RMSProp's momentum is another: −η times ours.
STATES: dict[str, dict[str, str]] = {
    "update/momentum": {"b": "trace"},
    "update/momentum_l2": {"b": "trace"},
    "update/nesterov": {"b": "trace"},
    "update/sgdw": {"b": "trace"},
    "update/adagrad": {"G": "sum_of_squares"},
    "update/rmsprop": {"v": "nu"},
    "update/rmsprop_centered": {"s": "nu", "m": "mu"},
    "update/adadelta": {"v": "e_g", "d": "e_x"},
    "update/adam": {"m": "mu", "v": "nu"},
    "update/adam_l2": {"m": "mu", "v": "nu"},
    "update/adamw": {"m": "mu", "v": "nu"},
    "update/amsgrad": {"m": "mu", "v": "nu", "v_max": "nu_max"},
    "update/nadam": {"m": "mu", "v": "nu"},
    "update/radam": {"m": "mu", "v": "nu"},
    "update/adamax": {"m": "mu", "u": "nu"},
    "update/yogi": {"m": "mu", "v": "nu"},
    "update/adabelief": {"m": "mu", "v": "nu"},
    "update/adan": {"m": "m", "v": "v", "n": "n", "p": "g"},
    "update/signum": {"m": "ema"},
    "update/rprop": {"s": "step_sizes", "p": "prev_updates"},  # it keeps the step where we keep the gradient
    "update/lion": {"m": "mu"},
    "update/lars": {"b": "-trace"},  # it adds what we subtract
    "update/lamb": {"m": "mu", "q": "nu"},
    "update/novograd": {"m": "mu", "q": "nu"},
    "update/lookahead": {"s": "slow"},
    "update/dog": {"x0": "init_params", "r": "max_dist", "G": "sum_sq_norm_grads"},
    "update/dowg": {"x0": "init_params", "r": "estim_sq_dist", "G": "weighted_sq_norm_grads"},
    "update/dadapt_adamw": {
        "m": "exp_avg",
        "q": "exp_avg_sq",
        "p": "grad_sum",
        "D": "estim_lr",
        "r": "numerator_weighted",
    },
    "update/prodigy": {
        "m": "exp_avg",
        "q": "exp_avg_sq",
        "p": "grad_sum",
        "x0": "params0",
        "D": "estim_lr",
        "r": "numerator_weighted",
    },
    "update/momo": {"m": "exp_avg", "F": "barf", "r": "gamma"},
    "update/momo_adam": {"m": "exp_avg", "q": "exp_avg_sq", "F": "barf", "r": "gamma"},
    "update/sam": {"c": "cache"},
    "update/schedule_free_sgd": {"z": "z"},
    "update/schedule_free_adamw": {"z": "z", "v": "nu"},
    "update/optimistic_gradient_descent": {"p": "previous_gradient"},
    "update/optimistic_adam": {"m": "mu", "v": "nu", "p": "previous_gradient"},
    "update/ademamix": {"m": "m1", "n": "m2", "v": "nu"},
    "update/simplified_ademamix": {"m": "m", "v": "n"},
    "update/adopt": {"m": "mu", "v": "nu"},
    "update/acprop": {"m": "mu", "v": "nu"},
    "update/sophia": {"m": "mu", "h": "nu"},
    "update/madgrad": {"x0": "x0", "G": "grad_sum_sq", "s": "s"},
    "update/muon": {"m": "mu"},
    "update/cocob": {
        "x0": "init_particles",
        "L": "scale",
        "G": "subgradients",
        "R": "reward",
        "C": "cumulative_gradients",
    },
}

# What else is kept of a run so far, by the number of steps made and the hyperparameters.
NUMBERS: dict[str, Callable[..., dict[str, float]]] = {
    "update/lookahead": lambda made, *, period, **_: {"steps_since_sync": made % period},
    "update/sam": lambda made, **_: {"steps_since_sync": made % 2},
    "update/schedule_free_sgd": lambda made, *, eta, **_: {"weight_sum": made * eta**2, "max_lr": eta},
    "update/schedule_free_adamw": lambda made, *, eta, **_: {"weight_sum": made * eta**2, "max_lr": eta},
}


class Form(NamedTuple):
    """Accumulators that Optax keeps in another form: theirs of ours, and ours of theirs, both with w."""

    put: Callable[[dict[str, Any]], dict[str, Any]]
    take: Callable[[dict[str, Any], Any], dict[str, Any]]


FORMS = {
    "update/adafactor": Form(
        lambda x: {"v_row": x["r"][..., 0], "v_col": x["c"][..., 0, :]} if x["w"].ndim > 1 else {"v": x["r"]},
        lambda x, w: {"r": x["v_row"][..., None], "c": x["v_col"][..., None, :]} if w.ndim > 1 else {"r": x["v"]},
    ),
    "update/sm3": Form(
        lambda x: {"nu": x["m"], "mu": [x[name].ravel() for name in ("r", "c")[: x["w"].ndim]]},
        lambda x, w: (
            {"m": x["nu"], "r": x["mu"][0][:, None], "c": x["mu"][1][None]}
            if w.ndim > 1
            else {"m": x["nu"], "r": x["mu"][0]}
        ),
    ),
}
