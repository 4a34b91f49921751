"""The pages of the report, from evidence and records alone. A module writes its pages by `write(evidence, folder)`."""

from gradproof.pages import (
    accuracy,
    checkers,
    conventions,
    coverage,
    drift,
    frameworks,
    front,
    kinks,
    literature,
    mutants,
    networks,
    proofs,
    scaling,
    speed,
    training,
    updates,
)

__all__ = [
    "accuracy",
    "checkers",
    "conventions",
    "coverage",
    "drift",
    "frameworks",
    "front",
    "kinks",
    "literature",
    "mutants",
    "networks",
    "proofs",
    "scaling",
    "speed",
    "training",
    "updates",
]
