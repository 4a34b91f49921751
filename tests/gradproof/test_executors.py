"""Audits and sweeps over a Dask cluster of this computer and over MPI: who is killed costs nothing, strangers go."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from inline import run_inline

import gradproof
import reference
from gradproof import executors
from gradproof.audit import run as audit
from gradproof.audit.select import Options, select
from gradproof.cli import main
from gradproof.evidence.environment import ORACLES, cpu
from gradproof.evidence.files import read_evidence
from gradproof.executors import about, executor, there
from gradproof.lookup import UsageError
from gradproof.sweeps.inputs import run_length
from gradproof.sweeps.run import Asked
from gradproof.sweeps.run import run as sweep

N = run_length("float32")
SPANS = [(0x3F800000 + k * N, N) for k in range(30)]
TANH = Asked("activation/tanh", "float32", ("slope",), ("ours",))
LAWS = Options(("laws", "regularizer/*"), dtype=("float64",))


def quietly(*_):
    pass


# ---------------------------------------------------------------- how a task is called


def test_a_task_says_on_which_processor_it_ran():
    assert there(about(), (), "cpu", divmod, 7, 2) == ({"cpu": cpu()}, (3, 1))


@pytest.mark.parametrize("package", ["gradproof", "numpy", "torch", "jax", "jaxlib", "python"])
def test_another_version_is_refused_and_named(package):
    with pytest.raises(UsageError, match=rf"worker on \S+ has {package} .*\(not 1\.99\); install the same on all"):
        there({**about(), package: "1.99"}, (), "cpu", divmod, 7, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--on mpi://here", "--on mpi://here: expected dask://HOST:PORT or mpi"),
        ("--on dask://:8786", "--on dask://:8786: expected dask://HOST:PORT or mpi"),
        ("--on dask://a:1 --jobs 2", "--jobs 2 is of processes here, and --on dask://a:1 names workers elsewhere"),
    ],
)
@pytest.mark.parametrize("command", [["audit", "--only", "laws"], ["sweep", "activation/tanh"]], ids=lambda c: c[0])
def test_who_does_not_exist_is_refused_before_anything_is_measured(command, words, said, tmp_path, capsys):
    pytest.importorskip("flint"), pytest.importorskip("matplotlib")
    assert main([*command, *words.split(), "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize(("module", "on", "name"), [("distributed", "dask://a:1", "Dask"), ("mpi4py", "mpi", "mpi4py")])
def test_what_is_not_installed_is_said(module, on, name, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf"--on {on}: {name} .*not installed; pip install"), executor(on):
        pass


# ---------------------------------------------------------------- devices


@pytest.mark.parametrize("name", [*ORACLES])
def test_a_device_that_is_not_there_is_refused_by_name(name):
    pytest.importorskip(name)
    with pytest.raises(UsageError, match=rf"(?i)on \S+: --device cuda:63: {name} has no cuda:63 here; leave out"):
        there(about(), (name,), "cuda:63", divmod, 7, 2)


@pytest.mark.parametrize("command", [["audit", "--only", "accuracy"], ["sweep", "activation/tanh"]], ids=lambda c: c[0])
@pytest.mark.parametrize("device", ["meta", "tpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_what_is_no_device_is_refused(command, device, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*command, "--device", device])
    assert f"{device!r} is no device; there are cpu, cuda and cuda:N" in capsys.readouterr().err


class Placed:
    """A framework that notes where it is told to compute, and answers as ours does."""

    def __init__(self):
        self.places = []
        self.has, self.vjp = lambda *_: "native", reference.vjp
        self.torch = SimpleNamespace(set_num_threads=lambda n: None)

    def place(self, device):
        self.places.append(device)
        return "a GPU" if device != "cpu" else "cpu"


@pytest.fixture
def placed(monkeypatch):
    """Torch played by that, in this process."""
    pytest.importorskip("flint"), pytest.importorskip("ml_dtypes"), pytest.importorskip("matplotlib")
    run_inline(monkeypatch)
    module = Placed()
    monkeypatch.setitem(sys.modules, "torch placed", module)
    monkeypatch.setattr("gradproof.evidence.environment.ORACLES", {"torch": "torch placed"})
    return module


@pytest.mark.parametrize("device", ["cpu", "cuda:1"])
def test_evidence_of_another_device_has_its_own_folder_and_says_so(placed, device, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "_importable", lambda: {"torch", "balls"})
    words = ["audit", "--only", "activation/relu", "--only", "accuracy", "--oracle", "torch", "--dtype", "float16"]
    assert main([*words, "--device", device, "--out", str(tmp_path)]) == 0
    sweeping = ["sweep", "activation/relu", "--dtype", "float16", "--side", "torch", "--device", device]
    assert main([*sweeping, "--out", str(tmp_path)]) == 0
    assert {*placed.places} == {device}
    out = tmp_path if device == "cpu" else tmp_path / "cuda"
    assert {path.parent for path in tmp_path.rglob("*.jsonl")} == {out / "evidence"}
    for area in ("accuracy", "sweeps"):
        header, page = read_evidence(out / "evidence" / f"{area}.jsonl").header, (out / f"{area}.md").read_text()
        assert header.get("device") == (None if device == "cpu" else "cuda:1, a GPU")
        assert (": torch and JAX on cuda:1, a GPU\n" in page) == (device != "cpu")
        assert (" (cuda:1, a GPU)\n" in page) == (device != "cpu")
    assert ("cuda:1, a GPU" in (out / "README.md").read_text()) == (device != "cpu")


def test_a_device_enters_the_areas_that_ask_frameworks_for_arrays(capsys):
    pytest.importorskip("matplotlib")
    assert main(["audit", "--only", "proofs", "--device", "cuda"]) == 2
    assert "--device does not enter proofs; it does enter accuracy" in capsys.readouterr().err
    areas, plan = select(Options(("activation/tanh",), device="cuda"))
    assert ([area.name for area in areas], plan.device) == (["accuracy"], "cuda")
    assert main(["sweep", "activation/tanh", "--side", "ours", "--device", "cuda"]) == 2
    assert "--device cuda: of ours nobody computes there" in capsys.readouterr().err


# ---------------------------------------------------------------- Dask


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("flint")
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


def on(cluster):
    return cluster.scheduler_address.replace("tcp", "dask")


def measure(what, out, on, progress=quietly):
    """An audit or a sweep over these workers."""
    if what == "audit":
        return audit.run(out, replace(LAWS, on=on), progress)
    return sweep(out, TANH, progress, on=on, only=SPANS)


def killing(cluster, least):
    """A progress that kills a worker in the middle, and who that was."""
    killed = []

    def progress(name, done, total):
        if least <= done < total and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    return progress, killed


def test_a_worker_killed_in_the_middle_of_a_sweep_costs_nothing(cluster, tmp_path):
    progress, killed = killing(cluster, 3)
    found = measure("sweep", tmp_path, on(cluster), progress)
    assert killed
    assert [(f.entries, f.more["right"]) for f in found] == [(30 * N, 30 * N)]


def test_a_worker_killed_in_the_middle_of_an_audit_costs_nothing(cluster, tmp_path):
    pytest.importorskip("ml_dtypes")
    progress, killed = killing(cluster, 3)
    outcome = measure("audit", tmp_path / "there", on(cluster), progress)
    assert killed
    assert not outcome.failed
    audit.run(tmp_path / "here", replace(LAWS, jobs=1), quietly)
    one, other = (read_evidence(tmp_path / where / "evidence" / "laws.jsonl") for where in ("there", "here"))
    assert one.findings == other.findings
    assert one.header["cpu"] == cpu()
    assert not (tmp_path / "there" / "parts").exists()


@pytest.mark.parametrize("what", ["audit", "sweep"])
def test_another_version_on_a_worker_of_a_cluster_is_refused(cluster, tmp_path, monkeypatch, what):
    for module in ("gradproof.audit.run", "gradproof.sweeps.run"):
        monkeypatch.setattr(f"{module}.about", lambda: {**about(), "numpy": "0.0"})
    with pytest.raises(UsageError, match=r"the worker on \S+ has numpy .* \(not 0\.0\); install the same on all"):
        measure(what, tmp_path, on(cluster))
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("what", ["audit", "sweep"])
def test_a_scheduler_that_dies_leaves_what_was_measured(tmp_path, what):
    pytest.importorskip("flint"), pytest.importorskip("ml_dtypes")
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:

        def progress(name, done, total):
            if 3 <= done < total:
                cluster.close()

        with pytest.raises(UsageError, match="go on from here with --resume"):
            measure(what, tmp_path, on(cluster), progress)
    kept = {path.name for path in (tmp_path / ("parts/laws" if what == "audit" else "sweeping")).glob("*.jsonl")}
    assert len(kept) >= 3
    if what == "sweep":
        assert len(kept) < len(SPANS)
        assert sweep(tmp_path, TANH, quietly, jobs=1, only=SPANS, resume=True)[0].entries == 30 * N
    else:
        told = []
        audit.run(tmp_path, replace(LAWS, jobs=1, resume=True), lambda *said: told.append(said))
        assert told[0][1] >= 3


def test_a_scheduler_or_a_worker_that_is_not_there_is_said_within_seconds(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "WAIT", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"dask://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UsageError, match=f"--on {address}: no Dask scheduler answers there within 1 s"):
        executor(address).__enter__()
    with pytest.raises(UsageError, match="no Dask scheduler answers there"):
        executor("dask://no.such.host.invalid:8786").__enter__()
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(UsageError, match="the scheduler has no workers"),
    ):
        executor(on(empty)).__enter__()


# ---------------------------------------------------------------- MPI


def mpirun(ranks, *words):
    pytest.importorskip("mpi4py.MPI", exc_type=(ImportError, RuntimeError))
    start = shutil.which("mpirun") or pytest.skip("there is no mpirun")
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(gradproof.__file__).parents[1])}
    command = [start, "-n", str(ranks), sys.executable, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


AUDIT = ("-m", "gradproof", "audit", "--only", "laws", "--only", "cost/l1", "--dtype", "float64", "--on", "mpi")


def test_an_audit_over_the_ranks_of_mpi(tmp_path):
    pytest.importorskip("flint"), pytest.importorskip("ml_dtypes")
    done = mpirun(3, "-m", "mpi4py.futures", *AUDIT, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tables in" in done.stdout
    assert {f.formula for f in read_evidence(tmp_path / "evidence" / "laws.jsonl").findings} == {"cost/l1"}


@pytest.mark.parametrize("words", [("-m", "mpi4py.futures", *AUDIT), AUDIT], ids=["one rank", "not by mpi4py.futures"])
def test_mpi_without_ranks_to_work_is_refused(words, tmp_path):
    done = mpirun(1, *words, "--out", tmp_path)
    assert done.returncode != 0
    assert "--on mpi: there are no ranks to work; start as 'mpirun -n N python -m mpi4py.futures" in done.stderr
