"""Every small change of the bodies in a source file: a sign, a constant, a dropped term, two swapped arguments, …"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.Mod: ast.Mult,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {  # strictness, then direction
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
PAIRS = (
    "minimum maximum", "min max", "argmin argmax", "fmin fmax", "sin cos", "sinh cosh", "arcsinh arccosh", "exp expm1",
    "log log1p", "sum mean", "any all", "zeros ones", "zeros_like ones_like", "isnan isinf", "isfinite isnan",
    "floor ceil", "tanh arctan", "cumsum cumprod", "logical_and logical_or",
)  # fmt: skip
OTHER = {a: b for pair in PAIRS for a, b in (pair.split(), pair.split()[::-1])}
TRANSPOSED = ("T", "mT")  # attributes without which an array is another
DROPPED = ("sqrt", "abs", "clip", "maximum", "minimum", "negative", "square", "sign", "nan_to_num", "swapaxes")  # calls
REDUCTIONS = ("sum", "mean", "max", "min", "cumsum", "any", "all", "prod", "argmax", "argmin", "reduce", "norm")


Place = tuple[ast.AST, str, "int | None"]  # parent, field, and where in the field, if it is a list


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what stood there and what stands there now.

    `function` is the dotted name inside the module, of a nested function "outer.inner". `compiled` gives the code of
    the whole module with the change.
    """

    file: str
    line: int
    column: int
    function: str
    kind: str
    before: str
    after: str
    compiled: Callable[[], CodeType] = field(repr=False, compare=False)

    @property
    def place(self) -> str:
        """File and line: "reference/costs/margin.py:55"."""
        return f"{self.file}:{self.line}"

    @property
    def change(self) -> str:
        """What was changed: "1 - y * z → 1 + y * z"."""
        return f"{self.before} → {self.after}"

    @property
    def top(self) -> str:
        """The function of the module in which it is."""
        return self.function.partition(".")[0]


def mutants(source: str, file: str, filename: str = "") -> Iterator[Mutant]:
    """Every change of the bodies of functions, and of lambdas beside them, to be compiled as the file `filename`.

    What only speaks (docstrings, annotations, errors that are raised) stays, as do defaults of parameters.
    """
    tree = ast.parse(source)
    for parent, name, k, node, function in list(_expressions(tree, "")):
        decided = name == "test" and not isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp))
        turned = [("branch", ast.UnaryOp(ast.Not(), node))] if decided else []
        for kind, new in (*changes(node), *turned):

            def compiled(node: ast.expr = node, new: ast.expr = new, at: Place = (parent, name, k)) -> CodeType:
                # the old expression stays where it is never evaluated: closures keep the variables that they had
                never = ast.IfExp(ast.Constant(True), new, copy.deepcopy(node))
                _put(*at, ast.fix_missing_locations(ast.copy_location(never, node)))
                try:
                    return compile(tree, filename or file, "exec", dont_inherit=True)
                finally:
                    _put(*at, node)

            said = " ".join(ast.unparse(node).split()), " ".join(ast.unparse(new).split())
            yield Mutant(file, node.lineno, node.col_offset, function, kind, *said, compiled)


def _put(parent: ast.AST, name: str, k: int | None, node: ast.AST) -> None:
    if k is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[k] = node


SILENT = (ast.Raise, ast.Assert, ast.JoinedStr)  # nothing in them is mathematics


