"""Proofs by computer algebra."""
