"""How each kind of endpoint is read; a stream class is built of each entry of the table."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream, metrics
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL
from typing_extensions import override

from tap_servicetitan import bookmarks, schemas
from tap_servicetitan.endpoint import Endpoint, Export
from tap_servicetitan.errors import RefusedRequestError
from tap_servicetitan.pagination import ContinuationPaginator, Page
from tap_servicetitan.records import Decoder, Envelope, Misfits, RecordLines, as_dict, attribute
from tap_servicetitan.writers import BatchWriter, LineWriter, PageWriter, RecordWriter, lines_of

if TYPE_CHECKING:
    import requests
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog

    from tap_servicetitan.tap import TapServiceTitan


class EndpointStream(Stream, abc.ABC):
    """A collection of the API, read page by page: fetched, written, then committed."""

    endpoint: ClassVar[Endpoint]

    envelope: ClassVar[Any]
    """Struct type of a page, generic over its records."""

    def __init__(self, tap: TapServiceTitan) -> None:
        super().__init__(tap, schema=schemas.load(self.endpoint), name=self.endpoint.name)
        self.tap = tap
        self.misfits = Misfits(self.name, self.logger)
        self._announced = False

    @abc.abstractmethod
    def pages(self, tenant_id: str) -> Iterator[Page]:
        """Fetch a tenant's pages, one after the other."""

    @abc.abstractmethod
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        """Put a tenant's bookmark behind a page that was written."""

    def announce(self) -> None:
        """Write the SCHEMA message, once a run."""
        if not self._announced:
            self._announced = True
            self._write_schema_message()

    def sync_tenant(self, tenant_id: str) -> None:
        """Read a tenant's records to the end."""
        self.log("Beginning sync of '%s' in %s mode, tenant %s", self.name, self.replication_method.lower(), tenant_id)
        writer = self._writer(tenant_id)
        unsettled: list[Page] = []
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            for meter in (counter, timer):
                meter.with_context({"tenant_id": tenant_id})
            for page in self.pages(tenant_id):
                page.records = page.records[: self.ABORT_AT_RECORD_COUNT]
                writer.write(page)
                counter.increment(len(page.records))
                if self.ABORT_AT_RECORD_COUNT is not None:
                    break  # a trial run: a few records, no bookmark
                page.records = []
                unsettled.append(page)
                if writer.settled:
                    self._commit(tenant_id, unsettled)
            writer.close()
            self._commit(tenant_id, unsettled)

    def bookmark(self, tenant_id: str) -> Mapping[str, Any]:
        """Return where a tenant's records go on; empty on a first run and for a full table."""
        if self.replication_method == REPLICATION_FULL_TABLE:
            return {}
        partitions = self.tap_state.get("bookmarks", {}).get(self.name, {}).get("partitions", [])
        return next((found for found in partitions if found["context"] == {"tenant_id": tenant_id}), {})

    def fetch(self, tenant_id: str, params: dict[str, str]) -> Any:
        """Ask for a page, in its envelope; other streams have the turn meanwhile."""
        client = self.tap.clients[tenant_id]
        observe = functools.partial(self._log_request, tenant_id)
        with self.tap.turn.lent():
            return client.get(self.endpoint.url_path, {**self.endpoint.params, **params}, self._decode, observe=observe)

    def dates(self, records: list[Any]) -> Iterator[Any]:
        """Return each record's date: how new it is."""
        cursor = self.endpoint.cursor
        if cursor is None:
            return
        name = self._lines and attribute(self._lines.schema, cursor)
        for record in records:
            if isinstance(record, dict):
                yield record.get(cursor)
            elif name:
                yield getattr(record, name)

    @functools.cached_property
    def _lines(self) -> RecordLines | None:
        return None if self.get_batch_config(self.config) else lines_of(self)

    @functools.cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        return Decoder(self.envelope, self._lines.struct if self._lines else dict[str, Any], self.misfits)

    def _writer(self, tenant_id: str) -> PageWriter:
        if self._lines:
            return LineWriter(self, tenant_id, self._lines)
        if batch_config := self.get_batch_config(self.config):
            return BatchWriter(self, tenant_id, batch_config)
        return RecordWriter(self, tenant_id)

    def _commit(self, tenant_id: str, pages: list[Page]) -> None:
        """Move the bookmark behind pages that were written, then write STATE."""
        if not pages:
            return
        if self.replication_method != REPLICATION_FULL_TABLE:
            bookmark = self.get_context_state({"tenant_id": tenant_id})
            for page in pages:
                self.move_bookmark(bookmark, page)
        pages.clear()
        self.tap.checkpoints.page_done()

    def _log_request(self, tenant_id: str, response: requests.Response) -> None:
        """Log the SDK's request metric; logging may be called without the turn."""
        tags: dict[str, Any] = {
            metrics.Tag.STREAM: self.name,
            metrics.Tag.ENDPOINT: self.endpoint.path,
            metrics.Tag.CONTEXT: {"tenant_id": tenant_id},
            metrics.Tag.HTTP_STATUS_CODE: response.status_code,
            metrics.Tag.STATUS: metrics.Status.SUCCEEDED if response.ok else metrics.Status.FAILED,
        }
        seconds = response.elapsed.total_seconds()
        metrics.log(self.metrics_logger, metrics.Point("timer", metrics.Metric.HTTP_REQUEST_DURATION, seconds, tags))

    # What the SDK asks of a stream

    @property
    @override
    def partitions(self) -> list[dict[str, Any]]:
        return [{"tenant_id": tenant.tenant_id} for tenant in self.tap.settings.tenants]

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        for partition in [context] if context else self.partitions:
            for page in self.pages(partition["tenant_id"]):
                yield from ({**partition, **as_dict(record)} for record in page.records)

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        # The SDK's loop goes record by record and moves bookmarks by replication key; here the page is the unit.
        for partition in [context] if context else self.partitions:
            self.sync_tenant(partition["tenant_id"])
        yield from ()

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        return None  # bookmarks are capped at the present where they are moved

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        entry = catalog.get_stream(self.name)
        # The SDK lets the discovered method win over one that the user forces in the metadata.
        if entry and (forced := entry.metadata.root.forced_replication_method):
            self.forced_replication_method = forced


