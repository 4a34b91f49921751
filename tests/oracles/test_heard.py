"""What an oracle calls of its library is heard as it is called, and the oracle is left as it was."""

import numpy as np
import pytest

from oracles.heard import calls

A = {"a": np.array([[1.0, 2.0]]), "b": np.array([[3.0, 2.0]])}


def plain(a, b=None, order=2.0):
    return np.linalg.norm(a.astype(np.float32), ord=order) + np.linalg.norm(np.ones(3), 1)


def refuses(a, b=None):
    np.linalg.norm(a, "fro")
    raise ValueError("no")


def test_a_call_is_shown_with_its_options_and_arrays_by_their_names():
    said = ["numpy.linalg.norm(a, ord=2.0)", "numpy.linalg.norm(…, 1)"]
    assert calls(plain, A, {}, r"numpy\.linalg") == said
    assert calls(plain, A, {"order": 1}, r"numpy\.linalg")[0] == "numpy.linalg.norm(a, ord=1)"
    assert calls(plain, A, {}, r"numpy\.random") == []


def test_a_refusal_is_no_error_here_and_what_came_before_is_heard():
    assert calls(refuses, A, {}, "numpy") == ["numpy.linalg.norm(a, 'fro')"]


def test_of_two_equal_arrays_the_one_that_is_passed_is_named():
    equal = {"a": np.ones(2), "b": np.ones(2)}
    assert calls(lambda a, b: np.linalg.norm(b), equal, {}, "numpy") == ["numpy.linalg.norm(b)"]


def test_the_module_is_left_as_it_was():
    before = np
    calls(refuses, A, {}, "numpy")
    assert np is before


@pytest.mark.parametrize(
    ("oracle", "id", "arguments", "options", "said"),
    [
        (
            "torch_autograd",
            "cost/cross_entropy_labels",
            {"z": np.zeros((2, 3)), "labels": np.array([0, 2])},
            {"ignore_index": 1, "label_smoothing": 0.5},
            "torch.nn.functional.cross_entropy(z, labels, None, reduction='mean', label_smoothing=0.5, ignore_index=1)",
        ),
        ("torch_autograd", "update/clip_by_norm", {"g1": np.ones(2)}, {"max_norm": 0.5},
         "torch.nn.utils.clip_grad_norm_(…, 0.5)"),
        ("jax_grad", "cost/hinge", {"z": np.zeros((1, 2)), "y": np.ones((1, 2))}, {}, "optax.hinge_loss(z, y)"),
    ],
)  # fmt: skip
def test_the_calls_of_the_frameworks(oracle, id, arguments, options, said):
    module = pytest.importorskip(f"oracles.{oracle}")
    assert module.calls(id, arguments, **options) == [said]
    assert module.calls("cost/jensen_shannon", {"p": np.ones((1, 1)), "q": np.ones((1, 1))}) == []
