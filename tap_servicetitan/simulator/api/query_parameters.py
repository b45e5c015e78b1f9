"""The parameters of a request: those that the operation knows, checked and converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_servicetitan.simulator.api.http_types import ApiResponse, problem
from tap_servicetitan.simulator.fake import timestamps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.operations import Operation


class InvalidRequestError(Exception):
    """What is wrong with a request, by parameter."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors

    def response(self) -> ApiResponse:
        """Return the response to such a request: 400."""
        errors = {name: [reason] for name, reason in self.errors.items()}
        return problem(400, "One or more validation errors occurred.", errors=errors)


class QueryParameters:
    """The query of a request. A parameter that the operation does not have counts as absent: the API ignores it."""

    def __init__(self, operation: Operation, query: Mapping[str, Any]) -> None:
        """Check that all required parameters are there.

        Raises:
            InvalidRequestError: A required parameter is missing.
        """
        self.operation = operation
        self._query = query
        if missing := [name for name in sorted(operation.required) if not query.get(name)]:
            raise InvalidRequestError({name: f"The {name} field is required." for name in missing})

    def text(self, name: str) -> str | None:
        """Read a parameter; an empty one counts as absent."""
        return (self._query.get(name) or None) if name in self.operation.query else None

    def flag(self, name: str) -> bool | None:
        """Read ``true`` or ``false``.

        Raises:
            InvalidRequestError: It is neither.
        """
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in {"true", "false"}:
            raise invalid_value(name, value)
        return value.lower() == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Read a whole number.

        Raises:
            InvalidRequestError: It is not a number, or below ``low`` or above ``high``.
        """
        value = self.text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            raise invalid_value(name, value) from None
        if not low <= number <= high:
            raise InvalidRequestError({name: f"The field {name} must be between {low} and {high}."})
        return number

    def numbers(self, name: str) -> list[float] | None:
        """Read numbers with commas between them.

        Raises:
            InvalidRequestError: One is not a number.
        """
        value = self.text(name)
        try:
            return None if value is None else [float(one) for one in value.split(",")]
        except ValueError:
            raise invalid_value(name, value) from None

    def timestamp(self, name: str) -> int | None:
        """Read a date or date-time, in ticks.

        Those of forms' submissions must end in ``Z``: ``+00:00`` is refused there (MeltanoLabs/tap-service-titan).

        Raises:
            InvalidRequestError: It is neither a date nor a date-time.
        """
        value = self.text(name)
        if value is None:
            return None
        ticks = timestamps.parse(value)
        if ticks is None or (name.startswith("submitted") and not value.endswith("Z")):
            raise invalid_value(name, value)
        return ticks


def invalid_value(name: str, value: object) -> InvalidRequestError:
    """Return the error of a parameter whose value makes no sense."""
    return InvalidRequestError({name: f"The value '{value}' is not valid for {name}."})
