"""Requests for every operation of the API."""
