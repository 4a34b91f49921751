"""Costs of several inputs at the end of a network: which argument takes its outputs, and which its targets.

These are names alone; what a cost is, every oracle says for itself. Targets are rows as long as the outputs; where
the argument is `labels`, the label is where the 1 stands.
"""

from __future__ import annotations

from typing import NamedTuple


class End(NamedTuple):
    """Arguments of outputs and of targets, and the reduction that is the mean over examples."""

    outputs: str
    targets: str
    reduction: str = "mean"

    @property
    def labelled(self) -> bool:
        """True where the cost takes integer labels in the place of rows."""
        return self.targets == "labels"


def _ends(end: End, names: str) -> dict[str, End]:
    return {f"cost/{name}": end for name in names.split()}


ENDS: dict[str, End] = {
    **_ends(End("a", "y"), "l1 squared_error huber_error smooth_l1 log_cosh quantile poisson_nll poisson_nll_rate"),
    **_ends(End("a", "y", "batchmean"), "kl_div"),
    **_ends(End("p", "q"), "jensen_shannon"),
    **_ends(End("a", "y"), "binary_cross_entropy dice tversky"),
    **_ends(End("a", "labels"), "nll_labels"),
    **_ends(End("z", "y"), "binary_cross_entropy_logits sigmoid_focal cross_entropy_probabilities poly_cross_entropy"),
    **_ends(End("z", "labels"), "cross_entropy_labels softmax_focal"),
    **_ends(End("z", "y"), "hinge squared_hinge perceptron soft_margin hinge_embedding"),
    **_ends(End("z", "y"), "multilabel_margin multilabel_soft_margin"),
    **_ends(End("z", "labels"), "multi_margin multiclass_hinge multiclass_perceptron"),
    **_ends(End("a", "b"), "wasserstein_critic"),
}
MATRIX_PENALTIES = tuple(
    f"regularizer/{name}" for name in ("group_lasso", "max_norm", "orthogonality", "spectral_norm", "nuclear_norm")
)
