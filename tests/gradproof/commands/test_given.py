import io
import json

import numpy as np
import pytest

from gradproof.cli import main
from gradproof.commands import given
from gradproof.lookup import UsageError
from reference import CATALOGUE

HUBER = CATALOGUE["cost/huber_error"]
X = np.array([[0.5, np.nan], [-np.inf, 2.0]])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.savez("x.npz", x=X, other=X + 1)
    (tmp_path / "x.json").write_text("[[0.5, NaN], [-Infinity, 2]]")
    monkeypatch.setattr("sys.stdin", io.StringIO("[[0x1p-1, nan], [-inf, 2]]"))


@pytest.mark.parametrize("text", ["[[0.5, nan], [-inf, 0x1p+1]]", "x.npy", "x.npz:x", "x.json", "-"])
def test_an_array_comes_from_text_or_a_file(text):
    np.testing.assert_array_equal(given.array("x", text), X)


@pytest.mark.parametrize(
    ("word", "message"),
    [("a=x", "no numbers"), ("a=no.npy", "no.npy"), ("a=x.npz", "has x, other"), ('a=["x"]', "no array of numbers"),
     ("a=[[1, 2], [3]]", "a="),
     ("q=1", "no argument or parameter 'q'; it has a, delta"), ("0.5", "takes arrays by name")],
)  # fmt: skip
def test_what_is_no_array_is_refused(word, message):
    with pytest.raises(UsageError, match=message):
        given.arrays(HUBER, [word])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_line_asks_everyone(capsys, dtype):
    pytest.importorskip("flint")
    words = ["at", HUBER.id, "a=0.5,-2", "y=0,0", "delta=1.5", "reduction=none", "--cotangent", "1,2", "--dtype", dtype]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "delta = 1.5" in out
    assert "∂/∂a[1]   -3.0   -3.0 (0)" in out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["truth"]["∂/∂a"] == ["0x1.0000000000000p-1", "-0x1.8000000000000p+1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [((HUBER.id, "a=1,2"), "'y'"), ((HUBER.id, "a=1,2", "y=1,2,3"), "shape"),
     ((HUBER.id, "a=1", "y=1", "delta=-1"), "delta"),
     (("cost/cross_entropy_labels", "z=[[1,2]]", "labels=[5]"), "label"), (("update/adam", "w=1"), "update/adam"),
     ((HUBER.id, "a=1", "y=1", "--cotangent", "1,2"), "cotangent")],
)  # fmt: skip
def test_what_a_formula_refuses_is_said_in_a_line(capsys, words, message):
    pytest.importorskip("flint")
    assert main(["at", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gradproof: ")
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("cost/triplet_margin a=[[0]] b=[[1]] c=[[0.75]] swap=true", {"swap": True}),
        ("cost/triplet_margin a=[[0]] b=[[1]] c=[[0.75]] swap=True", {"swap": True}),
        ("cost/gaussian_nll a=1,2 y=0,0 v=0.1,3 full=true eps=0.5", {"full": True, "eps": 0.5}),
        ("cost/ctc a=[[[0,0]]] labels=[[1]] zero_infinity=false", {"zero_infinity": False}),
        ("activation/softmax z=[[0.5,1],[2,-1]] axis=0", {"axis": 0}),
    ],
)
def test_flags_and_layouts_are_options_and_no_arrays(words, option):
    id, *rest = words.split()
    arguments, parameters = given.arrays(CATALOGUE[id], rest)
    assert parameters == option
    assert not set(arguments) & set(option)
