"""Numbered pages: the shape of lists, and the limits of ``page`` and ``pageSize``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_servicetitan.simulator.api.query_parameters import QueryParameters

T = TypeVar("T")

DEFAULT_SIZE: Final = 50
"""Records on a page if `pageSize` is absent (OpenAPI documents)."""

MAX_NUMBER: Final = 2**31 - 1
"""Highest number of a page."""


@dataclass(frozen=True)
class NumberedPage:
    """Which part of a list a request reads."""

    number: int
    size: int
    start: int
    include_total: bool

    @classmethod
    def read(cls, parameters: QueryParameters, *, first: int = 1, default_size: int = DEFAULT_SIZE) -> NumberedPage:
        """Read the parameters of a request.

        Args:
            parameters: The request's parameters.
            first: Number of the first page.
            default_size: Records on a page if `pageSize` is absent.

        Raises:
            InvalidRequestError: The number or the size of the page is out of range.
        """
        number = parameters.number("page", first, first, MAX_NUMBER)
        size = parameters.number("pageSize", default_size, 1, parameters.operation.max_page_size)
        return cls(number, size, (number - first) * size, bool(parameters.flag("includeTotal")))

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items on the page; a page after the last one is empty."""
        return items[self.start : self.start + self.size]

    def envelope(self, total: int) -> dict[str, Any]:
        """Return what stands beside the records."""
        return {
            "page": self.number,
            "pageSize": self.size,
            "totalCount": total if self.include_total else None,
            "hasMore": self.start + self.size < total,
        }
