"""Handlers: one for each kind of endpoint, which makes the response to a request that passed all checks."""
