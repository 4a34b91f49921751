"""The command line: what each command prints, its exit code, and its words about bad input."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from plants import PLANTS

from gradproof import __version__, cli
from gradproof.audit import run as audit
from gradproof.audit.select import Options
from gradproof.evidence.environment import ORACLES, load
from gradproof.evidence.files import EvidenceError
from gradproof.evidence.finding import hexed
from gradproof.lookup import UsageError
from gradproof.pages.unicode import mathematics
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS

HERE = [side for side in ORACLES if load(side)]
KINDS = sorted({f.kind for f in CATALOGUE.values()})
FORMER = next(id for id in ALIASES if id.startswith("cost/"))
TESTS = Path(__file__).parents[1]


@pytest.fixture
def run(capsys):
    """Run a command line; its exit code, what it prints, and what it complains of."""

    def run(*arguments):
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_is_listed_and_has_help_with_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert (code, f"example: gradproof {command}" in out) == (0, True)
    code, out, _ = run()
    assert (code, bool(re.search(rf"^ +{command} ", out, re.MULTILINE))) == (2, True)
    assert run("--version") == (0, f"gradproof {__version__}\n", "")


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("audti", "invalid choice: 'audti'"),
        (
            "list kost",
            f"gradproof: no formulas of kind 'kost'; there are {', '.join(KINDS)}, and published equations: claim, ",
        ),
        ("list cost/huberr", "no formula is 'cost/huberr' or matches it; did you mean cost/huber"),
        ("list --search qqqq", "--search 'qqqq': found nowhere; "),
        ("lock OUT/lock cost/huberr", "gradproof: cost/huberr: nothing matches; did you mean cost/huber"),
        ("show cost/huberr", "no formula 'cost/huberr'; did you mean cost/huber"),
        ("cite cost/huberr", "no formula 'cost/huberr'; did you mean cost/huber"),
        ("doctor cost/huberr", "no formula 'cost/huberr'; did you mean cost/huber"),
        ("case cost/huberr plain 0", "no formula 'cost/huberr'; did you mean cost/huber"),
        ("at qqqq 1", "no formula 'qqqq'; 'gradproof list' shows them all"),
        ("at activation/tanh 1 0xzz", "'0xzz' is not a number; write 38, -1e-3, 0x1.8p+1, inf or nan"),
        ("at activation/softmax 1", "activation/softmax takes arrays by name"),
        ("at activation/elu 1 beta=2", "activation/elu has no parameter beta; its parameters: alpha"),
        ("at activation/softplus 1 beta=-2", "beta = -2.0; need"),
        ("at activation/tanh a=1", "no point given"),
        ("at activation/tanh", "the following arguments are required: X"),
        ("at activation/tanh 1 --dtype float8", "invalid choice: 'float8'"),
        ("at activation/tanh 1 --frobnicate", "unrecognized arguments: --frobnicate"),
        ("audit --only nothing/* --out OUT", "--only nothing/*: nothing matches; did you mean"),
        ("audit --only kinks --seed 1 --out OUT", "--seed does not enter kinks; it does enter networks, "),
        ("audit --only updates --dtype bfloat16 --jobs 1 --out OUT", "nothing to measure: what was asked"),
        ("audit --against OUT/before --out OUT", "before: no evidence here; name a folder that"),
        ("audit --seed -1", "argument --seed: '-1' is not a number 0, 1, 2, …"),
        ("audit --seed x", "argument --seed: 'x' is not a number 0, 1, 2, …"),
        ("audit --draws 0", "argument --draws: '0' is not a number 1, 2, 3, …"),
        ("audit --draws -1", "argument --draws: '-1' is not a number 1, 2, 3, …"),
        ("audit --jobs -1", "argument --jobs: '-1' is not a number 0, 1, 2, …"),
        ("audit --oracle tensorflow", "--oracle tensorflow: there are torch, jax\n"),
    ],
)
def test_bad_input_is_refused_in_words(run, tmp_path, command, complaint):
    code, out, err = run(*command.replace("OUT", str(tmp_path)).split())
    assert (code, out) == (2, "")
    assert complaint in err


@pytest.mark.parametrize("command", ["at {} x=1", "doctor {}"])
@pytest.mark.parametrize("id", BLOCKS)
def test_of_a_block_it_is_said_what_it_can_be_asked(run, command, id):
    code, out, err = run(*command.format(id).split())
    assert (code, out) == (2, "")
    assert f"{id} is a whole block" in err
    assert f"'gradproof case {id} plain 0'" in err
    assert "CONTRIBUTING" not in err


def test_blocks_are_listed_with_what_they_are(run):
    code, out, _ = run("list", "block")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [*BLOCKS]


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_every_formula_is_listed(run, kind):
    code, out, _ = run("list", *filter(None, [kind]))
    assert (code, out.splitlines()[0].split()) == (0, ["id", "proof", "ours", "in", "float64", "statement"])
    listed = {line.split()[0]: re.split("  +", line)[-1] for line in out.splitlines()[1:]}
    assert listed == {id: mathematics(f.statement) for id, f in CATALOGUE.items() if kind in (None, f.kind)}


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("activation/gelu", {"activation/gelu"}),
        ("activation/gelu*", {"activation/gelu", "activation/gelu_tanh"}),
        (FORMER, {ALIASES[FORMER][0]}),
        ("--search swish", {"activation/silu", "activation/hardswish"}),
        ("activation --search BCEWithLogitsLoss", None),
        ("cost --search BCEWithLogitsLoss", {"cost/binary_cross_entropy_logits"}),
        ("nielsen-2015 --search bp1a", {"nielsen-2015/bp1a"}),
        ("block --search lstm", {"block/lstm_classifier"}),
    ],
)
def test_a_list_is_narrowed_by_pattern_and_by_words(run, words, ids):
    code, out, _ = run("list", *words.split())
    assert (code, {line.split()[0] for line in out.splitlines()[1:]}) == ((0, ids) if ids else (2, set()))


def test_a_missing_package_is_named_with_the_extra_that_has_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    monkeypatch.chdir(TESTS.parent)
    assert run("vectors", "check") == (2, "", "gradproof: jsonschema: not installed; pip install 'gradproof[test]'\n")


def test_at_a_kink_the_reader_is_told_that_each_slope_is_legitimate(run):
    pytest.importorskip("flint")
    assert "At a kink every slope" in run("at", "activation/hardswish", 3)[1]
    assert "At a kink" not in run("at", "activation/hardswish", 2)[1]


@pytest.mark.parametrize(
    "command", ["show {} --evidence nowhere", "cite {}", "doctor {}", "case {} plain 0", "at {} 1"]
)
def test_a_former_id_is_that_of_the_formula_which_it_became(run, command):
    _, out, err = run(*command.format(FORMER).split())
    assert "no formula" not in err
    assert command[0] not in "sc" or err or ALIASES[FORMER][0] in out.replace("\\_", "_")


@pytest.mark.parametrize(
    "command",
    ["show {} --evidence nowhere", "cite {}", "doctor {}", "case {} plain 0", "at {} a=0.5,-2 y=0,1", "list {}"],
)
@pytest.mark.parametrize("name", ["mse", "nn.MSELoss", "torch.nn.functional.mse_loss", "optax.squared_error"])
def test_the_name_of_a_framework_is_as_good_as_the_id_in_every_command(run, command, name):
    for package in ("torch", "jax", "flint", "sympy"):  # doctor says what is missing
        pytest.importorskip(package)
    id = "cost/squared_error"
    expected = run(*command.format(id).split())
    code, out, err = run(*command.format(name).split())
    out = re.sub(rf"^{name} stands for {id}\n", "", out)  # show says so
    out = out.replace(f"{name}: nothing", f"{id}: nothing")  # doctor repeats what was asked
    assert (code, out, err) == expected
    assert code == 0


@pytest.mark.parametrize("here", [True, False])
def test_doctor_tells_versions_oracles_and_places(run, monkeypatch, here):
    monkeypatch.setattr("gradproof.commands.doctor.load", lambda name: sys if here else None)
    out = run("doctor")[1]
    ready = "ready" if here else "not installed: pip install 'gradproof[oracles]'"
    assert re.search(r"^numpy +\d", out, re.MULTILINE)
    assert all(re.search(rf"^oracle {name} +{re.escape(ready)}$", out, re.MULTILINE) for name in ORACLES)
    for package in ("reference", "oracles", "gradproof"):
        assert re.search(rf"^{package} +.*{package}.__init__\.py$", out, re.MULTILINE)


# ---------------------------------------------------------------- at


@pytest.fixture
def no_truth(monkeypatch):
    monkeypatch.setitem(sys.modules, "oracles.arb_truth", None)


def test_json_of_at_has_exactly_these_keys(run, no_truth):
    code, out, _ = run("at", "activation/elu", "38", "-0x1p-3", "alpha=2", "--dtype", "float64", "--json")
    result = json.loads(out)
    points, sides = result.pop("points"), ["ours", *HERE]
    asked = {"formula": "activation/elu", "dtype": "float64", "parameters": {"alpha": 2.0}, "truth by": "tables"}
    assert (code, result) == (0, asked)
    assert [list(p) for p in points] == [["x", *sides]] * 2
    assert [list(p[side]) for p in points for side in sides] == [["value", "slope"]] * 2 * len(sides)
    value, slope = CATALOGUE["activation/elu"].function(-0.125, alpha=2)
    assert points[1]["ours"] == {"value": hexed(value), "slope": hexed(slope)}


def test_json_of_at_with_the_truth(run):
    pytest.importorskip("flint")
    smooth, kink = json.loads(run("at", "activation/relu", "1", "0", "--json")[1])["points"]
    assert (smooth["truth"], smooth["verdict"]) == ({"value": "0x1p+0", "slope": "0x1p+0"}, "exact")
    assert [float.fromhex(kink[side]) for side in ("left", "right")] == [0, 1]


@pytest.mark.parametrize(
    ("text", "x"),
    [("-1e-3", -1e-3), ("-.5", -0.5), ("-0x1p-3", -0.125), ("-0X1.8P1", -3.0), ("-inf", -math.inf),
     ("-Infinity", -math.inf), ("inf", math.inf), ("0x10", 16.0), ("-7", -7.0), ("1_0", 10.0)],
)  # fmt: skip
def test_negative_and_hex_points_are_numbers_not_options(run, no_truth, text, x):
    _, out, _ = run("at", "--dtype", "float64", "activation/tanh", text, "--json")
    assert [p["x"] for p in json.loads(out)["points"]] == [hexed(x)]


@pytest.mark.parametrize("silent", [False, True])
def test_the_table_shows_every_side_or_why_it_is_not_there(run, no_truth, monkeypatch, silent):
    if silent:
        monkeypatch.setattr("gradproof.answers.frameworks.installed", lambda names: {})
    rows = [line.split(maxsplit=2) for line in run("at", "activation/tanh", "0.5", "-1")[1].splitlines()[2:-1]]
    assert [row[:2] for row in rows] == [[x, side] for x in ("0.5", "-1.0") for side in ("truth", "ours", *ORACLES)]
    for _, side, said in rows:
        absent = {"ours": False, "truth": False, **dict.fromkeys(HERE, "no answer" if silent else False)}
        absent = absent.get(side, "not installed")
        assert said == absent or (not absent and re.match(r"-?0\.\d+ ", said))


# ---------------------------------------------------------------- audit


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A small audit that needs no oracle: its folder, and what it printed."""
    out = tmp_path_factory.mktemp("measured") / "out"
    command = [sys.executable, "-m", "gradproof", "audit", "--only", "conventions", "--jobs", "1", "--out", out]
    return out, subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_sound_audit_exits_0_and_says_what_it_found(measured):
    out, done = measured
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"no verdicts \(conventions \d+ s\); tables in {out}/\n", done.stdout)
    assert re.search(r"^conventions: (\d+) of \1 \(\d+ s\)$", done.stderr, re.MULTILINE)
    assert {"README.md", "conventions.md"} <= {p.name for p in out.iterdir()}


