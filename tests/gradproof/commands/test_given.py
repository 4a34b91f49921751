import io
import json
import re

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
     ("q=1", "no argument or parameter 'q'; it has a, delta"), ("delta=1e400", "beyond the largest float64"),
     ("0.5", "'0.5': cost/huber_error takes arrays by name, as in 'gradproof at cost/huber_error a=0.5,-2 y=0.5,-2")],
)  # fmt: skip
def test_what_is_no_array_is_refused(word, message):
    with pytest.raises(UsageError, match=message):
        given.arrays(HUBER, [word])


@pytest.mark.parametrize("words", [["a=1", "a=2"], ["delta=1", "delta=2"], ["a=[9]", "-"]])
def test_a_name_is_given_once(words, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": [1], "y": [2]}'))
    with pytest.raises(UsageError, match=rf"{words[0].split('=')[0]} is given twice, as \S+ and "):
        given.arrays(HUBER, words)


def test_an_object_on_standard_input_has_all_of_them(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": [0x1p-1, nan], "y": [0, 0], "delta": 2, "reduction": "none"}'))
    arguments, parameters = given.arrays(HUBER, ["-"])
    np.testing.assert_array_equal(arguments["a"], [0.5, np.nan])
    assert parameters == {"delta": 2, "reduction": "none"}
    for text in ("[1, 2]", "3", "{"):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        with pytest.raises(UsageError, match=r"^-: no "):
            given.arrays(HUBER, ["-"])


@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if not f.elementwise and f.kind != "network"])
def test_a_word_without_a_name_is_answered_with_names_that_are_taken(id):
    with pytest.raises(UsageError, match="takes arrays by name") as error:
        given.arrays(CATALOGUE[id], ["0.5"])
    words = str(error.value).split(f"gradproof at {id} ")[1].rstrip("'").split()
    if not id.startswith("update/") or "g1=" in words[0]:
        assert [*given.arrays(CATALOGUE[id], words)[0]] == [word.split("=")[0] for word in words]


@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if id.endswith("glu") and not f.elementwise])
def test_a_part_of_an_array_is_none_of_the_arguments(id):
    with pytest.raises(UsageError, match=f"{id}: a of the record is a part of z; write z=… with a and b one behind"):
        given.arrays(CATALOGUE[id], ["a=1,2", "b=3,4"])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_numbers_beyond_the_dtype_are_refused(capsys, dtype):
    pytest.importorskip("flint")
    assert main(["at", HUBER.id, "a=1e300", "y=0", "--dtype", dtype]) == 2
    assert f"a: 1e+300 is beyond the largest {dtype}; write inf" in capsys.readouterr().err
    assert main(["at", HUBER.id, "a=1", "y=0", "--cotangent=-1e300", "--dtype", dtype]) == 2
    assert f"--cotangent: -1e+300 is beyond the largest {dtype}" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_line_asks_everyone(capsys, dtype):
    pytest.importorskip("flint")
    words = ["at", HUBER.id, "a=0.5,-2", "y=0,0", "delta=1.5", "reduction=none", "--cotangent", "1,2", "--dtype", dtype]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "delta = 1.5" in out
    assert "∂/∂a[1]   -3.0   -3.0 (0)" in out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["truth"]["∂/∂a"] == ["0x1p-1", "-0x1.8p+1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [((HUBER.id, "a=1,2"), "'y'"), ((HUBER.id, "a=1,2", "y=1,2,3"), "shape"),
     ((HUBER.id, "a=1", "y=1", "delta=-1"), "delta"),
     (("cost/cross_entropy_labels", "z=[[1,2]]", "labels=[5]"), "label = 5 at index (0,) is outside 0 … 1"),
     (("cost/cross_entropy_labels", "z=[[1,2]]", "labels=5"), "labels have shape (); expected (1,)"),
     (("network/bp1", "z=1"), "gradproof audit --only networks"), (("update/adam", "w=1"), "update/adam"),
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


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((HUBER.id, "a=1,2", "y=1,1"), r"∂/∂a\[1\] +0\.5 +0\.5 \(0\)"),
        (("cost/l1", "a=1", "y=1"), r"∂/∂a +no single slope +0\.0  "),
        (("cost/l1", "a=nan", "y=1"), r"∂/∂a +nan +nan"),
        (("activation/relu", "0"), r"0\.0  truth +0\.0 +no single slope"),
    ],
)
def test_where_left_and_right_differ_there_is_no_single_slope(capsys, words, line):
    pytest.importorskip("flint")
    assert main(["at", *words]) == 0
    assert re.search(line, capsys.readouterr().out)
