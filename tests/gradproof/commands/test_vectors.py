"""Vectors on the command line: exit codes, and messages for whoever wrote the results file."""

import json
import shutil
from pathlib import Path

import pytest

from gradproof.answers.ours import ours
from gradproof.cli import main
from gradproof.vectors.checksums import digest
from gradproof.vectors.replay import answers
from gradproof.vectors.schema import RESULTS
from gradproof.vectors.verify import vectors

FOLDER = Path(__file__).parents[3] / "vectors"
FILE = "activation/softplus.float64"
FORM = {"schema": "gradproof-results-1", "version": "1"}


@pytest.fixture
def verify(tmp_path, capsys):
    """Score a results file of this content; exit code, output and complaint."""

    def verify(content, folder=FOLDER, *options):
        path = tmp_path / "results.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        code = main(["vectors", "verify", str(path), "--vectors", str(folder), *options])
        return code, *capsys.readouterr()

    return verify


def right():
    return answers(vectors(FOLDER, FILE), ours)


def test_our_own_answers_pass(verify):
    jsonschema = pytest.importorskip("jsonschema")
    content = {**FORM, "sha256": digest(FOLDER / "SHA256SUMS"), "results": {FILE: right()}}
    jsonschema.validate(content, RESULTS)
    code, out, _ = verify(content)
    assert code == 0
    name, passed, failed, missing, worst, _ = out.splitlines()[1].split()
    assert (name, failed, missing) == (FILE, "0", "0")
    assert int(passed) == len(right())
    assert 0 < float(worst) <= 4


def test_a_planted_entry_is_found_with_its_test_and_its_bug_type(verify):
    planted = right()
    planted["11"]["gradients"]["z"] = ["0x1p-9"]
    marks = vectors(FOLDER, FILE)["tests"][10]["flags"]
    code, out, _ = verify({**FORM, "results": {FILE: planted}})
    assert code == 1
    [line] = [line for line in out.splitlines() if line.startswith("FAIL")]
    assert line.startswith(f"FAIL {FILE} test 11")
    assert all(mark in line for mark in marks)


def test_more_or_fewer_ulp_are_allowed_on_demand(verify):
    assert verify({**FORM, "results": {FILE: right()}}, FOLDER, "--ulp", "0.4")[0] == 1
    assert verify({**FORM, "results": {FILE: right()}}, FOLDER, "--ulp", "0")[0] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: not JSON"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ("[]", "schema None"),
        ({**FORM, "schema": "gradproof-results-2", "results": {}}, "gradproof-results-2"),
        ({**FORM, "version": "0", "results": {}}, "version '0'"),
        ({**FORM, "version": 1, "results": {}}, "version 1 "),
        ({**FORM, "sha256": "0" * 64, "results": {}}, "made with vectors whose SHA256SUMS"),
        ({**FORM, "results": []}, "is not an object"),
        (FORM, "is not an object"),
        ({**FORM, "results": {}}, "answers nothing"),
        ({**FORM, "results": {}, "resluts": {}}, "unknown property 'resluts'"),
        ({**FORM, "results": {"activation/softplus.float46": {}}}, "did you mean activation/softplus.float64"),
        ({**FORM, "results": {"schema/vectors": {}}}, "no vectors 'schema/vectors'"),
        ({**FORM, "results": {"../activation/tanh.float64": {}}}, "no vectors"),
        ({**FORM, "results": {FILE: {"0": {"refused": True}}}}, "there is no test 0"),
        ({**FORM, "results": {FILE: {"one": {"refused": True}}}}, "there is no test one"),
        ({**FORM, "results": {FILE: {"1": 3}}}, "test 1: an answer is"),
        ({**FORM, "results": {FILE: {"1": {"outputs": {"value": ["x"]}}}}}, "'x' is not a number"),
    ],
)
def test_bad_input_is_refused_with_its_reason(content, message, verify):
    code, out, err = verify(content)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("gradproof: ")


def test_changed_vectors_are_not_scored_by(verify, tmp_path):
    folder = tmp_path / "v"
    shutil.copytree(FOLDER, folder)
    path = folder / f"{FILE}.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"limit": 4.0', '"limit": 4e9'), encoding="utf-8")
    code, _, err = verify({**FORM, "results": {FILE: right()}}, folder)
    assert code == 2
    assert f"{FILE}.json is not the file of SHA256SUMS" in err
    assert main(["vectors", "check", "--vectors", str(folder)]) == 1


def test_a_file_that_is_not_there_is_named(capsys):
    assert main(["vectors", "verify", "nowhere.json", "--vectors", str(FOLDER)]) == 2
    assert "nowhere.json" in capsys.readouterr().err
    assert main(["vectors", "check", "--vectors", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_committed_vectors_are_as_they_were_made(capsys):
    pytest.importorskip("jsonschema")
    assert main(["vectors", "check", "--vectors", str(FOLDER)]) == 0
    assert "files as they were made" in capsys.readouterr().out


def test_without_balls_nothing_is_made(monkeypatch, tmp_path, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "flint", None)
    assert main(["vectors", "make", "--out", str(tmp_path / "v")]) == 2
    assert "pip install" in capsys.readouterr().err
    assert not (tmp_path / "v").exists()


def test_the_results_file_that_the_readme_shows_is_scored(verify):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    shown = json.loads(text.split("```json\n")[1].split("```")[0])
    code, out, _ = verify(shown)
    assert code == 1  # its numbers are made up
    assert out.splitlines()[1].split()[:3] == [FILE, "1", "1"]
