"""The trials of a study in MLflow."""
