"""Hand-derived gradients, proved right. Importing this package imports no oracle.

gradproof.check(gradproof.pullback(f), "activation/softmax")       is a gradient of one's own right?
gradproof.assert_gradient(…), gradproof.assert_detects(…)          in tests
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gradproof.yours.check import assert_detects, assert_gradient, check
    from gradproof.yours.report import Report, WrongGradient
    from gradproof.yours.subject import (
        compiled,
        forward_backward,
        gradients,
        jax_function,
        objective,
        pullback,
        slope,
        torch_function,
    )

_PLACES = {
    "check": ("check", "assert_gradient", "assert_detects"),
    "report": ("Report", "WrongGradient"),
    "subject": ("compiled", "forward_backward", "gradients", "jax_function", "objective", "pullback", "slope",
                "torch_function"),
}  # fmt: skip
__all__ = [
    "Report", "WrongGradient", "assert_detects", "assert_gradient", "check", "compiled", "forward_backward",
    "gradients", "jax_function", "objective", "pullback", "slope", "torch_function",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """What checks a gradient is imported when it is first asked for."""
    import importlib

    for module, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"gradproof.yours.{module}"), name)
    raise AttributeError(f"module 'gradproof' has no attribute {name!r}")
