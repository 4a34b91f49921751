"""Optimizer steps, each written as its paper writes it: for one array, lifted to a list of parameters.

    parameters, state = adam(parameters, gradients)                 # the first step, t = 1
    parameters, state = adam(parameters, gradients, state)          # and so on

Nothing is changed in place. Parameters keep their dtype; a step is evaluated in float64 and rounded once, and the
state stays in float64. Hyperparameters are keywords and exact float64 numbers: a scalar such as 1 − β₁ᵗ is that of the
exact β₁, rounded once (`reference.updates.steps.exactly`). An average of squares may leave the range of float64; the
step that made it is right all the same (`reference.updates.steps.over_root`).

In the records w is the parameter, dC its gradient, t the step (1, 2, …), and an accumulator's name stands for its
value before the step. The derivative is that of the new parameter by the gradient: how the step answers to it.
Where papers and frameworks differ, the assumptions say which convention is taken.
"""

# Over 400 lines: one rule after another, each with its record.

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.steps import each_parameter, exactly, over_root, sign_of, weight

# The moments after the step and what divides them, as the records print them.
M = "(beta1*m + (1 - beta1)*dC)"
V = "(beta2*v + (1 - beta2)*dC**2)"
A = "(1 - beta1**t)"
B = "(1 - beta2**t)"
ROOT = f"sqrt({V}/{B})"  # √v̂
ADAM = f"eta*{M}/{A}/({ROOT} + eps)"
# Quotient rule on M/(√v̂ + ε), with d√v̂/dC = (1 − β₂)dC/((1 − β₂ᵗ)√v̂).
ADAM_SLOPE = f"-eta/{A}*((1 - beta1)/({ROOT} + eps) - {M}*(1 - beta2)*dC/({B}*{ROOT}*({ROOT} + eps)**2))"
COUPLED = "weight decay is not part of the rule: as an L2 penalty it belongs into the gradient"
FIRST = "accumulators start at 0"
OUTSIDE = "eps is added outside the root"


@formula(
    "update/sgd",
    statement="w - eta*dC",
    derivative="-eta",
    arguments=("dC", "w"),
    assumptions=("gradients are means over the mini-batch, so η/m of the documents' sums",),
    sources=("backprop-05", "backprop-summary-2019", "deriving-backprop"),
)
@each_parameter()
def sgd(w: Array, g: Array, t: int, *, eta: float = 0.01) -> Any:
    """One step of (stochastic) gradient descent, w ← w − η ∂C/∂w.

    With the cost a mean over the m examples of the mini-batch this is the documents' w ← w − (η/m) Σₓ ∂Cₓ/∂w.
    """
    return w - eta * g


@formula(
    "update/sgd_l2",
    statement="(1 - eta*lam/n)*w - eta*dC",
    derivative="-eta",
    arguments=("dC", "w"),
    assumptions=("dC is the gradient of the unregularized cost", "n is the size of the training set"),
    sources=("dong-2016", "nielsen-2015"),
)
@each_parameter()
def sgd_l2(w: Array, g: Array, t: int, *, eta: float = 0.01, lam: float = 0.1, n: int = 1) -> Any:
    """The step on cost + λ/(2n)·Σw², written as weight decay: w ← (1 − ηλ/n) w − η ∂C₀/∂w.

    For plain gradient descent decay and penalty are the same step; biases take `sgd`.
    """
    kept = exactly(lambda eta, lam, n: 1 - eta * lam / n, eta, lam, n)
    return kept * w - eta * g


@formula(
    "update/momentum",
    statement="w - eta*Piecewise((dC, t < 2), (mu*b + (1 - dampening)*dC, True))",
    derivative="-eta*Piecewise((1, t < 2), (1 - dampening, True))",
    arguments=("dC", "w", "b", "t"),
    assumptions=(
        "η multiplies the velocity, so a change of η acts at once on all of it",
        "dampening spares the first step, where the velocity is the gradient itself",
        COUPLED,
    ),
    sources=("polyak-1964", "pytorch-sgd"),
)
@each_parameter("b")
def momentum(
    w: Array, g: Array, t: int, b: Array, *, eta: float = 0.01, mu: float = 0.9, dampening: float = 0.0
) -> Any:
    """Momentum (the heavy ball): b ← μb + (1 − τ)g, w ← w − ηb, with dampening τ.

    The new w depends on g through b alone: −η(1 − τ), and −η on the first step.
    """
    b = g.copy() if t == 1 else mu * b + (1 - dampening) * g
    return w - eta * b, b


