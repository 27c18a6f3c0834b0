"""Data flow as input of a RoBERTa: how a function is laid out, and who attends to whom."""
