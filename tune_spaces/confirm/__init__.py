"""The best configurations of a study against fair InfoNCE, on fresh seeds and the test split."""
