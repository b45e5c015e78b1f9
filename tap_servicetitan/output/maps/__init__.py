"""The user's stream maps, and flattening."""
