"""What the API offers, as data: the table of streams and its words."""
