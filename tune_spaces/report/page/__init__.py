"""The page of a study: figures, tables and the verdict in one file."""
