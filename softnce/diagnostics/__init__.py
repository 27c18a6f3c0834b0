"""What the estimators do to a batch, and whether they agree with people's judgements."""
