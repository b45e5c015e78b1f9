"""What is written of a tenant's records: they themselves, or what maps and flattening make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from tap_servicetitan.output.conformance import Conformance
from tap_servicetitan.output.decoder import MAX_EXAMPLES
from tap_servicetitan.output.record_structs import RecordStructs

Written = Callable[[list[Any], str], Iterator[tuple[str, list[Any]]]]
"""Takes a page's records, which may change, and the tenant; yields streams and their records, structs or dicts."""


class PageMap(Protocol):
    """What becomes of records in one of the streams that they are written to."""

    @property
    def stream(self) -> str:
        """Name of that stream."""

    def page(self, records: Sequence[Any]) -> list[Any]:
        """Return what becomes of a page, whose records stay as they are."""


class PlainRecords:
    """The records themselves."""

    def __init__(self, stream: str, structs: RecordStructs) -> None:
        self._stream = stream
        self._structs = structs

    def __call__(self, records: list[Any], tenant_id: str) -> Iterator[tuple[str, list[Any]]]:
        """Yield a page once."""
        self._structs.complete(records, tenant_id)
        yield self._stream, records


class MappedRecords:
    """What maps and flattening make of structs."""

    def __init__(self, structs: RecordStructs, maps: Sequence[PageMap]) -> None:
        self._structs = structs
        self._maps = maps

    def __call__(self, records: list[Any], tenant_id: str) -> Iterator[tuple[str, list[Any]]]:
        """Yield a page for each map."""
        self._structs.complete(records, tenant_id)
        for mapping in self._maps:
            yield mapping.stream, mapping.page(records)


class CheckedRecords:
    """The slow path, for records that no struct can stand for: each is checked and conformed, then mapped."""

    def __init__(
        self,
        check: Callable[[dict[str, Any]], None],
        conform: Conformance,
        maps: Sequence[PageMap],
    ) -> None:
        self._check = check
        self._conform = conform
        self._maps = maps
        self._pages = 0

    def __call__(self, records: list[Any], tenant_id: str) -> Iterator[tuple[str, list[Any]]]:
        """Yield a page for each map."""
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # of several records at once, so that the log has all types of a field
            self._conform.note_unknown({**record, "tenant_id": tenant_id} for record in records[:MAX_EXAMPLES])
        conformed = [self._conformed(record, tenant_id) for record in records]
        for mapping in self._maps:
            yield mapping.stream, mapping.page(conformed)

    def _conformed(self, record: dict[str, Any], tenant_id: str) -> dict[str, Any]:
        self._check(record)
        return self._conform({**record, "tenant_id": tenant_id})
