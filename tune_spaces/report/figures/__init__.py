"""The figures of a study: plain charts, and what draws them as html and as png."""
