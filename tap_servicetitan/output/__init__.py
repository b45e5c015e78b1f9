"""From the bytes of a page to Singer messages."""
