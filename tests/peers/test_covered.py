"""What PyTorch's names are said to be: each is called at random inputs and gives what the formula gives.

Where PyTorch's side of a formula calls the function of that name, it does so here, under a mode that sees every call.
The others are called below, each beside what is asked of ours. A module is what the function it calls is.
"""

import functools
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402

from gradproof import cases  # noqa: E402
from gradproof.cases.case import Case  # noqa: E402
from gradproof.claims.covered import FORMULA, TABLE  # noqa: E402
from oracles import torch_autograd  # noqa: E402
from reference import resolve, vjp  # noqa: E402
from reference.layers import local_response_norm  # noqa: E402

FUNCTIONS = {name: entry for name, entry in TABLE["torch.nn.functional"].items() if entry.status == FORMULA}
MODULES = {name: entry for name, entry in TABLE["torch.nn"].items() if entry.status == FORMULA}
SEEDS, NEAR = 8, 1e-7  # of the largest entry, or of 1: PyTorch rounds the 1/6 of a slope to single precision
X = np.random.default_rng(50).standard_normal((2, 3, 4, 5))
COMMON = {"reshape", "__getitem__", "dim", "squeeze", "unsqueeze"}  # called on the way, whatever is computed


class Calls(TorchFunctionMode):
    """The functions that are called, those within them left out."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.seen.append(function)
        return function(*args, **(kwargs or {}))


def drawn(id, seed):
    """A case of the audit; of an entry by itself, a few numbers."""
    record, parameters = resolve(id)
    if record.id in cases.DRAWS:
        case = cases.draw(record.id, "float64", "plain", seed)
        return case if not parameters or parameters.items() <= case.parameters.items() else drawn(id, seed + 1)
    z, v = np.random.default_rng(seed).standard_normal((2, 9))
    return Case(record.id, "float64", "plain", seed, {"z": z}, {"value": v}, {})


def agree(got, expected):
    """Outputs, and the gradients that PyTorch has."""
    for mine, theirs in zip(got, expected, strict=True):
        for name in mine.keys() & theirs.keys():
            x, y = (np.asarray(side[name], np.float64) for side in (mine, theirs))
            np.testing.assert_allclose(x, y, rtol=NEAR, atol=NEAR * np.abs(y).max(initial=1.0), err_msg=name)


@functools.cache
def called(id):
    """What PyTorch's side of a formula calls in cases of the audit, whose answers are ours."""
    calls = Calls()
    for seed in range(SEEDS):
        case = drawn(id, seed)
        with calls:
            torch_autograd.vjp(case.formula, case.arguments, case.cotangent, **case.parameters)
        ours, theirs = (  # not under the mode, where l1_loss and its like forget the weights
            answer(case.formula, case.arguments, case.cotangent, **case.parameters)
            for answer in (vjp, torch_autograd.vjp)
        )
        agree(ours, theirs)
    return frozenset(calls.seen)


def calls(id, name):
    """Whether the function of that name is called, or one that does the same: in place, with the places besides."""
    plain = name.removesuffix("_with_indices").rstrip("_")
    functions = {getattr(F, name, None), getattr(F, plain, None), getattr(torch, plain, None)}
    return any(f in functions or getattr(f, "__name__", "") == plain for f in called(id))


# ---------------------------------------------------------------- those that the oracle does not call


class Asked(NamedTuple):
    """What PyTorch gives, the tensors it is differentiated by under our names, and the same asked of ours."""

    out: Any
    leaves: dict[str, Any]
    case: Case


def _dropped(function, id, x, rate):
    """The mask is where a gradient comes through."""
    torch.manual_seed(3)
    leaf = torch.tensor(x, requires_grad=True)
    out = function(leaf, rate)
    (g,) = torch.autograd.grad(out.sum(), leaf, retain_graph=True)
    return Asked(out, {"a": leaf}, Case(id, "float64", "", 0, {"a": x, "mask": (g != 0).numpy()}, None, {"rate": rate}))


def _of(function, id, arguments, **parameters):
    """A function of the floats among the arguments, in their order."""
    leaves = {name: torch.tensor(x, requires_grad=x.dtype.kind == "f") for name, x in arguments.items()}
    wanted = {name: x for name, x in leaves.items() if x.requires_grad}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are to go
        return Asked(function(*leaves.values()), wanted, Case(id, "float64", "", 0, arguments, None, parameters))


def _resized(name, mode="linear", **options):
    given = {"size": (6, 3)} | options
    ours = {**given, "mode": {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)}
    more = {} if name.startswith("upsample_") else {"mode": mode}
    if name.startswith("upsample_") and mode == "linear":
        ours["align_corners"] = True
    call = functools.partial(getattr(F, name), **given, **more)
    return lambda: _of(call, "layer/interpolation", {"x": X}, **ours)


