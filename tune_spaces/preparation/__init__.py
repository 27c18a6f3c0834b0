"""What a study holds before its trials: pairs, inputs, and what it is compared with."""
