"""Reads a stream of a tenant page by page: each page is fetched, written, then committed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from tap_servicetitan.output.record_shape import RecordShape
from tap_servicetitan.runtime.context import RunContext
from tap_servicetitan.runtime.progress import StreamProgress
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.state import bookmarks
from tap_servicetitan.streams.state.table_version import TableVersion

_log = logging.getLogger("tap-servicetitan")


class PagedSource(Protocol):
    """What reading needs of a stream."""

    ABORT_AT_RECORD_COUNT: int | None
    name: str
    run_context: RunContext
    version: TableVersion

    @property
    def replication_method(self) -> str:
        """INCREMENTAL or FULL_TABLE."""

    @property
    def shape(self) -> RecordShape:
        """What the records look like."""

    @property
    def keeps_bookmark(self) -> bool:
        """Whether a run goes on where the last one ended."""

    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        """Yield a tenant's pages."""

    def progress(self, tenant_id: str) -> StreamProgress:
        """Return how far the reading of a tenant's records has come."""

    def stored_bookmark(self, tenant_id: str) -> Mapping[str, Any]:
        """Return a tenant's part of STATE."""

    def partition_state(self, tenant_id: str) -> dict[str, Any]:
        """Return a tenant's part of STATE, to be changed in place."""


class PageSync:
    """Reads one stream of one tenant to its end."""

    def __init__(self, stream: PagedSource, api: ApiReader) -> None:
        """Make the reading of a stream.

        Args:
            stream: What to read.
            api: Requests the tenant's pages.
        """
        self._stream = stream
        self._api = api
        self._writer = stream.shape.writer(api.tenant_id)
        self._uncommitted: list[Page] = []

    def run(self) -> None:
        """Read, write and commit page after page."""
        stream, tenant_id = self._stream, self._api.tenant_id
        mode = stream.replication_method.lower()
        _log.debug("Beginning sync of '%s' in %s mode, tenant %s", stream.name, mode, tenant_id)
        progress = stream.progress(tenant_id)
        stored = stream.version.begin(tenant_id)
        start_date = stream.version.start_date(tenant_id)
        with progress.measured(), stream.run_context.checkpoints.settling(self._settle):
            for page in stream.pages(self._api, stored, start_date):
                if page.incomplete:
                    stream.version.note_incomplete(tenant_id, page.incomplete)
                page.records = page.records[: stream.ABORT_AT_RECORD_COUNT]
                self._writer.write(page.records, page.received, stream.version.number)
                progress.page(len(page.records), page.newest)
                if stream.ABORT_AT_RECORD_COUNT is not None:  # a trial run: a few records, no bookmark
                    if page.records:
                        return
                    continue
                page.records = []
                self._uncommitted.append(page)
                if self._writer.settled:
                    self._commit()
        stream.version.end(tenant_id)

    def _settle(self) -> None:
        """Write what is held back, and commit it."""
        self._writer.close()
        self._commit()

    def _commit(self) -> None:
        """Move the bookmark behind pages that were written, then write STATE."""
        if not self._uncommitted:
            return
        if self._stream.keeps_bookmark:
            partition = self._stream.partition_state(self._api.tenant_id)
            for page in self._uncommitted:
                if page.bookmark is not None:
                    bookmarks.store(partition, page.bookmark)
        self._uncommitted.clear()
        self._stream.run_context.checkpoints.page_done()