def _area(name):
    call = functools.partial(getattr(F, name), size=(3, 2), mode="area")
    return lambda: _of(call, "layer/adaptive_average_pooling", {"x": X}, output_size=(3, 2))


def _gumbel(hard):
    """The same seed at equal logits tells the noise, but for a number in each row, which softmax forgets."""

    def sample(z, temperature, hard=False):
        torch.manual_seed(3)
        return F.gumbel_softmax(z, temperature, hard)

    noise = sample(torch.zeros(X.shape, dtype=torch.float64), 1.0).log().numpy()
    z = torch.tensor(X, requires_grad=True)
    out = sample(z, 0.7, hard)
    out = out + (sample(z, 0.7) - out).detach()  # a hard sample has the slopes of the soft one
    case = Case("layer/gumbel_softmax", "float64", "", 0, {"z": X, "noise": noise}, None, {"temperature": 0.7})
    return Asked(out, {"z": z}, case)


OTHERS = {
    "dropout": [lambda: _dropped(F.dropout, "regularizer/inverted_dropout", X, 0.3)],
    "alpha_dropout": [lambda: _dropped(lambda x, p: F.alpha_dropout(x, p, True), "regularizer/alpha_dropout", X, 0.3)],
    "gumbel_softmax": [lambda: _gumbel(False), lambda: _gumbel(True)],
    "instance_norm": [
        lambda: _of(
            lambda x, w, b: F.instance_norm(x, None, None, w, b, eps=0.1),
            "layer/group_norm",
            {"x": X, "weight": X[0, :, 0, 0], "bias": X[1, :, 2, 1]},
            groups=0,
            eps=0.1,
        )
    ],
    "linear_cross_entropy": [
        lambda: _of(
            lambda h, W, labels: F.linear_cross_entropy(h, W, labels),
            "cost/linear_cross_entropy",
            {"h": X[0, 0], "W": X[1, 1, :3], "labels": np.array([2, 0, 1, 1])},
        )
    ],
    "interpolate": [_area("interpolate")],
    "upsample": [
        _resized("upsample", "bicubic"),
        _resized("upsample", "bilinear", align_corners=True),
        _area("upsample"),
    ],
    "upsample_bilinear": [_resized("upsample_bilinear")],
    "upsample_nearest": [_resized("upsample_nearest", "nearest")],
}


def both(make):
    """Answers of ours and of torch under the same cotangent."""
    out, leaves, case = make()
    v = np.random.default_rng(7).standard_normal(out.shape)
    found = torch.autograd.grad(out, list(leaves.values()), torch.tensor(v))
    theirs = {"value": out.detach().numpy()}, {n: g.numpy() for n, g in zip(leaves, found, strict=True)}
    outputs, gradients = vjp(case.formula, case.arguments, v, **case.parameters)
    return (outputs, {name: gradients[name] for name in leaves}), theirs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_the_formulas_it_is_said_to_be(name):
    asked = {make().case.formula for make in OTHERS.get(name, ())}
    for make in OTHERS.get(name, ()):
        agree(*both(make))
    for id in FUNCTIONS[name].ids:
        assert resolve(id)[0].id in asked or calls(id, name), f"{id} is not asked by this name"


def test_those_called_here_are_claims_and_none_is_called_by_the_oracle():
    assert {*OTHERS} <= {*FUNCTIONS}
    assert not [name for name in OTHERS if all(calls(id, name) for id in FUNCTIONS[name].ids)], "stale"


def test_another_function_is_no_formula_of_that_name():
    assert not calls("layer/average_pooling", "max_pool2d")
    assert not calls("activation/selu", "elu")
    with pytest.raises(AssertionError):
        agree(*both(lambda: _of(F.softsign, "activation/tanh", {"z": X})))


# ---------------------------------------------------------------- modules


@functools.cache
def module_samples():
    pytest.importorskip("expecttest", reason="torch.testing._internal needs it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    return {info.module_cls.__name__: info for info in module_db}


def called_by(name):
    """What a module calls at PyTorch's own sample inputs."""
    info, seen = module_samples()[name], Calls()
    for sample in info.module_inputs_func(info, "cpu", torch.float64, False, training=True)[:6]:
        module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).double()
        with seen, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module(*sample.forward_input.args, **sample.forward_input.kwargs)
    return {getattr(f, "__name__", "").removesuffix("_cell") for f in seen.seen}


LOGARITHMS = X - np.log(np.exp(X).sum(1, keepdims=True))
LABELS = np.random.default_rng(51).integers(0, 3, (2, 4, 5))


