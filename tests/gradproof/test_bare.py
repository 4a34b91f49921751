"""The wheel with NumPy alone: every command does what it can, or says in a line what to install."""

import shutil

import pytest
from bare import ROOT, environment, start

INSTALL = "not installed; pip install 'gradproof[oracles]'"


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    (folder / "mine.py").write_text("def f(x):\n    return x * x, 2 * x\n")
    shutil.copytree(ROOT / "reports" / "evidence", folder / "reports" / "evidence")
    return folder, environment(folder)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("--version", 0, "gradproof 0."),
        ("list activation", 0, "activation/tanh"),
        ("list gelu", 0, "z·(1 + erf(z/√2))/2"),
        ("show activation/gelu", 0, "by computer algebra: proved"),
        ("show nn.GELU --reports reports", 0, "largest errors"),
        ("show activation/gelu --reports nowhere", 0, "no verdicts: no folder"),
        ("doctor", 0, "oracle torch   not installed"),
        ("doctor activation/tanh", 1, "lacks"),
        ("cite activation/gelu", 0, ", evidence "),
        ("at activation/tanh 0.5", 0, "not installed"),
        ("at activation/tanh 0.5 --dtype bfloat16", 2, "bfloat16 needs ml-dtypes: pip install 'gradproof[oracles]'"),
        ("at sigmoid 38", 0, "exact"),
        ("at sigmoid 38.125", 0, "not known"),
        ("at cost/l1 a=1 y=0", 0, "The truth needs python-flint: pip install 'gradproof[check]'. Measured"),
        ("case cost/l1 plain 0", 0, "The truth needs python-flint"),
        ("audit --only literature --jobs 1", 2, f"literature needs torch or python-flint: {INSTALL}"),
        ("audit --only accuracy --jobs 1", 2, f"accuracy needs python-flint: {INSTALL}"),
        ("audit --only proofs --jobs 1", 2, f"proofs needs sympy: {INSTALL}"),
        ("audit --only kinks --oracle jax --jobs 1", 2, f"--oracle jax: {INSTALL}"),
        ("report", 2, f"matplotlib: {INSTALL}"),
        ("report --check", 2, f"matplotlib: {INSTALL}"),
        ("diff reports reports", 0, "0 changed in meaning"),
        ("check mine:f --as slope --against activation/tanh", 2, f"python-flint: {INSTALL}"),
        ("check mine:f --as slope --inputs x=3 --picture p.svg", 2, f"matplotlib: {INSTALL}"),
    ],
)
def test_a_bare_install_says_what_is_missing(bare, line, code, said):
    folder, env = bare
    with start(line.split(), env, cwd=folder) as process:
        out, error = process.communicate(timeout=200)
    assert "Traceback" not in error + out
    assert (process.returncode, said in out + error) == (code, True), out[-500:] + error[-500:]
    assert (error.count("\n") <= 1) or code == 0 or "audit" in line
