"""Every name of the frameworks that has a gradient, or makes a step of one, and what we have for it."""

# Over 400 lines: one table, a line for each name of four packages.

from __future__ import annotations

from typing import NamedTuple

from reference import ALIASES, CATALOGUE

FORMULA, COMPOSED, NONE, NOT_YET = "formula", "composed of", "no formula", "not yet"
STATUSES = (FORMULA, COMPOSED, NONE, NOT_YET)
MADE_FOR = {"torch": "2.13.0", "jax": "0.10.2", "optax": "0.2.8"}  # the releases whose names these are


class Entry(NamedTuple):
    """What we have for a name: how, by which ids, that of the framework's defaults first, and what is to be said."""

    status: str
    ids: tuple[str, ...]
    why: str


def reading(text: str) -> Entry:
    """An entry of the table. Ids that are not in the catalogue make it one that is not there yet.

    >>> reading("activation/gelu activation/gelu_tanh: by approximate")
    Entry(status='formula', ids=('activation/gelu', 'activation/gelu_tanh'), why='by approximate')
    >>> reading("composed of cost/cosine_distance: 1 − s")
    Entry(status='composed of', ids=('cost/cosine_distance',), why='1 − s')
    >>> reading("no formula: it makes labels")
    Entry(status='no formula', ids=(), why='it makes labels')
    >>> reading("layer/unheard_of")
    Entry(status='not yet', ids=('layer/unheard_of',), why='')
    """
    said, _, why = text.partition(": ")
    for status in (NONE, NOT_YET, COMPOSED):
        if said.startswith(status):
            said = said.removeprefix(status)
            break
    else:
        status = FORMULA
    ids = tuple(said.split())
    known = all(id in CATALOGUE or id in ALIASES for id in ids)
    return Entry(status if known else NOT_YET, ids, why)


_MOVES = "no formula: entries move, unchanged; the gradient moves back, and adds where one was read more than once"
_HELPER = "no formula: it asks or holds something, and computes nothing of arrays"
_HOLDS = "no formula: it holds other modules or parameters"
_MASKED = "composed of regularizer/inverted_dropout: with a mask that is the same over each channel"
_KEEPS = "composed of regularizer/alpha_dropout: with a mask that is the same over each channel"
_RESIZES = "layer/interpolation layer/adaptive_average_pooling: by mode, area the second; without antialias"
_DRAWN = "layer/fractional_max_pooling: with the samples given"
_NORMS = "layer/lp_pooling: without ceil_mode; an odd norm_type is that of x, not |x|"
_WRAPS = "no formula: it decides when, where or on what another rule is applied"
_HEAD = "no formula: the part of a rule before its step size; see the rule"


def _axes(*names: str) -> str:
    """The names for one, two and three axes."""
    return " ".join(f"{name}{n}d" for name in names for n in "123")


