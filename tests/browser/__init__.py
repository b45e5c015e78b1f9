"""The site in a headless Chromium: `make test-docs`."""
