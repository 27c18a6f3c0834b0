"""The lock of a study: one search at a time, by a lease with a heartbeat."""
