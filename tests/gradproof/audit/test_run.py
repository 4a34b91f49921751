import dataclasses
import json
import re
import shutil

import pytest
from inline import Inline, quicken
from plants import PLANTS, patch

from gradproof.audit import run as audit
from gradproof.audit.run import Options, Outcome, check_report, write_report
from gradproof.evidence.files import EvidenceError, read_lines, write_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.networks import run as networks
from gradproof.networks.draws import ARCHITECTURES
from gradproof.networks.run import MissingOracle
from gradproof.pages import front
from reference import CATALOGUE

OPTIONS = Options(only="4-5-3/float64/*elu/identity/mse/*", oracles=("torch",))
SILENT = lambda area, done, total: None  # noqa: E731


@pytest.fixture(scope="module")
def audited_once(tmp_path_factory):
    """A small audit with its reports, and its outcome."""
    pytest.importorskip("flint")
    folder = tmp_path_factory.mktemp("audited")
    with pytest.MonkeyPatch.context() as patched:
        quicken(patched)
        return folder, audit.run(folder, OPTIONS, SILENT)


@pytest.fixture
def audited(audited_once, tmp_path, quick):
    """The same for one test to spoil."""
    folder, outcome = audited_once
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path, outcome


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# ---------------------------------------------------------------- outcomes


@pytest.mark.parametrize("verdict", Verdict)
def test_an_audit_fails_by_wrong_and_unknown_alone(verdict):
    assert Outcome({verdict.value: 1}).failed is verdict.fails
    assert not Outcome({verdict.value: 0}).failed
    assert not Outcome().failed


def test_outcomes_add_up():
    total = Outcome({"agrees": 1}, ["a"])
    total.add(Outcome({"agrees": 2, "wrong": 3}, ["b"]))
    assert (total.verdicts, total.failures, total.failed) == ({"agrees": 3, "wrong": 3}, ["a", "b"], True)


# ---------------------------------------------------------------- a small audit


def test_an_audit_leaves_evidence_pages_and_counts(audited):
    folder, outcome = audited
    assert {"README.md", "activations.md", "costs.md", "networks.md", "regularizers.md"} <= {
        str(p) for p in contents(folder)
    }
    header, _ = read_lines(folder / "evidence" / "networks.jsonl")
    assert header["cases"] == (4 * 4 + 5) * 5  # hidden activations × regularizers, penalties on relu; regimes
    assert outcome.verdicts == header["verdicts"]
    assert sum(outcome.verdicts.values()) == header["cases"]
    assert not outcome.failed
    assert outcome.failures == []
    assert list(outcome.seconds) == ["networks"]
    assert (header["seed"], header["only"], header["oracles"]) == (0, OPTIONS.only, ["torch"])


def test_two_runs_write_the_same_bytes_apart_from_the_header(audited, tmp_path_factory, monkeypatch):
    folder, _ = audited
    monkeypatch.setattr(audit, "write_report", lambda *_: [])
    other = tmp_path_factory.mktemp("again")
    audit.run(other, OPTIONS, SILENT)
    first, second = (p / "evidence" / "networks.jsonl" for p in (folder, other))
    assert first.read_bytes().split(b"\n")[1:] == second.read_bytes().split(b"\n")[1:]
    assert {**read_lines(first)[0], "made": ""} == {**read_lines(second)[0], "made": ""}
    audit.run(other, Options(**{**vars(OPTIONS), "seed": 1}), SILENT)
    assert first.read_bytes().split(b"\n")[1:] != second.read_bytes().split(b"\n")[1:]


def test_reports_are_made_again_from_evidence_alone(audited):
    folder, _ = audited
    before = contents(folder)
    for path in [*folder.glob("*.md"), *folder.glob("csv/*"), *folder.glob("figures/*"), *folder.glob("raw/*")]:
        path.unlink()
    assert write_report(folder / "evidence", folder) == ["networks"]
    assert contents(folder) == {p: b for p, b in before.items() if p.parts[0] != "raw"}


def test_the_front_page_leads_to_every_page(audited):
    folder, _ = audited
    front = (folder / "README.md").read_text(encoding="utf-8")
    assert "105 network gradients, each ours against torch" in front
    links = set(re.findall(r"\]\((\w+\.md)\)", front))
    assert links == {p.name for p in folder.glob("*.md")} - {"README.md"}