def test_an_audit_with_a_planted_error_exits_1_through_worker_processes(tmp_path):
    """End to end: the plant is made when a worker imports the main module, as it is in the parent."""
    for package in ("torch", "flint", "matplotlib"):
        pytest.importorskip(package)
    script, plant = tmp_path / "planted.py", PLANTS[0]
    script.write_text(
        f"import sys\nsys.path[:0] = {[str(TESTS), str(TESTS.parent)]!r}\n"
        "import plants\nfrom gradproof.cli import main\n"
        "plants.PLANTS[0].plant(plants.for_good)\nif __name__ == '__main__':\n    sys.exit(main(sys.argv[1:]))\n"
    )
    one = ["audit", "--only", plant.configuration, "--oracle", "torch", "--jobs", "1", "--out", tmp_path / "out"]
    done = subprocess.run([sys.executable, script, *one], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert re.match(rf"FAIL .* {plant.formula}: {plant.argument}\[", done.stdout)
    assert f"likely cause: {plant.cause}" in done.stdout
    assert "networks: 5 of 5" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "out", "options"),
    [
        ("--seed 3 --jobs 1", "reports", Options(seed=3, jobs=1)),
        ("--resume", "reports", Options(resume=True)),
        ("--dtype float16", "out", Options(dtype=("float16",))),
        ("--only activation/gelu --only kinks", "out", Options(only=("activation/gelu", "kinks"))),
        ("--draws 64", "out", Options(draws=64)),
        ("--oracle torch --out elsewhere", "elsewhere", Options(oracle=("torch",))),
    ],
)
def test_a_part_goes_to_out_and_everything_to_reports(run, monkeypatch, arguments, out, options):
    seen = []
    monkeypatch.setattr(audit, "run", lambda *given: seen.append(given[:2]) or audit.Outcome())
    run("audit", *arguments.split())
    assert seen == [(Path(out), options)]


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        ({"verdicts": {"agrees": 1200, "exact": 3, "wrong": 0}, "seconds": {"kinks": 2.0}}, 0,
         "agrees 1,200, exact 3 (kinks 2 s); tables in out/\n"),
        ({"verdicts": {"wrong": 1}, "failures": ["cost/l1: …"]}, 1, "FAIL cost/l1: …\nwrong 1 (); tables in out/\n"),
        ({"incomplete": ["kinks"]}, 1, "not measured to the end: kinks; their evidence is as it was, and "
         "'gradproof audit --resume' goes on from here\nno verdicts (); tables in out/\n"),
    ],
)  # fmt: skip
def test_what_an_audit_found_is_said_and_decides_its_exit_code(run, monkeypatch, outcome, code, said):
    monkeypatch.setattr(audit, "run", lambda *given: audit.Outcome(**outcome))
    assert run("audit", "--out", "out") == (code, said, "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no such thing"), 2, "no such thing"),
        (EvidenceError("x.jsonl: damaged"), 2, "x.jsonl: damaged"),
        (OSError("no space left"), 2, "no space left"),
        (NotADirectoryError(20, "Not a directory", "file/reports"), 2, "file/reports: Not a directory"),
        (KeyboardInterrupt(), 130, "stopped; 'gradproof audit --resume' goes on from here"),
    ],
)
def test_an_error_is_a_line_for_a_person(run, monkeypatch, error, code, said):
    def failing(*given):
        raise error

    monkeypatch.setattr(audit, "run", failing)
    assert run("audit") == (code, "", f"gradproof: {said}\n")


