import json
import math
import types
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from inline import Inline
from plants import PLANTS, patch, replace_function

from gradproof.evidence.environment import load
from gradproof.evidence.files import EvidenceError
from gradproof.evidence.verdicts import Verdict
from gradproof.networks import run as networks
from gradproof.networks.blame import diagnose
from gradproof.networks.draws import (
    ARCHITECTURES,
    DTYPES,
    FURTHER_COSTS,
    FURTHER_REGULARIZERS,
    by_id,
    configurations,
    draw,
)
from gradproof.networks.run import MissingOracle, Part, failures, parts, run_part, start, write_part
from reference import CATALOGUE


def part_of(*ids):
    """A part of just these configurations, of one architecture, dtype and hidden activation."""
    chosen = tuple(by_id(id) for id in ids)
    return Part(chosen[0].product, chosen[0].architecture, chosen[0].dtype, chosen[0].hidden, chosen)


SMALL = part_of(*(f"4-5-3/float64/tanh/{rest}" for rest in (
    "sigmoid/mse/none", "sigmoid/mse/l2", "sigmoid/mse/l1", "sigmoid/mse/elastic_net", "softmax/cross_entropy/none",
    "identity/mae/none", "identity/softmax_cross_entropy/l2")))  # fmt: skip


def rows_of(*given):
    """The findings of `run_part`, one dict a case."""
    columns = run_part(*given)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def same_rows(p, q):
    """Equal rows, where NaN equals NaN."""
    return json.dumps(p) == json.dumps(q)


# ---------------------------------------------------------------- parts


@pytest.fixture(scope="module")
def all_parts():
    return parts("*", DTYPES)


def test_parts_hold_every_configuration_once(all_parts):
    together = [c for p in all_parts for c in p.configurations]
    assert together == list(configurations())
    assert len({p.file for p in all_parts}) == len(all_parts)


def test_a_part_is_one_architecture_dtype_and_hidden_activation(all_parts):
    for p in all_parts:
        key = p.product, p.architecture, p.dtype, p.hidden
        assert {(c.product, c.architecture, c.dtype, c.hidden) for c in p.configurations} == {key}
        assert p.cases() == len(p.configurations) * len(ARCHITECTURES[p.architecture].regimes())
        assert p.file == f"{p.product.name}-{p.architecture}-{p.dtype}-{p.hidden.split('/')[1]}.parquet"


# ---------------------------------------------------------------- one part, without any framework


def test_one_row_a_case_with_every_distance_and_the_verdict(complex_step):
    rows = rows_of(SMALL, 0, [complex_step])
    assert [(r["configuration"], r["case"]) for r in rows] == [
        (c.id, k) for c in SMALL.configurations for k in range(5)
    ]
    assert [r["regime"] for r in rows[:5]] == list(ARCHITECTURES["4-5-3"].regimes())
    distances = {f"ours-complex_step {q} {m}" for q in ("cost", "dW", "db") for m in ("sigma", "relative")}
    verdicts = {
        "complex_step verdict",
        "complex_step off truth",
        "ours off truth (complex_step)",
        "complex_step reason",
    }
    assert {*rows[0]} == {"configuration", "case", "regime", *distances, *verdicts}


def test_the_sane_regime_agrees_with_the_complex_step(complex_step):
    sane = [r for r in rows_of(SMALL, 0, [complex_step]) if r["regime"] == "gaussian"]
    assert {r["complex_step verdict"] for r in sane} <= {"exact", "agrees"}
    assert 0 < max(r["ours-complex_step dW sigma"] for r in sane) < 8 * math.sqrt(2)


def test_no_regime_is_wrong_or_unknown(complex_step):
    pytest.importorskip("flint")
    assert not [r for r in rows_of(SMALL, 0, [complex_step]) if Verdict(r["complex_step verdict"]).fails]


def test_the_same_seed_gives_the_same_rows(complex_step):
    first = rows_of(SMALL, 0, [complex_step])
    assert same_rows(rows_of(SMALL, 0, [complex_step]), first)
    assert not same_rows(rows_of(SMALL, 1, [complex_step]), first)


