"""The reporting API for tests."""