# ---------------------------------------------------------------- report, diff


@pytest.fixture
def reports(measured, tmp_path):
    """The small audit's folder for one test to spoil."""
    return Path(shutil.copytree(measured[0], tmp_path / "reports"))


def test_pages_are_made_again_and_checked(run, reports, monkeypatch):
    path = reports / "conventions.md"
    page = path.read_bytes()
    path.unlink()
    assert run("report", "--out", reports) == (0, f"{reports}: conventions\n", "")
    assert path.read_bytes() == page
    path.write_text("all is well\n")
    code, out, _ = run("report", "--check", "--out", reports)
    assert code == 1
    assert f"{path} does not follow from the evidence; run 'gradproof report'\n" in out
    assert re.search(rf"\n{reports}: \d+ stale\n$", out)
    monkeypatch.setattr("gradproof.audit.report.check_report", lambda folder: [])
    assert run("report", "--check", "--out", reports) == (0, f"{reports}: every page follows from its evidence\n", "")


@pytest.mark.parametrize("how", ["a row less", "missing"])
@pytest.mark.parametrize("command", ["report --out", "report --check --out", "diff"])
def test_damaged_evidence_exits_2(run, measured, reports, how, command):
    path, page = reports / "evidence" / "conventions.jsonl", (reports / "conventions.md").read_bytes()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]), encoding="utf-8")
    if how == "missing":
        path.unlink()
    code, out, err = run(*command.split(), reports, *([measured[0]] if command == "diff" else []))
    assert (code, out) == (2, "")
    assert re.match(rf"gradproof: {reports}.*: .*(run the audit again|no evidence here)", err)
    assert (reports / "conventions.md").read_bytes() == page


def test_diff_exits_1_where_a_verdict_became_worse(run, measured, reports):
    code, out, _ = run("diff", measured[0], reports)
    assert (code, "0 changed in meaning" in out) == (0, True)
    path = reports / "evidence" / "conventions.jsonl"
    header, row, *rest = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header, json.dumps({**json.loads(row), "verdict": "wrong"}), *rest]) + "\n")
    code, out, _ = run("diff", measured[0], reports, "--json")
    assert (code, json.loads(out)["worse"]) == (1, True)
    assert run("diff", reports, measured[0])[0] == 0


def test_output_to_a_closed_pipe_is_no_error():
    """As in `gradproof list | head -1`."""
    command = [sys.executable, "-m", "gradproof", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
