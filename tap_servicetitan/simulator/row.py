"""What the fields of one record have in common while it is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.words import COMPANIES, FIRST_NAMES, LAST_NAMES, PLACES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tap_servicetitan.simulator.identities import Identities

T = TypeVar("T")


class Row:
    """One record in the making: a person, a place and a visit that its fields agree on."""

    __slots__ = (
        "_person", "_place", "_visit", "active", "created", "full", "identities", "index", "modified", "rng", "values",
    )  # fmt: skip

    def __init__(self, index: int, rng: Random, identities: Identities, *, created: int, modified: int) -> None:
        self.index = index
        self.rng = rng
        self.identities = identities
        self.created = created
        self.modified = modified
        self.full = index == 0
        self.active = True
        self.values: dict[str, Any] = {}
        self._person: tuple[str, str] | None = None
        self._place: tuple[str, str, str, float, float] | None = None
        self._visit: int | None = None

    def pick(self, options: Sequence[T]) -> T:
        """Choose one."""
        return options[int(self.rng.random() * len(options))]

    def below(self, limit: int) -> int:
        """Choose a number from 0 to below the limit."""
        return int(self.rng.random() * limit)

    @property
    def person(self) -> tuple[str, str]:
        """First and last name of whom the record is about."""
        if self._person is None:
            self._person = self.pick(FIRST_NAMES), self.pick(LAST_NAMES)
        return self._person

    @property
    def name(self) -> str:
        """Full name of whom the record is about: a business where the record says that it is commercial."""
        if "Commercial" in (self.values.get("type"), self.values.get("customerType")):
            return self.pick(COMPANIES)
        return " ".join(self.person)

    @property
    def place(self) -> tuple[str, str, str, float, float]:
        """City, state, zip code, latitude and longitude of where the record takes place."""
        if self._place is None:
            self._place = self.pick(PLACES)
        return self._place

    @property
    def visit(self) -> int:
        """The full hour, some days after the record came into being, for which work is planned."""
        if self._visit is None:
            day = self.created - self.created % instants.DAY + self.below(30) * instants.DAY
            self._visit = day + (14 + self.below(9)) * instants.HOUR
        return self._visit
