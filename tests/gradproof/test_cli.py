import contextlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plants import PLANTS, patch

import oracles
from gradproof import __version__
from gradproof.audit import run as audit
from gradproof.cli import main
from gradproof.evidence.environment import ORACLES, load
from gradproof.networks import run as networks
from reference import CATALOGUE

COMMANDS = ("audit", "report", "list", "show", "at", "cite", "vectors", "doctor")


@pytest.fixture
def run(capsys):
    """Run a command line; its exit code, what it prints, and what it complains of."""

    def run(*arguments):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


# ---------------------------------------------------------------- help and version


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"example: gradproof {command}" in out


def test_without_a_command_it_says_what_there_is(run):
    code, out, _ = run()
    assert code == 2
    assert all(re.search(rf"^ +{command} ", out, re.MULTILINE) for command in COMMANDS)


def test_the_version(run):
    assert run("--version") == (0, f"gradproof {__version__}\n", "")


def test_an_unknown_command_is_refused(run):
    code, _, err = run("audti")
    assert code == 2
    assert "invalid choice: 'audti'" in err


# ---------------------------------------------------------------- list, show, doctor


def test_every_formula_is_listed(run):
    code, out, _ = run("list")
    assert code == 0
    listed = dict(line.split(maxsplit=1) for line in out.splitlines()[1:])
    assert listed == {id: f.statement for id, f in CATALOGUE.items()}


def test_one_kind_is_listed(run):
    _, out, _ = run("list", "regularizer")
    assert {line.split("/")[0] for line in out.splitlines()[1:]} == {"regularizer"}


def test_an_unknown_kind_is_refused_with_the_known_ones(run):
    code, out, err = run("list", "kost")
    assert (code, out) == (2, "")
    kinds = ", ".join(sorted({f.kind for f in CATALOGUE.values()}))
    assert err == f"gradproof: no formulas of kind 'kost'; there are {kinds}\n"


def test_on_a_terminal_no_index_is_taken_for_markup(run, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "2000")
    _, out, _ = run("list", "activation")
    assert CATALOGUE["activation/softmax"].statement in out


def test_one_formula_is_shown(run, tmp_path):
    code, out, _ = run("show", "activation/gelu", "--evidence", tmp_path)
    assert code == 0
    assert CATALOGUE["activation/gelu"].statement in out


def test_doctor_tells_versions_oracles_and_places(run):
    code, out, _ = run("doctor")
    assert code == 0
    assert re.search(r"^numpy +\d", out, re.MULTILINE)
    for name in ORACLES:
        ready = "ready" if load(name) else "not installed: pip install gradproof[oracles]"
        assert re.search(rf"^oracle {name} +{re.escape(ready)}", out, re.MULTILINE)
    for package in ("reference", "oracles", "gradproof"):
        assert re.search(rf"^{package} +.*{package}.__init__\.py$", out, re.MULTILINE)


def test_doctor_says_what_to_do_about_a_missing_oracle(run, monkeypatch):
    monkeypatch.setattr("gradproof.evidence.environment.load", lambda name: None)
    _, out, _ = run("doctor")
    assert out.count("not installed: pip install gradproof[oracles]") == len(ORACLES)


# ---------------------------------------------------------------- at


@pytest.fixture
def no_truth(monkeypatch):
    for module in [m for m in sys.modules if m.startswith("oracles.arb")]:
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.delattr(oracles, module.split(".")[1], raising=False)
    monkeypatch.setitem(sys.modules, "flint", None)


def test_json_of_at_has_exactly_these_keys(run, no_truth):
    code, out, _ = run("at", "activation/sigmoid", "38", "-0x1p-3", "--dtype", "float64", "--json")
    assert code == 0
    result = json.loads(out)
    sides = ["ours", *(name for name in ("torch", "jax") if load(name))]
    assert list(result) == ["formula", "dtype", "points"]
    assert (result["formula"], result["dtype"]) == ("activation/sigmoid", "float64")
    assert [list(p) for p in result["points"]] == [["x", *sides]] * 2
    assert [list(p[side]) for p in result["points"] for side in sides] == [["value", "slope"]] * 2 * len(sides)
    assert [p["x"] for p in result["points"]] == [(38.0).hex(), (-0.125).hex()]
    value, slope = CATALOGUE["activation/sigmoid"].function(38.0)
    assert result["points"][0]["ours"] == {"value": float(value).hex(), "slope": float(slope).hex()}


