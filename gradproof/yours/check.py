"""Check a gradient of one's own: `check` reports, `assert_gradient` raises, `assert_detects` proves that it can."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.cases.case import Case
from gradproof.lookup import UsageError
from gradproof.yours import asked as ask
from gradproof.yours import edges
from gradproof.yours.asked import Asking, Inputs, options_of, wide_arrays
from gradproof.yours.diagnosis import causes
from gradproof.yours.edges import Edge
from gradproof.yours.judge import PLANTS, WORSE, Judged, allowed, controls, judge
from gradproof.yours.laws import laws
from gradproof.yours.memory import Law, copied
from gradproof.yours.report import Report, WrongGradient
from gradproof.yours.returned import Broken
from gradproof.yours.standard import Standard, standard_of
from gradproof.yours.subject import Subject, subject_of
from oracles.calls import floating

ALL = ("float64", "float32", "float16", "bfloat16")
WIDE = ("float64", "float32")


def check(
    subject: Any,
    against: Any = None,
    *,
    inputs: Inputs | None = None,
    parameters: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    constant: Sequence[str] = (),
    dtypes: Sequence[str] | None = None,
    ulp: float | None = None,
    accumulate: str | None = None,
    seed: int = 0,
) -> Report:
    """Whether the gradient of a function of one's own is right.

    `subject` comes from an adapter (`gradproof.slope`, `pullback`, `gradients`, `forward_backward`, `objective`,
    `torch_function`, `jax_function`, `compiled`), or is a torch.autograd.Function or a JAX function as it is. `against`
    is what it is judged by: the id of a formula; a forward `def f(xp, x, …)` in terms of the array API, run over balls;
    a torch or JAX function, whose autodiff is believed in float64; a NumPy function, which is differentiated
    numerically; or None for the subject's own outputs.

    `inputs` gives, where `against` is no formula, the shape of every argument or its array, or is a function of a
    numpy Generator that draws them. `parameters` are those of the formula, and go to the subject where it takes them by
    keyword. `names` maps arguments of the formula to those of the subject; by default equal names, then order.
    `constant` arguments need no gradient; targets never do. `dtypes` default to all that the subject takes.

    There is no tolerance to choose. `ulp` asks for an accuracy, in conditioned ULP; `accumulate="float32"` says that a
    narrower subject adds up in float32. Raises UsageError for what cannot be asked, ImportError without python-flint
    where balls are needed. What the subject does is never raised but reported.

    >>> import numpy as np, gradproof
    >>> def sigmoid(x):
    ...     s = 1 / (1 + np.exp(-x))
    ...     return s, s * (1 - s)
    >>> gradproof.check(gradproof.slope(sigmoid), "activation/sigmoid", dtypes=["float64"]).verdict
    'inaccurate'
    """
    mine = subject_of(subject)
    if ulp is not None and not 0 < ulp < np.inf:
        raise UsageError(f"ulp={ulp}: an accuracy is a number of ULP greater than 0")
    if accumulate is not None and accumulate not in ALL:
        raise UsageError(f"accumulate={accumulate!r} is not one of {', '.join(ALL)}")
    for name in constant:
        if name.removesuffix("²") not in mine.arguments:
            raise UsageError(f"constant: {mine.name} has no argument {name!r}; it takes {', '.join(mine.arguments)}")
    parameters = dict(parameters or {})
    standard = standard_of(against, mine, parameters)
    if standard.formula is None and inputs is None:
        shapes = ", ".join(f"{name!r}: (4, 3)" for name in mine.arguments)
        raise UsageError(f"say what {mine.name} takes: inputs={{{shapes}}}")
    if not (inputs is None or callable(inputs) or isinstance(inputs, Mapping)):
        raise UsageError(f"inputs={inputs!r}: a mapping of shapes or arrays by argument, or a function of a generator")
    how = How(mine, standard, inputs, parameters, dict(names or {}), tuple(constant), ulp, accumulate, seed)
    return report_of(how, dtypes)


def report_of(how: How, dtypes: Sequence[str] | None) -> Report:
    """The report of a call that is settled, in these dtypes, or in all that the subject takes."""
    mine, standard = how.subject, how.standard
    said: dict[str, Any] = {
        "subject": mine.name,
        "form": mine.form,
        "standard": standard.said,
        "strength": standard.strength,
    }
    judged: list[Judged] = []
    missed: list[str] = []
    held: list[Law] = []
    met: list[Edge] = []
    skipped: dict[str, str] = {}
    planted = 0
    chosen = tuple(dtypes) if dtypes else mine.dtypes if mine.dtypes else ALL if standard.formula is not None else WIDE
    for dtype in chosen:
        if dtype not in ALL:
            raise UsageError(f"dtype {dtype!r} is not one of {', '.join(ALL)}")
        try:
            one = _in(how, dtype)
        except Broken as broken:
            if dtypes is None and dtype != chosen[0]:
                skipped[dtype] = str(broken)
                continue
            return Report(**said, verdict="broken", broken=str(broken), judged=judged, again=_again(how))
        if dtypes is None and dtype in ("float16", "bfloat16") and not one.kept:
            skipped[dtype] = "it returns another dtype"
            continue
        judged += one.judged
        missed += one.missed
        planted += one.planted
        met += one.edges
        failed = {law.name for law in one.laws if law.holds is False}
        held = [law for law in held if law.name not in failed or law.holds is False]
        held += [law for law in one.laws if law.name not in {h.name for h in held}]
    if how.ulp is None:
        wider = _wider(how, judged)
        _narrow(judged, wider.judged if wider else [])
        missed += wider.missed if wider else []
        planted += wider.planted if wider else 0
    found = [j for j in judged if j.verdict in ("wrong", "inaccurate")]
    verdict = max((j.verdict for j in judged), key=WORSE.index, default="undecided")
    verdict = max([verdict, *(e.verdict for e in met if e.verdict in WORSE)], key=WORSE.index)
    if any(law.holds is False for law in held if law.name not in NOTES):
        verdict = "wrong"
    if verdict != "wrong" and (not judged or not planted or _blind(missed, judged)):
        verdict = "cannot tell"
    why: list[str] = []
    with contextlib.suppress(Exception):  # a diagnosis is worth nothing beside the verdict
        why = causes(mine, standard, judged) if found else []
    return Report(**said, verdict=verdict, judged=judged, laws=held, edges=met, missed=missed, planted=planted,
                  skipped=skipped, causes=why, again=_again(how))  # fmt: skip


# said, but no reason to fail
NOTES = ("results are arrays of their own", "prints nothing", "dtypes are kept", "an empty batch")


def assert_gradient(subject: Any, against: Any = None, **how: Any) -> Report:
    """As `check`; raises WrongGradient, an AssertionError whose text is the report, unless the gradient is right.

    A right formula in an unstable form passes, unless `ulp` asks for more.
    """
    report = check(subject, against, **how)
    if not report.ok:
        raise WrongGradient(report)
    return report


def assert_detects(wrong: Any, against: Any = None, **how: Any) -> Report:
    """The other way round: raises AssertionError unless the gradient is found to be wrong.

    For proving that a test can fail: give it a gradient with a planted error.
    """
    report = check(wrong, against, **how)
    if report.ok:
        raise AssertionError(f"the planted error was not found\n{report}")
    return report


# ---------------------------------------------------------------- one dtype


class How:
    """The call, settled. With `few` it asks few cases: those of our own formulas are judged elsewhere."""

    def __init__(
        self, subject: Subject, standard: Standard, inputs: Inputs | None, parameters: Mapping[str, Any],
        names: Mapping[str, str], constant: Sequence[str], ulp: float | None, accumulate: str | None, seed: int,
        few: bool = False,
    ):  # fmt: skip
        self.subject, self.standard, self.inputs, self.parameters = subject, standard, inputs, parameters
        self.names, self.constant, self.ulp, self.accumulate, self.seed = names, constant, ulp, accumulate, seed
        self.few = few

    @property
    def elementwise(self) -> bool:
        """Whether the standard acts entry by entry."""
        formula = self.standard.formula
        return (formula is not None and formula.elementwise) or self.subject.form == "slope"

    def asked(self, dtype: str) -> Iterator[Asking]:
        """The cases of one dtype."""
        formula = self.standard.formula
        if formula is not None:
            return ask.of_formula(self.subject, formula, dtype, self.parameters, self.names, self.seed,
                                  self.few)  # fmt: skip
        assert self.inputs is not None
        return ask.of_inputs(self.subject, self.inputs, dtype, self.parameters, self.shapes, self.seed)

    def shapes(self, case: Case) -> Mapping[str, Any]:
        """The outputs of a case, for the shapes of its cotangents."""
        wide = replace(case, dtype="float64", arguments=wide_arrays(case.arguments), cotangent=None)
        if self.standard.values is not None:
            return self.standard.values(wide)
        return {name: y.truth.hi for name, y in self.standard.truth(wide).outputs.items()}

    def needed(self, asking: Asking) -> list[str]:
        """The arguments that must have a gradient: floats, but for targets and what is declared constant."""
        formula = self.standard.formula
        free = {*self.constant, formula.target if formula is not None else ""}
        if formula is not None and formula.kind == "cost":
            free |= {"weight", "pos_weight"}
        by = [
            name for name, x in asking.case.arguments.items()
            if isinstance(x, np.ndarray) and floating(x) and name not in free and asking.names.get(name) not in free
        ]  # fmt: skip
        if self.subject.form == "objective":
            first = next(iter(asking.case.arguments))
            by = [name for name in (first, f"{first}²") if asking.names[first] + "²" * name.endswith("²") not in free]
        return by

    def answer(self, asking: Asking) -> Answer:
        """The subject's answer. Raises Broken for whatever it raises."""
        options = {**options_of(self.subject, asking.case.parameters), **asking.keywords}
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # Of its own each: what it overwrites, a law says, and everyone else still has the case.
                given = {n: copied(x) for n, x in asking.given(self.subject).items()}
                seeds = {n: copied(v) for n, v in (asking.case.cotangent or {}).items()}
                found = self.subject.answer(given, seeds, options)
                return Answer({n: _array(y, n) for n, y in found.outputs.items()},
                              {n: _array(g, f"∂/∂{n}") for n, g in found.gradients.items()})  # fmt: skip
        except UsageError:
            raise
        except Broken as broken:
            raise Broken(f"{broken}{self.wanted(asking)}") from broken
        except Exception as error:
            said = f"raised {type(error).__name__} in {asking.case.dtype} ({asking.case.name}): {error}"
            raise Broken(said + self.wanted(asking)) from error

    def wanted(self, asking: Asking) -> str:
        """What a formula of arrays gives and expects: arguments and outputs with their shapes; empty of others."""
        formula, case = self.standard.formula, asking.case
        if formula is None or formula.elementwise:
            return ""
        given = [f"{name}{f' as {mine}' if mine != name else ''} {np.shape(case.arguments[name])}"
                 for name, mine in asking.names.items()]  # fmt: skip
        outputs = [f"{name} {np.shape(v)}" for name, v in (case.cotangent or {}).items()]
        return f"; as {formula.id} it was given {', '.join(given)}, and is to return {', '.join(outputs)}"


