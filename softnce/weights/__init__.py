"""How alike a query and a negative are, and the weight that follows."""
