"""How each kind of endpoint is read."""
