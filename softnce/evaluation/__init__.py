"""Exact retrieval metrics."""
