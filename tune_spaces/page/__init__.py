"""A study as its page in MLflow tells it: the description, the figures of the whole, its files."""
