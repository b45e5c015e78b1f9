"""What one run shares."""
