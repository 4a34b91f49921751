"""Single functions and their slopes as printed by papers, PyTorch's documentation and notes on the papers."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Source

Equal = Iterator[tuple[Any, ...]]

pytorch = Source("pytorch-docs")
mish_notes = Source("misra-2019-notes")
elu_notes = Source("sefiks-elu")
focal_notes = Source("stackexchange-focal")
swish_notes = Source("click4ai-swish")
softmax_blog = Source("sunhaozhe-2019")
softmax_page = Source("jpark-softmax")
adam_memo = Source("yale-adam-memo")
lecun_question = Source("stackexchange-lecun")
tanh_page = Source("gmse-tanh")
focal_page = Source("javashuo-focal")
gelu_page = Source("gelu-zhangwx")
gelu_exercise = Source("gelu-lexailabs")
dpo = Source("rafailov-2023")
sanowl = Source("dpo-sanowl")


@pytorch("gelu", "torch.nn.GELU", r"\mathrm{GELU}(x) = x \Phi(x)", supports=("activation/gelu",),
         assumptions=("Φ is the distribution function of the standard normal distribution",))  # fmt: skip
def gelu(s: Any) -> Equal:
    for x in s.draw(6):
        yield s.native("gelu")(x), x * (1 + (x / np.sqrt(s.number(2))).erf()) / 2


@pytorch("silu", "torch.nn.SiLU", r"\mathrm{silu}(x) = x \sigma(x)", supports=("activation/silu",))
def silu(s: Any) -> Equal:
    for x in s.draw(6):
        yield s.native("silu")(x), x * s.native("sigmoid")(x)


@pytorch("softplus", "torch.nn.Softplus", r"\mathrm{Softplus}(x) = \frac{1}{\beta} \log(1 + \exp(\beta x))",
         supports=("activation/softplus",), assumptions=("β = 1", "below the threshold"))  # fmt: skip
def softplus(s: Any) -> Equal:
    for x in s.draw(6):
        yield s.native("softplus")(x), np.log(1 + np.exp(x))


@pytorch("mish", "torch.nn.Mish", r"\mathrm{Mish}(x) = x \tanh(\mathrm{Softplus}(x))", supports=("activation/mish",))
def mish(s: Any) -> Equal:
    for x in s.draw(6):
        yield s.native("mish")(x), x * np.tanh(np.log(1 + np.exp(x)))


@pytorch("tanh", "torch.nn.Tanh", r"\tanh(x) = \frac{\exp(x) - \exp(-x)}{\exp(x) + \exp(-x)}",
         supports=("activation/tanh",))  # fmt: skip
def tanh(s: Any) -> Equal:
    for x in s.draw(6):
        yield s.native("tanh")(x), (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


@pytorch("log-softmax", "torch.nn.LogSoftmax",
         r"\mathrm{LogSoftmax}(x_i) = \log\left(\frac{\exp(x_i)}{\sum_j \exp(x_j)}\right)",
         supports=("activation/log_softmax",))  # fmt: skip
def log_softmax(s: Any) -> Equal:
    x = s.draw(4)
    yield np.log(s.softmax(x)), np.log(np.exp(x) / sum(np.exp(x)))


@pytorch("bce", "torch.nn.BCELoss", r"l_n = -w_n \left[y_n \log x_n + (1 - y_n) \log (1 - x_n)\right]",
         supports=("cost/binary_cross_entropy",), assumptions=("no reduction", "all weights 1"))  # fmt: skip
def bce(s: Any) -> Equal:
    for x, y in zip(s.draw(5, low=0.1, high=0.9), s.draw(5, low=0.1, high=0.9), strict=True):
        yield s.native("bce")(x, y), -(y * np.log(x) + (1 - y) * np.log(1 - x))


@pytorch("bce-with-logits", "torch.nn.BCEWithLogitsLoss",
         r"l_n = -w_n \left[y_n \log \sigma(x_n) + (1 - y_n) \log (1 - \sigma(x_n))\right]",
         supports=("cost/binary_cross_entropy_logits",), assumptions=("no reduction", "all weights 1"))  # fmt: skip
def bce_with_logits(s: Any) -> Equal:
    sigma = s.native("sigmoid")
    for x, y in zip(s.draw(5), s.draw(5, low=0.1, high=0.9), strict=True):
        loss = s.native("bce_logits")(x, y)
        yield loss, -(y * np.log(sigma(x)) + (1 - y) * np.log(1 - sigma(x)))


@mish_notes("slope", "first derivative",
            r"f'(x) = \frac{e^x \omega}{\delta^2}, \; \omega = 4(x+1) + 4e^{2x} + e^{3x} + e^x(4x+6), \; \delta = "
            r"2e^x + e^{2x} + 2", supports=("activation/mish",))  # fmt: skip
def mish_slope(s: Any) -> Equal:
    for x in s.draw(6):
        omega = 4 * (x + 1) + 4 * np.exp(2 * x) + np.exp(3 * x) + np.exp(x) * (4 * x + 6)
        delta = 2 * np.exp(x) + np.exp(2 * x) + 2
        yield s.prime(s.native("mish"))(x), np.exp(x) * omega / delta**2


@mish_notes("slope-by-sech", "first derivative, as kin of swish",
            r"f'(x) = \mathrm{sech}^2(\mathrm{softplus}(x))\, x\, \mathrm{sigmoid}(x) + \frac{f(x)}{x}",
            supports=("activation/mish",), assumptions=("x ≠ 0",))  # fmt: skip
def mish_slope_by_sech(s: Any) -> Equal:
    for x in s.draw(6):
        sech2 = 1 - s.native("tanh")(s.native("softplus")(x)) ** 2
        yield s.prime(s.native("mish"))(x), sech2 * x * s.native("sigmoid")(x) + s.native("mish")(x) / x


@elu_notes("slope", "derivative for x < 0", r"y = \alpha(e^x - 1): \quad \frac{dy}{dx} = \alpha e^x = y + \alpha",
           supports=("activation/elu",))  # fmt: skip
def elu_slope(s: Any) -> Equal:
    alpha = s.draw(low=0.5, high=2.0)
    for x in s.draw(6, low=-2.0, high=0.0):
        y = alpha * (np.exp(x) - 1)
        yield s.d(y, x), alpha * np.exp(x), y + alpha


@focal_notes("slope", "question 13755, gradient of the focal loss",
             r"FL(p) = -(1-p)^\gamma \log p: \quad \dot{FL}(p) = \dot p \Big[\gamma(1-p)^{\gamma-1} \log p - "
             r"\frac{(1-p)^\gamma}{p}\Big] = (1-p)^\gamma\, \dot{CE}(p) + \gamma \dot p (1-p)^{\gamma-1} \log p",
             assumptions=("CE(p) = −log p", "the dot is the derivative by a parameter that p depends on"))  # fmt: skip
def focal_slope(s: Any) -> Equal:
    for gamma in (2, 3):
        for theta in s.draw(4):
            p = s.native("sigmoid")(theta)
            FL, CE, p_dot = -((1 - p) ** gamma) * np.log(p), -np.log(p), s.d(p, theta)
            rest = gamma * (1 - p) ** (gamma - 1) * np.log(p)
            yield (
                s.d(FL, theta),
                p_dot * (rest - (1 - p) ** gamma / p),
                (1 - p) ** gamma * s.d(CE, theta) + p_dot * rest,
            )


@swish_notes("slope", "derivative, second form",
             r"\mathrm{swish}'(x) = \mathrm{swish}(x) + \sigma(\beta x)(\beta - \beta\,\mathrm{swish}(x))",
             supports=("activation/silu",),
             wrong="β has moved from the first term to the second. With swish(x) = xσ(βx) the slope is β·swish + "
                   "σ(βx)(1 − β·swish), as the first form, printed above it, has it too.",
             charity="Right for β = 1, the case of the tests printed below it.")  # fmt: skip
def swish_slope(s: Any) -> Equal:
    beta, sigma = s.draw(low=1.5, high=3.0), s.native("sigmoid")
    for x in s.draw(6):
        swish = x * sigma(beta * x)
        yield s.d(swish, x), swish + sigma(beta * x) * (beta - beta * swish)


@swish_slope.again
def _(s: Any) -> Equal:
    # Against the first form printed above it, σ + βxσ(1 − σ), which holds.
    beta = s.draw(low=1.5, high=3.0)
    for x in s.draw(4):
        g = 1 / (1 + np.exp(-beta * x))
        yield g + beta * x * g * (1 - g), x * g + g * beta * (1 - x * g)


@swish_slope.corrected(r"\mathrm{swish}'(x) = \beta\,\mathrm{swish}(x) + \sigma(\beta x)(1 - \beta\,\mathrm{swish}(x))")
def _(s: Any) -> Equal:
    beta, sigma = s.draw(low=1.5, high=3.0), s.native("sigmoid")
    for x in s.draw(6):
        swish = x * sigma(beta * x)
        yield s.d(swish, x), beta * swish + sigma(beta * x) * (1 - beta * swish)


@swish_slope.charitable(r"\mathrm{swish}'(x) = \mathrm{swish}(x) + \sigma(x)(1 - \mathrm{swish}(x))")
def _(s: Any) -> Equal:
    for x in s.draw(6):
        swish = s.native("silu")(x)
        yield s.prime(s.native("silu"))(x), swish + s.native("sigmoid")(x) * (1 - swish)


@swish_slope.smallest("With β = 2 at x = 0 the slope is {meant}; the second form gives {claimed}.")
def _(s: Any) -> Equal:
    x, beta, sigma = s.number(0), 2, s.native("sigmoid")
    swish = x * sigma(beta * x)
    yield s.d(swish, x), swish + sigma(beta * x) * (beta - beta * swish)


@swish_notes("slope-first-form", "derivative, first form",
             r"\mathrm{swish}'(x) = \sigma(\beta x) + \beta x\, \sigma(\beta x)(1 - \sigma(\beta x))",
             supports=("activation/silu",))  # fmt: skip
def swish_slope_first_form(s: Any) -> Equal:
    beta, sigma = s.draw(low=1.5, high=3.0), s.native("sigmoid")
    for x in s.draw(6):
        g = sigma(beta * x)
        yield s.d(x * g, x), g + beta * x * g * (1 - g)


@softmax_blog("jacobian", "derivative of cross-entropy with softmax",
              r"\frac{\partial p_i}{\partial o_k} = \begin{cases} p_k (1 - p_k) & i = k \\ -p_k p_i & i \neq k "
              r"\end{cases}",
              supports=("activation/softmax",))  # fmt: skip
def softmax_jacobian(s: Any) -> Equal:
    o = s.draw(4)
    p = s.softmax(o)
    for i, k in np.ndindex(4, 4):
        yield s.d(p[i], o[k]), p[k] * (1 - p[k]) if i == k else -p[k] * p[i]


@softmax_blog("cross-entropy", "derivative of cross-entropy with softmax",
              r"L = -\sum_i y_i \log p_i: \quad \frac{\partial L}{\partial o_k} = -\sum_i \frac{y_i}{p_i} "
              r"\frac{\partial p_i}{\partial o_k} = -y_k(1 - p_k) + \sum_{i \neq k} y_i p_k = -y_k + \sum_i y_i "
              r"p_k = p_k - y_k",
              supports=("cost/cross_entropy_probabilities",), assumptions=("y adds up to 1",))  # fmt: skip
def softmax_cross_entropy(s: Any) -> Equal:
    o, y = s.draw(3), s.softmax(s.draw(3))
    p = s.softmax(o)
    L = -sum(y * np.log(p))
    for k in range(3):
        yield (
            s.d(L, o[k]),
            -sum(y[i] / p[i] * s.d(p[i], o[k]) for i in range(3)),
            -y[k] * (1 - p[k]) + sum(y[i] * p[k] for i in range(3) if i != k),
            -y[k] + sum(y[i] * p[k] for i in range(3)),
            p[k] - y[k],
        )


@softmax_page("cross-entropy", "introduction",
              r"\frac{\partial C}{\partial z_i} = \sum_k \frac{\partial C}{\partial s_k} \frac{\partial "
              r"s_k}{\partial z_i} = "
              r"s_i - y_i, \quad C = -\sum_k y_k \ln s_k", supports=("cost/cross_entropy_probabilities",),
              assumptions=("y adds up to 1",))  # fmt: skip
def softmax_cross_entropy_by_chain(s: Any) -> Equal:
    z, y = s.draw(3), s.softmax(s.draw(3))
    p = s.softmax(z)
    C = -sum(y[k] * np.log(p[k]) for k in range(3))
    for i in range(3):
        yield s.d(C, z[i]), sum(s.d(C, p[k]) * s.d(p[k], z[i]) for k in range(3)), p[i] - y[i]


@adam_memo("expansion", "answer", r"v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t \odot g_t = (1-\beta_2) \sum_{i=1}^t "
           r"\beta_2^{t-i}\, g_i \odot g_i, \quad v_0 = 0", supports=("update/adam",))  # fmt: skip
def adam_expansion(s: Any) -> Equal:
    beta, g = s.draw(low=0.5, high=0.99), s.draw(5, 2)
    v = 0 * g[0]
    for t in range(1, 6):
        v = beta * v + (1 - beta) * g[t - 1] ** 2
        powers = [s.number(1), *(beta**i for i in range(1, t))]
        yield v, (1 - beta) * sum(powers[t - i] * g[i - 1] ** 2 for i in range(1, t + 1))


@lecun_question("slope", "code of DSIGMOID",
                r"S(x) = a \tanh(bx): \quad S'(x) = \frac{b}{a} (a - S)(a + S), \quad a = 1.7159, \; b = \tfrac{2}{3}",
                supports=("activation/tanh",), assumptions=("b stands for its decimals in the code",))  # fmt: skip
def lecun_slope(s: Any) -> Equal:
    a, b = s.number(1.7159), s.number(2) / 3
    for x in s.draw(6):
        S = a * s.native("tanh")(b * x)
        yield s.d(S, x), b / a * (a - S) * (a + S)


@tanh_page("slope", "activations",
           r"\tanh x = 1 - \frac{2}{e^{2x}+1}, \quad \frac{d \tanh x}{dx} = \Big(\frac{2}{e^x+e^{-x}}\Big)^2 = 1 - "
           r"\tanh^2 x",
           supports=("activation/tanh",))  # fmt: skip
def tanh_slope(s: Any) -> Equal:
    tanh = s.native("tanh")
    for x in s.draw(6):
        yield tanh(x), 1 - 2 / (np.exp(2 * x) + 1)
        yield s.prime(tanh)(x), (2 / (np.exp(x) + np.exp(-x))) ** 2, 1 - tanh(x) ** 2


@focal_page("log-probability", "(4) and (5)",
            r"\frac{\partial \log p_t}{\partial x_i} = \begin{cases} 1 - p_t & i = t \\ -p_i & i \neq t "
            r"\end{cases}, \quad \frac{\partial p_t}{\partial x_i} = \begin{cases} p_t - p_t^2 & i = t \\ -p_i p_t "
            r"& i \neq t \end{cases}",
            supports=("activation/softmax", "activation/log_softmax"))  # fmt: skip
def log_probability(s: Any) -> Equal:
    x = s.draw(4)
    p = s.softmax(x)
    for t, i in np.ndindex(4, 4):
        yield s.d(np.log(p[t]), x[i]), 1 - p[t] if i == t else -p[i]
        yield s.d(p[t], x[i]), p[t] - p[t] ** 2 if i == t else -p[i] * p[t]


@gelu_page("slope", "Derivative of GELU",
           r"\frac{d}{dx} \mathrm{GELU}(x) = \tfrac{1}{2}\big[1 + \mathrm{erf}(x/\sqrt 2)\big] + x "
           r"\sqrt{\tfrac{1}{2\pi}}\, e^{-x^2/2} = \Phi(x) + x \varphi(x)", supports=("activation/gelu",))  # fmt: skip
def gelu_slope(s: Any) -> Equal:
    zero, two = s.number(0), np.sqrt(s.number(2))
    front = s.d(zero.erf(), zero) / (2 * two)  # √(1/2π), since erf'(0) = 2/√π
    for x in s.draw(6):
        Phi, phi = (1 + (x / two).erf()) / 2, front * np.exp(-x * x / 2)
        yield s.prime(s.native("gelu"))(x), Phi + x * phi
        yield s.d(Phi, x), phi


@gelu_exercise("tanh-slope", "problem statement",
               r"g(x) = \sqrt{2/\pi}\,(x + 0.044715 x^3), \; g'(x) = \sqrt{2/\pi}\,(1 + 0.134145 x^2), \; \frac{d}{dx} "
               r"\tfrac{1}{2} x (1 + \tanh g) = 0.5 (1 + \tanh g) + 0.5 x (1 - \tanh^2 g)\, g'",
               supports=("activation/gelu_tanh",),
               assumptions=("√(2/π) and the decimals stand for floats; 0.134145 is 3·0.044715",))  # fmt: skip
def gelu_tanh_slope(s: Any) -> Equal:
    root, c = s.draw(low=0.7, high=0.9), s.number(0.044715)
    for x in s.draw(6):
        g = root * (x + c * x**3)
        t = s.native("tanh")(g)
        slope = root * (1 + 3 * c * x**2)
        yield s.d(g, x), slope
        yield s.d(x * (1 + t) / 2, x), (1 + t) / 2 + x * (1 - t * t) * slope / 2


def preferences(s: Any, beta: Any) -> SimpleNamespace:
    """Log-probabilities of two answers by a model of three parameters, those of a reference, and the loss of DPO."""
    theta = s.draw(3)
    win, lose = (-s.native("softplus")(sum(theta * s.draw(3))) for _ in range(2))
    ref_win, ref_lose = -s.draw(low=0.1, high=2.0), -s.draw(low=0.1, high=2.0)
    r_win, r_lose = beta * (win - ref_win), beta * (lose - ref_lose)
    return SimpleNamespace(
        theta=theta, win=win, lose=lose, ref_win=ref_win, ref_lose=ref_lose, r_win=r_win, r_lose=r_lose,
        L=s.native("softplus")(r_lose - r_win),
    )  # fmt: skip


@dpo("gradient", "section 4, what does the DPO update do",
     r"\nabla_\theta L_{DPO} = -\beta\, \mathbb{E}\big[\sigma(\hat r_\theta(x, y_l) - \hat r_\theta(x, y_w)) "
     r"[\nabla_\theta \log \pi(y_w \mid x) - \nabla_\theta \log \pi(y_l \mid x)]\big], \quad \hat r_\theta(x, y) = "
     r"\beta \log \frac{\pi_\theta(y \mid x)}{\pi_{ref}(y \mid x)}",
     supports=("cost/dpo",), assumptions=("one pair of answers",))  # fmt: skip
def dpo_gradient(s: Any) -> Equal:
    beta = s.draw(low=0.1, high=0.9)
    p = preferences(s, beta)
    weight = s.native("sigmoid")(p.r_lose - p.r_win)
    yield s.d(p.L, p.theta), -beta * weight * (s.d(p.win, p.theta) - s.d(p.lose, p.theta))


@sanowl("margin", "pseudocode, z",
        r"z = \beta (l_{pos} - l_{neg}) - (l_{pos,ref} - l_{neg,ref}), \; \mathrm{loss} = -\log \sigma(z)",
        supports=("cost/dpo",),
        wrong="β multiplies the lead of the policy alone; in DPO it multiplies its lead over that of the reference.",
        charity="Right for β = 1.")  # fmt: skip
def dpo_margin(s: Any) -> Equal:
    beta = s.draw(low=0.1, high=0.9)
    p = preferences(s, beta)
    z = beta * (p.win - p.lose) - (p.ref_win - p.ref_lose)
    yield p.L, s.native("softplus")(-z)
    yield s.d(p.L, p.theta), s.d(s.native("softplus")(-z), p.theta)


@dpo_margin.again
def _(s: Any) -> Equal:
    beta = s.draw(low=0.1, high=0.9)
    p = preferences(s, beta)
    yield p.L, -np.log(1 / (1 + np.exp(-(beta * (p.win - p.lose) - (p.ref_win - p.ref_lose)))))


@dpo_margin.corrected(r"z = \beta \big((l_{pos} - l_{neg}) - (l_{pos,ref} - l_{neg,ref})\big)")
def _(s: Any) -> Equal:
    beta = s.draw(low=0.1, high=0.9)
    p = preferences(s, beta)
    z = beta * ((p.win - p.lose) - (p.ref_win - p.ref_lose))
    yield p.L, s.native("softplus")(-z)
    yield s.d(p.L, p.theta), s.d(s.native("softplus")(-z), p.theta)


@dpo_margin.charitable(r"z = (l_{pos} - l_{neg}) - (l_{pos,ref} - l_{neg,ref})")
def _(s: Any) -> Equal:
    p = preferences(s, s.number(1))
    yield p.L, s.native("softplus")(-((p.win - p.lose) - (p.ref_win - p.ref_lose)))


@dpo_margin.smallest(
    "With β = ½, log-probabilities −1 and −2 by the policy and −1.5 and −1 by the reference, z is {meant}; as printed "
    "it is {claimed}."
)
def _(s: Any) -> Equal:
    beta, lead, ref = s.number(0.5), s.number(-1) + 2, s.number(-1.5) + 1
    yield beta * (lead - ref), beta * lead - ref
