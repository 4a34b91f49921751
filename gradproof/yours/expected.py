"""Wrong gradients that are known and wait for their day: a list in TOML, which complains when it is out of date.

[[expect]]
subject = "softplus*"              # the function's name, or a pattern of it
against = "activation/softplus"    # by what it is judged, or a pattern; all unless given
verdict = "wrong"                  # and/or cause = "a pattern of a likely cause or of a law that fails"
reason = "issue 12: waits for the next kernel"
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gradproof.lookup import UsageError
from gradproof.yours.report import Report

VERDICTS = ("wrong", "broken", "cannot tell")  # that a check fails by
KEYS = ("subject", "against", "verdict", "cause", "reason")


@dataclass(frozen=True)
class Expectation:
    """One entry of the list; `place` says where it stands. All but `verdict` and `reason` are patterns."""

    place: str
    subject: str
    reason: str
    verdict: str = ""
    cause: str = "*"
    against: str = "*"

    def meets(self, report: Report) -> bool:
        """Whether this is the wrong gradient that was expected; never for one that is right."""
        causes = ["", *report.causes, *(law.name for law in report.laws if law.holds is False)]
        return (
            not report.ok
            and fnmatchcase(report.subject, self.subject)
            and fnmatchcase(report.standard.split(",")[0], self.against)
            and self.verdict in ("", report.verdict)
            and any(fnmatchcase(str(cause), self.cause) for cause in causes)
        )


def read_expectations(path: Path) -> list[Expectation]:
    """The entries of the file. Raises UsageError where it cannot be read or says something else, naming the entry."""
    try:
        said = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except ValueError as error:
        raise UsageError(f"{path}: not TOML ({error})") from error
    if strangers := [key for key in said if key != "expect"]:
        raise UsageError(f"{path}: has {strangers[0]!r}; every entry begins with [[expect]]")
    entries = said.get("expect", [])
    if not isinstance(entries, list):
        raise UsageError(f"{path}: expect is no list; every entry begins with [[expect]]")
    return [_expectation(f"{path.name}, entry {k}", entry) for k, entry in enumerate(entries, 1)]


def _parsed(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # which pytest brings along
    return tomllib.loads(text)


def _expectation(place: str, entry: Any) -> Expectation:
    if not isinstance(entry, dict):
        raise UsageError(f"{place}: {entry!r} is no table; write [[expect]] above its keys")
    if strangers := [key for key in entry if key not in KEYS]:
        raise UsageError(f"{place}: no key {strangers[0]!r}; there are {', '.join(KEYS)}")
    for key, value in entry.items():
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{place}: {key} = {value!r} is no text")
    for key in ("subject", "reason"):
        if key not in entry:
            raise UsageError(f"{place}: says no {key}")
    if not entry.keys() & {"verdict", "cause"}:
        raise UsageError(f"{place}: say what is expected, as verdict = 'wrong' or cause = '…'")
    if entry.get("verdict", "wrong") not in VERDICTS:
        raise UsageError(f"{place}: verdict = {entry['verdict']!r}; a check fails by {', '.join(VERDICTS)}")
    return Expectation(place, **entry)
