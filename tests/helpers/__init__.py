"""What tests share: which helper when stands in tests/README.md."""
