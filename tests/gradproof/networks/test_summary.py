import itertools
import json
import math
import types
from collections import Counter

import numpy as np
import pytest

from gradproof.evidence import environment
from gradproof.evidence.files import EvidenceError, read_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.networks import run as networks
from gradproof.networks.draws import PRODUCTS, by_id
from gradproof.networks.judge import QUANTITIES
from gradproof.networks.run import Part, run_part, write_part
from gradproof.networks.summary import EDGES, FIELDS, short, summarise
from oracles import finite_difference as fd

pytest.importorskip("polars")

PAIRS = ("ours-torch", "ours-jax", "torch-jax")
MADE_WITH = {"seed": 0, "only": "*"}
PARTS = [
    Part(PRODUCTS[0], "4-5-3", dtype, "activation/relu", tuple(by_id(f"4-5-3/{dtype}/relu/{rest}") for rest in rests))
    for dtype, rests in (
        ("float32", ["identity/mse/none", "identity/mse/l2"]),
        ("float64", ["identity/mse/none", "identity/mse/l2", "sigmoid/bce/none"]),
    )
]


def noisy(*args, **given):
    """The complex step, with ∂C/∂b of the first layer off by a part in a million."""
    C, dW, db = fd.network(*args[:9])
    return C, dW, [db[0] * (1 + 1e-6), *db[1:]]


