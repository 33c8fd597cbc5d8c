"""What a run found, for other programs."""
