"""Tests with real targets; a package, because it has a conftest of its own."""
