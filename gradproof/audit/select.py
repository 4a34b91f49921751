"""What `--only` and its companions mean: areas, formulas and networks out of the words of a person."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from gradproof.audit.areas import AREAS, Area
from gradproof.evidence.environment import CPU, ORACLES
from gradproof.lookup import UsageError, identify, suggestion
from gradproof.networks.configurations import configurations
from gradproof.tasks import Plan
from literature import CLAIMS
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS


@dataclass(frozen=True)
class Options:
    """The command line of an audit; None where nothing was said. See `gradproof audit --help`."""

    only: tuple[str, ...] = ()
    dtype: tuple[str, ...] | None = None
    seed: int | None = None
    draws: int | None = None
    oracle: tuple[str, ...] | None = None
    jobs: int = 0
    on: str = ""
    device: str = CPU
    resume: bool = False

    @property
    def whole(self) -> bool:
        """True if everything is measured, on the CPU, which is what reports are made of."""
        return not self.only and (self.dtype, self.draws, self.oracle, self.device) == (None, None, None, CPU)

    def given(self, area: Area) -> dict[str, object]:
        """The options that enter an area, for the header of its evidence."""
        said = {"seed": self.seed or 0, "draws": self.draws or 1, "dtype": self.dtype, "oracle": self.oracle,
                "device": self.device}  # fmt: skip
        entering = {name: value for name, value in said.items() if name in area.options and value not in (None, CPU)}
        return entering | ({"only": list(self.only)} if self.only else {})


def select(options: Options) -> tuple[list[Area], Plan]:
    """The areas to measure, and what of them.

    A word of `--only` names an area, a formula, block or claim by id, alias or pattern, or networks by a pattern such
    as '4-5-3/*/tanh/*'. Formulas are taken through every area that they stand in, or through those that are named.
    Raises UsageError where a word means nothing, or the same as another, or where no area named takes an option given.
    """
    areas: list[str] = []
    formulas: dict[str, str] = {}  # with the word that named each
    patterns: list[str] = []
    for word in options.only:
        if word in AREAS:
            if word in areas:
                raise UsageError(f"--only names {word} twice")
            areas.append(word)
            continue
        found = matching(word)
        for id in found:
            if id in formulas:
                raise UsageError(f"--only names {id} twice: as {formulas[id]} and as {word}")
            formulas[id] = word
        if not found:
            if next(configurations(word), None) is None:
                known = [*AREAS, *CATALOGUE, *ALIASES, *BLOCKS, *CLAIMS]
                where = f"areas: {', '.join(AREAS)}; networks match a pattern such as '4-5-3/*/tanh/*'"
                raise UsageError(f"--only {word or repr(word)}: nothing matches; {suggestion(word, known)} ({where})")
            patterns.append(word)
    if len(patterns) > 1:
        raise UsageError(f"--only takes one pattern of networks, not {' and '.join(patterns)}")
    if patterns:
        if others := [area for area in areas if area != "networks"]:
            raise UsageError(f"--only {patterns[0]} means networks, of which {', '.join(others)} knows nothing")
        areas = ["networks"]
    chosen = [AREAS[name] for name in areas or AREAS]
    for name in ("seed", "draws", "dtype", "oracle", "device"):
        if getattr(options, name) not in (None, CPU) and not any(name in area.options for area in chosen):
            takes = ", ".join(area.name for area in AREAS.values() if name in area.options)
            raise UsageError(f"--{name} does not enter {', '.join(a.name for a in chosen)}; it does enter {takes}")
    if options.device != CPU:
        chosen = [area for area in chosen if "device" in area.options]
    ids = frozenset(formulas) if formulas else None
    oracles = options.oracle or tuple(ORACLES)
    if strange := [name for name in oracles if name not in ORACLES]:
        raise UsageError(f"--oracle {strange[0]}: there are {', '.join(ORACLES)}")
    pattern = patterns[0] if patterns else "*"
    return chosen, Plan(options.seed or 0, options.draws or 1, options.dtype, oracles, ids, pattern, options.device)


def matching(word: str) -> list[str]:
    """The formulas, blocks and published claims that a word means, see `identify`, or that match a pattern of ids."""
    if "/" in word and (found := [id for id in (*CATALOGUE, *BLOCKS, *CLAIMS) if fnmatchcase(id, word)]):
        return found
    try:
        id = identify(word, [*BLOCKS, *CLAIMS])
    except UsageError:
        return []
    return [ALIASES[id][0] if id in ALIASES else id]
