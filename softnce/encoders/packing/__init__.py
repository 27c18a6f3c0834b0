"""Rows laid end to end in one sequence, so that no padding is computed."""