def _expressions(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str, int | None, ast.expr, str]]:
    """The expressions inside functions, with what is needed to put another in their place."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "args", "keywords") and not isinstance(node, ast.Call):
            continue
        if name == "decorator_list":  # runs at import; lambdas in it run later
            for lifted in (part for decorator in value for part in ast.walk(decorator)):
                if isinstance(lifted, ast.Lambda):
                    yield from _expressions(lifted, f"{function}.lambda")
            continue
        for k, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, SILENT):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):  # a docstring
                continue
            inside = function
            if isinstance(child, (ast.FunctionDef, ast.Lambda)):
                inside = ".".join(filter(None, (function, getattr(child, "name", "lambda"))))
            elif function and isinstance(child, ast.expr) and _is_read(child):
                yield node, name, k, child, function
            yield from _expressions(child, inside)


def _is_read(x: ast.expr) -> bool:
    return isinstance(getattr(x, "ctx", ast.Load()), ast.Load) and not isinstance(x, ast.Slice)


def changes(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """All small changes of one expression, each with its kind. The changes of its parts are not among them."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.UnaryOp):
        if isinstance(node.op, (ast.USub, ast.Not, ast.Invert)) and not isinstance(node.operand, ast.Constant):
            yield "sign" if isinstance(node.op, ast.USub) else "comparison", node.operand
        elif isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            yield "sign", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in COMPARISONS[type(node.ops[0])]:
            yield "comparison", ast.Compare(node.left, [op()], node.comparators)
    elif isinstance(node, ast.BoolOp) and not any(map(_text, node.values)):
        yield "comparison", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Attribute) and node.attr in TRANSPOSED:
        yield "transpose", node.value
    elif isinstance(node, ast.IfExp):
        yield "branch", node.body
        yield "branch", node.orelse
    elif isinstance(node, ast.Dict):
        for k, value in enumerate(node.values):
            yield "sign", ast.Dict(node.keys, [*node.values[:k], _minus(value), *node.values[k + 1 :]])


def _minus(x: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), x)


def _of_operation(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    x, op, y = node.left, node.op, node.right
    if any(isinstance(side, (ast.JoinedStr, ast.Tuple, ast.List)) for side in (x, y)) or _text(x) or _text(y):
        return
    if type(op) in OPERATORS:
        yield "operator", ast.BinOp(x, OPERATORS[type(op)](), y)
    if isinstance(op, ast.MatMult):
        yield "transpose", ast.BinOp(y, op, x)
        yield "transpose", ast.BinOp(x, op, ast.Attribute(y, "mT", ast.Load()))
    elif isinstance(op, (ast.Add, ast.BitAnd, ast.BitOr)):
        yield "dropped term", x
        yield "dropped term", y
    elif isinstance(op, ast.Sub):
        yield "dropped term", x
        yield "dropped term", _minus(y)
        yield "sign", ast.BinOp(y, op, x)
    elif isinstance(op, ast.Mult):
        yield "dropped factor", x
        yield "dropped factor", y
        yield "sign", _minus(node)
    elif isinstance(op, (ast.Div, ast.Pow)):
        yield "dropped factor", x
        yield "swapped", ast.BinOp(y, op, x)


def _text(x: ast.expr) -> bool:
    return isinstance(x, ast.Constant) and isinstance(x.value, str)


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, ast.expr]]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, (int, float)):
        for other in dict.fromkeys((value + 1, value - 1, 2 * value, 0 * value)):
            if other != value:
                yield "constant", ast.Constant(other) if other >= 0 else _minus(ast.Constant(-other))


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    f, args = node.func, node.args
    name = f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else ""
    if name in OTHER and isinstance(f, ast.Attribute):
        yield "function", ast.Call(ast.Attribute(f.value, OTHER[name], ast.Load()), args, node.keywords)
    if name == "where" and len(args) == 3:
        yield "branch", args[1]
        yield "branch", args[2]
        yield "swapped", ast.Call(f, [args[0], args[2], args[1]], node.keywords)
    elif len({ast.unparse(x) for x in args[:2]}) == 2 and not any(isinstance(x, ast.Starred) for x in args[:2]):
        yield "swapped", ast.Call(f, [args[1], args[0], *args[2:]], node.keywords)
    if name in DROPPED and args and isinstance(f, ast.Attribute):
        module = isinstance(f.value, ast.Name) and f.value.id == "np"
        yield "dropped call", args[0] if module else f.value
    if name in REDUCTIONS and isinstance(f, ast.Attribute):
        yield "dropped call", args[0] if args and isinstance(f.value, ast.Name) and f.value.id == "np" else f.value
        for k, axis in enumerate(args):
            if ast.unparse(axis) == "-1":
                yield "axis", ast.Call(f, [*args[:k], ast.Constant(0), *args[k + 1 :]], node.keywords)