def test_a_part_is_measured_alike_alone_and_among_others(complex_step):
    alone = rows_of(part_of("4-5-3/float64/tanh/sigmoid/mse/l1"), 0, [complex_step])
    among = [r for r in rows_of(SMALL, 0, [complex_step]) if r["configuration"].endswith("mse/l1")]
    assert same_rows(alone, among)


def test_more_draws_follow_the_cases_of_one(complex_step):
    """Each configuration has two sane networks more, and its other cases are as they were."""
    pytest.importorskip("flint")
    part = part_of("4-5-3/float64/tanh/sigmoid/mse/none", "4-5-3/float64/tanh/sigmoid/mse/l2")
    rows = rows_of(part, 0, [complex_step], 3)
    assert len(rows) == part.cases(3) == 2 * (5 + 2)
    assert same_rows([r for r in rows if r["case"] < 5], rows_of(part, 0, [complex_step]))
    more = [r for r in rows if r["case"] >= 5]
    assert {r["regime"] for r in more} == {"gaussian"}
    assert {r["complex_step verdict"] for r in more} <= {"exact", "agrees"}
    assert len({r["ours-complex_step dW relative"] for r in more}) == len(more)  # no two are the same network


# ---------------------------------------------------------------- planted errors


@pytest.mark.parametrize("plant", PLANTS, ids=str)
@pytest.mark.parametrize("oracle", ["complex_step", "torch"])
def test_a_planted_error_fails_and_is_named(monkeypatch, complex_step, plant, oracle):
    if oracle == "torch":
        pytest.importorskip("torch")
    part = part_of(plant.configuration)
    sound = rows_of(part, 0, [oracle])
    with monkeypatch.context() as planted:
        plant.plant(patch(planted))
        rows = rows_of(part, 0, [oracle])
        failed = [r for r in rows if Verdict(r[f"{oracle} verdict"]).fails]
        assert failed
        c = part.configurations[0]
        messages = [str(diagnose(c, draw(c, 0)[r["case"]])) for r in failed]
    for message in messages:
        assert message.startswith(f"{plant.formula}: {plant.argument}")
        assert message.endswith(f"likely cause: {plant.cause}")
    assert same_rows(rows_of(part, 0, [oracle]), sound)  # and without it everything is as before


@pytest.mark.parametrize("id", [*FURTHER_COSTS, *FURTHER_REGULARIZERS])
def test_one_part_in_a_million_of_any_further_formula_is_wrong(monkeypatch, complex_step, id):
    """The tolerance comes from our own gradient: a wrong one must not excuse itself."""
    pytest.importorskip("flint")
    right = CATALOGUE[id].function

    def wrong(*args, **given):
        value, gradient = right(*args, **given)
        off = 1 + 1e-6
        return value, {k: off * g for k, g in gradient.items()} if isinstance(gradient, dict) else [
            off * g for g in gradient
        ]  # fmt: skip

    c = next(c for c in configurations(id, ["float64"]) if c.architecture == "4-5-3" and id in (c.cost, c.regularizer))
    sound = [r["complex_step verdict"] for r in rows_of(part_of(c.id), 0, [complex_step])]
    assert not {"wrong", "unknown"} & {*sound}
    replace_function(patch(monkeypatch), id, wrong)
    rows = rows_of(part_of(c.id), 0, [complex_step])
    assert rows[0]["regime"] == "gaussian"
    assert rows[0]["complex_step verdict"] == "wrong"


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_the_truth_calls_a_planted_error_wrong(monkeypatch, complex_step, plant):
    pytest.importorskip("flint")
    part = part_of(plant.configuration)
    assert not any(Verdict(r["complex_step verdict"]).fails for r in rows_of(part, 0, [complex_step]))
    plant.plant(patch(monkeypatch))
    rows = rows_of(part, 0, [complex_step])
    counts = Counter(r["complex_step verdict"] for r in rows)
    assert counts["wrong"] >= 1
    assert counts["unknown"] == counts["inaccurate"] == 0
    for r in rows:
        if r["complex_step verdict"] == "wrong":
            assert r["ours off truth (complex_step)"] > 1000 > r["complex_step off truth"]


# ---------------------------------------------------------------- oracles that fail or are missing


