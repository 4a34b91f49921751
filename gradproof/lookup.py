"""Finding what a person means by a word: an id, a name, a framework's name; with help when it is not quite right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reference import ALIASES, CATALOGUE, resolve
from reference.formula import Formula

if TYPE_CHECKING:
    from gradproof.claims.covered import Entry


class Missing(LookupError):
    """A side has no answer to give; the message says why."""


class UsageError(Exception):
    """Bad input from a person: the message says what was wrong, with which value, and what to do."""


# What may be missing, by the name under which it is imported.
SITE = {"sphinx": "sphinx", "myst_parser": "myst-parser", "pydata_sphinx_theme": "pydata-sphinx-theme",
        "sphinx_copybutton": "sphinx-copybutton", "sphinxcontrib": "sphinxcontrib-bibtex"}  # fmt: skip
TEST = {"jsonschema": "jsonschema"}
OPTIONAL = {"torch": "torch", "jax": "jax", "optax": "optax", "flint": "python-flint", "sympy": "sympy",
            "ml_dtypes": "ml-dtypes", "sklearn": "scikit-learn", "matplotlib": "matplotlib",
            "array_api_compat": "array-api-compat", "rich": "rich", **SITE, **TEST}  # fmt: skip


def not_installed(error: ImportError) -> str:
    """Which optional package an import has missed, and how to get it.

    >>> not_installed(ModuleNotFoundError("No module named 'flint'", name="flint"))
    "python-flint: not installed; pip install 'gradproof[oracles]'"
    """
    name = (error.name or "").split(".")[0]
    extra = "site" if name in SITE else "test" if name in TEST else "oracles"
    return f"{OPTIONAL[name]}: not installed; pip install 'gradproof[{extra}]'" if name in OPTIONAL else str(error)


def find(word: str) -> tuple[Formula, Mapping[str, Any]]:
    """The record of the formula that a word names, see `identify`, and the parameters that a former id stands for.

    Raises UsageError naming the nearest ids, and for a block what it can be asked.
    """
    from reference.blocks import BLOCKS

    id = identify(word, BLOCKS)
    if id in BLOCKS:
        raise UsageError(f"{id} is a whole block, made of formulas and none itself: 'gradproof show {id}' says what it "
                         f"is, 'gradproof case {id} plain 0' its gradients beside the truth")  # fmt: skip
    return resolve(id)


def identify(word: str, others: Iterable[str] = ()) -> str:
    """The id, which may be a former one, that a person means: of a formula, or one of `others`.

    A word is an id; or the name behind its slash, in whatever case; or the name that PyTorch, JAX or Optax has for it,
    with or without its module, where what a framework does by default decides between formulas; or a common word.
    Raises UsageError naming the nearest where that is nothing, or more than one thing.

    >>> identify("GELU"), identify("mse"), identify("nn.CrossEntropyLoss"), identify("jax.nn.gelu")
    ('activation/gelu', 'cost/squared_error', 'cost/cross_entropy_labels', 'activation/gelu_tanh')
    >>> identify("cost/bce"), identify("bp1a", ["nielsen-2015/bp1a"])
    ('cost/bce', 'nielsen-2015/bp1a')
    """
    others = list(others)
    if word in CATALOGUE or word in ALIASES or word in others:
        return word
    known = [*CATALOGUE, *ALIASES, *others]
    entries = {} if "/" in word else _entries(word)
    exact = {name: entry for name, entry in entries.items() if f".{name}".endswith(f".{word.rpartition('.')[2]}")}
    entries = exact or entries  # nn.GELU is PyTorch's, and not jax.nn.gelu
    for found in () if "/" in word else _readings(word, entries, others):
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{word!r} may be {' or '.join(found)}: say which")
    for name, entry in entries.items():
        said = f"{entry.status} {' and '.join(entry.ids)}: " if entry.ids else ""
        raise UsageError(f"no formula {word!r}; {name}: {said}{entry.why}".removesuffix(": "))
    raise UsageError(f"no formula {word!r}; {suggestion(word, known)}")


def _readings(word: str, entries: Mapping[str, Entry], others: Iterable[str]) -> Iterator[list[str]]:
    """The ids that a word without a slash may stand for, the most literal reading first."""
    from gradproof.claims.covered import FORMULA, SYNONYMS

    name, same = word.lower(), _plain(word)
    current = [id for id in CATALOGUE if id.split("/")[1] == name]
    former = [id for id in ALIASES if id.split("/")[1] == name]
    yield list(dict.fromkeys([*current, *(ALIASES[id][0] for id in former)])) if current else []
    yield [SYNONYMS[same]] if same in SYNONYMS and "." not in word else []
    yield list(dict.fromkeys(entry.ids[0] for entry in entries.values() if entry.status == FORMULA))
    yield former
    yield [id for id in others if id.split("/")[-1] == name]
    yield [id for id in CATALOGUE if _plain(id.split("/")[1]) == same and "." not in word]


def _plain(name: str) -> str:
    """A name without its module, case, signs between its words, and "loss" at its end."""
    return re.sub(r"[\s_-]", "", name.rpartition(".")[2].lower()).removesuffix("loss")


def _entries(word: str) -> dict[str, Entry]:
    """What the frameworks have under a name, by full names; `nn.`, `F.` or `optax.` before it narrows them down."""
    from gradproof.claims.covered import TABLE

    modules = ["functional" if part == "F" else part for part in word.split(".")[:-1]]
    wanted = _plain(word)
    return {
        f"{room}.{name}": entry
        for room, names in TABLE.items()
        if set(modules) <= set(room.split("."))
        for name, entry in names.items()
        if wanted and _plain(name) == wanted
    }


def meant(word: str) -> list[str]:
    """The ids of all that PyTorch, JAX or Optax has under a name, in whatever case, with or without module and "loss".

    >>> meant("optax.sigmoid_focal_loss"), meant("bce"), meant("hard_swish")
    (['cost/sigmoid_focal'], ['cost/binary_cross_entropy'], ['activation/hardswish'])
    """
    return list(dict.fromkeys(id for entry in _entries(word).values() for id in entry.ids))


def names_of(id: str) -> list[str]:
    """The former ids of a formula, and what the frameworks call it; of a name that is several, by what.

    >>> names_of("activation/gelu_tanh")[-1], names_of("cost/l1")[0]
    ('jax.nn.gelu (by approximate)', 'cost/mae')
    """
    from gradproof.claims.covered import FORMULA, TABLE

    found = {f"{room}.{name}": entry for room, names in TABLE.items() for name, entry in names.items()}
    theirs = [name + (f" ({entry.why})" if entry.why else "") for name, entry in found.items()
              if entry.status == FORMULA and id in {ALIASES.get(i, (i,))[0] for i in entry.ids}]  # fmt: skip
    return [*(alias for alias, (target, _) in ALIASES.items() if target == id), *theirs]


def suggestion(word: str, known: Iterable[str]) -> str:
    """The nearest known words as a question, or where to see them all."""
    known = list(known)
    name, names = word.split("/")[-1], [k.split("/")[-1] for k in known]
    near = [k for k in known if word and k.startswith(word)]
    if not near:
        near += [k for k, n in zip(known, names, strict=True) if n == name]  # the right name, under another kind
        near += [k for k in meant(name) if k in known]
        near += difflib.get_close_matches(word, known, 3)
        near += [known[names.index(n)] for n in difflib.get_close_matches(name, names, 3)]
    near = list(dict.fromkeys(near))[:3]
    if not near:
        return "'gradproof list' shows them all"
    return f"did you mean {', '.join(near[:-1]) + ' or ' if near[1:] else ''}{near[-1]}?"
