"""PyTorch's layers with its own defaults, where those of `OWN` are ours or it keeps statistics: for conventions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition


def _batch_norm(x: Tensor, **options: Any) -> dict[str, Tensor]:
    """One call of the module in training, and the statistics that it stores."""
    module = torch.nn.BatchNorm1d(x.shape[1], affine=False, dtype=x.dtype, **options)
    y, mean, variance = module(x), module.running_mean, module.running_var
    assert mean is not None
    assert variance is not None
    return {"value": y, "mean": mean, "variance": variance}


def _multi_head_attention(
    x: Tensor, q_weight: Tensor, k_weight: Tensor, v_weight: Tensor, out_weight: Tensor, mask: Any = None, **given: Any
) -> Tensor:
    y, _ = F.multi_head_attention_forward(
        x[:, None], x[:, None], x[:, None], x.shape[-1], given.get("heads", 1), None, None, None, None, False, 0.0,
        out_weight, None, need_weights=False, attn_mask=mask,
        use_separate_proj_weight=True, q_proj_weight=q_weight, k_proj_weight=k_weight, v_proj_weight=v_weight,
    )  # fmt: skip
    return y[:, 0]


NATIVE: dict[str, Definition] = {
    "layer/layer_norm": lambda x, **options: F.layer_norm(x, x.shape[-1:], **options),
    "layer/rms_norm": lambda x, **options: F.rms_norm(x, x.shape[-1:], **options),
    "layer/batch_norm": _batch_norm,
    "layer/batch_norm_inference": lambda x, mean, variance, **options: F.batch_norm(x, mean, variance, **options),
    "layer/group_norm": lambda x, groups, **options: F.group_norm(x, groups, **options),
    "layer/convolution": lambda x, weight, **options: F.conv1d(x, weight, **options),
    "layer/transposed_convolution": lambda x, weight, **options: F.conv_transpose1d(x, weight, **options),
    "layer/max_pooling": lambda x, **options: F.max_pool1d(x, **options),
    "layer/average_pooling": lambda x, **options: F.avg_pool1d(x, **options),
    "layer/variance": lambda x, **options: torch.var(x, -1, **options),
    "layer/standard_deviation": lambda x, **options: torch.std(x, -1, **options),
    "layer/multi_head_attention": _multi_head_attention,
}
