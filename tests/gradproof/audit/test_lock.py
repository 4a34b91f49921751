"""A lock file keeps verdicts, errors and slopes; what became worse is red, what became better is not."""

import contextlib
import json
import math
import re

import pytest
from inline import Inline
from planted import plant, scaled

from gradproof.audit import lock
from gradproof.cli import main
from gradproof.evidence.environment import ORACLES

pytest.importorskip("flint")
HINGE = ("cost/hinge", "--dtype", "float64")


@pytest.fixture(autouse=True)
def inline(monkeypatch, tmp_path):
    """Tasks in this process, where patches reach them, and no framework."""

    @contextlib.contextmanager
    def pool(jobs, log):
        yield Inline()

    monkeypatch.setattr("gradproof.executors.pool", pool)
    monkeypatch.setattr("gradproof.workers.ENOUGH", math.inf)  # no programs of JAX to forget
    monkeypatch.chdir(tmp_path)
    frameworks = dict(ORACLES)
    ORACLES.clear()
    yield
    monkeypatch.undo()  # first what a test has put there
    ORACLES.clear()
    ORACLES.update(frameworks)  # in their order


@pytest.fixture
def kept():
    assert main(["lock", "my.lock", *HINGE]) == 0
    return lock.read(lock.Path("my.lock"))


def changed(kept, **lines):
    lock.write(lock.Path("my.lock"), {**kept, "lines": {**kept["lines"], **lines}})


def test_a_lock_is_a_small_file_of_strict_json_with_a_line_a_finding(kept):
    text = lock.Path("my.lock").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == kept
    assert kept["lines"]["accuracy cost/hinge ∂/∂z float64 ours"]["verdict"] in ("exact", "agrees")
    assert text.count("\n") == len(kept["lines"]) + 5 < 40
    assert main(["lock", "again.lock", *HINGE]) == 0
    assert lock.Path("again.lock").read_text() == text


def test_what_is_the_same_is_green(kept, capsys):
    assert main(["lock", "--check", "my.lock"]) == 0
    assert re.search(rf"the same versions\n{len(kept['lines'])} lines, 0 changed", capsys.readouterr().out)


@pytest.mark.parametrize("factor", [-1.0, 1 + 2.0**-40], ids=["sign", "the last bits"])
def test_a_wrong_gradient_is_red(kept, monkeypatch, capsys, factor):
    plant(monkeypatch, "cost/hinge", scaled(factor))
    assert main(["lock", "--check", "my.lock"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"accuracy cost/hinge ∂/∂z float64 ours +\w+, .* ULP +wrong, .* ULP +worse", out)


def test_a_slope_at_a_kink_is_locked(monkeypatch, capsys):
    assert main(["lock", "my.lock", "activation/relu", "--dtype", "float64"]) == 0
    kinks = [line for name, line in lock.read(lock.Path("my.lock"))["lines"].items() if name.startswith("kink ")]
    assert [line["slope"] for line in kinks] == ["0x0p+0"]
    lock.Path("my.lock").write_text(lock.Path("my.lock").read_text().replace("0x0p+0", "0x0.000p+0"))
    assert main(["lock", "--check", "my.lock"]) == 0
    plant(monkeypatch, "activation/relu", lambda outputs, gradients, _: (outputs, {"z": gradients["z"] + 0.5}))
    assert main(["lock", "--check", "my.lock"]) == 1
    assert re.search(r"kink activation/relu .* worse", capsys.readouterr().out)


def test_better_is_said_and_green_and_what_is_gone_is_red(kept, capsys):
    name = "accuracy cost/hinge ∂/∂z float64 ours"
    changed(kept, **{name: {"verdict": kept["lines"][name]["verdict"], "ulp": 1e9}})
    assert main(["lock", "--check", "my.lock"]) == 0
    assert "1 changed, 0 of these for the worse" in capsys.readouterr().out
    changed(kept, **{"accuracy cost/hinge ∂/∂z float64 others": {"verdict": "agrees"}})
    assert main(["lock", "--check", "my.lock"]) == 1
    assert "not measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name formulas, as in"),
        (["activation/gelo"], "gradproof: activation/gelo: nothing matches; did you mean activation/gelu"),
        (["nielsen-2015/bp1"], "nothing to lock; give the ids of formulas"),
        (["--check"], "my.lock: cannot be read"),
        (["cost/l1", "--check"], "takes formulas and dtypes from the file"),
    ],
)
def test_what_cannot_be_locked_is_said_and_nothing_is_written(capsys, words, message):
    assert main(["lock", "my.lock", *words]) == 2
    assert message in capsys.readouterr().err
    assert not lock.Path("my.lock").exists()


HEAD = '{"formulas": [], "dtypes": [], "versions": {}, "lines": '


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "{}", f"{HEAD}3}}", f'{HEAD}{{"a": {{"ulp": NaN}}}}}}', f'{HEAD}{{"a": {{"slope": "steep"}}}}}}'],
)
def test_a_damaged_lock_is_named(capsys, text):
    lock.Path("my.lock").write_text(text)
    assert main(["lock", "--check", "my.lock"]) == 2
    assert re.match(
        r"gradproof: my\.lock: cannot be read \(.*\); make it with 'gradproof lock", capsys.readouterr().err
    )


def test_a_lock_of_a_framework_that_is_not_here_is_refused(kept, monkeypatch, capsys):
    lock.write(lock.Path("my.lock"), {**kept, "versions": {**kept["versions"], "torch": "2.0"}})
    monkeypatch.setitem(lock.ORACLES, "torch", "oracles.torch_autograd")
    monkeypatch.setattr(lock, "versions", lambda uses: {"torch": "not installed"})
    assert main(["lock", "--check", "my.lock"]) == 2
    assert "made with torch: not installed" in capsys.readouterr().err