@formula(
    "update/nesterov",
    statement="w - eta*(dC + mu*(mu*b + dC))",
    derivative="-eta*(1 + mu)",
    arguments=("dC", "w", "b"),
    assumptions=("parameters are kept at the look-ahead point, where the gradient is taken", FIRST, COUPLED),
    sources=("nesterov-1983", "sutskever-2013", "pytorch-sgd"),
)
@each_parameter("b")
def nesterov(w: Array, g: Array, t: int, b: Array, *, eta: float = 0.01, mu: float = 0.9) -> Any:
    """Nesterov's accelerated gradient: b ← μb + g, w ← w − η(g + μb).

    In the paper's variables θ, v the gradient is taken at w = θ + μv; writing the recurrence for that w, with
    v = −ηb, gives −η(g + μb). The gradient enters directly and through b: −η(1 + μ).
    """
    b = mu * b + g
    return w - eta * (g + mu * b), b


@formula(
    "update/sgdw",
    statement="w - eta*(mu*b + dC + lam*w)",
    derivative="-eta",
    arguments=("dC", "w", "b"),
    assumptions=("the decay is multiplied by η, as AdamW is implemented; the paper multiplies it by a schedule", FIRST),
    sources=("loshchilov-2019",),
    unanswered={"torch": "torch.optim has no SGDW"},
)
@each_parameter("b")
def sgdw(w: Array, g: Array, t: int, b: Array, *, eta: float = 0.01, mu: float = 0.9, lam: float = 0.01) -> Any:
    """Momentum with decoupled weight decay: the decay λw joins the step, not the velocity.

    Put into the gradient instead (an L2 penalty), it would be remembered by b for about 1/(1 − μ) steps.
    """
    b = mu * b + g
    return w - eta * (b + lam * w), b


@formula(
    "update/adagrad",
    statement="w - eta*dC/(sqrt(G + dC**2) + eps)",
    derivative="-eta*(G + eps*sqrt(G + dC**2))/(sqrt(G + dC**2)*(sqrt(G + dC**2) + eps)**2)",
    arguments=("dC", "w", "G"),
    assumptions=(OUTSIDE, "G starts at `initial`", COUPLED),
    sources=("duchi-2011",),
)
@each_parameter("G")
def adagrad(
    w: Array, g: Array, t: int, G: Array, *, eta: float = 0.01, eps: float = 1e-10, initial: float = 0.0
) -> Any:
    """Adagrad: G ← G + g², w ← w − ηg/(√G + ε).

    With r = √(G + g²), r' = g/r, the quotient rule gives (r + ε − g²/r)/(r + ε)² = (G + εr)/(r(r + ε)²).
    """
    old = G + initial if t == 1 else G
    G = old + g * g
    return w - eta * over_root(g, G, (1.0, old, 1.0, g), eps), G


