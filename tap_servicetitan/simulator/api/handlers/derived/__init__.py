"""Handlers of operations that no stream of the table reads."""
