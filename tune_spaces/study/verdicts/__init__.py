"""The table of a study and its verdict, as they are said and stored."""