def test_json_of_at_with_the_truth(run):
    pytest.importorskip("flint")
    _, out, _ = run("at", "activation/relu", "1", "0", "--json")
    smooth, kink = json.loads(out)["points"]
    extra = {"truth": {"value": (1.0).hex(), "slope": (1.0).hex()}, "verdict": "exact"}
    assert {k: v for k, v in smooth.items() if k in extra} == extra
    assert [float.fromhex(kink[side]) for side in ("left", "right")] == [0, 1]


@pytest.mark.parametrize(
    ("text", "x"),
    [("-1e-3", -1e-3), ("-.5", -0.5), ("-0x1p-3", -0.125), ("-0X1.8P1", -3.0), ("-inf", -math.inf),
     ("-Infinity", -math.inf), ("inf", math.inf), ("0x10", 16.0), ("-7", -7.0), ("1_0", 10.0)],
)  # fmt: skip
def test_negative_and_hex_points_are_numbers_not_options(run, no_truth, text, x):
    code, out, _ = run("at", "activation/tanh", text, "--json")
    assert code == 0
    assert [float.fromhex(p["x"]) for p in json.loads(out)["points"]] == [x]


def test_options_may_stand_among_points(run, no_truth):
    code, out, _ = run("at", "--dtype", "float32", "activation/tanh", "-1", "2", "--json")
    assert code == 0
    assert json.loads(out)["dtype"] == "float32"