def stand_ins(**networks_of):
    """Modules that pass for torch and jax; those that are named compute networks in another way."""
    modules = {}
    for name in ("torch", "jax"):
        modules[name] = types.ModuleType(name)
        modules[name].__dict__.update(vars(fd))
        modules[name].network = networks_of.get(name, lambda *args, **given: fd.network(*args[:9]))
    return modules


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Rows of PARTS, also written to tmp_path/raw; torch agrees, jax is noisy."""

    def measure(oracles=("torch", "jax"), **networks_of):
        modules = stand_ins(**(networks_of or {"jax": noisy}))
        monkeypatch.setattr(networks, "load", modules.get)
        monkeypatch.setattr(environment, "load", modules.get)
        (tmp_path / "raw").mkdir(exist_ok=True)
        rows = []
        for part in PARTS:
            found = run_part(part, 0, oracles)
            write_part(tmp_path / "raw" / part.file, found)
            rows += [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
        return rows

    return measure


def evidence(tmp_path):
    counts = summarise(tmp_path / "raw", tmp_path / "evidence", MADE_WITH)
    header, rows = read_lines(tmp_path / "evidence" / "networks.jsonl")
    return counts, header, rows


def gradient_distance(row, pair):
    return max(row[f"{pair} {q} relative"] for q in ("dW", "db"))


def worst(values):
    values = [v for v in values if not math.isnan(v)]
    return short(max(values)) if values else None


def median(values):
    values = [v for v in values if not math.isnan(v)]
    return short(float(np.median(values))) if values else None


def test_three_digits():
    assert [short(x) for x in (None, 0.0, 1.23456e-16, 2 / 3)] == [None, 0.0, 1.23e-16, 0.667]


def test_verdicts_are_counted_over_cases_and_oracles(tmp_path, measured):
    rows = measured()
    counts, header, _ = evidence(tmp_path)
    expected = Counter(r[f"{name} verdict"] for r in rows for name in ("torch", "jax"))
    assert counts == header["verdicts"] == {v.value: expected[v.value] for v in Verdict}
    assert header["cases"] == len(rows) == 25
    assert sum(counts.values()) == 50
    assert {k: header[k] for k in MADE_WITH} == MADE_WITH


def test_every_configuration_has_its_worst_and_median(tmp_path, measured):
    rows = measured()
    configurations = [r for r in evidence(tmp_path)[2] if r["row"] == "configuration"]
    assert len(configurations) == 5
    for got in configurations:
        name = "/".join(got[f] for f in FIELDS if f != "architecture")
        group = [r for r in rows if r["configuration"] == f"4-5-3/{name}"]
        assert got["cases"] == len(group) == 5
        for oracle in ("torch", "jax"):
            assert got["verdicts"][oracle] == Counter(r[f"{oracle} verdict"] for r in group)
        for pair in PAIRS:
            for k, q in enumerate(QUANTITIES):
                assert got[pair]["worst"][k] == worst([r[f"{pair} {q} relative"] for r in group])
                assert got[pair]["median"][k] == median([r[f"{pair} {q} relative"] for r in group])


@pytest.mark.parametrize("field", ["architecture", "regime", "hidden", "output", "cost", "regularizer"])
def test_every_field_has_its_rows(tmp_path, measured, field):
    rows = measured()
    found = [r for r in evidence(tmp_path)[2] if r["row"] == field]

    def key(row):
        parts = dict(zip(FIELDS, row["configuration"].split("/"), strict=True))
        return (row["regime"] if field == "regime" else parts[field]), parts["dtype"]

    assert {(r["name"], r["dtype"]) for r in found} == {key(r) for r in rows}
    for got in found:
        group = [r for r in rows if key(r) == (got["name"], got["dtype"])]
        assert got["cases"] == len(group)
        for pair in PAIRS:
            distances = [gradient_distance(r, pair) for r in group]
            assert got[pair]["worst"] == [worst(distances)]
            assert got[pair]["median"] == [median(distances)]
            assert got[pair]["at"] in {
                f"{r['configuration']} {r['regime']}" for r, d in zip(group, distances, strict=True)
                if short(d) == got[pair]["worst"][0]
            }  # fmt: skip


def test_a_histogram_holds_every_finite_distance_once(tmp_path, measured):
    rows = measured()
    histograms = [r for r in evidence(tmp_path)[2] if r["row"] == "histogram"]
    assert {(h["dtype"], h["pair"]) for h in histograms} == {(d, p) for d in ("float32", "float64") for p in PAIRS}
    for h in histograms:
        distances = [gradient_distance(r, h["pair"]) for r in rows if f"/{h['dtype']}/" in r["configuration"]]
        assert h["zero"] == distances.count(0)
        assert h["edges"] == EDGES[1:-1]
        bounds = [0, *(10.0**e for e in h["edges"]), math.inf]
        inside = [sum(low <= d < high for d in distances if d) for low, high in itertools.pairwise(bounds)]
        assert h["counts"] == inside


def test_the_cause_of_a_disagreement_is_named(tmp_path, measured):
    pytest.importorskip("flint")
    measured(oracles=["torch"])
    found = [r for r in evidence(tmp_path)[2] if r["row"] == "disagreement"]
    assert {r["verdict"] for r in found} == {"convention"}
    assert found[0]["cause"] == "slope of relu at 0: ours 0, torch 1"
    assert found[0]["at"].split(" ")[1] in ("kink", "zero")
    assert len({r["cause"].split(" at ")[0] for r in found}) == len(found)


def test_an_oracle_that_failed_leaves_gaps_not_figures(tmp_path, measured):
    def failing(*args, **given):
        raise RuntimeError("out of memory")

    measured(torch=lambda *args, **given: fd.network(*args[:9]), jax=failing)
    counts, _, rows = evidence(tmp_path)
    assert counts["unknown"] == 25
    for row in rows:
        if row["row"] == "configuration":
            assert row["ours-jax"]["worst"] == row["torch-jax"]["median"] == [None, None, None]
            assert row["ours-torch"]["worst"] != [None, None, None]
            assert row["verdicts"]["jax"] == {"unknown": 5}
        if row["row"] == "histogram" and "jax" in row["pair"]:
            assert row["zero"] == sum(row["counts"]) == 0


def test_evidence_is_json_that_everybody_reads(tmp_path, measured):
    """NaN and Infinity are not JSON."""

    def refuse(constant):
        raise AssertionError(f"{constant} in the evidence")

    measured(
        torch=lambda *args, **given: fd.network(*args[:9]),
        jax=lambda *a, **g: (*noisy(*a)[:2], [q * np.inf for q in noisy(*a)[2]]),
    )
    evidence(tmp_path)
    for line in (tmp_path / "evidence" / "networks.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)


def test_one_oracle_makes_one_pair(tmp_path, measured):
    measured(oracles=["jax"])
    _, header, rows = evidence(tmp_path)
    assert sum(header["verdicts"].values()) == 25
    assert all("ours-torch" not in r and "torch-jax" not in r for r in rows)
    assert all("ours-jax" in r for r in rows if r["row"] in ("configuration", *FIELDS))


def test_the_same_findings_make_the_same_bytes(tmp_path, measured):
    measured()
    evidence(tmp_path)
    first = (tmp_path / "evidence" / "networks.jsonl").read_bytes()
    for k, path in enumerate(sorted((tmp_path / "raw").iterdir(), reverse=True)):
        path.rename(path.with_name(f"{k}.parquet"))  # the order of the parts is not a finding
    evidence(tmp_path)
    assert (tmp_path / "evidence" / "networks.jsonl").read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"not Parquet", None])
def test_a_damaged_part_is_refused_with_the_remedy(tmp_path, measured, content):
    measured()
    path = tmp_path / "raw" / PARTS[0].file
    path.write_bytes(path.read_bytes()[:1000] if content is None else content)
    with pytest.raises(EvidenceError, match=r"a raw file cannot be read .*; run 'gradproof audit --resume'"):
        evidence(tmp_path)


def test_a_folder_without_parts_is_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(EvidenceError, match="a raw file cannot be read"):
        evidence(tmp_path)
