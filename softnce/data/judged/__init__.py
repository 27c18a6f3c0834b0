"""Sets to evaluate on: queries with graded answers, and the codes they search."""
