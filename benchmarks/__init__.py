"""How fast: gradients against torch, JAX and HIPS autograd, and the audit against the frameworks' own checkers.

`python -m benchmarks` measures everything in one process on one CPU, writes `reports/evidence/speed.jsonl` and makes
`reports/speed.md` from it.
"""