class _One(NamedTuple):
    """What one dtype comes to."""

    judged: list[Judged]
    missed: list[str]
    planted: int
    laws: list[Law]
    edges: list[Edge]

    @property
    def kept(self) -> bool:
        """Whether the subject keeps the dtype."""
        return all(law.holds is not False for law in self.laws if law.name == "dtypes are kept")


def _in(how: How, dtype: str) -> _One:
    try:
        asked = [(asking, how.standard.truth(asking.case)) for asking in how.asked(dtype)]
    except (UsageError, ImportError, Broken):
        raise
    except Exception as error:  # of a forward that is not ours
        hint = "; a torch forward is given as gradproof.torch_function(f)" if "Tensor" in str(error) else ""
        raise UsageError(f"judged by {how.standard.said}: {type(error).__name__}: {error}{hint}") from error
    answers = [how.answer(asking) for asking, _ in asked]
    settings: dict[str, Any] = {
        "elementwise": how.elementwise, "outputs": how.standard.judges_values and how.subject.values,
        "needed": how.needed(asked[0][0]), "ulp": how.ulp,
        "wide": how.accumulate is not None and how.accumulate != dtype,
    }  # fmt: skip
    with np.errstate(all="ignore"):
        judged = judge(asked, answers, **settings)
        missed = controls(asked, judged, **settings)
        planted = len(PLANTS) * sum(j.verdict != "wrong" for j in judged if j.argument)
    try:
        held = [*laws(how.subject, asked, how.elementwise), *_along(how, asked, answers)]
    except Broken as broken:
        held = [Law("answers whatever it is asked", False, str(broken))]
    except Exception as error:
        held = [Law("answers whatever it is asked", False, f"raised {type(error).__name__}: {error}")]
    return _One(judged, missed, planted, held, _edges(how, dtype, asked[0][0].case))


