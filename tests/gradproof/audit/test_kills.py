"""Audits that are really killed, starved of disk or run at once: what is left is whole, and nobody stays behind."""

import os
import resource
import shutil
import signal
import time
from pathlib import Path

import pytest
from bare import environment, start

from gradproof.evidence.files import read_evidence

pytest.importorskip("sympy")
PROOFS = ("audit", "--only", "proofs", "--only", "regularizer/e*", "--only", "regularizer/l*")
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An interpreter with SymPy alone, which starts quickly."""
    return environment(tmp_path_factory.mktemp("bare"), "sympy", "mpmath")


@pytest.fixture
def env(bare, tmp_path):
    """With a mark by which the processes of a test are known."""
    return {**bare, "GRADPROOF_TEST": str(tmp_path)}


def audit(env, out, *words, **options):
    return start([*PROOFS, "--jobs", "2", *words, "--out", out], env, **options)


def processes(env):
    """The processes of this test that have not ended: id and parent."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"GRADPROOF_TEST={env['GRADPROOF_TEST']}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    return found


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def half_way(process, out):
    """Wait until something, and not all, has been measured."""
    wait_for(lambda: process.poll() is not None or any((out / "parts").glob("*/*.jsonl")), 200)
    assert process.poll() is None, process.communicate()


def verdicts(out):
    return {(f.formula, f.what): f.verdict for f in read_evidence(out / "evidence" / "proofs.jsonl").findings}


@pytest.fixture(scope="module")
def measured(bare, tmp_path_factory):
    out = tmp_path_factory.mktemp("measured") / "out"
    with audit(bare, out) as process:
        assert process.wait(300) == 0
    return out


@pytest.fixture
def whole(measured, tmp_path):
    """A folder with the evidence of a run that has ended well, and that evidence."""
    out = Path(shutil.copytree(measured, tmp_path / "out"))
    return out, (out / "evidence" / "proofs.jsonl").read_bytes()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda s: s.name)
def test_who_is_stopped_leaves_no_process_and_the_evidence_as_it_was(env, whole, how):
    out, before = whole
    if signal.getsignal(how) == signal.SIG_IGN:
        pytest.skip(f"{how.name} is ignored here, as in the background of a shell, and would be in the audit")
    with audit(env, out, start_new_session=True) as process:
        half_way(process, out)
        assert len(processes(env)) > 2
        process.send_signal(how)
        assert process.wait(60) == {signal.SIGKILL: -9, signal.SIGINT: 130}.get(how, 128 + how)
    wait_for(lambda: not processes(env))
    assert (out / "evidence" / "proofs.jsonl").read_bytes() == before
    if how is signal.SIGKILL:
        with audit(env, out, "--resume") as process:
            assert process.wait(300) == 0
        assert not (out / "parts").exists()
        assert (out / "evidence" / "proofs.jsonl").read_bytes().split(b"\n")[1:] == before.split(b"\n")[1:]


def test_after_a_kill_another_audit_counts_its_own_parts_alone(env, tmp_path):
    out = tmp_path / "out"
    with audit(env, out) as process:
        half_way(process, out)
        process.send_signal(signal.SIGKILL)
    with start(["audit", "--only", "proofs", "--only", "activation/exp", "--jobs", "1", "--out", out], env) as process:
        assert process.wait(200) == 0
    header, findings = read_evidence(out / "evidence" / "proofs.jsonl")
    assert header["only"] == ["proofs", "activation/exp"]
    assert {f.formula for f in findings} == {"activation/exp"}


def test_a_killed_worker_costs_the_area_and_not_its_evidence(env, whole):
    out, before = whole
    with audit(env, out) as process:
        half_way(process, out)
        workers = [id for id, parent in processes(env).items() if parent == process.pid]
        for worker in workers:
            command = Path(f"/proc/{worker}/cmdline").read_bytes()
            if b"spawn_main" in command:
                os.kill(worker, signal.SIGKILL)
        told, _ = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "not measured to the end: proofs; their evidence is as it was" in told
    assert (out / "evidence" / "proofs.jsonl").read_bytes() == before


def test_two_at_once_in_one_folder_are_one_too_many(env, tmp_path):
    out = tmp_path / "out"
    with audit(env, out) as first:
        half_way(first, out)
        with audit(env, out) as second:
            assert second.communicate(timeout=60)[1].startswith(
                f"gradproof: {out}: another audit or sweep is writing here"
            )
            assert second.returncode == 2
        assert first.wait(300) == 0
    assert len(verdicts(out)) > 3


@pytest.mark.parametrize("room", ["nothing", "parts"])
def test_where_there_is_no_room_the_file_is_named_and_nothing_is_half_written(env, whole, room):
    """Writing stops at so many bytes, as on a full disk: in a part, or in the evidence."""
    out, before = whole
    bytes_left = 50 if room == "nothing" else len(before) - 1

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left))

    with audit(env, out, preexec_fn=small) as process:
        told, error = process.communicate(timeout=300)
    assert "Traceback" not in told + error
    assert (out / "evidence" / "proofs.jsonl").read_bytes() == before
    assert process.returncode in (1, 2)
    assert "File too large" in told + error
    assert f"{out / ('parts' if room == 'nothing' else 'evidence')}/" in told + error
    with audit(env, out, "--resume") as process:
        assert process.wait(300) == 0


def test_a_name_with_brackets_and_stars_is_a_name(env, tmp_path):
    out = tmp_path / "g[a]b*c ü"
    with audit(env, out) as process:
        assert process.wait(300) == 0
    assert len(verdicts(out)) > 3
    assert (out / "README.md").exists()
    with start(["diff", out, out], env) as process:
        assert "0 changed in meaning" in process.communicate(timeout=60)[0]
    with start(["show", "regularizer/l2", "--evidence", out / "evidence"], env) as process:
        assert "proved" in process.communicate(timeout=60)[0]
