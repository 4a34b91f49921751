"""What others print: published equations, each a claim with an executable reading. It imports no judge."""

from literature import backprop_05, backprop_summary_2019, valchanov_365, deriving_backprop, dong_2016  # isort: skip
from literature import compphysics, cs231n, d2l, functions, goodfellow_2016, layers, nielsen_2015, rnn_units, ufldl
from literature.claim import CLAIMS, ROLES, Claim, Network, Source

STARTING_DOCUMENTS = tuple(
    module.claim.key for module in (backprop_05, backprop_summary_2019, valchanov_365, deriving_backprop, dong_2016)
)

__all__ = [
    "CLAIMS",
    "ROLES",
    "STARTING_DOCUMENTS",
    "Claim",
    "Network",
    "Source",
    "backprop_05",
    "backprop_summary_2019",
    "compphysics",
    "cs231n",
    "d2l",
    "deriving_backprop",
    "dong_2016",
    "functions",
    "goodfellow_2016",
    "layers",
    "nielsen_2015",
    "rnn_units",
    "ufldl",
    "valchanov_365",
]
