"""A study shown: while it runs, as a table, and from its folder."""