class ExportStream(EndpointStream):
    """A change feed, resumed by its own continuation token."""

    envelope = Envelope

    @property
    @override
    def replication_method(self) -> str:
        # The token alone makes a feed incremental, with or without a date in its records.
        return str(self.forced_replication_method or REPLICATION_INCREMENTAL)

    @override
    def pages(self, tenant_id: str) -> Iterator[Page]:
        settings = self.tap.settings
        recent = {"includeRecentChanges": "true"} if settings.include_recent_changes else {}
        paginator = ContinuationPaginator(bookmarks.start_of_feed(self.bookmark(tenant_id), settings.start_date))
        restarts: list[str | None] = []
        while not paginator.finished:
            since = {"from": paginator.current_value} if paginator.current_value else {}
            try:
                answer = self.fetch(tenant_id, {**since, **recent})
            except RefusedRequestError as error:
                start = bookmarks.start_by_date(self.bookmark(tenant_id), settings.start_date)
                if start in {paginator.current_value, *restarts[-1:]}:
                    raise  # not a token that was refused, or no way forward since the last restart
                restarts.append(start)
                self._tell_restart(tenant_id, start, error)
                paginator = ContinuationPaginator(start)
                continue
            newest = bookmarks.newest(self.dates(answer.data))
            page = Page(answer.data, answer.hasMore, answer.continueFrom, newest)
            yield page
            paginator.advance(page)

    @override
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        bookmarks.move_feed(bookmark, page.continue_from, self.endpoint.cursor, page.newest)

    def _tell_restart(self, tenant_id: str, start: str | None, error: RefusedRequestError) -> None:
        self.log(
            "Tenant %s, stream %s: the continuation token was refused (%s). Starting again from %s; records since "
            "then come again.",
            tenant_id,
            self.name,
            error,
            start or "the beginning",
            level=30,
        )


_KINDS: dict[type[Endpoint], type[EndpointStream]] = {Export: ExportStream}


def stream_class(endpoint: Endpoint) -> type[EndpointStream]:
    """Build the class of an entry; singer-sdk tells streams apart by class."""
    name = "".join(word.capitalize() for word in endpoint.name.split("_"))
    attributes = {
        "__module__": __name__,
        "endpoint": endpoint,
        "name": endpoint.name,
        "primary_keys": endpoint.primary_keys,
        "replication_key": endpoint.cursor,
    }
    return type(name, (_KINDS[type(endpoint)],), attributes)