def failing(name, error):
    """The complex step, but its network raises `error`."""
    module = types.ModuleType(name)
    module.__dict__.update(vars(load("complex_step")))

    def network(*args, **kwargs):
        raise error

    module.network = network
    return module


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ValueError("bad"), ZeroDivisionError()])
def test_an_oracle_that_raises_becomes_a_row(monkeypatch, complex_step, error):
    sound = rows_of(SMALL, 0, [complex_step])
    modules = {"torch": load(complex_step), "jax": failing("jax", error)}
    monkeypatch.setattr(networks, "load", modules.get)
    rows = rows_of(SMALL, 0, ["torch", "jax"])
    assert len(rows) == len(sound)
    for row, before in zip(rows, sound, strict=True):
        assert row["jax verdict"] == "unknown"
        assert row["jax reason"] == f"jax raised {type(error).__name__}: {error}"
        assert row["torch verdict"] == before["complex_step verdict"]  # nothing of the other is lost
        assert row["ours-torch dW sigma"] == before["ours-complex_step dW sigma"]


def test_two_frameworks_side_by_side(monkeypatch):
    for name in ("torch", "jax", "flint"):
        pytest.importorskip(name)
    from gradproof.networks.draws import COSTS, ELEMENTWISE, OUTPUTS, PRODUCTS

    families = (ELEMENTWISE[2:3], OUTPUTS[1:2], COSTS[1:2], ("regularizer/none", "regularizer/l2"))
    small = replace(PRODUCTS[0], families=families)  # its program compiles faster
    monkeypatch.setattr("gradproof.networks.draws.PRODUCTS", (small, *PRODUCTS[1:]))
    rows = rows_of(
        part_of("2-3-2/float64/tanh/sigmoid/mse/none", "2-3-2/float64/tanh/sigmoid/mse/l2"), 0, ["torch", "jax"]
    )
    assert not [r for r in rows if Verdict(r["torch verdict"]).fails or Verdict(r["jax verdict"]).fails]
    gaussian = [r for r in rows if r["regime"] == "gaussian"]
    assert all(r["torch-jax dW relative"] < 1e-14 for r in gaussian)
    # All three lost or kept the tails by themselves: the truth alone tells.
    assert {r["torch verdict"] for r in rows if r["regime"] == "saturated"} == {"inaccurate"}


@pytest.mark.parametrize(
    ("k", "family", "rest"),
    [(1, 2, "identity/multiclass_hinge"), (1, 2, "sigmoid/tversky"), (2, 3, "identity/mse/group_lasso"),
     (2, 3, "identity/mse/spectral_norm")],
)  # fmt: skip
def test_two_frameworks_side_by_side_in_the_further_products(monkeypatch, k, family, rest):
    for name in ("torch", "jax", "flint"):
        pytest.importorskip(name)
    from gradproof.networks.draws import PRODUCTS

    c = by_id(f"2-3-2/float32/tanh/{rest}" + ("/none" if k == 1 else ""))
    families = tuple((id,) for id in (c.hidden, c.output, c.cost, c.regularizer))
    small = [replace(p, families=families) if i == k else p for i, p in enumerate(PRODUCTS)]
    monkeypatch.setattr("gradproof.networks.draws.PRODUCTS", tuple(small))
    rows = rows_of(part_of(c.id), 0, ["torch", "jax"])
    verdicts = {(r["regime"], name): r[f"{name} verdict"] for r in rows for name in ("torch", "jax")}
    assert not {"wrong", "unknown"} & {*verdicts.values()}
    assert {verdicts["gaussian", "torch"], verdicts["gaussian", "jax"]} <= {"exact", "agrees"}
    if c.regularizer == "regularizer/group_lasso":  # the norm of a row of zeros, and its slope in JAX
        assert verdicts["kink", "torch"] == "agrees"
        assert verdicts["kink", "jax"] == "inaccurate"


# ---------------------------------------------------------------- a whole run, in this process


ONLY = "4-5-3/float64/*elu/identity/mse/none"  # hidden: relu, leaky_relu, elu, gelu


