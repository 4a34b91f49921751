"""Whole blocks: their gradients by every weight against the truth, and training from one start."""
