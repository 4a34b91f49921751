"""The examples in C and JavaScript: what is right passes, and the one error planted in each is found."""

import shutil
import subprocess
from pathlib import Path

import pytest

from gradproof.vectors.verify import verify

ROOT = Path(__file__).parents[2]
VECTORS, EXAMPLES = ROOT / "vectors", ROOT / "examples" / "vectors"


def needed(program):
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def ran(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def scores(text, path):
    path.write_text(text, encoding="utf-8")
    return {score.file: score for score in verify(path, VECTORS)}


def found(scores, planted, flag):
    from gradproof.vectors.verify import vectors

    assert {file for file, score in scores.items() if score.failed} == {planted}
    assert all(score.passed >= 20 for file, score in scores.items() if file != planted)
    tests = vectors(VECTORS, planted)["tests"]
    assert any(flag in tests[id - 1]["flags"] for id in scores[planted].failed)


def test_in_c(tmp_path):
    program = tmp_path / "answer"
    ran(needed("gcc"), "-std=c99", "-Wall", "-Werror", "-O1", "-ffp-contract=off", EXAMPLES / "answer.c", "-o",
        program, "-lm")  # fmt: skip
    found(scores(ran(program, VECTORS), tmp_path / "c.json"), "activation/sigmoid.float64", "SaturatedSlope")


def test_in_javascript(tmp_path):
    text = ran(needed("node"), EXAMPLES / "answer.mjs", VECTORS)
    found(scores(text, tmp_path / "js.json"), "activation/softmax.float64", "CotangentCopied")
