"""The data behind the API: a clock, and the collections of every tenant with their changes."""
