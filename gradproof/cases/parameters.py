"""Values of the parameters of every formula at which it is asked: the defaults, then others, ends of ranges too.

A formula whose defaults are all that anybody asks for hides what its parameters do.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gradproof.cases.source import Source
from reference.formula import Formula

Parameters = Mapping[str, Any]

# By id: settings beside the defaults. Every parameter stands in two or more. Where pieces meet at it, it is exact in
# float32: frameworks round parameters to the dtype, and that would move the kink.
OTHERS: dict[str, tuple[dict[str, Any], ...]] = {
    "activation/leaky_relu": ({"negative_slope": 0.25}, {"negative_slope": -0.3}, {"negative_slope": 0.0}),
    "activation/prelu": ({"weight": -0.4}, {"weight": 0.0}, {"weight": 1.5}),
    "activation/rrelu": ({"lower": 0.1, "upper": 0.1}, {"lower": -0.25, "upper": 0.5}),
    "activation/elu": ({"alpha": 2.0}, {"alpha": 0.3}),
    "activation/celu": ({"alpha": 2.0}, {"alpha": 0.3}),
    "activation/softplus": ({"beta": 2.0}, {"beta": 0.3}),
    "activation/softplus_threshold": ({"beta": 2.0, "threshold": 0.5}, {"beta": 0.5, "threshold": -1.25}),
    "activation/hardtanh": ({"min_val": -0.375, "max_val": 2.0}, {"min_val": 0.0, "max_val": 6.0}),
    "activation/hardshrink": ({"lambd": 0.0}, {"lambd": 1.375}),
    "activation/softshrink": ({"lambd": 0.0}, {"lambd": 1.375}),
    "activation/threshold": ({"threshold": 0.75, "value": -2.0}, {"threshold": -1.0, "value": -1.0}),
    "activation/squareplus": ({"b": 0.3}, {"b": 100.0}),
    "activation/huber": ({"delta": 0.375}, {"delta": 2.5}),
    "activation/softmax": ({"temperature": 0.3}, {"temperature": 2.5}),
    "activation/softmin": ({"temperature": 0.3}, {"temperature": 2.5}),
    "activation/log_softmax": ({"temperature": 0.3}, {"temperature": 2.5}),
    "activation/logsumexp": ({"temperature": 0.3}, {"temperature": 2.5}),
    "cost/huber_error": ({"delta": 0.3}, {"delta": 2.5}),
    "cost/smooth_l1": ({"beta": 0.3}, {"beta": 2.5}),
    "cost/quantile": ({"tau": 0.9}, {"tau": 0.05}),
    "cost/poisson_nll": ({"full": True},),
    "cost/poisson_nll_rate": ({"eps": 1e-8, "full": True}, {"eps": 0.5}),
    "cost/gaussian_nll": ({"full": True}, {"eps": 0.5, "full": True}, {"eps": 2.0}),
    "cost/sigmoid_focal": ({"alpha": 0.5, "gamma": 1.5}, {"alpha": 0.9, "gamma": 0.0}, {"alpha": 0.0, "gamma": 5.0}),
    "cost/cross_entropy_labels": (
        {"label_smoothing": 0.1, "softcap": 30.0},
        {"label_smoothing": 1.0},
        {"label_smoothing": 0.1, "smooth_others": True, "temperature": 0.3},
        {"softcap": 2.0, "temperature": 2.5},
        {"label_smoothing": 0.3, "smooth_others": True, "softcap": 5.0, "temperature": 2.5},
    ),
    "cost/cross_entropy_probabilities": ({"label_smoothing": 0.1}, {"label_smoothing": 1.0}),
    "cost/softmax_focal": ({"gamma": 1.5}, {"gamma": 0.0}),
    "cost/poly_cross_entropy": ({"epsilon": -0.5}, {"epsilon": 0.0}, {"epsilon": -1.0}),
    "cost/hinge_embedding": ({"margin": 0.5}, {"margin": 2.0}),
    "cost/margin_ranking": ({"margin": 0.5}, {"margin": -0.3}),
    "cost/multi_margin": ({"p": 2, "margin": 0.5}, {"p": 1, "margin": 2.0}),
    "cost/cosine_embedding": ({"margin": 0.25}, {"margin": -0.5}),
    "cost/triplet_margin": (
        {"margin": 2.0, "eps": 1e-6},
        {"margin": 0.3, "eps": 0.1},
        {"swap": True},
        {"margin": 0.3, "eps": 1e-6, "swap": True},
    ),
    "cost/nt_xent": ({"temperature": 0.5}, {"temperature": 2.0}),
    "cost/dice": ({"smooth": 0.0}, {"smooth": 0.3}),
    "cost/tversky": ({"alpha": 0.3, "beta": 0.7, "smooth": 0.5}, {"alpha": 0.0, "beta": 1.0, "smooth": 0.25}),
    "cost/dpo": (
        {"beta": 0.5, "label_smoothing": 0.1, "margin": 0.5},
        {"beta": 2.0, "label_smoothing": 1.0, "margin": -1.0},
    ),
    "cost/cpo": (
        {"beta": 0.5, "label_smoothing": 0.1, "alpha": 0.3},
        {"beta": 2.0, "label_smoothing": 1.0, "alpha": 0.0},
    ),
    "cost/simpo": (
        {"beta": 0.5, "label_smoothing": 0.1, "margin": 0.5},
        {"beta": 10.0, "label_smoothing": 1.0, "margin": -1.0},
    ),
    "cost/grpo_clip": (
        {"low": 0.1, "high": 0.3, "normaliser": "token"},
        {"low": 1.0, "high": 0.0, "normaliser": "group"},
    ),
    "cost/reverse_kl": ({"temperature": 0.3}, {"temperature": 2.5}),
    "cost/generalized_dice": ({"power": 1.0}, {"power": 0.0}),
    "cost/jensen_shannon": ({"beta": 0.1}, {"beta": 0.75}),
    "cost/distillation": ({"temperature": 0.3}, {"temperature": 2.5}),
    "cost/ipo": ({"beta": 0.5}, {"beta": 2.0}),
    "cost/kto": ({"beta": 0.5}, {"beta": 2.0}),
    "cost/ppo_clip": ({"low": 0.1, "high": 0.3}, {"low": 1.0, "high": 0.0}),
    "regularizer/l2": ({"lam": 0.3, "n": 7}, {"lam": 0.0, "n": 2}),
    "regularizer/l1": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/elastic_net": ({"lam": 0.3, "mix": 0.1}, {"lam": 0.0, "mix": 1.0}, {"lam": 2.0, "mix": 0.0}),
    "regularizer/group_lasso": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/max_norm": ({"lam": 0.3, "limit": 0.7}, {"lam": 0.0, "limit": 2.0}),
    "regularizer/orthogonality": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/spectral_norm": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/nuclear_norm": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/entropy": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/label_smoothing": ({"eps": 0.3}, {"eps": 1.0}, {"eps": 0.0}),
    "regularizer/activity_l2": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/activity_l1": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/alpha_dropout": ({"rate": 0.1}, {"rate": 0.7}, {"rate": 0.0}),
    "regularizer/inverted_dropout": ({"rate": 0.1}, {"rate": 0.7}, {"rate": 0.0}),
    "regularizer/jacobian": ({"lam": 0.3}, {"lam": 0.0}),
    "regularizer/gradient_penalty": ({"lam": 0.3, "target": 0.5}, {"lam": 0.0, "target": 0.0}),
    "layer/layer_norm": ({"eps": 0.3}, {"eps": 1e-12}),
    "layer/rms_norm": ({"eps": 0.3, "offset": 1.0}, {"eps": 1e-12, "offset": -0.5}),
    "layer/norm": ({"p": 1.0}, {"p": float("inf")}),
    "layer/lp_pooling": ({"p": 1.0}, {"p": 3.0}, {"p": float("inf")}),
    "layer/variance": ({"correction": 0.0}, {"correction": 1.5}),
    "layer/standard_deviation": ({"correction": 0.0}, {"correction": 1.5}),
    "layer/sinkhorn": ({"temperature": 0.3, "iterations": 1}, {"temperature": 2.5, "iterations": 2}),
    "layer/newton_schulz": (
        {"a": 1.5, "b": -0.5, "c": 0.125, "eps": 0.25, "iterations": 1},
        {"a": 1.875, "b": -1.25, "c": 0.375, "eps": 1e-3, "iterations": 2},
    ),
    "layer/add_rms_norm": ({"eps": 0.3, "offset": 1.0}, {"eps": 1e-12, "offset": -0.5}),
    "layer/batch_norm": ({"eps": 0.3}, {"eps": 1e-12}),
    "layer/batch_norm_inference": ({"eps": 0.3}, {"eps": 1e-12}),
    "layer/local_response_norm": (
        {"size": 3, "alpha": 0.3, "beta": 0.5, "k": 2.0},
        {"size": 2, "alpha": 2.5, "beta": 1.25, "k": 0.3},
    ),
    "layer/group_norm": ({"eps": 0.3}, {"eps": 1e-12}),
    "layer/attention": (
        {"causal": True, "scale": 0.3},
        {"softcap": 2.0, "window": 2},
        {"causal": True, "offset": 1, "window": 3},
        {"causal": True, "offset": 2, "softcap": 0.5, "scale": 2.0},
    ),
    "layer/lora": ({"alpha": 0.3}, {"alpha": 16.0}),
    "layer/rotary": ({"base": 500000.0}, {"base": 2.5}),
    "layer/gumbel_softmax": ({"temperature": 0.3}, {"temperature": 2.5}),
    "layer/router": ({"k": 1}, {"k": 3}, {"k": 1, "normalised": False}),
    "layer/load_balance": ({"k": 3}, {"k": 2}),
    "update/clip_by_value": ({"max_value": 0.3}, {"max_value": 2.5}),
    "update/sgd": ({"eta": 0.5}, {"eta": 3.0}),
    "update/sgd_l2": ({"eta": 0.5, "lam": 0.3, "n": 7}, {"eta": 2.0, "lam": 0.6, "n": 2}),
    "update/momentum": ({"eta": 0.5, "mu": 0.5, "dampening": 0.3}, {"eta": 2.0, "mu": 0.99, "dampening": 0.9}),
    "update/nesterov": ({"eta": 0.5, "mu": 0.5}, {"eta": 2.0, "mu": 0.99}),
    "update/sgdw": ({"eta": 0.5, "mu": 0.5, "lam": 0.3}, {"eta": 2.0, "mu": 0.99, "lam": 0.001}),
    "update/adagrad": ({"eta": 0.5, "eps": 1e-3, "initial": 0.1}, {"eta": 2.0, "eps": 0.0, "initial": 1.0}),
    "update/rmsprop": (
        {"eta": 0.5, "rho": 0.99, "mu": 0.9, "eps": 0.1},
        {"eta": 2.0, "rho": 0.5, "mu": 0.5, "eps": 0.0},
    ),
    "update/rmsprop_centered": (
        {"eta": 0.5, "rho": 0.99, "mu": 0.9, "eps": 0.1},
        {"eta": 2.0, "rho": 0.5, "mu": 0.5, "eps": 0.0},
    ),
    "update/adadelta": ({"eta": 0.5, "rho": 0.99, "eps": 1e-3}, {"eta": 2.0, "rho": 0.5, "eps": 1e-12}),
    "update/adam": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0},
    ),
    "update/adamw": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "lam": 0.001},
    ),
    "update/amsgrad": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "bias_correction": True},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "bias_correction": True},
    ),
    "update/nadam": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "momentum_decay": 0.1},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "momentum_decay": math.inf},
    ),
    "update/radam": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.99, "eps": 1e-3, "threshold": 5.0},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "threshold": 4.5},
    ),
    "update/adamax": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0},
    ),
    "update/yogi": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 0.1},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 1e-8},
    ),
    "update/adabelief": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 1e-8},
    ),
    "update/adan": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.875, "beta3": 0.9, "gamma": 0.125, "eps": 1e-3},
        {"eta": 2.0, "beta1": 0.9, "beta2": 0.5, "beta3": 0.999, "gamma": 0.5, "eps": 0.0},
    ),
    "update/sign_sgd": ({"eta": 0.5}, {"eta": 3.0}),
    "update/signum": ({"eta": 0.5, "beta1": 0.5}, {"eta": 2.0, "beta1": 0.99}),
    "update/rprop": (
        {"eta": 0.5, "eta_minus": 0.25, "eta_plus": 2.0, "smallest": 0.125, "largest": 2.0},
        {"eta": 2.0, "eta_minus": 0.75, "eta_plus": 1.125, "smallest": 0.0, "largest": 1e6},
    ),
    "update/lion": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.95, "beta2": 0.5, "lam": 0.01},
    ),
    "update/asgd": (
        {"eta": 0.5, "lam": 0.3, "alpha": 0.5, "t0": 2.0},
        {"eta": 2.0, "lam": 0.001, "alpha": 2.0, "t0": 10.0},
    ),
    "update/lookahead": ({"eta": 0.5, "alpha": 0.75, "period": 1}, {"eta": 2.0, "alpha": 0.25, "period": 3}),
    "update/schedule_free_sgd": ({"eta": 0.5, "beta1": 0.5, "lam": 0.3}, {"eta": 2.0, "beta1": 0.99, "lam": 0.001}),
    "update/schedule_free_adamw": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "lam": 0.001},
    ),
    "update/optimistic_gradient_descent": (
        {"eta": 0.5, "alpha": 0.75, "optimism": 0.5},
        {"eta": 2.0, "alpha": 1.5, "optimism": 2.0},
    ),
    "update/optimistic_adam": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "alpha": 0.75, "optimism": 0.5},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "alpha": 1.5, "optimism": 2.0},
    ),
    "update/ademamix": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "beta3": 0.8, "alpha": 0.5, "eps": 1e-3, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "beta3": 0.999, "alpha": 8.0, "eps": 0.0, "lam": 0.001},
    ),
    "update/simplified_ademamix": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "alpha": 0.5, "eps": 1e-3, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.999, "beta2": 0.99999, "alpha": 8.0, "eps": 0.0, "lam": 0.001},
    ),
    "update/adopt": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0},
    ),
    "update/acprop": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 1e-8},
    ),
    "update/sophia": (
        {"eta": 0.5, "beta1": 0.5, "gamma": 0.25, "eps": 1e-3, "clip": 8.0, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "gamma": 4.0, "eps": 1e-12, "clip": 0.5, "lam": 0.001},
    ),
    "update/madgrad": ({"eta": 0.5, "mu": 0.5, "eps": 1e-3}, {"eta": 2.0, "mu": 0.99, "eps": 0.0}),
    "update/cocob": ({"eta": 0.5, "alpha": 0.5, "eps": 1e-3}, {"eta": 2.0, "alpha": 8.0, "eps": 1e-12}),
    "update/polyak_sgd": (
        {"eta": 0.5, "value": 0.75, "lower": 0.25, "most": 0.125, "eps": 1e-3},
        {"eta": 2.0, "value": 3.0, "lower": -0.5, "most": 8.0, "eps": 1e-8},
    ),
    "update/dog": ({"eta": 0.5, "alpha": 0.25, "eps": 1e-3}, {"eta": 2.0, "alpha": 1e-3, "eps": 0.0}),
    "update/dowg": ({"eta": 0.5, "initial": 0.25, "eps": 1e-3}, {"eta": 2.0, "initial": 1e-3, "eps": 0.0}),
    "update/dadapt_adamw": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "d0": 0.25, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 1e-12, "d0": 1e-3, "lam": 0.001},
    ),
    "update/prodigy": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "d0": 0.25, "coefficient": 0.5, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 1e-12, "d0": 1e-3, "coefficient": 2.0, "lam": 0.001},
    ),
    "update/momo": (
        {"eta": 0.5, "beta1": 0.5, "value": 0.75, "lower": 0.25, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "value": 3.0, "lower": -0.5, "lam": 0.001},
    ),
    "update/momo_adam": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "value": 0.75, "lower": 0.25, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 1e-12, "value": 3.0, "lower": -0.5, "lam": 0.001},
    ),
    "update/sam": ({"eta": 0.5, "radius": 0.25}, {"eta": 2.0, "radius": 1.5}),
    "update/adafactor": (
        {"eta": 0.5, "decay": 0.5, "eps": 1e-28, "clip": 1.5, "lam": 0.3},
        {"eta": 2.0, "decay": 1.0, "eps": 1e-26, "least": 0.5, "clip": 0.25, "lam": 0.001},
        {"eta": 0.25, "least": 2.0},
    ),
    "update/muon": (
        {"eta": 0.5, "mu": 0.5, "lam": 0.3, "a": 1.5, "b": -0.5, "c": 0.125, "eps": 0.25, "iterations": 1},
        {
            "eta": 2.0,
            "mu": 0.75,
            "lam": 0.001,
            "a": 1.875,
            "b": -1.25,
            "c": 0.375,
            "eps": 1e-3,
            "iterations": 2,
            "nesterov": False,
            "adjust": "match_rms_adamw",
        },
    ),
    "update/sm3": ({"eta": 0.5, "beta1": 0.5, "eps": 1e-3}, {"eta": 2.0, "beta1": 0.99, "eps": 1e-12}),
    "update/centralize": ({"eta": 0.5}, {"eta": 3.0}),
    "update/clip_by_block_rms": ({"eta": 0.5, "clip": 0.25}, {"eta": 2.0, "clip": 4.0}),
    "update/normalize_by_update_norm": ({"eta": 0.5, "eps": 1e-3}, {"eta": 2.0, "eps": 0.0}),
    "update/lbfgs": ({"eta": 0.5}, {"eta": 3.0}),
    "update/lars": (
        {"eta": 0.5, "mu": 0.5, "lam": 0.3, "trust": 0.25, "eps": 0.1},
        {"eta": 2.0, "mu": 0.99, "lam": 0.001, "trust": 0.5, "eps": 1e-8},
    ),
    "update/lamb": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.99999, "eps": 0.0, "lam": 0.001},
    ),
    "update/novograd": (
        {"eta": 0.5, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "lam": 0.3},
        {"eta": 2.0, "beta1": 0.99, "beta2": 0.98, "eps": 0.0, "lam": 0.001},
    ),
    "update/fromage": ({"eta": 0.5, "least": 2.0}, {"eta": 2.0, "least": 0.0}),
    "update/adaptive_clipping": ({"eta": 0.5, "clip": 0.5, "eps": 0.1}, {"eta": 2.0, "clip": 2.0, "eps": 1e-8}),
}


def settings(id: str) -> Iterator[Parameters]:
    """The defaults, which are an empty setting, then all others."""
    yield {}
    yield from OTHERS.get(id, ())


def setting(id: str, k: int) -> Parameters:
    """The k-th of them, round and round."""
    every = list(settings(id))
    return every[k % len(every)]


# Parameters that are never at the ends of the range: entries bound a correction, angles of 1e300 have no digits, and
# a polynomial that is iterated leaves the range at once.
USUAL = {
    "layer/variance": ("correction",),
    "layer/standard_deviation": ("correction",),
    "layer/rotary": ("base",),
    "layer/newton_schulz": ("a", "b", "c"),
}


def extreme(formula: Formula, s: Source) -> Parameters:
    """One real parameter as large or as small as the dtype has numbers, in the styles that are; else none.

    It is one that the record lets be so; which of several, the seed says.
    """
    if s.style not in ("huge", "tiny"):
        return {}
    known = inspect.signature(formula.function).parameters
    x = max(float(s.sizes()), 2.0 ** (s.normal + 4))  # not subnormal: its last digits are to count
    may = [name for name, default in formula.parameters.items()
           if isinstance(known[name].default, float) and name not in USUAL.get(formula.id, ())
           and all(formula.at(condition, **{name: x}) for condition in formula.valid.values()
                   if re.search(rf"\b{name}\b", condition))]  # fmt: skip
    return {may[s.seed // 2 % len(may)]: x} if may else {}


def label(parameters: Parameters) -> str:
    """A setting in words; empty for the defaults.

    >>> label({"alpha": 2.0, "reduction": "sum"})
    'alpha = 2, reduction = sum'
    """
    return ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
                     for name, value in parameters.items())  # fmt: skip
