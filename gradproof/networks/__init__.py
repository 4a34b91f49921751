"""Gradients of whole networks: drawn, compared, judged."""
