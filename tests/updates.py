"""The update rules of the catalogue, how a test runs one, and what its record prints as numbers."""

import numpy as np
import pytest

from reference import CATALOGUE

STEPS = [f for f in CATALOGUE.values() if hasattr(f.function, "start")]
ALONE = [f for f in STEPS if "[" not in f.arguments[0]]  # whose entries are stepped each by itself
FIRST = {"update/muon": {"iterations": 1}}  # whose records print the first step, with these hyperparameters
over_steps = pytest.mark.parametrize("record", STEPS, ids=lambda f: f.name)


G = np.random.default_rng(5).standard_normal((6, 4))


def path(step, gradients=G, start=0.0, **given):
    """The parameter after every step, and the last state."""
    w, state, found = [np.full(np.shape(gradients[0]), start)], None, []
    for g in gradients:
        w, state = step(w, [np.asarray(g, float)], state, **given)
        found.append(w[0])
    return np.array(found), state


def run(step, parameters, gradients, steps, **hyperparameters):
    state = None
    for _ in range(steps):
        parameters, state = step(parameters, gradients, state, **hyperparameters)
    return parameters, state


def letters(arguments):
    """Numbers by the letters of a record: w[1, 2] for an entry of an array, and w where it has a single one."""
    found = {}
    for name, x in arguments.items():
        entries = np.squeeze(x)
        for at in np.ndindex(entries.shape):
            found[f"{name}[{', '.join(str(k + 1) for k in at)}]" if at else name] = entries[at]
    return found


class Printed:
    """What a record prints, at the sizes of its indices."""

    def __init__(self, record):
        pytest.importorskip("sympy")
        from oracles.sympy_proof.expressions import names, notation

        self.record = record
        self.notation = notation([record.statement, record.derivative], record.arguments[0], record.parameters)
        at = next(self.notation.everywhere(self.notation.read(record.arguments[0])))
        self.shape = tuple(self.notation.ranges[index] for index in at) or (1,)
        used, known = names(record.statement), {argument.split("[")[0] for argument in record.arguments}
        unknown = (used.plain | used.subscripted) - {*known, *record.parameters, *self.notation.sizes, "t"}
        assert not unknown, f"{record.id} uses {unknown}, which are neither arguments nor parameters"

    def start(self, t=1, value=None):
        """Accumulators by name: as a state starts, or of this value."""
        state = self.record.function.start([np.zeros(self.shape)])
        return {s: np.asarray(x[0]) if value is None else value(np.shape(x[0])) for s, x in state.items() if s != "t"}

    def new(self, values):
        """Every entry of the new parameter, as expressions in these numbers (letters, and the rest by name)."""
        N, statement = self.notation, self.notation.read(self.record.statement)
        found = [number(N.at(statement, at), values) for at in N.everywhere(statement)]
        return np.array(found, object).reshape(self.shape)

    def slopes(self):
        """Scalar statement, claimed slope and the symbol that it is by, for every entry of the gradient."""
        from oracles.sympy_proof.proof import entries

        return entries(self.notation, self.record.statement, self.record.derivative)


def number(expression, values):
    """An expression in exact rationals, to 40 digits."""
    import sympy

    exact = {s: sympy.Rational(float(values[s.name])) for s in expression.free_symbols}
    return sympy.sympify(expression.xreplace(exact)).evalf(40)
