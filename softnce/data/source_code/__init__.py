"""What a language says of functions, comments and docstrings."""
