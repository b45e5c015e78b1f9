"""Operations that no stream of the table reads, and how they follow from the records of streams."""