@formula(
    "update/rmsprop",
    statement="w - eta*(mu*b + dC/(sqrt(rho*v + (1 - rho)*dC**2) + eps))",
    derivative="-eta*(rho*v + eps*sqrt(rho*v + (1 - rho)*dC**2))"
    "/(sqrt(rho*v + (1 - rho)*dC**2)*(sqrt(rho*v + (1 - rho)*dC**2) + eps)**2)",
    arguments=("dC", "w", "v", "b"),
    assumptions=(OUTSIDE, FIRST, "no bias correction", "momentum is applied to the scaled gradient", COUPLED),
    sources=("tieleman-hinton-2012",),
)
@each_parameter("v", "b")
def rmsprop(
    w: Array, g: Array, t: int, v: Array, b: Array,
    *, eta: float = 0.001, rho: float = 0.9, mu: float = 0.0, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """RMSProp: v ← ρv + (1 − ρ)g², b ← μb + g/(√v + ε), w ← w − ηb.

    With r = √v, r' = (1 − ρ)g/r: the quotient rule gives (r + ε − (1 − ρ)g²/r)/(r + ε)², over r: (ρv + εr).
    """
    old, v = v, rho * v + (1 - rho) * g * g
    b = mu * b + over_root(g, v, (rho, old, 1 - rho, g), eps)
    return w - eta * b, v, b


@formula(
    "update/rmsprop_centered",
    statement="w - eta*(mu*b + dC/(sqrt(rho*s + rho*(1 - rho)*(dC - m)**2) + eps))",
    derivative="-eta*(1/(sqrt(rho*s + rho*(1 - rho)*(dC - m)**2) + eps) - rho*(1 - rho)*dC*(dC - m)"
    "/(sqrt(rho*s + rho*(1 - rho)*(dC - m)**2)*(sqrt(rho*s + rho*(1 - rho)*(dC - m)**2) + eps)**2))",
    arguments=("dC", "w", "s", "m", "b"),
    assumptions=(
        "s is the variance E[g²] − E[g]² of the moving averages, kept by its own recurrence",
        OUTSIDE,
        FIRST,
        "no bias correction",
        COUPLED,
    ),
    sources=("graves-2013",),
)
@each_parameter("s", "m", "b")
def rmsprop_centered(
    w: Array, g: Array, t: int, s: Array, m: Array, b: Array,
    *, eta: float = 0.001, rho: float = 0.9, mu: float = 0.0, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Centered RMSProp: the gradient is divided by its standard deviation √s, s = E[g²] − E[g]².

    Putting v ← ρv + (1 − ρ)g² and m ← ρm + (1 − ρ)g into s = v − m² gives s ← ρs + ρ(1 − ρ)(g − m)², a sum of
    squares. The difference v − m² itself cancels for steady gradients and can turn negative, hence NaN.
    """
    old, off = s, g - m
    s = rho * old + rho * (1 - rho) * off * off
    m = rho * m + (1 - rho) * g
    b = mu * b + over_root(g, s, (rho, old, rho * (1 - rho), off), eps)
    return w - eta * b, s, m, b


@formula(
    "update/adadelta",
    statement="w - eta*sqrt(d + eps)/sqrt(rho*v + (1 - rho)*dC**2 + eps)*dC",
    derivative="-eta*sqrt(d + eps)*(rho*v + eps)/(rho*v + (1 - rho)*dC**2 + eps)**(3/2)",
    arguments=("dC", "w", "v", "d"),
    assumptions=("eps is added inside both roots", FIRST, "η = 1 is the paper's rule", COUPLED),
    sources=("zeiler-2012",),
)
@each_parameter("v", "d")
def adadelta(
    w: Array, g: Array, t: int, v: Array, d: Array, *, eta: float = 1.0, rho: float = 0.9, eps: float = 1e-6
) -> Any:
    """Adadelta: v ← ρv + (1 − ρ)g², Δ = √(d + ε)/√(v + ε)·g, d ← ρd + (1 − ρ)Δ², w ← w − ηΔ.

    g/√(c + (1 − ρ)g²) with c = ρv + ε has the derivative c/(c + (1 − ρ)g²)^(3/2).
    """
    old, v = v, rho * v + (1 - rho) * g * g
    scaled = over_root(g, v + eps, (rho, old, 1 - rho, g), 0.0, inside=eps)
    step = eta * (np.sqrt(d + eps) * scaled)
    d = rho * d + (1 - rho) * ((d + eps) * scaled * scaled)
    return w - step, v, d


@formula(
    "update/adam",
    statement=f"w - {ADAM}",
    derivative=ADAM_SLOPE,
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=(OUTSIDE, "both moments are bias-corrected before eps is added", FIRST, COUPLED),
    sources=("kingma-ba-2015",),
)
@each_parameter("m", "v")
def adam(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Adam: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − η m̂/(√v̂ + ε), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).

    A moving average that starts at 0 has given away the weight βᵗ, which the division restores. Quotient rule on
    m̂/(√v̂ + ε), with ∂√v̂/∂g = (1 − β₂)g/((1 − β₂ᵗ)√v̂).
    """
    m = beta1 * m + (1 - beta1) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    A, B = weight(beta1, t), weight(beta2, t)
    return w - eta * over_root(m / A, v, (beta2, old, 1 - beta2, g), eps, B), m, v


@formula(
    "update/adamw",
    statement=f"w - {ADAM} - eta*lam*w",
    derivative=ADAM_SLOPE,
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=(
        "the decay is multiplied by η, as implemented everywhere; the paper multiplies it by a schedule alone",
        OUTSIDE,
        FIRST,
    ),
    sources=("loshchilov-2019", "kingma-ba-2015"),
)
@each_parameter("m", "v")
def adamw(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, lam: float = 0.01,
) -> Any:  # fmt: skip
    """Adam with decoupled weight decay: w ← w − η(m̂/(√v̂ + ε) + λw).

    The decay passes by the moments. As an L2 penalty, λw in the gradient would be divided by √v̂ like the rest, and
    parameters with large gradients would hardly decay.
    """
    m = beta1 * m + (1 - beta1) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    A, B = weight(beta1, t), weight(beta2, t)
    return w - eta * (over_root(m / A, v, (beta2, old, 1 - beta2, g), eps, B) + lam * w), m, v


@formula(
    "update/amsgrad",
    statement=f"w - Piecewise((eta*{M}/(sqrt({V}) + eps), {V} > v_max), (eta*{M}/(sqrt(v_max) + eps), True))",
    derivative=f"Piecewise((-eta*((1 - beta1)/(sqrt({V}) + eps) - {M}*(1 - beta2)*dC/(sqrt({V})*(sqrt({V}) + eps)**2)),"
    f" {V} > v_max), (-eta*(1 - beta1)/(sqrt(v_max) + eps), True))",
    arguments=("dC", "w", "m", "v", "v_max", "t"),
    assumptions=(
        "no bias correction, as the paper; with bias_correction=True the maximum is taken of the uncorrected v and"
        " then divided by 1 − β₂ᵗ, as torch.optim does",
        "eps is added outside the root; the paper has none",
        FIRST,
        COUPLED,
    ),
    sources=("reddi-2018",),
)
@each_parameter("m", "v", "v_max")
def amsgrad(
    w: Array, g: Array, t: int, m: Array, v: Array, v_max: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, bias_correction: bool = False,
) -> Any:  # fmt: skip
    """AMSGrad: Adam divided by the root of the largest v so far, so that no step size ever grows again.

    Where the new v is the largest the derivative is Adam's; elsewhere g acts through m alone.
    """
    m = beta1 * m + (1 - beta1) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    A, B = (weight(beta1, t), weight(beta2, t)) if bias_correction else (1.0, 1.0)
    step = over_root(m / A, v, (beta2, old, 1 - beta2, g), eps, B, least=v_max)
    return w - eta * step, m, v, np.maximum(v_max, v)


MU_T = "beta1*(1 - (24/25)**(t*momentum_decay)/2)"
MU_NEXT = "beta1*(1 - (24/25)**((t + 1)*momentum_decay)/2)"
NADAM_G = f"(1 - {MU_T})/(1 - P*{MU_T})"  # what multiplies the gradient
NADAM_M = f"{MU_NEXT}/(1 - P*{MU_T}*{MU_NEXT})"  # and the first moment


def _look_ahead(beta: Any, psi: Any, P: Any, t: Any, c: Any) -> tuple[Any, Any, Any]:
    """Π of all μ with this step's, and what multiplies gradient and moment; c = 24 = 25·0.96, of which all is right."""
    mu, mu_next = (beta * (1 - (c / 25) ** (k * psi) / 2) for k in (t, t + 1))
    return P * mu, (1 - mu) / (1 - P * mu), mu_next / (1 - P * mu * mu_next)


@formula(
    "update/nadam",
    statement=f"w - eta*({NADAM_G}*dC + {NADAM_M}*{M})/({ROOT} + eps)",
    derivative=f"-eta*(({NADAM_G} + {NADAM_M}*(1 - beta1))/({ROOT} + eps)"
    f" - ({NADAM_G}*dC + {NADAM_M}*{M})*(1 - beta2)*dC/({B}*{ROOT}*({ROOT} + eps)**2))",
    arguments=("dC", "w", "m", "v", "P", "t"),
    assumptions=(
        "μₜ = β₁(1 − ½·0.96^(t·momentum_decay)) mixes gradient and moment, m itself decays with β₁",
        "momentum_decay = ∞ is the constant μₜ = β₁",
        OUTSIDE,
        "P, the product of all μ so far, starts at 1; the moments start at 0",
        COUPLED,
    ),
    sources=("dozat-2016",),
)
@each_parameter("m", "v", P=1.0)
def nadam(
    w: Array, g: Array, t: int, m: Array, v: Array, P: float,
    *, eta: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, momentum_decay: float = 0.004,
) -> Any:  # fmt: skip
    """NAdam: Adam with Nesterov's look-ahead, m̂ = μₜ₊₁m/(1 − Πᵢ₌₁ᵗ⁺¹μᵢ) + (1 − μₜ)g/(1 − Πᵢ₌₁ᵗμᵢ).

    The gradient enters m̂ directly and through m; the denominator is Adam's, and so is its derivative.
    """
    P, of_g, of_m = exactly(_look_ahead, beta1, momentum_decay, P, t, 24)
    m = beta1 * m + (1 - beta1) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    m_hat = of_m * m + of_g * g
    return w - eta * over_root(m_hat, v, (beta2, old, 1 - beta2, g), eps, weight(beta2, t)), m, v, P


RHO_INF = "(2/(1 - beta2) - 1)"
RHO = f"({RHO_INF} - 2*t*beta2**t/{B})"
RECT = f"sqrt(({RHO} - 4)*({RHO} - 2)*{RHO_INF}/(({RHO_INF} - 4)*({RHO_INF} - 2)*{RHO}))"


def _length(beta: Any, t: int) -> Any:
    """ρₜ, the length of the average behind v after t steps."""
    return 2 / (1 - beta) - 1 - 2 * t * beta**t / (1 - beta**t)


def _rectifier(beta: Any, t: int) -> Any:
    """r², by which the variance of the step after t steps falls short of that in the long run."""
    rho, rho_inf = _length(beta, t), 2 / (1 - beta) - 1
    return (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)


@formula(
    "update/radam",
    statement=f"w - Piecewise(({RECT}*{ADAM}, {RHO} > threshold), (eta*{M}/{A}, True))",
    derivative=f"Piecewise(({RECT}*({ADAM_SLOPE}), {RHO} > threshold), (-eta*(1 - beta1)/{A}, True))",
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=(
        "the second moment is used once ρₜ > threshold = 4, as the paper; frameworks wait until 5",
        "eps is added outside the root to the bias-corrected moment; the paper has none",
        FIRST,
        COUPLED,
    ),
    sources=("liu-2020",),
)
@each_parameter("m", "v")
def radam(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, threshold: float = 4.0,
) -> Any:  # fmt: skip
    """RAdam: Adam's step times the rectifier r(ρₜ) once enough gradients are averaged, plain momentum before.

    ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ) is the length of the average behind v, ρ∞ = 2/(1 − β₂) − 1, and
    r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ)) does not depend on the gradient: the derivative is r times Adam's.
    """
    m = beta1 * m + (1 - beta1) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    A, B = weight(beta1, t), weight(beta2, t)
    m_hat = m / A
    if exactly(lambda beta: _length(beta, t), beta2) > threshold:
        r = exactly(lambda beta: _rectifier(beta, t), beta2) ** 0.5
        return w - eta * r * over_root(m_hat, v, (beta2, old, 1 - beta2, g), eps, B), m, v
    return w - eta * m_hat, m, v


@formula(
    "update/adamax",
    statement=f"w - Piecewise((eta*{M}/{A}/(beta2*u), beta2*u > Abs(dC) + eps), (eta*{M}/{A}/(Abs(dC) + eps), True))",
    derivative=f"Piecewise((-eta*(1 - beta1)/{A}/(beta2*u), beta2*u > Abs(dC) + eps),"
    f" (-eta/{A}*((1 - beta1)/(Abs(dC) + eps) - {M}*sign(dC)/(Abs(dC) + eps)**2), True))",
    arguments=("dC", "w", "m", "u", "t"),
    assumptions=("eps is added to |dC| before the maximum; the paper has none", FIRST, COUPLED),
    sources=("kingma-ba-2015",),
)
@each_parameter("m", "u")
def adamax(
    w: Array, g: Array, t: int, m: Array, u: Array,
    *, eta: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Adamax: Adam in the infinity norm, u ← max(β₂u, |g| + ε), w ← w − η m̂/u; u needs no bias correction.

    Where the decayed u is the larger, g acts through m alone; elsewhere through |g| too, with slope sign g.
    """
    m = beta1 * m + (1 - beta1) * g
    u = np.maximum(beta2 * u, np.abs(g) + eps)
    return w - eta * (m / weight(beta1, t) / u), m, u


@formula(
    "update/lion",
    statement=f"w - eta*(sign({M}) + lam*w)",
    derivative="0",
    arguments=("dC", "w", "m"),
    assumptions=(
        "sign 0 = 0",
        "the decay is multiplied by η",
        "m starts at 0",
        "derivative: off the jump at β₁m + (1 − β₁)dC = 0",
    ),
    sources=("chen-2023",),
    unanswered={"torch": "torch.optim has no Lion"},
)
@each_parameter("m")
def lion(
    w: Array, g: Array, t: int, m: Array,
    *, eta: float = 0.0001, beta1: float = 0.9, beta2: float = 0.99, lam: float = 0.0,
) -> Any:  # fmt: skip
    """Lion: w ← w − η(sign(β₁m + (1 − β₁)g) + λw), then m ← β₂m + (1 − β₂)g.

    Only the sign of the gradient is used, so the step does not answer to small changes of it: the derivative is 0.
    """
    sign = sign_of(beta1 * m + (1 - beta1) * g, beta1, m, g)
    m = beta2 * m + (1 - beta2) * g
    return w - eta * (sign + lam * w), m
