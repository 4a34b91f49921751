"""PyTorch's own sample inputs, asked of ours: values and gradients agree, or the list below says why not.

The samples are those of OpInfo (torch.testing._internal.common_methods_invocations, op_db), in float64. Two answers
agree if they are no further apart than both may be from the truth, in conditioned ULP: ours by its record, torch by
what the audit allows to others. How much an entry sways with its inputs is measured on torch: all that is
differentiated by, and the cotangent, turn by 2^-26 of themselves, each up or down by chance. Of answers further apart
the truth over balls decides.
"""

from __future__ import annotations

import functools
import random
import re
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch.testing._internal needs it")

from peers.torch_names import TABLE, F  # noqa: E402

from gradproof.answers.truth import truth  # noqa: E402
from gradproof.cases.case import Case  # noqa: E402
from gradproof.evidence.verdicts import INACCURATE  # noqa: E402
from reference import CATALOGUE, vjp  # noqa: E402

VERSION = "2.13"
if not torch.__version__.startswith(VERSION):
    pytest.skip(f"the lists are those of torch {VERSION}", allow_module_level=True)

# By torch's function: what of its samples is not taken, as a pattern of the refusal, and the mathematical reason.
NO_ROW = ("z has shape", "a row without entries has no largest one and no sum to divide by")
NO_CLASS = ("is not a label", "y stands for one of two classes, −1 and 1, and another number for none")
UNTAKEN = {
    "softmax": [NO_ROW],
    "log_softmax": [NO_ROW],
    F + "softmin": [NO_ROW],
    F + "hardshrink": [("lambd = -0.5", "no size is below a negative number: nothing would be shrunk")],
    F + "rrelu": [("random slope", "the slope is drawn by chance: there is no function to differentiate")],
    F + "normalize": [("not that of p", "another length than the Euclidean one, or at p < 1 none")],
    F + "cross_entropy": [("sum of a row of y", "a row that does not sum to one is no distribution")],
    F + "soft_margin_loss": [NO_CLASS],
    F + "hinge_embedding_loss": [NO_CLASS],
    F + "multilabel_margin_loss": [("is not an indicator", "a label is listed twice, and labels are a set")],
    F + "multilabel_soft_margin_loss": [("is not a probability", "a target is a probability, from 0 to 1")],
}
# Where torch is further from the truth than is allowed, at some of its samples, and ours is not; and why.
SHARE = "a share of nearly 1 has its 1 − s taken by a difference"
OFF = {
    "sigmoid": "1 − σ of the slope is a difference: no digit is left at z = 9",
    "tanh": "1 − tanh² is a difference",
    F + "hardsigmoid": "the slope 1/6 is rounded to single precision",
    F + "gelu": "1 + erf and 1 + tanh are differences on the left",
    "softmax": SHARE,
    "log_softmax": SHARE,
    "logsumexp": SHARE,
    F + "softmin": SHARE,
    F + "cross_entropy": SHARE,
    F + "cosine_embedding_loss": "1e-12 is added to the squares of the lengths",
    F + "binary_cross_entropy_with_logits": "σ(z) − y is a difference",
    F + "poisson_nll_loss": "rate and Stirling's log y! are added though they cancel",
}
TAKEN = 0.95  # of all samples, at least
TURN = 2.0**-26
TURNS = 4


def samples(name):
    """OpInfo's samples of a function, the same on every run."""
    for op in operators(name):
        random.seed(0)
        torch.manual_seed(0)
        for sample in op.sample_inputs("cpu", torch.float64, requires_grad=True):
            yield op.op, sample


@functools.cache
def database():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return op_db


def operators(name):
    return [
        op
        for op in database()
        if op.name == name and torch.float64 in op.dtypes and "complex" not in op.variant_test_name
    ]


def tensors(sample):
    return [x for x in (sample.input, *sample.args, *sample.kwargs.values()) if isinstance(x, torch.Tensor)]


