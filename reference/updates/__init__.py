"""Update rules, by name: optimizer steps and gradient clipping."""

from reference.updates.clipping import clip_by_norm, clip_by_value
from reference.updates.moments import adabelief, adan, yogi
from reference.updates.norms import adaptive_clipping, fromage, lamb, lars, novograd
from reference.updates.optimizers import (
    adadelta,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    lion,
    momentum,
    nadam,
    nesterov,
    radam,
    rmsprop,
    rmsprop_centered,
    sgd,
    sgd_l2,
    sgdw,
)
from reference.updates.signs import rprop, sign_sgd, signum
from reference.updates.steps import Step

__all__ = [
    "Step",
    "adabelief",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "adan",
    "adaptive_clipping",
    "amsgrad",
    "clip_by_norm",
    "clip_by_value",
    "fromage",
    "lamb",
    "lars",
    "lion",
    "momentum",
    "nadam",
    "nesterov",
    "novograd",
    "radam",
    "rmsprop",
    "rmsprop_centered",
    "rprop",
    "sgd",
    "sgd_l2",
    "sgdw",
    "sign_sgd",
    "signum",
    "yogi",
]