def test_pages_that_follow_from_evidence_pass_the_check(audited):
    folder, _ = audited
    before = contents(folder)
    assert check_report(folder) == []
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["costs.md", "README.md", "csv/networks.csv", "tex/costs.tex", "figures/errors.svg"])
@pytest.mark.parametrize("edit", ["changed", "deleted"])
def test_an_edited_or_missing_page_is_noticed(audited, name, edit):
    folder, _ = audited
    if edit == "deleted":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"1", b"2", 1))
    before = contents(folder)
    (problem,) = check_report(folder)
    assert problem == f"{folder / name} does not follow from the evidence; run 'gradproof report'"
    assert contents(folder) == before


def test_an_edited_figure_in_the_evidence_is_noticed_on_its_pages(audited):
    folder, _ = audited
    path = folder / "evidence" / "networks.jsonl"
    header, rows = read_lines(path)
    found = next(r for r in rows if r["row"] == "regime")
    found["cases"] += 1
    write_lines(path, header, rows)
    assert f"{folder / 'networks.md'} does not follow from the evidence; run 'gradproof report'" in check_report(folder)


def test_a_row_lost_from_the_evidence_is_noticed(audited):
    folder, _ = audited
    path = folder / "evidence" / "networks.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:5] + lines[6:]) + "\n")
    with pytest.raises(EvidenceError, match=r"networks\.jsonl: .* its end is missing; run the audit again"):
        check_report(folder)


def test_evidence_of_other_source_is_noticed(audited, monkeypatch):
    folder, _ = audited
    monkeypatch.setattr(audit, "source_hash", lambda *packages: "edited since")
    (problem,) = check_report(folder)
    assert problem == (
        f"{folder / 'evidence' / 'networks.jsonl'} was made from formulas as it is, the source is now edited since; "
        "run 'gradproof audit'"
    )


def test_without_evidence_there_is_nothing_to_report(tmp_path):
    for act in (lambda: write_report(tmp_path, tmp_path), lambda: check_report(tmp_path)):
        with pytest.raises(EvidenceError, match="no evidence here; run 'gradproof audit' first"):
            act()


@pytest.mark.parametrize("rows", [[{"row": "hidden"}], [{}], [{"row": "hidden", "name": "a", "verdicts": 3}]])
def test_evidence_with_other_rows_is_refused(tmp_path, rows):
    pytest.importorskip("matplotlib")
    write_lines(tmp_path / "networks.jsonl", {"cases": 3}, rows)
    with pytest.raises(
        EvidenceError, match=r"networks\.jsonl: not the rows that its pages need .*; run the audit again"
    ):
        write_report(tmp_path, tmp_path)


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_error_turns_the_audit_red(tmp_path, quick, monkeypatch, plant):
    pytest.importorskip("flint")
    name = plant.configuration.split("/")[0]
    monkeypatch.setattr("gradproof.networks.draws.ARCHITECTURES", {name: ARCHITECTURES[name]})
    monkeypatch.setattr(audit, "write_report", lambda *_: [])
    options = Options(only=plant.configuration, oracles=("torch",))
    assert not audit.run(tmp_path / "sound", options, SILENT).failed
    plant.plant(patch(monkeypatch))
    outcome = audit.run(tmp_path / "planted", options, SILENT)
    assert outcome.failed
    assert outcome.verdicts["wrong"] > 0
    (message,) = outcome.failures
    assert message.startswith(f"{plant.formula}: {plant.argument}")
    assert plant.cause in message


def test_without_flint_what_differs_is_unknown_and_fails(tmp_path, quick, monkeypatch):
    import sys

    import oracles

    monkeypatch.delattr(oracles, "arb_network", raising=False)
    monkeypatch.setitem(sys.modules, "oracles.arb_truth.network", None)
    PLANTS[0].plant(patch(monkeypatch))
    outcome = audit.run(tmp_path, Options(only=PLANTS[0].configuration, oracles=("torch",)), SILENT)
    assert outcome.failed
    assert outcome.verdicts["unknown"] > 0 == outcome.verdicts["wrong"]
    assert "python-flint is not installed: nothing decides" in outcome.failures[0]


# ---------------------------------------------------------------- areas


@pytest.fixture
def areas(monkeypatch):
    """The areas replaced by ones that note how they were called; the page of the second cannot be made."""
    called = []

    def no_page(evidence, folder):
        raise ValueError("no such row")

    def area(name):
        def submit(work):
            called.append((name, work.options.only))

            def finish(progress):
                progress(name, 1, 1)
                return Outcome({"agrees": 1, "wrong": name == "b"}, [f"{name} failed"] if name == "b" else [])

            return finish

        return submit

    monkeypatch.setattr(audit, "AREAS", {"networks": area("networks"), "b": area("b")})
    monkeypatch.setattr(audit, "PAGES", {"networks": lambda *_: None, "b": no_page})
    monkeypatch.setattr(audit, "EARLY", {"networks", "b"})
    monkeypatch.setattr(audit, "write_report", lambda _, folder, written: called.append((str(folder), written)))
    return called


