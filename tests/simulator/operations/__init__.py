"""Operations that no stream reads."""
