"""Words in the names of fields: which thing a name such as ``jobTypeId`` is about."""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def split_words(name: str) -> tuple[str, ...]:
    """Split ``camelCase`` or ``snake_case`` into lower-case words."""
    return tuple(word.lower() for word in _WORD.findall(name))


def plural(noun: str) -> str:
    """Return the plural of a noun in snake_case, such as ``job_types``; a plural stays unchanged."""
    if noun.endswith("s") and not noun.endswith(("ss", "us")):
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
