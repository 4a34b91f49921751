"""Proofs that a printed derivative is the derivative of the printed statement, for all real inputs.

Expressions come in as the strings that a record prints (`oracles.sympy_expressions` is their notation) and SymPy
differentiates the statement. Statements with indices are proved entry by entry at concrete sizes.

A statement with free indices is a vector-valued function, and its derivative is printed as the pullback of a
cotangent: `v` carries the indices of the output, and `s` stands for the output itself unless the statement has an
`s` of its own, so that softmax reads s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d))).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from oracles.sympy_proof.expressions import WHOLE_LINE, ExpressionError, Notation, names, notation
from oracles.sympy_proof.identity import Proof, conjunction, identity

COTANGENT, OUTPUT = "v", "s"


def prove_derivative(
    statement: str,
    derivative: str,
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Proof:
    """Prove that `derivative` is ∂(statement)/∂(argument) wherever no branch changes (there: `oracles.sympy_kinks`).

    `parameters` maps names to defaults, of which the sign counts; `domain` is where the argument lives. The
    free indices of `argument` run over every entry. Raises ExpressionError for what cannot be read.

    >>> prove_derivative("exp(alpha*z)", "alpha*exp(alpha*z)", parameters={"alpha": 1.0}).verdict
    'proved'
    >>> str(prove_derivative("z**2", "z").counterexample)
    'at z = 198/173 it is 2.28901734104046242774566473988, not 1.14450867052023121387283236994'
    """
    N = notation([statement, derivative], argument, parameters, domain, sizes)
    claims = entries(N, statement, derivative)
    proofs = (identity(value, slope, t, N.intervals(value, slope)) for value, slope, t in claims)
    return conjunction(proofs, N.sizes, N.given)


def prove_equal(
    left: str,
    right: str,
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Proof:
    """Prove that two expressions are equal, such as a textbook form and the rewriting that NumPy evaluates.

    Arguments and errors as for `prove_derivative`.

    >>> prove_equal("1 - tanh(z)**2", "1/cosh(z)**2").route
    'exponentials'
    """
    N = notation([left, right], argument, parameters, domain, sizes)
    sides = N.read(left), N.read(right)
    pairs = ((N.at(sides[0], at), N.at(sides[1], at)) for at in N.everywhere(*sides))
    proofs = (identity(true, claimed, None, N.intervals(true, claimed)) for true, claimed in pairs)
    return conjunction(proofs, N.sizes, N.given)


Entry = tuple[sp.Expr, sp.Expr, sp.Symbol]  # a scalar statement, its claimed slope, and the symbol it is a slope in


def entries(N: Notation, statement: str, derivative: str) -> Iterator[Entry]:
    """One scalar claim for each entry of the argument. Raises ExpressionError for letters that come from nowhere."""
    value, slope = N.read(statement), N.read(derivative)
    outputs = N.free(value)
    stated, claimed = names(statement), names(derivative)
    if outputs and COTANGENT in stated.subscripted:
        raise ExpressionError(f"{statement!r} has a {COTANGENT}, the letter of the cotangent")
    known = stated.subscripted | stated.plain | {N.base, *N.sizes, *N.ranges, *((COTANGENT, OUTPUT) if outputs else ())}
    if strangers := sorted((claimed.subscripted | claimed.plain) - known):
        raise ExpressionError(f"{derivative!r} has {', '.join(strangers)}, which {statement!r} does not have")
    letter = N.read(N.argument)
    scalar, own = N.at(value, {}), {}
    if outputs:  # the pullback of v is the gradient of ⟨v, value⟩
        values = {tuple(at.values()): N.at(value, at) for at in N.everywhere(value)}
        scalar = sum(N.entry(COTANGENT, *at) * output for at, output in values.items())
        if OUTPUT not in stated.subscripted:
            own = {N.entry(OUTPUT, *at): output for at, output in values.items()}
    for at in N.everywhere(letter):
        yield scalar, N.at(slope, at).xreplace(own), N.at(letter, at)
