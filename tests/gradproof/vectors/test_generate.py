"""The committed vectors are what the truth says, in every byte; who is right passes them, and who is not fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from planted import plant, scaled

from gradproof.answers.ours import ours
from gradproof.checks import accuracy, sweep
from gradproof.vectors import generate, inputs
from gradproof.vectors.flags import FLAGS
from gradproof.vectors.replay import answers, case
from gradproof.vectors.verify import score, vectors
from reference import CATALOGUE

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "vectors"
FORMULAS = inputs.formulas()
FILES = [f"{f.id}.{dtype}" for f in FORMULAS for dtype in inputs.dtypes(f)]
EVERY = 7  # of so many formulas one is made again


@pytest.mark.parametrize("formula", FORMULAS[::EVERY], ids=lambda f: f.id)
def test_the_committed_files_are_what_make_gives(formula):
    pytest.importorskip("flint")
    pytest.importorskip("ml_dtypes")
    for name, text in generate.files([formula]):
        assert (VECTORS / name).read_text(encoding="utf-8") == text, f"{name}: run 'gradproof vectors make'"


def test_another_process_makes_the_same_bytes(tmp_path):
    pytest.importorskip("flint")
    pytest.importorskip("ml_dtypes")
    ids = [f.id for f in FORMULAS[3::11]]
    code = f"""
import pathlib
from gradproof.vectors.generate import make
make(pathlib.Path({str(tmp_path / "b")!r}), {ids!r})
"""
    names = generate.make(tmp_path / "a", ids)
    environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(names) >= 4 * len(ids) // 2
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_no_checksums_are_written_of_a_part(tmp_path):
    pytest.importorskip("flint")
    generate.make(tmp_path, ["cost/l1"])
    assert not (tmp_path / "SHA256SUMS").exists()
    assert (tmp_path / "cost/l1.float32.json").exists()


@pytest.mark.parametrize(
    ("id", "given"), [("layer/norm", {"p": float("inf")}), ("layer/convolution", {"padding": [[3, 1]]})]
)
def test_parameters_that_json_has_not_are_written_and_read_back(id, given):
    pytest.importorskip("flint")
    [content] = [json.loads(text) for name, text in generate.files([CATALOGUE[id]]) if name == f"{id}.float64.json"]
    tests = [test for test in content["tests"] if test["result"] != "invalid"]
    read = [case(test, id, "float64").parameters for test in tests]
    name, value = next(iter(given.items()))
    assert any(parameters.get(name) == value for parameters in read)
    assert all(answer["outputs"] for key, answer in answers(content, ours).items() if key in {t["id"] for t in tests})


def allowed(content):
    """What we must keep, as the audit has it, and half of what a residual of four digits may be off."""
    formula = next(f for f in FORMULAS if f.id == content["formula"])
    gate = sweep.gate(formula, content["dtype"]).conditioned if formula.elementwise else None
    return (gate or accuracy.gate(formula, content["dtype"])) + 0.5e-4


@pytest.mark.parametrize("file", FILES)
def test_ours_passes_within_its_gates(file):
    if "bfloat16" in file:
        pytest.importorskip("ml_dtypes")
    content = vectors(VECTORS, file)
    found = score(file, content, answers(content, ours), allowed(content))
    assert not found.failed
    assert found.passed == len(content["tests"])


@pytest.mark.parametrize("formula", [f for f in FORMULAS if f.id != "regularizer/none"], ids=lambda f: f.id)
def test_a_gradient_off_by_a_part_in_a_thousand_is_found(formula, monkeypatch):
    plant(monkeypatch, formula.id, scaled(1.001))
    content = vectors(VECTORS, f"{formula.id}.float64")
    assert score(formula.id, content, answers(content, ours)).failed


def test_every_bug_type_has_a_test_and_every_flag_a_meaning():
    used = {flag for file in FILES for test in vectors(VECTORS, file)["tests"] for flag in test["flags"]}
    assert used == set(FLAGS)
    assert set(json.loads((VECTORS / "flags.json").read_text(encoding="utf-8"))["flags"]) == used


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.id)
def test_a_file_has_enough_tests_of_every_result(formula):
    for dtype in inputs.dtypes(formula):
        tests = vectors(VECTORS, f"{formula.id}.{dtype}")["tests"]
        assert [t["id"] for t in tests] == [*range(1, len(tests) + 1)]
        assert (4 if formula.kind == "layer" else 6) <= len(tests) <= 45
        results = {t["result"] for t in tests}
        assert "valid" in results
        assert ("invalid" in results) >= bool(formula.valid and dtype in inputs.WIDE)


def test_a_kink_takes_any_slope_between_and_none_beside():
    content = vectors(VECTORS, "activation/relu.float64")
    id, value = next((str(t["id"]), t["outputs"]["value"]) for t in content["tests"] if t["result"] == "acceptable")
    for slope, passes in ((0.0, True), (0.5, True), (1.0, True), (1.01, False), (-0.01, False), ("nan", False)):
        answer = {"outputs": {"value": value["data"]}, "gradients": {"z": [slope]}}
        assert bool(score("relu", content, {id: answer}).passed) == passes


def test_the_lines_say_what_the_tests_say():
    content = vectors(VECTORS, "activation/elu.float32")
    head, *rows = (VECTORS / "activation/elu.float32.tsv").read_text(encoding="utf-8").splitlines()
    assert head.split("\t") == list(generate.COLUMNS)
    for row in rows:
        cells = dict(zip(generate.COLUMNS, row.split("\t"), strict=True))
        test = content["tests"][int(cells["id"]) - 1]
        assert cells["z"] == test["arguments"]["z"]["data"][0]
        assert cells["value"] == test["outputs"]["value"]["data"][0]
        assert (cells["left"] == "-") == (test["result"] == "valid")
    assert len(rows) >= 20
