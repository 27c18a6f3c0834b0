"""Public sets, prepared as folders that any search can read."""
