"""Pairs of (docstring, function) from code of one's own."""