def _edges(how: How, dtype: str, case: Case) -> list[Edge]:
    """Kinks and special values, as far as there are any."""
    formula, mine = how.standard.formula, how.subject
    found: list[Edge] = []
    if formula is not None:
        found += edges.at_kinks(mine, formula, dtype, how.parameters, how.names, how.answer)
        if formula.elementwise:
            with contextlib.suppress(Broken), np.errstate(all="ignore"):  # it may refuse what is not finite
                found += edges.at_specials(mine, case, how.standard.truth, mine.values, how.answer)
    elif mine.form == "slope" and dtype == "float64" and how.standard.values is not None and len(mine.arguments) == 1:
        values, (name,), (only,) = how.standard.values, mine.arguments, mine.outputs

        def at(x: Any) -> Case:
            return replace(case, regime="kink", arguments={name: x}, cotangent={only: np.ones(np.shape(x))})

        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # a forward for this one shape alone
            found += edges.found_kinks(mine, lambda x: how.answer(Asking(at(x), {name: name})),
                                       lambda x: values(at(x))[only])  # fmt: skip
    return found


def _along(how: How, asked: Sequence[tuple[Asking, Truth]], answers: Sequence[Answer]) -> list[Law]:
    """Where only some entries were asked for: all of them at once, along a random direction."""
    found: list[Law] = []
    for (asking, truth), answer in zip(asked, answers, strict=True):
        case = asking.case
        some = any(np.isnan(g.truth.hi).any() for g in truth.gradients.values())
        if how.standard.along is None or not some or case.dtype != "float64":
            continue
        rng = np.random.default_rng(case.seed)
        by = {n: np.asarray(answer.gradients[n], np.float64) for n in truth.gradients if n in answer.gradients}
        D = {n: rng.choice([-1.0, 1.0], g.shape) * rng.uniform(0.5, 2, g.shape) for n, g in by.items()}
        expected, error = how.standard.along(case, D)
        terms = np.concatenate([(g * D[n]).ravel() for n, g in by.items()])
        slack = error + allowed(asking, False, False) * 2.0**-53 * np.abs(terms).sum()
        off = abs(terms.sum() - expected) - slack
        if not off <= 0 and not np.isnan(expected):
            message = f"⟨gradient, D⟩ is {terms.sum():.12g}, the forward changes by {expected:.12g}"
            return [Law("all entries together, along a random direction", False, message)]
        found = [Law("all entries together, along a random direction", True)]
    return found


