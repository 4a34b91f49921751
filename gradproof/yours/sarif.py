"""Failed checks as SARIF 2.1.0, which code review shows at the line of a function: a rule a cause, a result a check."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradproof import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "gradproofCheck/v1"  # a new version where what follows makes it otherwise
ADVICE = "Run the command at the end of the message again; it says where the gradient departs from the truth."

Record = Mapping[str, Any]  # a report as JSON, with the test, the place of the subject and the reason it was expected


def sarif(records: Iterable[Record], successful: bool = True) -> dict[str, Any]:
    """The log of one run, `successful` if all could be asked. Of checks that say the same of one subject the first."""
    results: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["verdict"] not in ("right", "inaccurate"):
            results.setdefault(fingerprint(record), _result(record))
    names = {result["ruleId"]: result.pop("ruleName") for result in results.values()}
    order = sorted(names)
    for result in results.values():
        result["ruleIndex"] = order.index(result["ruleId"])
    driver = {"name": "gradproof", "version": __version__, "rules": [_rule(id, names[id]) for id in order]}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": successful}],
        "columnKind": "unicodeCodePoints",
        "results": list(results.values()),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def cause(record: Record) -> tuple[str, str]:
    """The id of the rule that a record breaks and its name: the likely cause, else a law that fails, else the verdict.

    >>> cause({"causes": ["a factor 2 too large: got 4.0, truth 2.0"], "laws": [], "verdict": "wrong"})
    ('cause/a-factor-too-large', 'a factor too large')
    >>> cause({"causes": ["∂/∂x and value: a factor is missing: 1 + 0.5·z²"], "laws": [], "verdict": "wrong"})
    ('cause/a-factor-is-missing', 'a factor is missing')
    >>> cause({"causes": [], "laws": [], "verdict": "cannot tell"})
    ('verdict/cannot-tell', 'cannot tell')
    """
    failed = [law["law"] for law in record["laws"] if law["holds"] is False]
    kind, said = "verdict", record["verdict"]
    if record["causes"]:
        kind, said = "cause", str(record["causes"][0])
    elif failed and not any(finding.get("verdict") == "wrong" for finding in record.get("findings", [])):
        kind, said = "law", failed[0]
    said = re.sub(r"^\S+( and \S+)*: ", "", said)  # the quantities
    general = re.split(r"[:;(]", said)[0]  # what follows is about this one
    general = " ".join(re.sub(r"∂/∂\S+|[-−+]?\d[\d.eE+-]*", " ", general).split()) or said
    return f"{kind}/{re.sub(r'[^a-z0-9]+', '-', general.lower()).strip('-') or 'other'}", general


def fingerprint(record: Record) -> str:
    """The same as long as the same function is wrong in the same way, wherever it stands in its file."""
    parts = (record["file"], record["name"], record["form"], record["standard"], cause(record)[0])
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _result(record: Record) -> dict[str, Any]:
    rule, name = cause(record)
    where = {"artifactLocation": _artifact(record["file"]), "region": {"startLine": record["line"]}}
    result = {
        "ruleId": rule,
        "ruleName": name,
        "level": "warning" if record["verdict"] == "cannot tell" else "error",
        "message": {"text": record["text"]},
        "locations": [{"physicalLocation": where, "logicalLocations": [{"name": record["name"], "kind": "function"}]}],
        "partialFingerprints": {FINGERPRINT: fingerprint(record)},
        "properties": {"test": record["test"]},
    }
    if record["expected"]:
        result["suppressions"] = [{"kind": "external", "justification": record["expected"]}]
    return result


def _artifact(file: str) -> dict[str, Any]:
    path = Path(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}


def _rule(id: str, name: str) -> dict[str, Any]:
    kind = id.split("/")[0]
    said = {
        "cause": f"The gradient is wrong, and the likely cause is: {name}.",
        "law": f"A law of every gradient fails: {name}.",
        "verdict": f"The verdict on the gradient is: {name}.",
    }[kind]
    return {
        "id": id,
        "name": "".join(word.capitalize() for word in re.split(r"[^a-z0-9]+", id)),
        "shortDescription": {"text": said},
        "fullDescription": {"text": said},
        "help": {"text": ADVICE},
        "defaultConfiguration": {"level": "error"},
    }
