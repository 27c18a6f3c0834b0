"""A study on disk: its folder, its lock, its trials, and what they prove."""
