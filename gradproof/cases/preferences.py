"""Costs of preferences, policies and language models: near, both models all but agree."""

from __future__ import annotations

import numpy as np

from gradproof.cases.costs import examples, of, reduced_terms
from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array


def _likelihoods(s: Source, *names: str) -> dict[str, Array]:
    """Log-probabilities of answers: near, all but the same under both models."""
    first = -np.exp(s.rng.uniform(-1, 6 if s.regime == "wide" else 2, s.n))
    return {name: -np.abs(s.close(first) if s.regime == "near" else s.positive(s.n)) for name in names}


def _answers(s: Source) -> Drawn:
    given = _likelihoods(s, "chosen", "rejected")
    if s.odd:
        given |= _likelihoods(s, "reference_chosen", "reference_rejected")
    return examples(s, {**given, "weight": s.weight(s.n)})


def _kto(s: Source) -> Drawn:
    given = {**_likelihoods(s, "a", "reference"), "y": s.signs(s.n), "weight": s.weight(s.n)}
    return examples(s, given | ({"kl": s.positive(1)} if s.odd else {}))


def _orpo(s: Source) -> Drawn:
    return examples(s, {**_likelihoods(s, "chosen", "rejected"), "weight": s.weight(s.n)})


def _ppo_clip(s: Source) -> Drawn:
    a = -s.rng.uniform(0, 30, s.n) if s.style else -s.positive(s.n)
    step = s.rng.uniform(-0.5, 0.5, s.n) * {"plain": 1.0, "wide": 20.0, "near": 1e-3, "extreme": 1e-9}[s.regime]
    return examples(s, {"a": a, "old": a - step, "advantage": s.real(s.n), "weight": s.weight(s.n)})


def _kl_k3(s: Source) -> Drawn:
    return examples(s, {**_likelihoods(s, "a", "reference"), "weight": s.weight(s.n)})


def _z_loss(s: Source) -> Drawn:
    return examples(s, {"z": s.logits(s.n, s.d), "weight": s.weight(s.n)})


def _distillation(s: Source) -> Drawn:
    z = s.logits(s.n, s.d)
    y = z + 1e-3 * s.rng.standard_normal(z.shape) if s.regime == "near" else s.logits(s.n, s.d)
    return examples(s, {"z": z, "y": y, "weight": s.weight(s.n)})


def _cpo(s: Source) -> Drawn:
    return examples(s, {**_likelihoods(s, "chosen", "rejected"), "weight": s.weight(s.n)})


def _simpo(s: Source) -> Drawn:
    lengths = {f"{name}_lengths": s.rng.integers(1, 50, s.n) for name in ("chosen", "rejected")}
    return examples(s, {**_likelihoods(s, "chosen", "rejected"), **lengths, "weight": s.weight(s.n)})


def _grpo_clip(s: Source) -> Drawn:
    """Three answers of up to four tokens; in every second case not all of them count."""
    shape = (s.n, s.d)
    a = -s.rng.uniform(0, 30, shape) if s.style else -s.positive(*shape)
    step = s.rng.uniform(-0.5, 0.5, shape) * {"plain": 1.0, "wide": 20.0, "near": 1e-3, "extreme": 1e-9}[s.regime]
    given = {"a": a, "old": a - step, "advantage": s.real(s.n)}
    lengths = np.append(s.rng.integers(1, s.d, s.n - 1), 0) if s.odd and s.n > 1 else None
    return reduced_terms(s, {**given, "lengths": lengths}, *shape)


def _adaptive_log_softmax(s: Source) -> Drawn:
    """Two frequent words and two clusters, of one word and of four; near, labels that are learned."""
    n = 6 if s.n > 1 else 1
    head, tails = s.logits(n, 4), s.logits(n, 5)
    labels = np.resize([0, 5, 2, 1, 3, 6], n) if s.n > 1 else np.array([4])
    if s.regime == "near":
        cluster = np.searchsorted([2, 3], labels, side="right") - 1
        head = head + 20 * (np.arange(4) == np.where(cluster < 0, labels, 2 + cluster)[:, None])
        tails = tails + 20 * (np.arange(2, 7) == labels[:, None])
    one = not s.odd and s.seed % 4 == 0  # cluster alone, behind three frequent words
    return reduced_terms(s, {"head": head, "tails": tails, "labels": labels}, n, **({} if one else {"cutoffs": [2, 3]}))


DRAWS: dict[str, Draw] = {
    **of(_answers, "dpo ipo"),
    **of(_kto, "kto"),
    **of(_orpo, "orpo"),
    **of(_cpo, "cpo"),
    **of(_simpo, "simpo"),
    **of(_ppo_clip, "ppo_clip"),
    **of(_grpo_clip, "grpo_clip"),
    **of(_kl_k3, "kl_k1 kl_k3"),
    **of(_z_loss, "z_loss"),
    **of(_distillation, "distillation reverse_kl"),
    **of(_adaptive_log_softmax, "adaptive_log_softmax"),
}
