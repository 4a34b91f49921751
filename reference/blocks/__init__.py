"""Whole blocks, by name: layers one after the other, and the chain rule. They are called as layers are.

A block claims nothing but that its chain is right, so it has no record and is no formula of the catalogue.

>>> import numpy as np
>>> x, W = np.eye(2), {name: np.eye(2) for name in ("q_weight", "k_weight", "v_weight", "out_weight")}
>>> y, pullback = transformer(x, **W, gate=x, up=x, down=x, norm1=np.ones(2), norm2=np.ones(2))
>>> sorted(pullback(x))
['down', 'gate', 'k_weight', 'norm1', 'norm2', 'out_weight', 'q_weight', 'up', 'v_weight', 'x']
"""

from typing import Any

from reference.blocks import parts
from reference.blocks.classifiers import convolutional_network, lstm_classifier
from reference.blocks.transformer import language_model, transformer

BLOCKS: dict[str, Any] = {  # functions, each with its vjp
    "block/transformer": transformer,
    "block/language_model": language_model,
    "block/convolutional_network": convolutional_network,
    "block/lstm_classifier": lstm_classifier,
}

__all__ = ["BLOCKS", "convolutional_network", "language_model", "lstm_classifier", "parts", "transformer"]
