"""A gradient of one's own before the truth: adapters, truths, what is checked, and what a failure says."""
