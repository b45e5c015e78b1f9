"""A collection as another operation shows it: a list beside a feed, records by their id, old and new versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_servicetitan.simulator.data.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.simulator.fake.record_view import RecordView


@dataclass(frozen=True)
class CollectionView(Collection):
    """The records of another collection in the shape of this endpoint: the same ones at every moment."""

    source: Collection
    view: RecordView | None
    """None where the records have the same shape."""

    def indices(self) -> list[int]:
        """Return all records that exist, in the order of their last change."""
        return self.source.indices()

    def exists(self, index: int) -> bool:
        """Return whether there is such a record, and it was not removed."""
        return self.source.exists(index)

    def make(self, index: int) -> Any:
        """Make a record as this endpoint shows it."""
        record = self.source.make(index)
        return record if self.view is None else self.view.show(record, self.context(index))

    def with_path_values(self, index: int) -> dict[str, Any]:
        """Make a record as the stream has it, with the values of its path."""
        return self.source.with_path_values(index)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all records as this endpoint shows them, in the order of their last change."""
        with self.history.lock:
            yield from [self.make(index) for index in self.indices()]
