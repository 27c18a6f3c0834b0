"""What a person sees while a study runs, and what is said beside it."""
