"""Answers against the truth: accuracy, sweeps over the floats, kinks."""
