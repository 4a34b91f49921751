"""The likely cause of a wrong gradient."""

from __future__ import annotations

from collections.abc import Sequence

from gradproof.yours.judge import Judged
from gradproof.yours.standard import Standard
from gradproof.yours.subject import Subject


def causes(subject: Subject, standard: Standard, judged: Sequence[Judged]) -> list[str]:
    """What explains the numbers, the most telling first."""
    return []
