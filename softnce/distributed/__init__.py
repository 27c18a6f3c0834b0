"""The training loop as a Ray Train run."""
