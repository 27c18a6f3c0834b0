"""What is wrong with a data set, and what weighting its negatives could bring at most."""