def _clusters():
    """Two frequent words and clusters of one and four, behind projections that keep the logits as they are."""
    head, tails = X[0, 0, :, :4], X[1, 0]
    module = nn.AdaptiveLogSoftmaxWithLoss(9, 7, [2, 3], div_value=1.0).double()
    pick = torch.eye(9, dtype=torch.float64)
    for weight, rows in zip(module.parameters(), (pick[:4], pick, pick[4:5], pick, pick[5:]), strict=True):
        weight.data = rows
    return _of(
        lambda head, tails, labels: module(torch.cat([head, tails], -1), labels).loss,
        "cost/adaptive_log_softmax",
        {"head": head, "tails": tails, "labels": np.array([0, 6, 2, 4])},
        cutoffs=[2, 3],
    )


CALLED = {  # modules that have no samples, or call a function of another formula
    "AdaptiveLogSoftmaxWithLoss": [_clusters],
    "AlphaDropout": [lambda: _dropped(lambda x, p: nn.AlphaDropout(p)(x), "regularizer/alpha_dropout", X, 0.3)],
    "Dropout": [lambda: _dropped(lambda x, p: nn.Dropout(p)(x), "regularizer/inverted_dropout", X, 0.3)],
    "Hardsigmoid": [lambda: _of(nn.Hardsigmoid(), "activation/hardsigmoid", {"z": 4 * X})],
    "Identity": [lambda: _of(nn.Identity(), "activation/identity", {"z": X})],
    "NLLLoss2d": [lambda: _of(nn.NLLLoss2d(), "cost/nll_labels", {"a": LOGARITHMS, "labels": LABELS})],
    "ReLU6": [lambda: _of(nn.ReLU6(), "activation/relu6", {"z": 4 * X})],
    "RReLU": [lambda: _of(nn.RReLU(0.1, 0.3).eval(), "activation/rrelu", {"z": X}, lower=0.1, upper=0.3)],
    "TripletMarginLoss": [
        lambda: _of(
            nn.TripletMarginLoss(2.0), "cost/triplet_margin", dict(zip("abc", X[0], strict=True)), margin=2.0, eps=1e-6
        )
    ],
    "Upsample": [
        lambda: _of(nn.Upsample((6, 3), mode="bilinear"), "layer/interpolation", {"x": X}, size=(6, 3)),
        lambda: _of(nn.Upsample((3, 2), mode="area"), "layer/adaptive_average_pooling", {"x": X}, output_size=(3, 2)),
    ],
    "UpsamplingBilinear2d": [
        lambda: _of(nn.UpsamplingBilinear2d((6, 3)), "layer/interpolation", {"x": X}, size=(6, 3), align_corners=True)
    ],
    "UpsamplingNearest2d": [
        lambda: _of(nn.UpsamplingNearest2d((6, 3)), "layer/interpolation", {"x": X}, size=(6, 3), mode="nearest")
    ],
}
PROCESSES = {"SyncBatchNorm": "it needs several processes"}


@pytest.mark.parametrize("name", [name for name in MODULES if name not in PROCESSES])
def test_a_module_is_the_formulas_it_is_said_to_be(name):
    ids, module = {resolve(id)[0].id for id in MODULES[name].ids}, getattr(torch.nn, name)
    asked = [make().case.formula for make in CALLED.get(name, ())]
    for make in CALLED.get(name, ()):
        agree(*both(make))
    if asked:
        assert ids == {*asked}
        return
    became = getattr(module, "cls_to_become", None) or module  # a lazy one is another, once it has seen an input
    names = called_by(became.__name__)
    functions = {f for f, e in FUNCTIONS.items() if ids & {resolve(id)[0].id for id in e.ids}}
    own = {getattr(f, "__name__", "") for id in ids for f in called(id)}
    assert (functions | own) & names - COMMON


def test_the_running_sum_of_cross_map_lrn_keeps_the_first_channel():
    """Two channels are normalised alike; in the third, whose neighbours are 1 and 2, channel 0 counts instead of 1."""
    x = np.array([3.0, 2.0, 1.0]).reshape(1, 3, 1, 1)
    right = local_response_norm(x, size=2, alpha=2.0, beta=1.0)[0].ravel()
    torchs = nn.CrossMapLRN2d(2, 2.0, 1.0)(torch.tensor(x)).numpy().ravel()
    np.testing.assert_allclose(right, [3 / 10, 2 / 14, 1 / 6], rtol=1e-14)
    np.testing.assert_allclose(torchs, [3 / 10, 2 / 14, 1 / 11], rtol=1e-14, err_msg="mended: say so in covered.py")