@pytest.fixture
def measure(tmp_path, monkeypatch, complex_step):
    """Run the audit of ONLY, one part for each hidden activation, and return its rows."""
    polars = pytest.importorskip("polars")
    monkeypatch.setattr(networks, "source_hash", lambda *packages: "as it is")
    monkeypatch.setattr(
        "gradproof.networks.draws.ARCHITECTURES", {"4-5-3": ARCHITECTURES["4-5-3"]}
    )  # a short list to search

    def measure(progress=lambda done, total: None, **options):
        given = {"only": ONLY, "dtypes": ["float64"], "oracles": [complex_step], **options}
        raw = start(tmp_path, Inline(), **given)(progress)
        return polars.read_parquet(raw / "*.parquet").sort("configuration", "case")

    return measure


def files(tmp_path):
    return sorted((tmp_path / "raw").glob("*.parquet"))


def test_a_run_leaves_one_file_a_part_and_reports_its_progress(tmp_path, measure):
    steps = []
    cases = measure(progress=lambda done, total: steps.append((done, total)))
    assert [p.name for p in files(tmp_path)] == sorted(p.file for p in parts(ONLY, ["float64"]))
    assert len(cases) == sum(p.cases() for p in parts(ONLY, ["float64"])) == 4 * 5
    assert steps[0] == (0, 20)
    assert steps[-1] == (20, 20)
    assert steps == sorted(steps)


