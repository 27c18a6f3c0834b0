"""What all trials of a study share, made once and cached."""
