"""The run of an audit: what it leaves, what a failure or a kill costs, how it goes on, and what it refuses."""

import contextlib
import fcntl
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from inline import Inline
from planted import plant, scaled

from gradproof.audit import report, select
from gradproof.audit import run as audit
from gradproof.audit.areas import Area
from gradproof.audit.run import run
from gradproof.audit.select import Options
from gradproof.cli import main
from gradproof.evidence.files import EvidenceError, read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import Verdict
from gradproof.lookup import UsageError
from gradproof.tasks import Task

SILENT = lambda area, done, total: None  # noqa: E731
IDS = ("activation/tanh", "cost/l1", "cost/dice")


@pytest.fixture
def inline(monkeypatch):
    """Tasks in this process, where patches reach them, as if no framework were installed."""

    @contextlib.contextmanager
    def pool(jobs, log):
        yield Inline()

    monkeypatch.setattr("gradproof.executors.pool", pool)
    monkeypatch.setattr(audit, "_importable", lambda: {"numpy", "balls"})
    monkeypatch.setattr(audit, "source_hash", lambda *packages: "as it is")  # parsing everything takes a second


class Measuring:
    """What tasks do here: they note their ids, and give a finding of the verdict, or raise the error, put there."""

    def __init__(self):
        self.calls, self.results = [], {}

    def __call__(self, id):
        self.calls.append(id)
        result = self.results.get(id, "agrees")
        if isinstance(result, BaseException):
            raise result
        return [Finding("accuracy", id, "plain 0", side="ours", verdict=result, at="plain 0")]


@pytest.fixture
def measuring(monkeypatch, inline):
    """Two areas of a task for each of IDS; the second takes no options but a dtype, and needs torch or balls."""
    measuring = Measuring()

    def tasks(plan):
        return [Task(id, functools.partial(measuring, id), 2) for id in IDS if plan.wants(id)]

    page = lambda evidence, folder: (folder / "page.md").write_text("made")  # noqa: E731
    first = Area("first", "", tasks, page, ("numpy",), ("seed", "oracle"), constants={"steps": 5})
    fakes = {"first": first, "second": replace(first, name="second", options=("dtype",), needs=("torch", "balls"))}
    for module in (report, select):
        monkeypatch.setattr(module, "AREAS", fakes)
    monkeypatch.setattr(report, "PAGES", dict.fromkeys(fakes, page))
    monkeypatch.setattr(report, "write_overview", lambda out: (out / "README.md").write_text("made"))
    return measuring


def findings(out, area="first"):
    return [f.formula for f in read_evidence(out / "evidence" / f"{area}.jsonl").findings]


# ---------------------------------------------------------------- what it leaves


@pytest.mark.parametrize("verdict", Verdict)
def test_an_audit_fails_by_wrong_and_unknown_alone(measuring, tmp_path, verdict):
    measuring.results["cost/l1"] = verdict.value
    outcome = run(tmp_path, Options(), SILENT)
    assert outcome.failed is (verdict.value in ("wrong", "unknown"))
    assert sum(outcome.verdicts.values()) == 2 * len(IDS)
    assert len(outcome.failures) == (2 if outcome.failed else 0)
    assert all("cost/l1 (plain 0) at plain 0 is" in message for message in outcome.failures)


def test_cases_of_networks_are_counted_once_and_a_network_that_fails_is_named():
    counts = {"exact": 3, "wrong": 1}
    views = [Finding("overview", "4-5-3", what, more={"verdicts": counts}) for what in ("architecture", "regime")]
    network = Finding("network", "tanh/relu/l1/none", dtype="float32", side="torch", at="4-5-3 kink", entries=4)
    outcome = audit.Outcome()
    audit._count([*views, replace(network, more={"verdicts": {"wrong": 1}}), replace(network, side="jax")], outcome)
    assert outcome.verdicts == counts
    assert [line.partition("again: ")[2] for line in outcome.failures] == [network.again()]


def test_it_leaves_evidence_and_pages_and_nothing_else(measuring, tmp_path):
    told = []
    outcome = run(tmp_path, Options(seed=3, oracle=None), lambda *said: told.append(said))
    assert findings(tmp_path) == findings(tmp_path, "second") == sorted(IDS)
    assert {p.name for p in tmp_path.iterdir()} == {".lock", "README.md", "evidence", "page.md"}
    assert list(outcome.seconds) == ["first", "second"]
    assert told == [("first", 0, 6), ("first", 6, 6), ("second", 6, 6)]
    first, second = (read_evidence(tmp_path / "evidence" / f"{area}.jsonl").header for area in ("first", "second"))
    assert (first["seed"], first["steps"], "seed" in second, "only" in first) == (3, 5, False, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first["made"])
    assert {"schema", "gradproof", "source", "versions", "cpu"} <= first.keys()
    assert list(first["versions"]) == ["python", "numpy"]


