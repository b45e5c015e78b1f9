"""What one wants to know of the streams before a run: their facts, what they cost, and how to select them."""