_FUNCTIONAL = {
    "celu celu_": "activation/celu",
    "elu elu_": "activation/elu",
    "gelu": "activation/gelu activation/gelu_tanh: by approximate",
    "glu": "activation/glu",
    "gumbel_softmax": "layer/gumbel_softmax: of noise that is given; hard is straight through",
    "hardshrink": "activation/hardshrink",
    "hardsigmoid": "activation/hardsigmoid",
    "hardswish": "activation/hardswish",
    "hardtanh hardtanh_": "activation/hardtanh",
    "leaky_relu leaky_relu_": "activation/leaky_relu",
    "log_softmax": "activation/log_softmax",
    "logsigmoid": "activation/logsigmoid",
    "mish": "activation/mish",
    "normalize": "activation/l2_normalize: p = 2, of norms above eps; for another p the quotient with layer/norm",
    "prelu": "activation/prelu",
    "relu relu_": "activation/relu",
    "relu6": "activation/relu6",
    "rrelu rrelu_": "activation/rrelu: with the slopes given",
    "selu selu_": "activation/selu",
    "sigmoid": "activation/sigmoid",
    "silu": "activation/silu",
    "softmax": "activation/softmax",
    "softmin": "activation/softmin",
    "softplus": "activation/softplus",
    "softshrink": "activation/softshrink",
    "softsign": "activation/softsign",
    "tanh": "activation/tanh",
    "tanhshrink": "activation/tanhshrink",
    "threshold threshold_": "activation/threshold",
    "binary_cross_entropy": "cost/binary_cross_entropy",
    "binary_cross_entropy_with_logits": "cost/binary_cross_entropy_logits",
    "cosine_embedding_loss": "cost/cosine_embedding",
    "cosine_similarity": "composed of cost/cosine_distance: 1 − it",
    "cross_entropy": "cost/cross_entropy_labels cost/cross_entropy_probabilities: by the kind of target",
    "ctc_loss": "cost/ctc",
    "gaussian_nll_loss": "cost/gaussian_nll",
    "hinge_embedding_loss": "cost/hinge_embedding",
    "huber_loss": "cost/huber_error",
    "kl_div": "cost/kl_div cost/kl_div_log_target: by log_target",
    "l1_loss": "cost/l1",
    "linear_cross_entropy": "cost/linear_cross_entropy",
    "margin_ranking_loss": "cost/margin_ranking",
    "mse_loss": "cost/squared_error",
    "multi_margin_loss": "cost/multi_margin",
    "multilabel_margin_loss": "cost/multilabel_margin",
    "multilabel_soft_margin_loss": "cost/multilabel_soft_margin",
    "nll_loss": "cost/nll_labels",
    "poisson_nll_loss": "cost/poisson_nll cost/poisson_nll_rate: by log_input",
    "smooth_l1_loss": "cost/smooth_l1",
    "soft_margin_loss": "cost/soft_margin",
    "triplet_margin_loss": "cost/triplet_margin: p = 2",
    "triplet_margin_with_distance_loss": "composed of cost/margin_ranking: of the two distances, y = 1; swap is"
    " layer/minimum",
    "batch_norm": "layer/batch_norm_inference layer/batch_norm: by training",
    "group_norm": "layer/group_norm",
    "instance_norm": "layer/instance_norm",
    "layer_norm": "layer/layer_norm",
    "rms_norm": "layer/rms_norm",
    "local_response_norm": "layer/local_response_norm",
    "linear": "layer/linear",
    "bilinear": "layer/bilinear",
    "grouped_mm": "composed of layer/linear: one a group",
    "scaled_mm scaled_grouped_mm": "no formula: products of numbers in 8 bits, which have no gradient there",
    "embedding": "layer/embedding",
    "embedding_bag": "composed of layer/embedding: and the sum, mean or maximum over a bag",
    "scaled_dot_product_attention": "layer/attention",
    "multi_head_attention_forward": "layer/multi_head_attention",
    "conv1d conv2d conv3d": "layer/convolution",
    "conv_transpose1d conv_transpose2d conv_transpose3d": "layer/transposed_convolution",
    "conv_tbc": "composed of layer/convolution: with the axes in another order",
    "unfold": "composed of layer/convolution: with kernels of a single 1",
    "fold": "composed of layer/transposed_convolution: with kernels of a single 1",
    "avg_pool1d avg_pool2d avg_pool3d": "layer/average_pooling",
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d": "layer/adaptive_average_pooling",
    "max_pool1d max_pool2d max_pool3d": "layer/max_pooling",
    "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices": "layer/max_pooling",
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d": "layer/adaptive_max_pooling",
    "adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices":
        "layer/adaptive_max_pooling",
    "fractional_max_pool2d fractional_max_pool3d": _DRAWN,
    "fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices": _DRAWN,
    "lp_pool1d lp_pool2d lp_pool3d": _NORMS,
    "max_unpool1d max_unpool2d max_unpool3d": _MOVES,
    "pairwise_distance pdist": "composed of layer/norm: of the difference",
    "dropout": "regularizer/inverted_dropout: with the mask given",
    "dropout1d dropout2d dropout3d": _MASKED,
    "alpha_dropout": "regularizer/alpha_dropout: with the mask given",
    "feature_alpha_dropout": _KEEPS,
    "affine_grid": "composed of layer/linear: of the grid's coordinates, which are constant",
    "grid_sample": "layer/grid_sample: bilinear and nearest",
    "interpolate upsample": _RESIZES,
    "upsample_bilinear upsample_nearest": "layer/interpolation: the first with align_corners",
    "pad channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle": _MOVES,
    "one_hot": "no formula: of whole numbers",
    "assert_int_or_pair handle_torch_function has_torch_function has_torch_function_unary": _HELPER,
    "has_torch_function_variadic boolean_dispatch": _HELPER,
}  # fmt: skip

