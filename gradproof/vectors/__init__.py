"""Test vectors for any language: inputs, exact answers, and the scoring of what another program answered."""
