"""A study shown from its folder: tables, figures, and one page of all."""
