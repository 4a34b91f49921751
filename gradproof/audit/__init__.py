"""The audit: areas that measure, and the report made of what they found."""