def test_a_part_replaces_only_the_evidence_of_its_areas(measuring, tmp_path):
    run(tmp_path, Options(), SILENT)
    run(tmp_path, Options(("first", "cost/l1")), SILENT)
    assert (findings(tmp_path), findings(tmp_path, "second")) == (["cost/l1"], sorted(IDS))
    assert read_evidence(tmp_path / "evidence" / "first.jsonl").header["only"] == ["first", "cost/l1"]


@pytest.mark.parametrize("change", [scaled(-1.0), scaled(1 + 2.0**-40)], ids=["sign", "the last bits"])
def test_a_planted_gradient_turns_a_real_area_red(inline, tmp_path, monkeypatch, change):
    pytest.importorskip("flint"), pytest.importorskip("matplotlib")
    options = Options(("accuracy", "cost/hinge"), dtype=("float64",))
    assert not run(tmp_path, options, SILENT).failed
    plant(monkeypatch, "cost/hinge", change)
    outcome = run(tmp_path, options, SILENT)
    assert outcome.verdicts == {"agrees": 1, "wrong": 2}
    assert [message.split(" by")[0].split(" at")[0] for message in outcome.failures] == ["cost/hinge: ∂/∂y",
                                                                                       "cost/hinge: ∂/∂z"]  # fmt: skip


# ---------------------------------------------------------------- failures, kills, resumption


def test_a_task_that_fails_costs_no_other_and_no_evidence(measuring, tmp_path):
    run(tmp_path, Options(), SILENT)
    before = (tmp_path / "evidence" / "first.jsonl").read_bytes()
    measuring.results["cost/l1"] = RuntimeError("out of\nmemory")
    outcome = run(tmp_path, Options(("first",)), SILENT)
    assert (outcome.failed, outcome.incomplete, outcome.verdicts["unknown"]) == (True, ["first"], 1)
    assert outcome.failures == ["first, cost/l1: RuntimeError: out of memory"]
    assert (tmp_path / "evidence" / "first.jsonl").read_bytes() == before
    measuring.results.clear(), measuring.calls.clear()
    assert not run(tmp_path, Options(("first",), resume=True), SILENT).failed
    assert measuring.calls == ["cost/l1"], "what had ended well is not measured again"
    assert not (tmp_path / "parts").exists()


@pytest.fixture
def stopped(measuring, tmp_path):
    """A run that was stopped when the first area had been measured."""

    def stop(area, done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Options(), stop)
    measuring.calls.clear()
    return tmp_path / "parts"


def test_a_stopped_run_goes_on_where_it_stopped_or_begins_anew(measuring, tmp_path, stopped):
    half = stopped / "second" / "cost-dice.jsonl"
    half.write_text(half.read_text()[:-5])
    run(tmp_path, Options(resume=True), SILENT)
    assert measuring.calls == ["cost/dice"], "a half-written part does not count"
    assert findings(tmp_path) == findings(tmp_path, "second") == sorted(IDS)
    measuring.calls.clear()
    run(tmp_path, Options(resume=True), SILENT)  # there is nothing to go on from
    assert measuring.calls == [*IDS, *IDS]


@pytest.mark.parametrize(
    ("options", "changed"),
    [(Options(seed=1, resume=True), "seed"), (Options(("cost/l1",), resume=True), "formulas"),
     (Options(dtype=("float32",), resume=True), "dtypes")],
)  # fmt: skip
def test_a_run_is_not_resumed_with_other_options_and_nothing_is_lost(measuring, tmp_path, stopped, options, changed):
    with pytest.raises(EvidenceError, match=f"parts was measured with another {changed}; run again without --resume"):
        run(tmp_path, options, SILENT)
    run(tmp_path, Options(resume=True), SILENT)
    assert measuring.calls == []


@pytest.mark.parametrize("spoil", ["versions", "cpu", "", "{", "3"])
def test_a_run_is_not_resumed_on_another_machine_or_from_a_damaged_record(
    measuring, tmp_path, stopped, monkeypatch, spoil
):
    if spoil in ("versions", "cpu"):
        monkeypatch.setattr(audit, spoil, lambda *_: "another")
        refused = f"another {spoil}"
    else:
        (stopped / "run.json").write_text(spoil)
        refused = r"run\.json: damaged; run again without --resume"
    with pytest.raises(EvidenceError, match=refused):
        run(tmp_path, Options(resume=True), SILENT)
    run(tmp_path, Options(), SILENT)
    assert measuring.calls == [*IDS, *IDS]


