"""Finding a formula by its id, with help when the id is not quite right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from reference import ALIASES, CATALOGUE, resolve
from reference.formula import Formula


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


def find(id: str) -> tuple[Formula, Mapping[str, Any]]:
    """The record of a formula by its id or an alias, and the parameters that the alias stands for.

    Raises UsageError naming the nearest ids, and for a block what it can be asked.
    """
    if id in CATALOGUE or id in ALIASES:
        return resolve(id)
    from reference.blocks import BLOCKS

    if id in BLOCKS:
        raise UsageError(f"{id} is a whole block, made of formulas and none itself: 'gradproof show {id}' says what it "
                         f"is, 'gradproof case {id} plain 0' its gradients beside the truth")  # fmt: skip
    raise UsageError(f"no formula {id!r}; {suggestion(id, [*CATALOGUE, *ALIASES])}")


def named(word: str, known: Iterable[str]) -> str:
    """The one id whose name behind the slash is `word`, in whatever case; `word` itself where that is not one.

    >>> named("BP2", ["network/bp1", "network/bp2"]), named("l1", ["cost/l1", "regularizer/l1"])
    ('network/bp2', 'l1')
    """
    found = [id for id in known if id.split("/")[-1] == word.lower()]
    return found[0] if len(found) == 1 else word


def meant(word: str) -> list[str]:
    """The ids of what PyTorch, JAX or Optax has under a name, in whatever case, with or without module and "loss".

    >>> meant("optax.sigmoid_focal_loss"), meant("bce"), meant("hard_swish")
    (['cost/sigmoid_focal'], ['cost/binary_cross_entropy'], ['activation/hardswish'])
    """
    from gradproof.claims.covered import TABLE

    def plain(name: str) -> str:
        return name.rpartition(".")[2].lower().replace("_", "").replace("-", "").removesuffix("loss")

    wanted = plain(word)
    entries = (entry for names in TABLE.values() for name, entry in names.items() if wanted and plain(name) == wanted)
    return list(dict.fromkeys(id for entry in entries for id in entry.ids))


def suggestion(word: str, known: Iterable[str]) -> str:
    """The nearest known words as a question, or where to see them all."""
    known = list(known)
    name, names = word.split("/")[-1], [k.split("/")[-1] for k in known]
    near = [k for k, n in zip(known, names, strict=True) if n == name]  # the right name, under another kind
    near += [k for k in meant(name) if k in known]
    near += difflib.get_close_matches(word, known, 3)
    near += [known[names.index(n)] for n in difflib.get_close_matches(name, names, 3)]
    near = list(dict.fromkeys(near))[:3]
    if not near:
        return "'gradproof list' shows them all"
    return f"did you mean {', '.join(near[:-1]) + ' or ' if near[1:] else ''}{near[-1]}?"
