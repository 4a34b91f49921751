"""How fast, in how much memory: gradients, formulas at the sizes of training, and the audit, beside the alternatives.

`python -m benchmarks` measures everything in one process on one CPU, writes `reports/evidence/speed.jsonl` and makes
`reports/speed.md` from it.
"""
