"""What the estimators do to a batch, and whether people agree with them."""
