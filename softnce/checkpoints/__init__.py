"""What a run leaves on the disk: whole checkpoints, and which of them are kept."""
