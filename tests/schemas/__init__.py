"""The schemas command and its files."""
