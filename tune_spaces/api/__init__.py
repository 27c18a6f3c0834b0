"""What Python callers use: search, evaluate, train."""
