"""Finds functions that are the same code, whatever their layout, comments and local names."""
