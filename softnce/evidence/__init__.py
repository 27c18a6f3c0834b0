"""Whether a difference is real: paired gains, several candidates, racing, and the words."""
