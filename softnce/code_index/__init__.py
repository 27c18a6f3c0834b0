"""A code base indexed for queries: its functions as they stand, their vectors and their words."""
