"""Why mutants that answer as the formula does are the same function: survivors of the run that have been read.

By subject and change, whatever the line. A survivor without a reason here has only been asked.
"""

from __future__ import annotations

from dataclasses import replace

from gradproof.evidence.finding import Finding

TIE = "both branches are equal there"
GUARD = "it guards a branch that `where` does not take"
ORDER = "the function is symmetric"
STRICT = "`strict` tells of a programming error that is not made"
QUICK = "a shortcut: the long way does the same"

REASONS = {
    "gates.normal_tail True → False": STRICT,
    "gates._from_tail z >= 0 → z > 0": TIE,
    "activation/celu np.clip(z, -800 * alpha, 0) → np.clip(-800 * alpha, z, 0)": "min(max(·, ·), 0) either way",
    "piecewise._leaky_rest slope_rest * m → slope_rest": "no 16-bit float has a tie there; all of them were tried",
    "activation/sigmoid np.maximum(e, z >= 0) → np.maximum(z >= 0, e)": ORDER,
    "arguments.gathered x.ndim - 1 → 1 - x.ndim": QUICK,
    "arguments._rows x.ndim - 1 → x.ndim": QUICK,
    "entries.distributions 1 → 2": "what is refused then is refused by its sum",
    "ctc._walk np.zeros(T) → np.ones(T)": "every entry is written before it is read",
    "log_pairs.log_times total(x[0], high) → total(high, x[0])": ORDER,
    "cost/cross_entropy_labels 0 → -1": "a row that is ignored may be any finite constant",
    "cost/cross_entropy_probabilities y if label_smoothing == 0 else _smoothed(y, label_smoothing) → "
    "_smoothed(y, label_smoothing)": QUICK,
    "logit.sigmoids z > 0 → z >= 0": TIE,
    "cost/squared_hinge np.maximum(0, 1 - y * z) → np.maximum(1 - y * z, 0)": ORDER,
    "probability._log_share 0.5 → 1.0": GUARD,
    "cost/huber_error size <= delta → size < delta": TIE,
    "cost/gaussian_nll 1 → 0": "this branch is for |q| > 10¹⁵⁴, where 1 − q = −q",
    "similarity._between np.abs(cos) < 0.5 → np.abs(cos) <= 0.5": TIE,
    "cost/nt_xent gap > 0 → gap >= 0": TIE,
    "softmax.miss_power below > -1 → below >= -1": "at −1 both ways are right to the last bit",
    "softmax.beyond_linear np.minimum(x, 0.5) → x": GUARD,
    "exact.exact_sum low + lower → low - lower": "where both are not 0 the sum has not cancelled: last bits",
    "exact.exponential np.maximum(high, DEEP) → np.maximum(DEEP, high)": ORDER,
    "activation.elementwise 4 → 3": "such a body rounds nothing, in float64 neither",
    "network.weighted_input b if b.ndim == 1 else b[..., None, :] → b[..., None, :]": QUICK,
    "clipping.jointly True → False": STRICT,
    "clipping.jointly {'': cotangent} → {'': -cotangent}": "it is refused for its name",
    "clipping._norm 0.0 → -1.0": "of no arrays the norm is then −0 instead of 0",
    "reduction._end y if y.dtype.char == 'd' else y.astype(np.float64) → y": "NumPy widens it with the outputs",
    "steps.over_root np.hypot(kept ** 0.5 * (np.sqrt(old) * S), share ** 0.5 * (g * S)) → "
    "np.hypot(share ** 0.5 * (g * S), kept ** 0.5 * (np.sqrt(old) * S))": ORDER,
    "steps._check_arrays True → False": STRICT,
    "steps.each_parameter 0 → -1": "a list of one: its first is its last",
}  # fmt: skip


def explained(f: Finding) -> Finding:
    """The finding with the reason beside it, if it is on a mutant that nobody can tell from the formula."""
    reason = REASONS.get(f"{f.formula} {f.more['before']} → {f.more['after']}", "")
    return replace(f, why=f"{reason} ({f.why})") if reason and f.verdict == "equivalent" else f