@pytest.mark.parametrize(
    ("only", "expected"),
    [("*", [("networks", "*"), ("b", "*")]), ("b", [("b", "*")]), ("networks", [("networks", "*")]),
     ("activation/gelu", [("networks", "activation/gelu")]), ("*/tanh/*", [("networks", "*/tanh/*")])],
)  # fmt: skip
def test_only_picks_areas_or_configurations(tmp_path, quick, areas, only, expected):
    told = []
    outcome = audit.run(tmp_path, Options(only=only), lambda *args: told.append(args))
    assert areas == [*expected, (str(tmp_path), ["networks"] * (expected[0][0] == "networks"))]
    assert told == [(name, 1, 1) for name, _ in expected]
    assert outcome.verdicts["agrees"] == len(expected)
    assert outcome.failed is (("b", "*") in expected)
    assert outcome.failures == (["b failed"] if outcome.failed else [])
    assert list(outcome.seconds) == [name for name, _ in expected]


def test_every_area_has_its_page_and_every_page_its_words():
    assert {"networks", "training"} <= set(audit.AREAS) <= set(audit.PAGES)
    assert set(audit.PAGES) - {"costs", "literature"} <= set(front.PAGES)
    assert {area for _, area, _ in front.PAGES.values()} <= set(audit.PAGES)


def fake_parity(task, dtype, seed, oracles):
    if (task.data, dtype) == ("breast_cancer", "float32"):
        raise RuntimeError("out of memory")
    return [{"row": "score", "data": task.data, "dtype": dtype, "side": "ours", "measure": task.score, "before": 0.1,
             "after": 0.9}]  # fmt: skip


def test_a_task_that_fails_costs_no_other(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(audit.training, "parity", fake_parity)
    told = []
    work = audit.Work(tmp_path, OPTIONS, ["torch"], Inline())
    outcome = audit.audit_training(work)(lambda *args: told.append(args))
    assert outcome.failed
    assert outcome.verdicts["unknown"] == 1
    assert outcome.failures == ["training, breast_cancer in float32: RuntimeError: out of memory"]
    _, rows = read_lines(tmp_path / "evidence" / "training.jsonl")
    assert len(rows) == 5
    assert told[-1] == ("training", 6, 6)


def test_regularizers_are_judged_and_counted(tmp_path, quick, monkeypatch):
    pytest.importorskip("flint")
    monkeypatch.setattr(audit.penalties, "NAMES", ("l1", "group_lasso"))
    wrong = CATALOGUE["regularizer/l1"]
    doubled = lambda W, lam=0.1: (wrong.function(W, lam)[0], [2 * d for d in wrong.function(W, lam)[1]])  # noqa: E731
    monkeypatch.setitem(CATALOGUE, wrong.id, dataclasses.replace(wrong, function=doubled))
    outcome = audit.run(tmp_path, Options(only="penalties", oracles=()), SILENT)
    assert {v: n for v, n in outcome.verdicts.items() if n} == {"agrees": 8, "wrong": 2}
    assert all("regularizer/l1: gradient in float" in message for message in outcome.failures)
    header, rows = read_lines(tmp_path / "evidence" / "penalties.jsonl")
    assert {"made", "seed", "source", "versions", "cpu"} <= set(header)
    assert [row["id"] for row in rows] == ["regularizer/l1"] * 5 + ["regularizer/group_lasso"] * 5
    assert "| `group_lasso` | gradient |" in (tmp_path / "penalties.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("only", ["networks", "training"])
def test_without_any_oracle_nothing_is_compared(tmp_path, quick, monkeypatch, only):
    monkeypatch.setattr(networks, "load", lambda name: None)
    with pytest.raises(MissingOracle, match=r"torch: not installed; pip install 'gradproof\[oracles\]'"):
        audit.run(tmp_path, Options(only=only, oracles=("torch",)), SILENT)


def test_the_header_tells_how_to_make_it_again():
    top = audit.header(Options(seed=3, only="x"), ["jax"])
    assert {k: top[k] for k in ("seed", "only", "oracles")} == {"seed": 3, "only": "x", "oracles": ["jax"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", top["made"])
    assert re.fullmatch("[0-9a-f]{16}", top["source"])
    assert {"python", "numpy", "torch", "jax"} <= set(top["versions"])
    json.dumps(top)