def test_a_killed_audit_goes_on_and_its_evidence_is_the_same(tmp_path):
    """A real one, killed as by the system, with processes."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    start = functools.partial(subprocess.Popen, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    command = [sys.executable, "-m", "gradproof", "audit", "--only", "conventions", "--jobs", "1", "--out"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with start([*command, whole]) as process:
        assert process.wait(300) == 0
    with start([*command, killed]) as process:
        while process.poll() is None and not any((killed / "parts").glob("*/*.jsonl")):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    if (killed / "evidence").exists():
        pytest.skip("it had ended before it was killed")
    with start([*command, killed, "--resume"]) as process:
        assert b"tables in" in process.communicate(timeout=300)[0]
    first, second = ((out / "evidence" / "conventions.jsonl").read_bytes().split(b"\n") for out in (whole, killed))
    assert first[1:] == second[1:]
    assert len(first) > 75


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(("first", "activation/relu")), "nothing to measure: what was asked for does not stand in first"),
        (Options(("first",), oracle=("jax",)), r"--oracle jax: not installed; pip install 'gradproof\[oracles\]'"),
        (Options(("second", "second")), "--only names second twice"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_touched(measuring, tmp_path, stopped, options, message):
    with pytest.raises(UsageError, match=message):
        run(tmp_path, options, SILENT)
    run(tmp_path, Options(resume=True), SILENT)
    assert measuring.calls == []


def test_an_area_without_what_it_needs_is_left_out_or_if_named_refused(measuring, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "_importable", lambda: {"numpy"})
    for only in ((), ("cost/l1",)):
        assert list(run(tmp_path, Options(only), SILENT).seconds) == ["first"]
    for only in (("second",), ("second", "first")):
        with pytest.raises(UsageError, match="second needs torch or python-flint: not installed; pip install"):
            run(tmp_path, Options(only), SILENT)
    monkeypatch.setattr(select, "AREAS", {"second": select.AREAS["second"]})
    with pytest.raises(UsageError, match="needs torch or python-flint"):
        run(tmp_path, Options(), SILENT)


def test_two_audits_do_not_write_to_one_folder(measuring, tmp_path):
    with open(tmp_path / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(
            UsageError, match="another audit or sweep is writing here; wait for it, or choose another --out"
        ):
            run(tmp_path, Options(), SILENT)
    assert not run(tmp_path, Options(), SILENT).failed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"header":{"seed":0}}\n{"rows":0}\n', "made by an older gradproof"),
        ('{"header":{"schema":9}}\n{"rows":0}\n', "made by a newer gradproof"),
        ('{"header":{"schema":2}}\n{"kind":"sw', "second.jsonl"),
    ],
)
def test_unreadable_evidence_of_another_area_is_said_before_anything_is_measured(measuring, tmp_path, text, message):
    path = tmp_path / "evidence" / "second.jsonl"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(EvidenceError, match=message):
        run(tmp_path, Options(("first",)), SILENT)
    assert measuring.calls == []
    assert path.read_text() == text
    run(tmp_path, Options(("second",)), SILENT)  # which makes it anew
    assert findings(tmp_path, "second") == sorted(IDS)


# ---------------------------------------------------------------- --against


def test_against_evidence_a_verdict_that_became_worse_is_red(measuring, tmp_path, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    assert main(["audit", "--out", str(old)]) == 0
    measuring.results["cost/dice"] = "inaccurate"
    assert main(["audit", "--out", str(new)]) == 0
    assert main(["audit", "--out", str(new), "--against", str(old)]) == 1
    assert "2 changed in meaning, 2 of these for the worse" in capsys.readouterr().out


@pytest.mark.parametrize("spoil", ["missing", "schema", "cut", "itself"])
def test_what_cannot_be_compared_is_said_before_anything_is_measured(measuring, tmp_path, capsys, spoil):
    old = tmp_path / "old"
    path = old / "evidence" / "first.jsonl"
    if spoil != "missing":
        write_evidence(path, {}, [])
    if spoil in ("schema", "cut"):
        path.write_text(json.dumps({"header": {"schema": 1}}) if spoil == "schema" else path.read_text()[:-3])
    out = old if spoil == "itself" else tmp_path / "new"
    assert main(["audit", "--out", str(out), "--against", str(old)]) == 2
    said = {"missing": "no evidence here", "schema": "an older gradproof", "cut": "first.jsonl, line 2: not JSON",
            "itself": "it would be overwritten, and then compared with itself; name another --out"}  # fmt: skip
    assert said[spoil] in capsys.readouterr().err
    assert measuring.calls == []
