"""Mutants of the formulas: small errors, planted one at a time, each of which some check must notice.

`python -m benchmarks.mutants` draws errors of every kind in every module of `reference/`, lets the audit's own checks
and then the tests judge them, writes `reports/evidence/mutants.jsonl` and makes `reports/mutants.md` from it.
"""
