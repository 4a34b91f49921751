"""Where torch computes: arrays go to the device, and answers come back from it."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from oracles import torch_autograd as oracle
from oracles.torch_autograd import tensors

GELU = "activation/gelu", {"z": np.array([-1.0, 0.5, 2.0], np.float32)}


@pytest.fixture
def gpu(monkeypatch):
    """A GPU, played by torch's device "meta", which keeps shapes alone; what comes back from it is ones, and noted."""
    moved, real = [], torch.set_default_device

    def cpu(t):
        moved.append(t.device.type)
        return torch.ones(t.shape, dtype=t.dtype, device="cpu") if t.device.type == "meta" else t

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU, {device}")
    monkeypatch.setattr(torch, "set_default_device", lambda d: real("meta" if d and d.startswith("cuda") else d))
    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    yield moved
    oracle.place("cpu")


def test_arrays_go_to_the_device_and_answers_come_back(gpu):
    assert oracle.place("cuda:1") == "a GPU, cuda:1"
    assert tensors.tensor(np.ones(3)).device.type == tensors.leaf(np.ones(3)).device.type == "meta"
    assert torch.zeros(2).device.type == "meta"  # what a definition makes by itself
    outputs, gradients = oracle.vjp(*GELU)
    assert gpu == ["meta", "meta"]
    assert outputs["value"].tolist() == gradients["z"].tolist() == [1, 1, 1]
    assert outputs["value"].dtype == np.float32


def test_back_on_the_cpu_all_is_as_before(gpu):
    before = [part.copy() for answer in oracle.vjp(*GELU) for part in answer.values()]
    oracle.place("cuda"), oracle.place("cpu")
    assert oracle.place("cpu") == "cpu"
    again = [part for answer in oracle.vjp(*GELU) for part in answer.values()]
    assert all((p == q).all() for p, q in zip(before, again, strict=True))
    assert before[0].tolist() != [1, 1, 1]


@pytest.mark.parametrize("device", ["cuda:2", "cuda:17", "cpu:1", "meta", "tpu"])
def test_a_device_that_is_not_there_is_refused_and_nothing_changes(gpu, device):
    with pytest.raises(LookupError, match=f"torch has no {device} here"):
        oracle.place(device)
    assert torch.get_default_device().type == "cpu"
