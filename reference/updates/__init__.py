"""Update rules: optimizer steps and gradient clipping."""
