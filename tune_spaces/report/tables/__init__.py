"""The tables of a study: for a terminal, as Markdown, as LaTeX, and as plain records."""
