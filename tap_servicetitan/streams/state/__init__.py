"""What a run leaves in STATE for the next one, and how that is read."""
