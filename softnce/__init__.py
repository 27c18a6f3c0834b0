"""The learning: pairs of (query, function) in, a retrieval encoder out; knows nothing of searching."""
