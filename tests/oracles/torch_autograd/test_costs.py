import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

from oracles import torch_autograd as oracle
from oracles.torch_autograd import table

PAIR = {"a": np.array([[3.0]]), "y": np.array([[1.0]])}


def test_value_and_gradients_by_name():
    outputs, gradients = oracle.vjp("cost/squared_error", PAIR)
    assert outputs["value"] == 4
    assert {name: g.tolist() for name, g in gradients.items()} == {"a": [[4.0]], "y": [[-4.0]]}


def test_an_argument_that_torch_does_not_differentiate_is_left_out():
    inputs = {"z": np.zeros((1, 2)), "labels": np.array([0]), "weight": np.ones(2)}
    assert set(oracle.vjp("cost/cross_entropy_labels", inputs)[1]) == {"z"}
    assert set(oracle.native("cost/cross_entropy_labels", inputs)[1]) == {"z"}
    inputs = {"z": np.ones((1, 2)), "y": np.ones((1, 2))}
    assert set(oracle.vjp("cost/soft_margin", inputs)[1]) == {"z"}


def test_native_has_the_defaults_of_torch_and_nothing_else():
    rate = {"a": np.zeros((1, 1)), "y": np.ones((1, 1))}
    assert oracle.native("cost/poisson_nll_rate", rate)[0]["value"] < 20  # ε = 1e-8
    assert oracle.vjp("cost/poisson_nll_rate", rate)[0]["value"] == np.inf
    terms = {"a": np.log([[0.5, 0.5]] * 2), "y": np.array([[1.0, 0.0]] * 2)}
    assert oracle.native("cost/kl_div", terms)[0]["value"] == pytest.approx(np.log(2) / 2)
    assert oracle.native("cost/kl_div", terms, reduction="batchmean")[0]["value"] == pytest.approx(np.log(2))
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("cost/dice", PAIR)
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("cost/quadratic", PAIR)
    with pytest.raises(LookupError, match="no option 'delta'"):
        oracle.native("cost/l1", PAIR, delta=1.0)
    with pytest.raises(LookupError, match="no option 'margin'"):
        oracle.native("cost/cosine_distance", {"a": PAIR["a"], "b": PAIR["y"]}, margin=1.0)


def test_what_is_composed_is_not_native():
    assert not set(table.COMPOSED) & set(table.OWN)
    others = {"l2", "max_norm", "inverted_dropout", "alpha_dropout"}  # torch has another thing by that name
    assert set(table.COMPOSED) & set(table.NATIVE) == {f"regularizer/{name}" for name in others}
    assert oracle.has("cost/dice") == oracle.has("cost/quadratic") == "composed"
    assert oracle.has("cost/ctc") == "native"
    assert oracle.has("cost/ctc", "a") == "composed"


def test_ctc_has_the_value_of_torch_and_slopes_in_log_probabilities():
    """Two frames, label 1: the paths 01, 10 and 11."""
    y = np.array([[[0.25, 0.75], [0.5, 0.5]]])
    inputs = {"a": np.log(y), "labels": np.array([[1]])}
    p = 0.25 * 0.5 + 0.75 * 0.5 + 0.75 * 0.5
    gamma = np.array([[[0.125, 0.75], [0.375, 0.5]]]) / p
    outputs, gradients = oracle.vjp("cost/ctc", inputs, reduction="sum")
    np.testing.assert_allclose(outputs["value"], -np.log(p), rtol=1e-14)
    np.testing.assert_allclose(gradients["a"], -gamma, rtol=1e-14)
    native, slopes = oracle.native("cost/ctc", inputs, reduction="sum")
    assert native["value"] == outputs["value"]
    np.testing.assert_allclose(slopes["a"], y - gamma, rtol=1e-14)


def test_torch_warns_about_nothing_that_is_asked():
    """Means of divergences, and shapes that broadcast."""
    terms = {"a": np.log([[0.5, 0.5]] * 2), "y": np.array([[1.0, 0.0]] * 2)}
    wide = {"a": np.ones((2, 1)), "y": np.zeros((1, 2))}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ask in (oracle.vjp, oracle.native):
            ask("cost/kl_div", terms, reduction="mean")
            ask("cost/kl_div_log_target", terms, reduction="mean")
            for id in ("l1", "squared_error", "huber_error", "smooth_l1"):
                assert ask(f"cost/{id}", wide, reduction="none")[0]["value"].shape == (2, 2)


def test_what_an_old_torch_lacks_is_said(monkeypatch):
    import torch.nn.functional as F

    monkeypatch.setattr(F, "l1_loss", lambda input, target, reduction="mean": (input - target).abs().mean())
    assert oracle.vjp("cost/l1", PAIR)[0]["value"] == 2
    with pytest.raises(LookupError, match=r"not in this version: .*'weight'"):
        oracle.vjp("cost/l1", {**PAIR, "weight": PAIR["y"]})
    monkeypatch.delattr(F, "soft_margin_loss")
    with pytest.raises(LookupError, match=r"not in this version: .*soft_margin_loss"):
        oracle.vjp("cost/soft_margin", {"z": PAIR["a"], "y": PAIR["y"]})


def test_what_torch_takes_as_a_number_alone_is_left_out():
    outputs, gradients = oracle.vjp("cost/huber_error", {**PAIR, "delta": np.array(0.5)})
    assert outputs["value"] == 0.5 * (2 - 0.25)
    assert set(gradients) == {"a", "y"}
