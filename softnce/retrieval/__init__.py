"""Models searched with: how well they find, beside BM25 and fused with it."""
