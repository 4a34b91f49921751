"""The static site, from evidence and records alone: what Sphinx is given, and its build."""
