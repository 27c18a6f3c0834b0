"""One training loop, wherever it runs."""
