"""Scoring what another program answered to the vectors, with NumPy alone or less."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.evidence.files import refuse_constant
from gradproof.lookup import UsageError, suggestion
from gradproof.vectors.checksums import SUMS, digest, listed, problems
from gradproof.vectors.numbers import read
from gradproof.vectors.schema import RESULTS_SCHEMA, VECTORS_SCHEMA, VERSION
from oracles.floats import Truth, ulp, ulp_error

KINK_ULPS = 4.0  # of Σ|G·D|, for a slope along a direction at a kink
Test = Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """One answer: the worst error in conditioned ULP, and what is wrong with it, empty if nothing is."""

    error: float
    wrong: str = ""


@dataclass
class Score:
    """One file of vectors: how many tests passed, what failed by its id, and the worst error with the id it is at."""

    file: str
    passed: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    unanswered: int = 0
    worst: float = 0.0
    at: int = 0


# ---------------------------------------------------------------- reading


def load(path: Path) -> Any:
    """The JSON in a file. Raises UsageError where it cannot be read or is not JSON, naming the line."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason})") from error
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from error
    except RecursionError as error:
        raise UsageError(f"{path}: not a results file: too many brackets in one another") from error
    except ValueError as error:
        raise UsageError(f'{path}: not JSON ({error}); write "nan", "inf" and "-inf" as strings') from error


def vectors(folder: Path, name: str) -> dict[str, Any]:
    """The file of vectors of that name, as `activation/tanh.float32`. Raises UsageError for another schema."""
    content = load(folder / f"{name}.json")
    said = (content.get("schema"), content.get("version")) if isinstance(content, dict) else (None, None)
    if said != (VECTORS_SCHEMA, VERSION):
        raise UsageError(f"{folder / name}.json: schema {said[0]}, version {said[1]}; "
                         f"this gradproof reads {VECTORS_SCHEMA}, version {VERSION}")  # fmt: skip
    return dict(content)


