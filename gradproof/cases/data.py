"""Real data: the sets that scikit-learn brings along."""

from __future__ import annotations

import functools

import numpy as np

from reference.costs import one_hot
from reference.formula import Array


@functools.cache
def dataset(name: str) -> tuple[Array, Array]:
    """Standardised features and targets of a scikit-learn data set bundled with it.

    digits: (1797, 64) and one-hot rows of 10; breast_cancer: (569, 30) and 0/1; diabetes: (442, 10) and the
    standardised target. A constant pixel of digits stays 0.
    """
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    spread = x.std(0)
    x = (x - x.mean(0)) / np.where(spread == 0, 1, spread)
    if name == "digits":
        return x, one_hot(y, 10)
    y = y[:, None].astype(float)
    return x, (y - y.mean()) / y.std() if name == "diabetes" else y
