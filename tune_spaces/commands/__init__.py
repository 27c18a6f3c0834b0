"""The commands that speak of studies, and how they find what a person names."""
