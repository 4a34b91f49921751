"""The action, the hook and the nightly workflow do what they say: their steps run in a shell, in somebody's project."""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
from runner import Job, load  # noqa: E402

from gradproof.cli import parser  # noqa: E402
from gradproof.commands.checks import listed as listed_checks  # noqa: E402
from gradproof.evidence.files import read_evidence, write_evidence  # noqa: E402

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
INSTALLED = ("reference", "oracles", "gradproof", "literature", "pyproject.toml", "README.md", "LICENSE", "action.yml")
MINE = """
import numpy as np

def tanh(x):
    t = np.tanh(x)
    return t, 1 / np.cosh(np.minimum(np.abs(x), 700)) ** 2

def twice(x):
    value, slope = tanh(x)
    return value, 2 * slope
"""
RIGHT = "mine:tanh --as slope --against activation/tanh --dtype float64"
WRONG = "mine.py:twice --as slope --against activation/tanh --dtype float64"


# ---------------------------------------------------------------- steps in a shell


@pytest.fixture(scope="module")
def action(tmp_path_factory):
    """The folder into which a runner gets the action, and the environment of a Python that has what it needs."""
    for package in ("flint", "setuptools", "pip"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("action")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for source in (ROOT / name for name in INSTALLED):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, ignore=ignored)
        else:
            shutil.copy(source, folder)
    venv.create(folder / "python", with_pip=False)
    (site,) = (folder / "python").glob("lib/*/site-packages")
    (site / "all.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GITHUB", "PIP"))}
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return folder, kept | pip | {"PATH": f"{folder / 'python' / 'bin'}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def job(action, tmp_path):
    """A job in a project of a user, to which the action is there already."""
    workspace, temporary = tmp_path / "a project", tmp_path / "temp"
    for folder in (workspace / ".git", temporary):
        folder.mkdir(parents=True)
    (workspace / "mine.py").write_text(MINE, encoding="utf-8")
    return Job(workspace, temporary, action[1])


def used(job, action, **given):
    job.run([{"uses": "./", "id": "gradproof", "with": given}], action[0])
    return job.outcomes


def test_checks_fail_the_job_after_all_else_was_done(job, action):
    for package in ("torch", "jax", "ml_dtypes", "matplotlib"):
        pytest.importorskip(package)
    (job.workspace / "gradients.txt").write_text(f"# known\n{WRONG}", encoding="utf-8")
    lock = {"formulas": ["activation/tanh"], "dtypes": ["float64"], "versions": {}, "lines": {}}
    (job.workspace / "gradients.lock").write_text(json.dumps(lock), encoding="utf-8")
    outcomes = used(job, action, checks=f"{RIGHT}\n", list="gradients.txt", lock="gradients.lock", extras="oracles")
    assert outcomes == {
        "Install": "success", "Check gradients": "failure", "Measure the lock again": "success",
        "Upload to code scanning": {"sarif_file": "gradproof.sarif", "category": "gradproof"},
        "Audit and compare": "skipped", "./": "failure",
    }, job.printed  # fmt: skip
    assert "twice, by slope: WRONG" in job.printed
    assert "a factor 2" in job.printed
    log = json.loads((job.workspace / "gradproof.sarif").read_text(encoding="utf-8"))
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "mine.py"
    summary = job.summary.read_text(encoding="utf-8")
    assert "2 checked, 1 of them wrong" in summary
    assert "| `mine.py:twice` | activation/tanh, over balls | wrong | " in summary
    assert "## gradients.lock\n\nmade with: the same versions\\\n0 lines, 0 changed" in summary


def test_what_is_right_passes_and_nothing_is_uploaded_that_shall_not_be(job, action):
    outcomes = used(job, action, checks=RIGHT, upload="false", sarif="log.sarif")
    assert (outcomes["./"], outcomes["Upload to code scanning"]) == ("success", "skipped"), job.printed
    assert json.loads((job.workspace / "log.sarif").read_text(encoding="utf-8"))["runs"][0]["results"] == []


def test_the_nightly_workflow_says_what_changed(job, action):
    """An evidence in which the slope of torch was better fails the night; the table says where."""
    for package in ("torch", "jax", "matplotlib", "optax"):
        pytest.importorskip(package)
    kept = read_evidence(ROOT / "reports" / "evidence" / "accuracy.jsonl")
    rows = [f for f in kept.findings if f.formula == "activation/tanh"]
    better = [replace(f, verdict="exact") if f.verdict == "inaccurate" else f for f in rows]
    assert better != rows
    write_evidence(action[0] / "reports" / "evidence" / "accuracy.jsonl", kept.header, better)
    shutil.copytree(action[0] / "reports", job.workspace / "reports")
    night = load(ROOT / ".github" / "workflows" / "nightly.yml")
    job.contexts = {"inputs": {"only": "accuracy\nactivation/tanh"}}
    steps = [step for step in night["jobs"]["audit"]["steps"] if "actions/" not in step.get("uses", "")]
    job.run(steps, action[0])
    assert job.outcomes["Audit and compare"] == job.outcomes["./"] == "failure", job.printed
    assert job.outcomes["The newest frameworks"] == job.outcomes["What changed, for machines"] == "success", job.printed
    summary = job.summary.read_text(encoding="utf-8")
    assert re.search(r"\| accuracy \| verdict \| activation/tanh.*torch \| agrees \| inaccurate \| worse \|", summary)
    changes = json.loads((job.temporary / "gradproof" / "changes.json").read_text(encoding="utf-8"))
    assert changes["worse"] is True


def test_the_hook_checks_what_the_list_says(tmp_path, monkeypatch):
    pytest.importorskip("flint")
    (hook,) = load(ROOT / ".pre-commit-hooks.yaml")
    assert hook["additional_dependencies"] == [".[check]"]
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    words = [sys.executable, "-m", *shlex.split(hook["entry"]), *hook["args"]]
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for line, code in ((RIGHT, 0), (WRONG, 1)):
        (tmp_path / "gradients.txt").write_text(line, encoding="utf-8")
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stderr
    assert "WRONG" in done.stdout


# ---------------------------------------------------------------- the runner, and what the files say


@pytest.mark.parametrize(
    ("expression", "value"),
    [("inputs.a == 'x y' && !cancelled()", True), ("inputs.none != ''", False), ("hashFiles(inputs.a) != ''", False),
     ("(failure() || steps.one.outcome != 'success')", True), ("inputs.a", "x y")],
)  # fmt: skip
def test_expressions(expression, value, tmp_path):
    assert Job(tmp_path, tmp_path, {}, {"inputs": {"a": "x y"}}).value(expression) == value


def test_a_step_that_fails_is_the_last_but_for_those_that_ask(tmp_path):
    job = Job(tmp_path, tmp_path, dict(os.environ))
    job.run([{"run": "false | cat", "name": "a"}, {"run": "true", "name": "b"},
             {"run": "echo x=1 >> $GITHUB_OUTPUT", "name": "c", "id": "c", "if": "${{ !cancelled() }}"}],
            tmp_path)  # fmt: skip
    assert job.outcomes == {"a": "failure", "b": "skipped", "c": "success"}
    assert job.value("steps.c.outputs.x") == "1"


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_and_shells_see_inputs_as_variables_alone(path):
    text = path.read_text(encoding="utf-8")
    for where in re.findall(r"uses: (\S+)", text):
        assert where == "./" or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", where), where
    said = load(path)
    jobs = [said["runs"]] if "runs" in said else said["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert not any("${{" in script for script in scripts)


def test_workflows_run_environments_that_tox_has():
    import configparser

    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    names = {"py311"}
    for section in tox.sections():
        parts = re.split(r"\{(.*?)\}", section.removeprefix("testenv:"))
        names |= {"".join(each) for each in itertools.product(*(part.split(",") for part in parts))}
    asked = " ".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    found = {env for said in re.findall(r"(?:tox run -e |env: )\"?([a-z0-9,-]+)", asked) for env in said.split(",")}
    assert {"lint", "py310-numpy", "site", "build"} <= found <= names
    assert all(str(path.relative_to(ROOT)) in tox["testenv:lint"]["commands"] for path in WORKFLOWS)


def test_the_recipes_of_the_guide_say_what_there_is(tmp_path):
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    inputs = load(ROOT / "action.yml")["inputs"]
    recipes = [yaml.load(recipe, yaml.BaseLoader) for recipe in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)]
    jobs = [job for recipe in recipes if "jobs" in recipe for job in recipe["jobs"].values()]
    given = [step["with"].keys() for job in jobs for step in job["steps"] if step.get("uses") == "./.gradproof"]
    assert len(given) == 2
    assert all(keys <= inputs.keys() for keys in given)
    (table,) = re.findall(r"\| input \| .*\n\|---\|---\|\n((?:\|.*\n)+)", text)
    assert {*re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()))} == {*inputs}
    (hook,) = (hook for recipe in recipes if "repos" in recipe for repo in recipe["repos"] for hook in repo["hooks"])
    offered = {hook["id"]: hook for hook in load(ROOT / ".pre-commit-hooks.yaml")}
    assert hook.items() <= offered[hook["id"]].items()
    (listed,) = re.findall(r"^```\n(# gradients.txt\n.*?)^```", text, re.M | re.S)
    (tmp_path / "gradients.txt").write_text(listed, encoding="utf-8")
    alone = parser().parse_args(["check", "--list", str(tmp_path / "gradients.txt")])
    assert [one.target for one in listed_checks(alone, int)] == ["activations.py:softmax", "activations.py:gelu"]
