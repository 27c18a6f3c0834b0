"""What is searched: dimensions, conditions, and the points that come first."""
