"""Update rules, by name: optimizer steps and gradient clipping."""

from reference.updates.averages import asgd, lookahead, schedule_free_adamw, schedule_free_sgd
from reference.updates.clipping import clip_by_norm, clip_by_value
from reference.updates.distances import dadapt_adamw, dog, dowg, polyak_sgd, prodigy
from reference.updates.duals import cocob, madgrad
from reference.updates.matrices import adafactor, sm3
from reference.updates.moments import acprop, adabelief, adan, ademamix, adopt, simplified_ademamix, sophia, yogi
from reference.updates.momentum_models import momo, momo_adam, sam
from reference.updates.muon import muon
from reference.updates.norms import (
    adaptive_clipping,
    centralize,
    clip_by_block_rms,
    fromage,
    lamb,
    lars,
    normalize_by_update_norm,
    novograd,
)
from reference.updates.optimistic import optimistic_adam, optimistic_gradient_descent
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
from reference.updates.quasi_newton import lbfgs
from reference.updates.signs import rprop, sign_sgd, signum
from reference.updates.steps import Step

__all__ = [
    "Step",
    "acprop",
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "adan",
    "adaptive_clipping",
    "ademamix",
    "adopt",
    "amsgrad",
    "asgd",
    "centralize",
    "clip_by_block_rms",
    "clip_by_norm",
    "clip_by_value",
    "cocob",
    "dadapt_adamw",
    "dog",
    "dowg",
    "fromage",
    "lamb",
    "lars",
    "lbfgs",
    "lion",
    "lookahead",
    "madgrad",
    "momentum",
    "momo",
    "momo_adam",
    "muon",
    "nadam",
    "nesterov",
    "normalize_by_update_norm",
    "novograd",
    "optimistic_adam",
    "optimistic_gradient_descent",
    "polyak_sgd",
    "prodigy",
    "radam",
    "rmsprop",
    "rmsprop_centered",
    "rprop",
    "sam",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "sgd",
    "sgd_l2",
    "sgdw",
    "sign_sgd",
    "signum",
    "simplified_ademamix",
    "sm3",
    "sophia",
    "yogi",
]
