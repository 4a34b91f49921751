"""torch's own functions and nothing else: with their kernels, and without their parameters."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from oracles import torch_autograd as oracle  # noqa: E402


def test_the_answers_come_from_native_operations():
    """Two that are easily written by hand instead, with another result in the tail."""
    z = torch.tensor([38.0], dtype=torch.float64, requires_grad=True)
    F.gelu(z).backward()
    _, gradients = oracle.vjp("activation/gelu", {"z": np.array([38.0])})
    assert gradients["z"] == z.grad.numpy()
    _, gradients = oracle.vjp("activation/sigmoid", {"z": np.array([38.0])})
    assert gradients["z"] == 0  # σ(1 − σ), where the truth is 3.1e-17


@pytest.mark.parametrize(
    ("id", "name", "native"),
    [
        ("prelu", "weight", F.prelu),
        ("leaky_relu", "negative_slope", F.leaky_relu),
        ("elu", "alpha", F.elu),
        ("softplus", "beta", F.softplus),
        ("hardtanh", "max_val", F.hardtanh),
        ("huber", "delta", F.huber_loss),
    ],
)
def test_it_is_composed_where_the_function_takes_a_number_alone(id, name, native):
    z = torch.tensor([0.5], dtype=torch.float64)
    learned = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    extra = (torch.zeros(1),) if id == "huber" else ()
    if oracle.has(f"activation/{id}", name) == "native":
        assert native(z, learned).requires_grad
    else:
        with pytest.raises(TypeError, match="not Tensor"):
            native(z, *extra, **{name: learned})
    assert oracle.has(f"activation/{id}") == oracle.has(f"activation/{id}", "z") == "native"


def test_a_slope_of_zero_is_an_answer():
    """The threshold moves no value but at a point; what torch's graph does not reach has the gradient 0."""
    arguments = {"z": np.array([1.0, -1.0]), "threshold": np.array(0.5), "value": np.array(2.0)}
    outputs, gradients = oracle.vjp("activation/threshold", arguments)
    assert outputs["value"].tolist() == [1, 2]
    assert {name: g.tolist() for name, g in gradients.items()} == {"z": [1, 0], "threshold": 0, "value": 1}


def test_where_there_is_no_kernel_torch_says_so():
    z = np.ones((2, 3), np.float16)
    with pytest.raises((RuntimeError, NotImplementedError), match="Half"):
        oracle.vjp("cost/multi_margin", {"z": z, "labels": np.array([0, 1])})