def theirs(op, sample, asked, v, turn=lambda x: x.detach().requires_grad_()):
    """Torch's output in our layout, and its gradients by tensor, at inputs and a cotangent that are turned."""
    leaves = [turn(x) if x.requires_grad else x for x in tensors(sample)]
    rest = iter(leaves)
    call = sample.transform(lambda x: next(rest) if isinstance(x, torch.Tensor) else x)
    out = asked.output(op(call.input, *call.args, **call.kwargs))
    wanted = [x for x in leaves if x.requires_grad]
    found = torch.autograd.grad(out, wanted, turn(v).detach().reshape(out.shape), allow_unused=True)
    gradients = [torch.zeros_like(x) if g is None else asked.along(g) for x, g in zip(wanted, found, strict=True)]
    return [out.detach(), *gradients]


def ours(asked, v, answer):
    """Output and gradients by argument."""
    arrays = {name: x.detach().numpy() for name, x in asked.arguments.items() if x is not None}
    if not asked.apart:
        outputs, gradients = answer(asked.id, arrays, v.numpy(), **asked.parameters)
        return outputs["value"], gradients
    each = [
        answer(asked.id, dict(zip(arrays, row, strict=True)), w, **asked.parameters)
        for *row, w in zip(*arrays.values(), v.numpy(), strict=True)
    ]
    stacked = {name: np.stack([gradients[name] for _, gradients in each]) for name in each[0][1]}
    return np.stack([outputs["value"] for outputs, _ in each]), stacked


def by_tensor(asked, gradients, wanted):
    """Gradients by our arguments as those by torch's tensors, through the layout between them; None where it ends."""
    total = [None] * len(wanted)
    for name, g in gradients.items():
        x = asked.arguments[name]
        if x.requires_grad:
            parts = torch.autograd.grad(x, wanted, torch.as_tensor(g), allow_unused=True, retain_graph=True)
            total = [t if p is None else p if t is None else t + p for t, p in zip(total, parts, strict=True)]
    return total


def distances(op, sample, asked, v, value, gradients):
    """How far the two answers are apart, of what they may be, by output and by torch's tensors."""
    wanted = [x for x in tensors(sample) if x.requires_grad]
    given, bare = by_tensor(asked, gradients, wanted), [torch.zeros_like(x) for x in wanted]
    sized = by_tensor(asked, {name: np.abs(g) for name, g in gradients.items()}, wanted)
    still = {x for x, g in zip(wanted, given, strict=True) if g is None}  # switches
    mine = [torch.as_tensor(value), *(z if g is None else g for z, g in zip(bare, given, strict=True))]
    sizes = [mine[0].abs(), *(z if g is None else g for z, g in zip(bare, sized, strict=True))]
    rng, exact = np.random.default_rng(0), theirs(op, sample, asked, v)

    def turn(x):
        turned = x.detach() if x in still else x.detach() * torch.as_tensor(1 + TURN * rng.choice([-1, 1], x.shape))
        return turned.requires_grad_()

    sways = [torch.zeros_like(x) for x in exact]
    for _ in range(TURNS):
        turned = theirs(op, sample, asked, v, turn)
        sways = [torch.maximum(s, (t - x).abs() / TURN) for s, t, x in zip(sways, turned, exact, strict=True)]
    ulps = CATALOGUE[asked.id].conditioned_ulp
    for k, (m, x, sway, size) in enumerate(zip(mine, exact, sways, sizes, strict=True)):
        cancelled = (size - m.abs()).clamp(min=0)  # where the layout adds up
        unit = torch.as_tensor(np.spacing(x.abs().numpy())) + 2.0**-53 * (sway + cancelled)
        m = asked.along(m) if k else m
        apart = (torch.where(m == x, 0, (m - x).abs()) - asked.slack).clamp(min=0)
        yield float((apart / unit).max()) / (ulps + max(INACCURATE, ulps)) if x.numel() else 0.0


def held(asked, v, answer):
    """Whether ours keeps what its record says, by the truth."""
    arrays = {name: x.detach().numpy() for name, x in asked.arguments.items() if x is not None}
    exact = truth(Case(asked.id, "float64", "peer", 0, arrays, v.numpy(), asked.parameters))
    outputs, gradients = answer(asked.id, arrays, v.numpy(), **asked.parameters)
    pairs = [(exact.outputs["value"], outputs["value"])] + [
        (exact.gradients[name], gradients[name]) for name in gradients
    ]
    bound = CATALOGUE[asked.id].conditioned_ulp
    return all(np.all((right.error(got) <= bound) | np.isnan(right.truth.hi)) for right, got in pairs)


