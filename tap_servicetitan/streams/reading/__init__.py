"""Requests and their answers: pages, the order in which they are requested, proof that none is missing."""
