"""What the API offers, as data: the table of streams, the kinds of its entries, and the operations."""
