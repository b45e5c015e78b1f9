"""Files of records instead of RECORD messages."""