def test_the_table_shows_every_side(run):
    code, out, _ = run("at", "activation/tanh", "0.5", "-1")
    assert code == 0
    lines = out.splitlines()
    for x in ("0.5", "-1.0"):
        for side in ("ours", "torch", "jax"):
            (line,) = [q for q in lines if q.split()[:2] == [x, side]]
            assert ("not installed" in line) == (side != "ours" and load(side) is None)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["activation/sigmod", "1"], "no formula 'activation/sigmod'; did you mean activation/sigmoid"),
        (["qqqq", "1"], "no formula 'qqqq'; 'gradproof list' shows them all"),
        (["activation/tanh", "nan"], "'nan': there is nothing to compare at NaN; write a number"),
        (["activation/tanh", "abc"], "'abc' is not a number; write 38, -1e-3, 0x1.8p+1 or inf"),
        (["activation/tanh", "1", "0xzz"], "'0xzz' is not a number"),
        (["activation/softmax", "1"], "activation/softmax does not act on single numbers"),
        (["activation/tanh", "1", "--dtype", "float8"], "invalid choice: 'float8'"),
        (["activation/tanh"], "the following arguments are required: X"),
        (["activation/tanh", "1", "--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_points_are_refused(run, arguments, complaint):
    code, out, err = run("at", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err


def test_show_of_an_unknown_id_is_refused(run):
    code, out, err = run("show", "cost/huberr")
    assert (code, out) == (2, "")
    assert "did you mean cost/huber" in err


# ---------------------------------------------------------------- audit


ONE = ("audit", "--only", "4-5-3/float64/tanh/sigmoid/mse/none", "--oracle", "torch")


def test_a_sound_audit_exits_0_and_says_what_it_found(run, quick, tmp_path):
    pytest.importorskip("flint")
    code, out, err = run(*ONE, "--out", tmp_path)
    assert code == 0
    assert re.fullmatch(rf"(\w+ \d+(, )?)+ \(networks \d+ s\); tables in {tmp_path}/\n", out)
    assert re.search(r"^networks: 5 of 5 \(\d+ s\)$", err, re.MULTILINE)
    assert (tmp_path / "networks.md").exists()


def test_a_planted_error_exits_1_with_its_message(run, quick, tmp_path, monkeypatch):
    pytest.importorskip("flint")
    PLANTS[0].plant(patch(monkeypatch))
    code, out, _ = run(*ONE, "--out", tmp_path)
    assert code == 1
    assert f"FAIL {PLANTS[0].formula}: slope[" in out
    assert f"likely cause: {PLANTS[0].cause}" in out
    assert f"gradproof audit --only '{PLANTS[0].configuration}' --seed 0" in out
    assert "wrong 5" in out


def test_an_oracle_that_fails_inside_exits_1_and_loses_nothing(run, quick, tmp_path, monkeypatch):
    from oracles import finite_difference

    def failing(*args, **given):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(finite_difference, "network", failing)
    code, out, _ = run(*ONE, "--out", tmp_path)
    assert code == 1
    assert "torch raised RuntimeError: out of memory" in out
    assert "unknown 5" in out
    assert (tmp_path / "networks.md").exists()


def test_missing_oracles_exit_2_with_the_remedy(run, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "load", lambda name: None)
    code, out, err = run("audit", "--only", "4-5-3/*", "--out", tmp_path)
    assert (code, out) == (2, "")
    assert err == "gradproof: torch and jax: not installed; pip install 'gradproof[oracles]'\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "nothing/*"], "nothing matches 'nothing/*'; a pattern looks like '4-5-3/float64/tanh/*'"),
        (["--seed", "-1"], "argument --seed: '-1' is not a number 0, 1, 2, …"),
        (["--draws", "0"], "argument --draws: '0' is not a number 1, 2, 3, …"),
        (["--draws", "-3"], "argument --draws: '-3' is not a number 0, 1, 2, …"),
        (["--seed", "x"], "argument --seed: 'x' is not a number 0, 1, 2, …"),
        (["--jobs", "-1"], "argument --jobs: '-1' is not a number 0, 1, 2, …"),
        (["--dtype", "float16"], "argument --dtype: invalid choice: 'float16'"),
        (["--oracle", "tensorflow"], "argument --oracle: invalid choice: 'tensorflow'"),
    ],
)
def test_bad_options_of_an_audit_are_refused(run, quick, tmp_path, arguments, complaint):
    code, out, err = run("audit", "--oracle", "torch", "--out", tmp_path, *arguments)
    assert (code, out) == (2, "")
    assert complaint in err


def test_an_unwritable_folder_is_named(run, quick, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, out, err = run(*ONE, "--out", tmp_path / "file" / "reports")
    assert (code, out) == (2, "")
    assert err.startswith(f"gradproof: {tmp_path / 'file' / 'reports'}")
    assert "Not a directory" in err


def test_an_error_of_the_system_without_a_name_is_still_told(run, quick, tmp_path, monkeypatch):
    def full(*args, **given):
        raise OSError("no space left")

    monkeypatch.setattr(audit, "summarise", full)
    code, _, err = run(*ONE, "--out", tmp_path)
    assert code == 2
    assert err.endswith("gradproof: no space left\n")


def test_resume_after_another_seed_is_refused(run, quick, tmp_path):
    run(*ONE, "--out", tmp_path)
    code, out, err = run(*ONE, "--out", tmp_path, "--seed", "1", "--resume")
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'raw'} was measured with another seed; run again without --resume" in err


def test_resume_after_a_damaged_part_measures_it_again(run, quick, tmp_path):
    pytest.importorskip("flint")
    run(*ONE, "--out", tmp_path)
    evidence = (tmp_path / "evidence" / "networks.jsonl").read_bytes()
    (part,) = (tmp_path / "raw").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:500])
    code, _, err = run(*ONE, "--out", tmp_path, "--resume")
    assert code == 0
    assert "networks: 0 of 5" in err  # it was not taken for finished
    assert (tmp_path / "evidence" / "networks.jsonl").read_bytes().split(b"\n")[1:] == evidence.split(b"\n")[1:]


def test_a_part_goes_to_out_and_everything_to_reports(run, monkeypatch):
    seen = []

    def note(out, options, progress):
        seen.append((out, options))
        return audit.Outcome()

    monkeypatch.setattr(audit, "run", note)
    run("audit", "--seed", "3", "--jobs", "1")
    run("audit", "--dtype", "float32")
    run("audit", "--only", "activation/gelu")
    run("audit", "--oracle", "torch", "--out", "elsewhere")
    run("audit", "--draws", "64")
    assert [str(out) for out, _ in seen] == ["reports", "out", "out", "elsewhere", "out"]
    assert seen[4][1].draws == 64
    assert seen[0][1] == audit.Options(seed=3, jobs=1)
    assert seen[1][1].dtypes == ("float32",)
    assert seen[3][1].oracles == ("torch",)


def test_an_interrupted_audit_says_how_to_go_on(run, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(audit, "run", interrupted)
    assert run("audit") == (130, "", "gradproof: stopped; 'gradproof audit --resume' goes on from here\n")


def test_an_audit_goes_through_worker_processes(tmp_path):
    """End to end: the plant is made when a worker imports the main module, as it is in the parent."""
    for package in ("torch", "flint", "polars", "matplotlib"):
        pytest.importorskip(package)
    script = tmp_path / "planted.py"
    script.write_text(
        f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[k]) for k in (1, 2)]!r}
import plants
from gradproof.cli import main
plants.PLANTS[0].plant(plants.for_good)
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
""",
        encoding="utf-8",
    )
    command = [sys.executable, script, *ONE, "--jobs", "1", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert f"FAIL {PLANTS[0].formula}: slope[" in done.stdout
    assert f"likely cause: {PLANTS[0].cause}" in done.stdout
    assert "networks: 5 of 5" in done.stderr
    assert (tmp_path / "out" / "networks.md").exists()


# ---------------------------------------------------------------- report


@pytest.fixture
def reported(run, quick, tmp_path):
    pytest.importorskip("flint")
    assert run(*ONE, "--out", tmp_path)[0] == 0
    return tmp_path


def test_fresh_reports_pass_and_are_made_again(run, reported):
    assert run("report", "--check", "--out", reported) == (0, f"{reported}: every page follows from its evidence\n", "")
    page = (reported / "costs.md").read_bytes()
    (reported / "costs.md").unlink()
    assert run("report", "--out", reported) == (0, f"{reported}: networks\n", "")
    assert (reported / "costs.md").read_bytes() == page


def test_an_edited_page_and_stale_source_exit_1(run, reported, monkeypatch):
    (reported / "costs.md").write_text("all is well\n")
    monkeypatch.setattr(audit, "source_hash", lambda *packages: "edited since")
    code, out, _ = run("report", "--check", "--out", reported)
    assert code == 1
    assert f"{reported / 'costs.md'} does not follow from the evidence; run 'gradproof report'" in out
    assert "was made from formulas as it is, the source is now edited since; run 'gradproof audit'" in out
    assert out.endswith(f"{reported}: 2 stale\n")


def damage(path, how):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    damaged = {"half-written": lines[: len(lines) // 2], "a row less": lines[:2] + lines[3:], "garbage": ["garbage"],
               "empty": []}[how]  # fmt: skip
    path.write_text("".join(damaged), encoding="utf-8")


@pytest.mark.parametrize("how", ["half-written", "a row less", "garbage", "empty"])
@pytest.mark.parametrize("check", [(), ("--check",)], ids=["report", "check"])
def test_damaged_evidence_exits_2(run, reported, how, check):
    path = reported / "evidence" / "networks.jsonl"
    damage(path, how)
    page = (reported / "costs.md").read_bytes()
    code, out, err = run("report", *check, "--out", reported)
    assert (code, out) == (2, "")
    assert err.startswith(f"gradproof: {path}")
    assert "run the audit again" in err
    assert (reported / "costs.md").read_bytes() == page


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["report", "check"])
def test_no_evidence_exits_2(run, tmp_path, check):
    code, out, err = run("report", *check, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert err == f"gradproof: {tmp_path / 'evidence'}: no evidence here; run 'gradproof audit' first\n"


# ---------------------------------------------------------------- terminals and pipes


def test_output_to_a_closed_pipe_is_no_error():
    """As in `gradproof list | head -1`."""
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "gradproof", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
