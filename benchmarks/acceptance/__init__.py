"""How well others' checks of gradients tell wrong from right, on the gradients that `gradproof.check` is tested with.

`python -m benchmarks.acceptance` asks `gradproof.check`, the checkers of torch, JAX, SciPy and HIPS autograd and the
acceptance rules of projects that write kernels by hand, writes `reports/evidence/checkers.jsonl` and makes
`reports/checkers.md` from it. It takes about two minutes.
"""
