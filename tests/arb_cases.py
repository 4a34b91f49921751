"""A small case of every definition over balls, with its outputs by NumPy's definition of the same formula."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from gradproof.cases import DRAWS, draw
from gradproof.cases.parameters import OTHERS
from oracles import finite_difference
from oracles.arb_truth.arrays import DEFINITIONS

Z = np.random.default_rng(11).standard_normal((2, 3))


class Case(NamedTuple):
    arguments: dict[str, Any]
    parameters: dict[str, Any]
    outputs: dict[str, Any]


def case(id):
    """Off the defaults where there are any, and at arrays that the audit draws."""
    if id in DRAWS:
        drawn = draw(id, "float64", "plain", 1)
        arguments, parameters = dict(drawn.arguments), dict(drawn.parameters)
    else:
        arguments, parameters = {"z": Z}, dict(*OTHERS.get(id, ())[:1])
    outputs, _ = finite_difference.vjp(id, arguments, None, **parameters)
    return Case(arguments, parameters, outputs)


CASES = {id: case(id) for id in DEFINITIONS}


def floats(case):
    """Names of the float arguments, and their entries in turn."""
    names = [name for name, x in case.arguments.items() if x.dtype.kind == "f"]
    return names, list(itertools.chain(*(case.arguments[name].ravel().tolist() for name in names)))
