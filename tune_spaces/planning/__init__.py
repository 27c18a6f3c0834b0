"""What a search would cost, measured and estimated before it runs."""
