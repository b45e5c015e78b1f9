"""What the fields of one record have in common while the record is made."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.vocabulary import COMPANIES, FIRST_NAMES, LAST_NAMES, PLACES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tap_servicetitan.simulator.fake.identities import Identities

T = TypeVar("T")


class RecordContext:
    """A record that is being made: its fields agree on one person, one place and one planned visit."""

    __slots__ = (
        "_person", "_place", "_visit", "active", "complete", "created", "identities", "index", "modified", "origin", "rng",
        "values",
    )  # fmt: skip

    def __init__(self, index: int, rng: Random, identities: Identities, *, created: int, modified: int) -> None:
        self.index = index
        self.rng = rng
        self.identities = identities
        self.created = created
        self.modified = modified
        self.complete = index == 0  # The first record has no null, so that every field can be seen.
        self.active = True
        self.origin = ""  # What decides by chance about fields that only a view of the record has.
        self.values: dict[str, Any] = {}
        self._person: tuple[str, str] | None = None
        self._place: tuple[str, str, str, float, float] | None = None
        self._visit: int | None = None

    def part(self, number: int) -> RecordContext:
        """Return the context of an item of a list in the record."""
        part = copy(self)
        part.origin = f"{self.origin}[{number}]"
        return part

    def pick(self, options: Sequence[T]) -> T:
        """Choose one of the options."""
        return options[int(self.rng.random() * len(options))]

    def below(self, limit: int) -> int:
        """Choose a number from 0 to below the limit."""
        return int(self.rng.random() * limit)

    @property
    def person(self) -> tuple[str, str]:
        """First and last name of the person whom the record describes."""
        if self._person is None:
            self._person = self.pick(FIRST_NAMES), self.pick(LAST_NAMES)
        return self._person

    @property
    def name(self) -> str:
        """Full name of the person or, in a commercial record, the name of a business."""
        if "Commercial" in (self.values.get("type"), self.values.get("customerType")):
            return self.pick(COMPANIES)
        return " ".join(self.person)

    @property
    def place(self) -> tuple[str, str, str, float, float]:
        """City, state, zip code, latitude and longitude."""
        if self._place is None:
            self._place = self.pick(PLACES)
        return self._place

    @property
    def visit(self) -> int:
        """When work is planned: a full hour, some days after the record was created."""
        if self._visit is None:
            day = self.created - self.created % timestamps.DAY + self.below(30) * timestamps.DAY
            self._visit = day + (14 + self.below(9)) * timestamps.HOUR
        return self._visit
