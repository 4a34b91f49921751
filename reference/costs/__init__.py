"""Every cost, by name.

A cost takes its arrays, its parameters, a `reduction` and the number of `leading` axes that are independent problems,
and returns (C, {argument: gradient}); see `reference.costs.reduction`. Everything is evaluated in float64 and rounded
once to the dtype of the first argument, float16, bfloat16, float32 or float64.

Every cost raises TypeError for a first argument that is not floating, others that are not real, labels that are no
integers and parameters that are no numbers; ValueError for shapes that do not fit (`reference.costs.arguments`),
entries and parameters outside what its record says (`entries`, `valid`), and a mean over nothing. All name what is
wrong.

>>> C, gradients = squared_error([1.0, 2.0], [0.0, 4.0], reduction="sum")
>>> float(C), gradients["a"].tolist()
(5.0, [2.0, -4.0])
"""

from reference.costs.arguments import one_hot
from reference.costs.crf import crf
from reference.costs.ctc import ctc
from reference.costs.divergence import generalized_kl, total_variation
from reference.costs.fenchel_young import entmax, multiclass_sparsemax, ranking_softmax, sparsemax
from reference.costs.language import adaptive_log_softmax, distillation, linear_cross_entropy, reverse_kl, z_loss
from reference.costs.logit import (
    binary_cross_entropy_logits,
    cross_entropy_labels,
    cross_entropy_probabilities,
    poly_cross_entropy,
    sigmoid_focal,
    softmax_focal,
)
from reference.costs.margin import (
    hinge,
    hinge_embedding,
    margin_ranking,
    perceptron,
    soft_margin,
    squared_hinge,
    wasserstein_critic,
)
from reference.costs.multiclass import (
    multi_margin,
    multiclass_hinge,
    multiclass_perceptron,
    multilabel_margin,
    multilabel_soft_margin,
)
from reference.costs.overlap import dice, generalized_dice, tversky
from reference.costs.policy import grpo_clip, kl_k1, kl_k3, ppo_clip
from reference.costs.preference import cpo, dpo, ipo, kto, orpo, simpo
from reference.costs.probability import (
    binary_cross_entropy,
    cross_entropy,
    jensen_shannon,
    kl_div,
    kl_div_log_target,
    nll,
    nll_labels,
)
from reference.costs.reduction import Cost
from reference.costs.regression import (
    gaussian_nll,
    huber_error,
    l1,
    log_cosh,
    poisson_nll,
    poisson_nll_rate,
    quadratic,
    quantile,
    smooth_l1,
    squared_error,
)
from reference.costs.similarity import cosine_distance, cosine_embedding, nt_xent, triplet_margin
from reference.costs.transducer import transducer

__all__ = [
    "Cost",
    "adaptive_log_softmax",
    "binary_cross_entropy",
    "binary_cross_entropy_logits",
    "cosine_distance",
    "cosine_embedding",
    "cpo",
    "crf",
    "cross_entropy",
    "cross_entropy_labels",
    "cross_entropy_probabilities",
    "ctc",
    "dice",
    "distillation",
    "dpo",
    "entmax",
    "gaussian_nll",
    "generalized_dice",
    "generalized_kl",
    "grpo_clip",
    "hinge",
    "hinge_embedding",
    "huber_error",
    "ipo",
    "jensen_shannon",
    "kl_div",
    "kl_div_log_target",
    "kl_k1",
    "kl_k3",
    "kto",
    "l1",
    "linear_cross_entropy",
    "log_cosh",
    "margin_ranking",
    "multi_margin",
    "multiclass_hinge",
    "multiclass_perceptron",
    "multiclass_sparsemax",
    "multilabel_margin",
    "multilabel_soft_margin",
    "nll",
    "nll_labels",
    "nt_xent",
    "one_hot",
    "orpo",
    "perceptron",
    "poisson_nll",
    "poisson_nll_rate",
    "poly_cross_entropy",
    "ppo_clip",
    "quadratic",
    "quantile",
    "ranking_softmax",
    "reverse_kl",
    "sigmoid_focal",
    "simpo",
    "smooth_l1",
    "soft_margin",
    "softmax_focal",
    "sparsemax",
    "squared_error",
    "squared_hinge",
    "total_variation",
    "transducer",
    "triplet_margin",
    "tversky",
    "wasserstein_critic",
    "z_loss",
]
