"""The learning: pairs of (query, function) in, an encoder out; knows nothing of searching."""