_MODULES = {
    "AdaptiveLogSoftmaxWithLoss": "cost/adaptive_log_softmax",
    _axes("AdaptiveAvgPool"): "layer/adaptive_average_pooling",
    _axes("AdaptiveMaxPool"): "layer/adaptive_max_pooling",
    "AlphaDropout": "regularizer/alpha_dropout: with the mask given",
    "FeatureAlphaDropout": _KEEPS,
    _axes("AvgPool"): "layer/average_pooling",
    "BCELoss": "cost/binary_cross_entropy",
    "BCEWithLogitsLoss": "cost/binary_cross_entropy_logits",
    _axes("BatchNorm", "LazyBatchNorm"): "layer/batch_norm layer/batch_norm_inference: by training",
    "SyncBatchNorm": "layer/batch_norm: over the examples of every process",
    "Bilinear": "layer/bilinear",
    "CELU": "activation/celu",
    "CTCLoss": "cost/ctc",
    "ChannelShuffle Flatten PixelShuffle PixelUnshuffle Unflatten": _MOVES,
    _axes("CircularPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "ZeroPad"): _MOVES,
    _axes("Conv", "LazyConv"): "layer/convolution",
    _axes("ConvTranspose", "LazyConvTranspose"): "layer/transposed_convolution",
    "CosineEmbeddingLoss": "cost/cosine_embedding",
    "CosineSimilarity": "composed of cost/cosine_distance: 1 − it",
    "CrossEntropyLoss": "cost/cross_entropy_labels cost/cross_entropy_probabilities: by the kind of target",
    "CrossMapLRN2d": "no formula: local response normalisation, but for a running sum that keeps channel 0",
    "LocalResponseNorm": "layer/local_response_norm",
    "Dropout": "regularizer/inverted_dropout: with the mask given",
    _axes("Dropout"): _MASKED,
    "ELU": "activation/elu",
    "Embedding": "layer/embedding",
    "EmbeddingBag": "composed of layer/embedding: and the sum, mean or maximum over a bag",
    "Fold": "composed of layer/transposed_convolution: with kernels of a single 1",
    "Unfold": "composed of layer/convolution: with kernels of a single 1",
    "FractionalMaxPool2d FractionalMaxPool3d": _DRAWN,
    "GELU": "activation/gelu activation/gelu_tanh: by approximate",
    "GLU": "activation/glu",
    "GRU GRUCell": "layer/gru",
    "LSTM LSTMCell": "layer/lstm: without a projection",
    "RNN RNNCell": "layer/rnn",
    "GaussianNLLLoss": "cost/gaussian_nll",
    "GroupNorm": "layer/group_norm",
    "Hardshrink": "activation/hardshrink",
    "Hardsigmoid": "activation/hardsigmoid",
    "Hardswish": "activation/hardswish",
    "Hardtanh": "activation/hardtanh",
    "HingeEmbeddingLoss": "cost/hinge_embedding",
    "HuberLoss": "cost/huber_error",
    "Identity": "activation/identity",
    _axes("InstanceNorm", "LazyInstanceNorm"): "layer/instance_norm",
    "KLDivLoss": "cost/kl_div cost/kl_div_log_target: by log_target",
    "L1Loss": "cost/l1",
    _axes("LPPool"): _NORMS,
    "LayerNorm": "layer/layer_norm",
    "LeakyReLU": "activation/leaky_relu",
    "Linear LazyLinear": "layer/linear",
    "LinearCrossEntropyLoss": "cost/linear_cross_entropy",
    "LogSigmoid": "activation/logsigmoid",
    "LogSoftmax": "activation/log_softmax",
    "MSELoss": "cost/squared_error",
    "MarginRankingLoss": "cost/margin_ranking",
    _axes("MaxPool"): "layer/max_pooling",
    _axes("MaxUnpool"): _MOVES,
    "Mish": "activation/mish",
    "MultiLabelMarginLoss": "cost/multilabel_margin",
    "MultiLabelSoftMarginLoss": "cost/multilabel_soft_margin",
    "MultiMarginLoss": "cost/multi_margin",
    "MultiheadAttention": "layer/multi_head_attention",
    "NLLLoss NLLLoss2d": "cost/nll_labels",
    "PReLU": "activation/prelu",
    "PairwiseDistance": "composed of layer/norm: of the difference",
    "PoissonNLLLoss": "cost/poisson_nll cost/poisson_nll_rate: by log_input",
    "RMSNorm": "layer/rms_norm",
    "RReLU": "activation/rrelu: with the slopes given",
    "ReLU": "activation/relu",
    "ReLU6": "activation/relu6",
    "SELU": "activation/selu",
    "SiLU": "activation/silu",
    "Sigmoid": "activation/sigmoid",
    "SmoothL1Loss": "cost/smooth_l1",
    "SoftMarginLoss": "cost/soft_margin",
    "Softmax Softmax2d": "activation/softmax",
    "Softmin": "activation/softmin",
    "Softplus": "activation/softplus",
    "Softshrink": "activation/softshrink",
    "Softsign": "activation/softsign",
    "Tanh": "activation/tanh",
    "Tanhshrink": "activation/tanhshrink",
    "Threshold": "activation/threshold",
    "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer": "composed of "
    "layer/multi_head_attention layer/linear layer/layer_norm activation/relu regularizer/inverted_dropout",
    "TripletMarginLoss": "cost/triplet_margin: p = 2",
    "TripletMarginWithDistanceLoss": "composed of cost/margin_ranking: of the two distances, y = 1; swap is"
    " layer/minimum",
    "Upsample": _RESIZES,
    "UpsamplingBilinear2d UpsamplingNearest2d": "layer/interpolation: the first with align_corners",
    "Module ModuleDict ModuleList ParameterDict ParameterList Sequential Container DataParallel": _HOLDS,
    "RNNBase RNNCellBase": _HOLDS,
}  # fmt: skip

_JAX = {
    **{name: f"activation/{name}" for name in (
        "celu", "elu", "glu", "identity", "leaky_relu", "log_softmax", "logsumexp", "mish", "relu", "relu6", "selu",
        "sigmoid", "silu", "softmax", "softplus", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh",
    )},
    "swish": "activation/silu",
    "gelu": "activation/gelu_tanh activation/gelu: by approximate",
    "hard_sigmoid": "activation/hardsigmoid",
    "hard_silu hard_swish": "activation/hardswish",
    "hard_tanh": "activation/hardtanh",
    "log_sigmoid": "activation/logsigmoid",
    "soft_sign": "activation/softsign",
    "log1mexp": "layer/log1mexp",
    "logmeanexp": "activation/logmeanexp",
    "standardize": "layer/layer_norm: without scale and shift",
    "dot_product_attention": "layer/attention",
    "one_hot": "no formula: of whole numbers",
    "scaled_matmul scaled_dot_general get_scaled_dot_general_config": "no formula: products in 8 bits",
}  # fmt: skip

_LOSSES = {
    "binary_dice_loss": "composed of activation/sigmoid cost/tversky",
    "dice_loss": "composed of activation/softmax cost/tversky: a mask a class",
    "multiclass_generalized_dice_loss": "composed of cost/tversky: a mask a class, weighted;"
    " cost/generalized_dice is one quotient of all classes, as published",
    "convex_kl_divergence generalized_kl_divergence": "cost/generalized_kl",
    "cosine_distance": "cost/cosine_distance",
    "cosine_similarity": "composed of cost/cosine_distance: 1 − it",
    "ctc_loss ctc_loss_with_forward_probs": "composed of activation/log_softmax cost/ctc",
    "hinge_loss": "cost/hinge",
    "huber_loss": "cost/huber_error",
    "kl_divergence": "cost/kl_div",
    "kl_divergence_with_log_targets": "cost/kl_div_log_target",
    "l2_loss": "cost/quadratic",
    "log_cosh": "cost/log_cosh",
    "make_fenchel_young_loss": "cost/cross_entropy_labels cost/multiclass_sparsemax cost/entmax"
    " cost/multiclass_perceptron cost/quadratic: by the f that is given, of f(z) − ⟨y, z⟩; the slope is ∇f − y for any",
    "multiclass_hinge_loss": "cost/multiclass_hinge",
    "multiclass_perceptron_loss": "cost/multiclass_perceptron",
    "multiclass_sparsemax_loss": "cost/multiclass_sparsemax",
    "sparsemax_loss": "cost/sparsemax",
    "ntxent": "cost/nt_xent",
    "perceptron_loss": "cost/perceptron",
    "poly_loss_cross_entropy": "cost/poly_cross_entropy",
    "ranking_softmax_loss": "cost/ranking_softmax",
    "safe_softmax_cross_entropy softmax_cross_entropy": "cost/cross_entropy_probabilities",
    "softmax_cross_entropy_with_integer_labels": "cost/cross_entropy_labels",
    "sigmoid_binary_cross_entropy": "cost/binary_cross_entropy_logits",
    "sigmoid_focal_loss": "cost/sigmoid_focal",
    "smooth_labels": "no formula: of labels, which have no gradient; see regularizer/label_smoothing",
    "squared_error": "cost/squared_error",
    "triplet_margin_loss": "cost/triplet_margin",
}  # fmt: skip

_OPTIM = {
    "ASGD": "update/asgd",
    "Adadelta": "update/adadelta",
    "Adafactor": "update/adafactor",
    "Adagrad": "update/adagrad",
    "Adam": "update/adam update/amsgrad: by amsgrad",
    "AdamW": "update/adamw",
    "Adamax": "update/adamax",
    "LBFGS": "update/lbfgs: with one pair, without its search along the line",
    "Muon": "update/muon: of matrices; it iterates in bfloat16",
    "NAdam": "update/nadam",
    "RAdam": "update/radam",
    "RMSprop": "update/rmsprop update/rmsprop_centered: by centered",
    "Rprop": "update/rprop",
    "SGD": "update/sgd update/momentum update/nesterov: by momentum and nesterov",
    "SparseAdam": "composed of update/adam: of the entries that have a gradient",
}

_OPTAX = {
    **{name: f"update/{name}" for name in (
        "adabelief", "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "amsgrad", "fromage",
        "lamb", "lars", "lion", "nadam", "novograd", "radam", "sm3", "sign_sgd", "signum", "yogi", "polyak_sgd",
        "lookahead", "clip_by_block_rms", "normalize_by_update_norm", "centralize",
        "optimistic_gradient_descent",
    )},
    "lbfgs": "update/lbfgs: with one pair, without its search along the line",
    "adan": "update/adan: with gamma = 1 − beta2, which is not the paper's",
    "rprop": "update/rprop: which it is late by a step",
    "sgd": "update/sgd update/momentum update/nesterov: by momentum and nesterov",
    "rmsprop": "update/rmsprop update/rmsprop_centered: by centered",
    "adamaxw": "composed of update/adamax update/sgdw: the step of one, the decay of the other",
    "nadamw": "composed of update/nadam update/sgdw: the step of one, the decay of the other",
    "noisy_sgd add_noise": "no formula: the gradient with noise that it draws",
    "optimistic_adam optimistic_adam_v2": "update/optimistic_adam: without Nesterov's momentum",
    "adaptive_grad_clip": "update/adaptive_clipping",
    "clip": "update/clip_by_value",
    "clip_by_global_norm": "update/clip_by_norm",
    "add_decayed_weights": "composed of regularizer/l2: its gradient is added",
    "ema trace": "composed of update/momentum: its accumulator",
    "scale scale_by_learning_rate": "composed of update/sgd: its step",
    "identity set_to_zero freeze": "no formula: the gradient, or nothing",
    "keep_params_nonnegative zero_nans apply_if_finite conditionally_mask conditionally_transform": _WRAPS,
    "apply_every chain flatten inject_hyperparams inject_stateful_hyperparams masked multi_transform": _WRAPS,
    "named_chain partition selective_transform stateless stateless_with_tree_map with_extra_args_support": _WRAPS,
    "measure_with_ema monitor snapshot": _HELPER,
    "matrix_inverse_pth_root update_infinity_moment update_moment update_moment_per_elem_norm": _HELPER,
    "scale_by_adadelta scale_by_adam scale_by_adamax scale_by_adan scale_by_amsgrad scale_by_belief": _HEAD,
    "scale_by_factored_rms scale_by_lbfgs scale_by_lion scale_by_novograd scale_by_optimistic_gradient": _HEAD,
    "scale_by_polyak scale_by_radam scale_by_rms scale_by_rprop scale_by_rss scale_by_sign scale_by_sm3": _HEAD,
    "scale_by_stddev scale_by_trust_ratio scale_by_yogi scale_by_distance_over_gradients": _HEAD,
    "scale_by_param_block_norm scale_by_param_block_rms": _HEAD,
    "scale_by_schedule": "no formula: a factor that depends on the number of steps alone",
    "scale_by_backtracking_linesearch scale_by_zoom_linesearch": "no formula: a search, which evaluates the cost again",
}  # fmt: skip

_CONTRIB = {
    **{name: f"update/{name}" for name in (
        "acprop", "ademamix", "adopt", "cocob", "dadapt_adamw", "dog", "dowg", "madgrad", "momo", "momo_adam",
        "prodigy", "sam", "schedule_free_adamw", "schedule_free_sgd", "simplified_ademamix",
    )},
    "muon": "update/muon: preconditioning = frobenius, not adaptive; of what is no matrix update/adamw",
    "sophia": "update/sophia: with the diagonal of the Hessian given",
    "galore mechanize reduce_on_plateau schedule_free schedule_free_eval_params": _WRAPS,
    "normalize": "update/normalize_by_update_norm: eps = 0",
    "dpsgd differentially_private_aggregate": "no formula: the gradient with noise that it draws",
    "hutchinson_estimator_diag_hessian": "no formula: an estimate from vectors that it draws",
    "scale_by_acprop scale_by_ademamix scale_by_adopt scale_by_cocob scale_by_galore scale_by_madgrad": _HEAD,
    "scale_by_muon scale_by_simplified_ademamix": _HEAD,
    "split_real_and_imaginary": _MOVES,
}  # fmt: skip

SYNONYMS = {  # words of people, as `gradproof.lookup` reads them: without signs and without "loss"
    "bcelogits": "cost/binary_cross_entropy_logits", "dense": "layer/linear",
    "grpo": "cost/grpo_clip", "hswish": "activation/hardswish", "jsd": "cost/jensen_shannon", "kl": "cost/kl_div",
    "lasso": "regularizer/l1", "mha": "layer/multi_head_attention", "pinball": "cost/quantile",
    "ppo": "cost/ppo_clip", "ridge": "regularizer/l2", "rnnt": "cost/transducer", "rope": "layer/rotary",
    "sdpa": "layer/attention",
}  # fmt: skip

TABLE = {
    room: {name: reading(text) for names, text in lines.items() for name in names.split()}
    for room, lines in {
        "torch.nn.functional": _FUNCTIONAL,
        "torch.nn": _MODULES,
        "torch.optim": _OPTIM,
        "jax.nn": _JAX,
        "optax.losses": _LOSSES,
        "optax": _OPTAX,
        "optax.contrib": _CONTRIB,
    }.items()
}