def damage(path, how):
    whole = path.read_bytes()
    middle = len(whole) // 3
    path.write_bytes({
        "empty": b"",
        "half-written": whole[: len(whole) // 2],
        "not Parquet": b"hello",
        "overwritten inside": whole[:middle] + bytes(200) + whole[middle + 200 :],
    }[how])  # fmt: skip


@pytest.mark.parametrize("how", ["empty", "half-written", "not Parquet", "overwritten inside", "deleted"])
def test_resume_measures_a_damaged_part_again_and_no_other(tmp_path, measure, monkeypatch, how):
    before = measure()
    first, *others = files(tmp_path)
    if how == "deleted":
        first.unlink()
    else:
        damage(first, how)
    times = [p.stat().st_mtime_ns for p in others]
    measured = []
    monkeypatch.setattr(networks, "run_part", lambda part, *rest: measured.append(part.file) or run_part(part, *rest))
    steps = []
    assert measure(resume=True, progress=lambda done, total: steps.append(done)).equals(before)
    assert measured == [first.name]
    assert [p.stat().st_mtime_ns for p in others] == times
    assert steps[0] == 15


def test_a_killed_run_goes_on_where_it_stopped(tmp_path, measure, monkeypatch):
    measured = []

    def killed(part, *rest):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(part.file)
        return run_part(part, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(networks, "run_part", killed)
        with pytest.raises(KeyboardInterrupt):
            measure()
    assert len(files(tmp_path)) == 2
    rest = []
    with monkeypatch.context() as patched:
        patched.setattr(networks, "run_part", lambda part, *a: rest.append(part.file) or run_part(part, *a))
        resumed = measure(resume=True)
    assert len(rest) == 2
    assert not {*rest} & {*measured}
    assert resumed.equals(measure())


def test_without_resume_everything_is_measured_anew(tmp_path, measure):
    measure()
    (tmp_path / "raw" / "from-another-run.parquet").write_bytes(b"stale")
    times = [p.stat().st_mtime_ns for p in files(tmp_path)[:4]]
    assert len(measure()) == 20
    assert all(p.stat().st_mtime_ns > t for p, t in zip(files(tmp_path), times, strict=True))


@pytest.mark.parametrize(
    ("options", "changed"), [({"seed": 1}, "seed"), ({"only": "4-5-3/float64/tanh/*"}, "only")], ids=["seed", "only"]
)
def test_resume_refuses_a_run_made_otherwise(tmp_path, measure, options, changed):
    measure()
    bytes_before = {p: p.read_bytes() for p in files(tmp_path)}
    with pytest.raises(EvidenceError, match=rf"raw was measured with another {changed}; run again without --resume"):
        measure(resume=True, **options)
    assert {p: p.read_bytes() for p in files(tmp_path)} == bytes_before


def test_resume_refuses_other_source(measure, monkeypatch):
    measure()
    monkeypatch.setattr(networks, "source_hash", lambda *packages: "edited")
    with pytest.raises(EvidenceError, match="raw was measured with another source"):
        measure(resume=True)


@pytest.mark.parametrize("content", ["{", "[]", "3", ""])
def test_resume_refuses_a_run_whose_making_is_unknown(tmp_path, measure, content):
    measure()
    (tmp_path / "raw" / "run.json").write_text(content)
    with pytest.raises(EvidenceError, match=r"run\.json.*run again without --resume"):
        measure(resume=True)


def test_resume_after_nothing_is_a_first_run(measure):
    assert len(measure(resume=True)) == 20


def test_nothing_to_measure_is_refused_with_an_example(measure):
    with pytest.raises(ValueError, match=r"nothing matches 'tanh/\*'; a pattern looks like '4-5-3/float64/tanh/\*'"):
        measure(only="tanh/*")


def test_no_oracle_at_all_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "load", lambda name: None)
    with pytest.raises(MissingOracle, match=r"torch and jax: not installed; pip install 'gradproof\[oracles\]'"):
        start(tmp_path, Inline())
    assert not list(tmp_path.iterdir())


def test_one_oracle_is_enough(tmp_path, measure, monkeypatch):
    monkeypatch.setattr(networks, "load", lambda name: load(name) if name == "complex_step" else None)
    cases = measure(oracles=["complex_step", "jax"])
    assert [name for name in cases.columns if name.endswith(" verdict")] == ["complex_step verdict"]
    assert json.loads((tmp_path / "raw" / "run.json").read_text())["oracles"] == ["complex_step"]


def test_an_unwritable_folder_is_an_error_of_the_system(tmp_path, complex_step):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        start(tmp_path / "file" / "out", Inline(), only=ONLY, oracles=[complex_step])


# ---------------------------------------------------------------- messages about failures


def written(folder, rows):
    pytest.importorskip("polars")
    folder.mkdir(exist_ok=True)
    write_part(folder / "part.parquet", {column: [row[column] for row in rows] for column in rows[0]})
    return folder


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_the_message_says_what_where_why_and_how_to_see_it_again(tmp_path, monkeypatch, complex_step, plant):
    pytest.importorskip("flint")
    plant.plant(patch(monkeypatch))
    messages = failures(written(tmp_path, rows_of(part_of(plant.configuration), 3, [complex_step])), 3)
    assert len(messages) == 1
    first, second = messages[0].split("\n")
    assert first.startswith(f"{plant.formula}: {plant.argument}")
    assert plant.cause in first
    assert second == f"  gradproof audit --only '{plant.configuration}' --seed 3"


def test_a_sound_run_has_no_message(tmp_path, complex_step):
    pytest.importorskip("flint")
    assert failures(written(tmp_path, rows_of(SMALL, 0, [complex_step])), 0) == []


def test_what_nothing_decided_is_said_once_an_oracle(tmp_path, complex_step, monkeypatch):
    modules = {"torch": load(complex_step), "jax": failing("jax", RuntimeError("out of memory"))}
    monkeypatch.setattr(networks, "load", modules.get)
    rows = [r for r in rows_of(SMALL, 0, ["torch", "jax"]) if r["regime"] == "gaussian"]
    (message,) = failures(written(tmp_path, rows), 0)
    assert "jax raised RuntimeError: out of memory" in message
    assert "gradproof audit --only '4-5-3/float64/tanh/" in message


def test_an_error_too_small_to_explain_still_has_its_message(tmp_path, monkeypatch, complex_step):
    pytest.importorskip("flint")
    right = CATALOGUE["activation/tanh"].function
    replace_function(patch(monkeypatch), "activation/tanh", lambda z: (right(z)[0], right(z)[1] * (1 + 1e-9)))
    (message,) = failures(
        written(tmp_path, rows_of(part_of("4-5-3/float64/tanh/sigmoid/mse/none"), 0, [complex_step])), 0
    )
    assert "σ off the exact gradient" in message


def test_figures_survive_the_file(tmp_path, complex_step):
    polars = pytest.importorskip("polars")
    rows = rows_of(SMALL, 0, [complex_step])
    rows[0]["ours-complex_step dW sigma"] = math.nan
    rows[1]["ours-complex_step dW sigma"] = math.inf
    back = polars.read_parquet(written(tmp_path, rows) / "part.parquet").to_dicts()
    assert same_rows(back, rows)
    assert np.isnan(back[0]["ours-complex_step dW sigma"])
