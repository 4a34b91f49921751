"""The pages of the report, from evidence and records alone."""
