"""The query of a request: what of it the operation knows, and whether it makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.answers import Answer, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.simulator.operations import Operation


class RefusalError(Exception):
    """What is wrong with a request, by parameter."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors

    def answer(self) -> Answer:
        """Answer with 400."""
        errors = {name: [reason] for name, reason in self.errors.items()}
        return problem(400, "One or more validation errors occurred.", errors=errors)


class Parameters:
    """A query; whatever the operation does not know reads as absent, since the API ignores it without a word."""

    def __init__(self, operation: Operation, query: Mapping[str, Any]) -> None:
        """Demand what must be there.

        Raises:
            RefusalError: A required parameter is missing.
        """
        self.operation = operation
        self._query = query
        if missing := [name for name in operation.required.split() if not query.get(name)]:
            raise RefusalError({name: f"The {name} field is required." for name in missing})

    def text(self, name: str) -> str | None:
        """Read a parameter; an empty one is as good as none."""
        return (self._query.get(name) or None) if self.operation.has(name) else None

    def flag(self, name: str) -> bool | None:
        """Read ``true`` or ``false``."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in {"true", "false"}:
            raise self._invalid(name, value)
        return value.lower() == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Read a whole number that is neither too low nor too high."""
        value = self.text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            raise self._invalid(name, value) from None
        if not low <= number <= high:
            raise RefusalError({name: f"The field {name} must be between {low} and {high}."})
        return number

    def instant(self, name: str) -> int | None:
        """Read a date or date-time.

        Those of forms' submissions must end in ``Z``: ``+00:00`` is refused there (MeltanoLabs/tap-service-titan).
        """
        value = self.text(name)
        if value is None:
            return None
        instant = instants.parse(value)
        if instant is None or (name.startswith("submitted") and not value.endswith("Z")):
            raise self._invalid(name, value)
        return instant

    @staticmethod
    def _invalid(name: str, value: str) -> RefusalError:
        return RefusalError({name: f"The value '{value}' is not valid for {name}."})
