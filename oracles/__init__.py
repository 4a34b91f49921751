"""Answers obtained without our derivation, each from its own forward definitions; joined by formula id alone."""
