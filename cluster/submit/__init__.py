"""A study as a job of a Ray cluster."""
