import pytest

from gradproof.pages.typeset import latex
from reference import CATALOGUE


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 - tanh(z)**2", r"1 - \tanh^{2}\left(z\right)"),
        ("-z**2/2", r"-\frac{z^{2}}{2}"),
        ("exp(-z**2/2)", "e^{-z^{2}/2}"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a - (b + c)*d", r"a - \left(b + c\right) d"),
        ("(a/b)**2", r"\left(\frac{a}{b}\right)^{2}"),
        ("(-z)**2", r"\left(-z\right)^{2}"),
        ("exp(z)**2", r"\left(e^{z}\right)^{2}"),
        ("3*4*z", r"3 \cdot 4 z"),
        ("a/b/c", r"\frac{a}{b c}"),
        ("dC**2", r"\left(\nabla C\right)^{2}"),
        ("Sum(w[k], (k, 1, d))*x", r"\left(\sum_{k=1}^{d} w_{k}\right) x"),
        ("x*Sum(w[k] + 1, (k, 1, d))", r"x \sum_{k=1}^{d} \left(w_{k} + 1\right)"),
        ("w[l + 1, k, j]", "w_{l+1,k,j}"),
        ("Piecewise((z, z > 0), (0, True))",
         r"\begin{cases} z & \text{if } z \gt 0 \\ 0 & \text{otherwise} \end{cases}"),
    ],
)  # fmt: skip
def test_expressions_are_set_as_they_are_written(expression, expected):
    assert latex(expression) == expected


@pytest.mark.parametrize("id", CATALOGUE)
def test_the_whole_catalogue_can_be_set(id):
    record = CATALOGUE[id]
    for expression in (record.statement, record.derivative, *record.partials.values()):
        text = latex(expression)
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        assert "|" not in text, "a bar would end a cell of a table"


@pytest.mark.parametrize("expression", ["z +", "z if y else x", "z.real", "f(x=1)(2)"])
def test_what_is_no_formula_is_a_syntax_error(expression):
    with pytest.raises(SyntaxError):
        latex(expression)