def outcome(op, sample, ask, answer):
    """Empty where both answers agree; else the refusal, or who is off."""
    try:
        asked = ask(sample.input, *sample.args, **sample.kwargs)
        shape, rng = asked.output(op(sample.input, *sample.args, **sample.kwargs)).shape, np.random.default_rng(0)
        v = torch.as_tensor(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 3, shape))
        value, gradients = ours(asked, v, answer)
    except (TypeError, ValueError) as refusal:
        return str(refusal)
    far = float(np.max([*distances(op, sample, asked, v, value, gradients)]))  # NaN if one is
    if far <= 1:
        return ""
    who = "one" if asked.slack else "torch" if held(asked, v, answer) else "ours"  # there is no truth of a long way
    return f"{who} is off, {far:.3g} times what is allowed: {sample.summary()}"


@functools.cache
def outcomes(name):
    """What becomes of every sample of a function."""
    return [outcome(op, sample, TABLE[name], vjp) for op, sample in samples(name)]


def taken_right(outcome):
    """Whether ours took a sample, and torch or else the truth agrees."""
    return not outcome or outcome.startswith("torch is off")


@pytest.mark.parametrize("name", TABLE)
def test_torch_and_ours_agree_on_the_samples_of(name):
    listed = [pattern for pattern, _ in UNTAKEN.get(name, ())] + ["torch is off"] * (name in OFF)
    why = [outcome for outcome in outcomes(name) if outcome]
    assert [w for w in why if not any(re.search(pattern, w) for pattern in listed)] == []
    assert [pattern for pattern in listed if not any(re.search(pattern, w) for w in why)] == [], "a stale entry"


def test_nearly_all_samples_are_taken():
    every = [outcome for name in TABLE for outcome in outcomes(name)]
    assert len(every) > 800
    assert sum(map(taken_right, every)) >= TAKEN * len(every)


def test_every_entry_is_one_of_the_table():
    assert {*UNTAKEN, *OFF, *UNREFUSED} <= set(TABLE)


def planted(id, arguments, cotangent, **parameters):
    """Ours, with the largest entry of a gradient off by 1e-9 of itself."""
    outputs, gradients = vjp(id, arguments, cotangent, **parameters)
    for name, g in gradients.items():
        if g.size and np.isfinite(g).all():
            k = np.unravel_index(np.abs(g).argmax(), g.shape)
            g = g.copy()
            g[k] *= 1 + 1e-9
            gradients[name] = g
    return outputs, gradients


@pytest.mark.parametrize("name", TABLE)
def test_an_error_in_a_gradient_is_seen(name):
    taken = [case for case, why in zip(samples(name), outcomes(name), strict=True) if taken_right(why)]
    if name in UNTAKEN and not any(sum(x.numel() for x in tensors(sample)) > 2 for _, sample in taken):
        pytest.skip("no sample is taken")
    for op, sample in sorted(taken, key=lambda case: sum(x.numel() for x in tensors(case[1]))):
        if outcome(op, sample, TABLE[name], planted).startswith(("ours is off", "one is off")):
            return
    pytest.fail("no sample shows it")


# ---------------------------------------------------------------- what torch refuses

UNREFUSED = {}


def errors(name):
    """What torch refuses, as what becomes of it with us."""
    for op in operators(name):
        if op.error_inputs_func:
            for error in op.error_inputs("cpu"):
                sample = error.sample_input
                try:
                    asked = TABLE[name](sample.input, *sample.args, **sample.kwargs)
                    arrays = {name: x.detach().numpy() for name, x in asked.arguments.items() if x is not None}
                    vjp(asked.id, arrays, **asked.parameters)
                except (TypeError, ValueError, LookupError):
                    continue
                yield f"{sample.summary()}: {error.error_regex}"


@pytest.mark.parametrize("name", TABLE)
def test_what_torch_refuses_we_refuse(name):
    listed = [pattern for pattern, _ in UNREFUSED.get(name, ())]
    taken = list(errors(name))
    assert [t for t in taken if not any(re.search(pattern, t) for pattern in listed)] == []
    assert [pattern for pattern in listed if not any(re.search(pattern, t) for t in taken)] == [], "a stale entry"
