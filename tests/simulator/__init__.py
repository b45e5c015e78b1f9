"""Tests of the simulator; a package, because it has a conftest of its own."""