def _array(x: Any, what: str) -> Any:
    try:
        y = np.asarray(x)
    except Exception as error:
        raise Broken(f"{what} is a {type(x).__name__}, which is no array: {error}") from error
    if y.dtype.kind not in "fiub" and y.dtype.name != "bfloat16":
        raise Broken(f"{what} is {'None' if x is None else f'of dtype {y.dtype}'}: numbers are needed")
    return y


def _wider(how: How, judged: Sequence[Judged]) -> _One | None:
    """What float64 comes to, where narrower dtypes alone were asked for and are wrong."""
    wrong = any(j.verdict == "wrong" and not j.why for j in judged)
    if not wrong or any(j.dtype == "float64" for j in judged) or "float64" not in (how.subject.dtypes or WIDE):
        return None
    with contextlib.suppress(Broken):
        return _in(how, "float64")
    return None


def _narrow(judged: Sequence[Judged], wider: Sequence[Judged]) -> None:
    """What is right in a wider dtype is a right formula: where a narrower one loses its digits, it is inaccurate.

    For rounding errors fall with the precision, and what a wrong formula is off by does not.
    """
    for j in judged:
        wide = [
            k.verdict
            for k in (*judged, *wider)
            if k.quantity == j.quantity and ALL.index(k.dtype) < min(2, ALL.index(j.dtype))
        ]
        if j.verdict == "wrong" and not j.why and wide and "wrong" not in wide and 2 * j.gross < j.plain:
            j.verdict = "inaccurate"


def _blind(missed: Sequence[str], judged: Sequence[Judged]) -> bool:
    """Whether no planted error of some gradient was seen in any dtype."""
    seen = {j.quantity for j in judged if j.argument}
    counts = {q: sum(line.startswith(f"{q} in ") for line in missed) for q in seen}
    dtypes = {q: sum(j.quantity == q and j.verdict != "wrong" for j in judged) for q in seen}
    return any(dtypes[q] and counts[q] >= len(PLANTS) * dtypes[q] for q in seen)


def _again(how: How) -> str:
    """The command that makes the check again, where the subject can be named."""
    parts = how.subject.wrapped if isinstance(how.subject.wrapped, tuple) else (how.subject.wrapped,)
    module, names = getattr(parts[0], "__module__", None), [getattr(f, "__qualname__", "<") for f in parts]
    plain = how.accumulate is None and not how.names and not how.constant and how.subject.outputs == ("value",)
    if how.standard.formula is None or not module or module == "__main__" or "<" in "".join(names) or not plain:
        return ""
    more = "".join(f" {name}={value}" for name, value in how.parameters.items())
    more += f" --seed {how.seed}" if how.seed else ""
    more += f" --ulp {how.ulp:g}" if how.ulp is not None else ""
    form, against = how.subject.form, how.standard.formula.id
    return f"gradproof check {module}:{','.join(names)} --as {form} --against {against}{more}"