def results(path: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The answers in a results file, by file of vectors and test id.

    Raises UsageError where the file is not JSON, of another schema or version, was made with other vectors, or
    answers what is not asked.
    """
    content = load(path)
    if not isinstance(content, dict) or content.get("schema") != RESULTS_SCHEMA:
        said = content.get("schema") if isinstance(content, dict) else None
        raise UsageError(f'{path}: schema {said!r}; a results file says "schema": "{RESULTS_SCHEMA}"')
    if content.get("version") != VERSION:
        raise UsageError(f"{path}: answers to version {content.get('version')!r} of the vectors; "
                         f"these are version {VERSION!r}")  # fmt: skip
    if strangers := sorted(set(content) - {"schema", "version", "program", "sha256", "results"}):
        raise UsageError(f"{path}: unknown property {strangers[0]!r}; schema/results.json says what there is")
    if "sha256" in content and content["sha256"] != (here := digest(folder / SUMS)):
        raise UsageError(f"{path}: made with vectors whose {SUMS} has SHA-256 {content['sha256']}, "
                         f"that of {folder / SUMS} is {here}; run the program again with these")  # fmt: skip
    answers = content.get("results")
    if not isinstance(answers, dict) or not all(isinstance(a, dict) for a in answers.values()):
        raise UsageError(f'{path}: "results" is not an object of objects: results[file][test id]')
    names = [name.removesuffix(".json") for name in listed(folder) if "/" in name and name.endswith(".json")]
    for name in answers:
        if name not in names or name.startswith("schema/"):
            raise UsageError(f"{path}: no vectors {name!r}; {suggestion(name, names).replace('gradproof list', SUMS)}")
    return answers


# ---------------------------------------------------------------- one answer


def judge(test: Test, answer: Any, dtype: str, limit: float) -> Judged:
    """An answer to a test, which has to be within `limit` conditioned ULP. Raises UsageError for one out of form."""
    if not isinstance(answer, dict) or not set(answer) <= {"outputs", "gradients", "refused"}:
        raise UsageError('an answer is {"outputs": …, "gradients": …} or {"refused": true}')
    refused = answer.get("refused") is True
    if test["result"] == "invalid":
        return Judged(0.0, "" if refused else f"not refused: {test['comment']}")
    if refused:
        return Judged(math.inf, "refused, but the input is valid")
    worst = 0.0
    for what, label in (("outputs", "{}"), ("gradients", "∂/∂{}")):
        given = answer.get(what, {})
        if not isinstance(given, dict):
            raise UsageError(f'"{what}" is not an object of arrays by name')
        for name, exact in test[what].items():
            said = label.format(name)
            if name not in given:
                return Judged(math.inf, f"{said} is not given")
            got = numbers(given[name])
            if len(got) != len(exact["data"]):
                return Judged(math.inf, f"{said} has {len(got)} entries, not {len(exact['data'])}")
            errors = entry_errors(got, exact, dtype)
            k = int(np.argmax(errors)) if len(errors) else 0
            if len(errors) and not errors[k] <= limit:
                return Judged(float(errors[k]), f"{said}[{k}] = {got[k]!r}, truth {read(exact['data'][k])!r}: "
                              f"{errors[k]:.3g} ULP")  # fmt: skip
            worst = max(worst, float(errors[k]) if len(errors) else 0.0)
    for direction in test.get("directions", ()):
        got = numbers(answer["gradients"][direction["argument"]])
        if wrong := outside(got, direction, dtype):
            return Judged(math.inf, f"∂/∂{direction['argument']}: {wrong}")
    return Judged(worst)


def numbers(values: Any) -> list[float]:
    """A list of numbers, or one number. Raises UsageError for anything else."""
    try:
        return [read(v) for v in (values if isinstance(values, list) else [values])]
    except ValueError as error:
        raise UsageError(str(error)) from error


def entry_errors(got: Sequence[float], exact: Mapping[str, Any], dtype: str) -> Any:
    """|got − truth| in ULP over 1 + what is forgiven, for each entry; 0 where there is no truth.

    The truth is data + residual·ulp(data). Infinite where one of both is NaN or infinite and the other is not.

    >>> entry_errors([1.0], {"data": ["0x1.0000000000001p+0"], "residual": [0.25]}, "float64").tolist()
    [1.25]
    """
    n = len(exact["data"])
    y = np.array([math.nan if d is None else read(d) for d in exact["data"]])
    none = np.array([d is None for d in exact["data"]], bool)
    residual, forgiven = (np.array(exact.get(key, [0.0] * n), float) for key in ("residual", "forgiven"))
    error = ulp_error(np.asarray(got, float), Truth(y, residual, none, dtype))
    return np.where(none, 0.0, error / (1 + forgiven))


def outside(gradient: Sequence[float], direction: Mapping[str, Any], dtype: str) -> str:
    """In words, where the slope Σ G·D along a direction lies outside left and right; empty where it does not."""
    D = numbers(direction["direction"]["data"])
    terms = [g * d for g, d in zip(gradient, D, strict=True)]
    if not all(map(math.isfinite, terms)):
        return f"{gradient} is not finite"
    slope, size = math.fsum(terms), math.fsum(map(abs, terms))
    low, high = sorted((read(direction["left"]), read(direction["right"])))
    slack = read(direction["slack"]) + KINK_ULPS * float(ulp(size, dtype))
    return "" if low - slack <= slope <= high + slack else f"the slope {slope!r} is not in [{low!r}, {high!r}]"


# ---------------------------------------------------------------- all


def score(name: str, content: Mapping[str, Any], answers: Mapping[str, Any], limit: float | None = None) -> Score:
    """The score of the answers, by test id, to one file of vectors. Its own limit counts unless one is given.

    Raises UsageError for the id of no test, and for an answer out of form.
    """
    tests = {str(test["id"]): test for test in content["tests"]}
    if unknown := [id for id in answers if id not in tests]:
        raise UsageError(f"{name}: there is no test {unknown[0]}; they are 1 … {len(tests)}")
    found = Score(name)
    for id, test in tests.items():
        if id not in answers:
            found.unanswered += 1
            continue
        try:
            judged = judge(test, answers[id], content["dtype"], content["limit"] if limit is None else limit)
        except UsageError as error:
            raise UsageError(f"{name}, test {id}: {error}") from error
        if judged.error > found.worst or not found.at:
            found.worst, found.at = judged.error, int(id)
        if judged.wrong:
            found.failed[int(id)] = judged.wrong
        else:
            found.passed += 1
    return found


def verify(path: Path, folder: Path, limit: float | None = None) -> Iterator[Score]:
    """A score for each file of vectors that a results file answers.

    Raises UsageError where vectors are not those of their checksums, and as `results` and `score`.
    """
    if wrong := problems(folder):
        raise UsageError(f"{folder}: {wrong[0]}; fetch the vectors again or run 'gradproof vectors make'")
    for name, answers in results(path, folder).items():
        yield score(name, vectors(folder, name), answers, limit)
