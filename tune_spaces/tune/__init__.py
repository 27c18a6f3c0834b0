"""The trials of a study as a Ray Tune run."""
