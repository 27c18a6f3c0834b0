"""What extraction knows of each language, one file a language."""
