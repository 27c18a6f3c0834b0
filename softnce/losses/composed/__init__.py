"""Losses made of parts: masks, tilts, targets and denominators in one softmax."""
