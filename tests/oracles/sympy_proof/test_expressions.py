import pytest

pytest.importorskip("sympy")

import sympy as sp

from oracles.sympy_proof.expressions import ExpressionError, names, notation, parse, real


def test_letters_are_sorted_by_how_they_are_used():
    found = names("lam*Sum(Abs(a[i, j] - y[i, j]), (j, 1, d), (i, 1, n))/(n*d) + pi")
    assert found.plain == {"lam", "n", "d"}
    assert found.subscripted == {"a", "y"}
    assert found.indices == {"i", "j"}
    assert found.limits == {"j": "d", "i": "n"}


def test_a_free_index_runs_as_far_as_one_in_its_place():
    N = notation(["g[i]*Sum(g[k]**2, (k, 1, m))"], "g[i]", sizes={"m": 5})
    assert (N.ranges["i"], N.sizes) == (5, {"m": 5})
    assert notation(["z[i, j]"], "z[i, j]").ranges == {"i": 2, "j": 3}


def test_sums_are_written_out_over_plain_real_symbols():
    N = notation(["Sum(a[i, j]**2, (j, 1, d), (i, 1, n))/n"], "a[i, j]")
    written = N.at(N.read("Sum(a[i, j]**2, (j, 1, d), (i, 1, n))/n"), {})
    assert len(written.free_symbols) == 6
    assert all(s.is_real for s in written.free_symbols)
    assert sp.diff(written, real("a[2, 3]")) == real("a[2, 3]")  # 2a/n at n = 2


def test_written_out_sums_are_what_sympy_makes_of_them():
    z, i, j, k = sp.IndexedBase("z", real=True), *sp.symbols("i j k", integer=True, positive=True)
    N = notation(["z[i, j]"], "z[i, j]")
    for last in (3, k):
        inner = sp.Sum(z[i, j], (j, 1, last))
        total = sp.Sum(sp.exp(z[i, k]) / inner, (k, 1, 3), (i, 1, 2))
        entries = {e: N.entry(e.base, *e.indices) for e in total.doit().atoms(sp.Indexed)}
        assert len(entries) == 6
        at = {symbol: sp.Rational(n, 7) for n, symbol in enumerate(sorted(entries.values(), key=str), 1)}
        ours, theirs = (e.xreplace(at).evalf(30) for e in (N.at(total, {}), total.doit().xreplace(entries)))
        assert abs(ours - theirs) < sp.Float(10) ** -25


def test_a_parameter_named_like_a_dimension_stays_a_parameter():
    N = notation(["lam/(2*n)*Sum(w[i]**2, (i, 1, m))"], "w[i]", {"lam": 0.1, "n": 1.0})
    assert N.sizes == {"m": 3}
    assert N.given == "lam > 0, n > 0"


def test_signs_come_from_defaults_and_domain():
    N = notation(["Abs(z) + Abs(low) + Abs(high) + Abs(free)"], "z", {"low": -1.0, "high": 1.0}, ("0", "oo"))
    z, low, high, free = (N.symbols[s] for s in ("z", "low", "high", "free"))
    assert N.read("Abs(z) + Abs(low) + Abs(high) + Abs(free)") == z - low + high + sp.Abs(free)
    assert N.given == "0 < z < oo, low < 0, high > 0"


def test_decimals_are_exact_fractions():
    assert parse("0.044715*z", {"z": real("z")}) == sp.Rational(44715, 10**6) * real("z")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z^2", r"'z\^2' has a Python BitXor.*a power is written \*\*"),
        ("z +", "'z \\+' is not an expression"),
        ("", "is not an expression"),
        ("foo(z)", "calls foo; the functions of the notation are Abs"),
        ("exp(x=z)", "Python keyword"),
        ("__import__('os').system('true')", "Attribute|Constant"),
        ("lambda z: z", "Lambda"),
        ("z if z > 0 else 0", "IfExp"),
        ("'z'", "Constant"),
        ("(1, 2)[z]", "subscripts"),
        ("Sum(w[i]**2, i)", r"the limits of a Sum are written \(j, 1, d\)"),
    ],
)
def test_malformed_expressions_are_quoted_with_what_is_wrong(text, message):
    with pytest.raises(ExpressionError, match=message):
        names(text)


def test_what_sympy_refuses_is_quoted():
    with pytest.raises(ExpressionError, match=r"'Piecewise\(z\)' cannot be read: TypeError"):
        parse("Piecewise(z)", {"z": real("z")})


def test_a_letter_is_indexed_everywhere_or_nowhere():
    with pytest.raises(ExpressionError, match="z appears with indices and without"):
        notation(["z[i, j] + z"], "z[i, j]")
