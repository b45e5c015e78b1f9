"""What every stream has in common: fetch a page, write it, then commit its bookmark."""

from __future__ import annotations

import abc
import functools
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_servicetitan import schemas
from tap_servicetitan.endpoints import table
from tap_servicetitan.failures import Failure
from tap_servicetitan.output.record_shape import RecordShape
from tap_servicetitan.output.record_types import as_dict
from tap_servicetitan.output.violations import SchemaViolations
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.pagination import ListBody, wrap_bare_body

if TYPE_CHECKING:
    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog

    from tap_servicetitan.client.rate_limit import RateLimiter
    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.errors import StreamError
    from tap_servicetitan.runtime.context import RunContext
    from tap_servicetitan.runtime.progress import StreamProgress
    from tap_servicetitan.streams.pagination import Page


class EndpointStream(Stream, abc.ABC):
    """A collection of the API, read page by page."""

    endpoint: ClassVar[Endpoint]

    throttled_separately: ClassVar[bool] = False
    """Whether reading it is mostly waiting for a budget of its own."""

    def __init__(self, tap: Tap, run_context: RunContext) -> None:
        self.tap = tap
        self.run_context = run_context
        super().__init__(tap, schema=self.json_schema, name=self.endpoint.name)
        self.violations = SchemaViolations(self.name, self.logger)
        self.complete: set[str] = set()
        """Tenants of which this run has read everything, from the first record to the last."""
        self._announced = False

    # What each kind of endpoint says for itself

    @property
    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the records."""
        return schemas.load(self.endpoint)

    @property
    def tenant_ids(self) -> list[str]:
        """The tenants that have such records."""
        return [tenant.tenant_id for tenant in self.run_context.settings.tenants]

    @property
    def envelope(self) -> Any:
        """Struct type of an answer, generic over its records."""
        return ListBody

    @abc.abstractmethod
    def pages(self, tenant_id: str) -> Iterator[Page]:
        """Fetch a tenant's pages, one after the other."""

    @abc.abstractmethod
    def move_bookmark(self, bookmark: dict[str, Any], page: Page) -> None:
        """Put a tenant's bookmark behind a page that was written."""

    @property
    def transforms_rows(self) -> bool:
        """Whether records are made of the answer's rows, by :meth:`transform_rows`."""
        return bool(self.endpoint.derived_keys)

    def transform_rows(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Make records of an answer's rows: with the fields that the entry lifts from inside them, for a true key."""
        for row in rows:
            yield {
                **{key: _lifted(row, self._key_paths(row, paths)) for key, paths in self.endpoint.derived_keys.items()},
                **row,
            }

    def _key_paths(self, row: dict[str, Any], paths: tuple[str, ...]) -> tuple[str, ...]:
        field, by_value = self.endpoint.key_path_by or ("", {})
        first = by_value.get(row.get(field)) if field else None
        return (first, *paths) if first else paths

    def records_of(self, answer: Any) -> list[Any]:
        """Return an answer's records."""
        records: list[Any] = answer.data
        return list(self.transform_rows(records)) if self.transforms_rows else records

    @abc.abstractmethod
    def probe(self, tenant_id: str) -> None:
        """Ask for as little as the API lets one, to see whether a tenant's records may be read."""

    # The run

    def write_schema(self) -> None:
        """Write the SCHEMA message, once a run."""
        if self._announced:
            return
        self._announced = True
        self.shape.write_schema(self.replication_key)
        if self.emit_activate_version_messages and self.replication_method == REPLICATION_FULL_TABLE:
            self._stream_version = int(self.started.timestamp())

    def write_activate_version(self) -> None:
        """Let targets drop what this run has not brought, once it has read every tenant in full."""
        if self._stream_version is not None and len(self.complete) == len(self.tenant_ids):
            self._write_activate_version_message(self._stream_version)

    def sync_tenant(self, tenant_id: str) -> None:
        """Read a tenant's records to the end."""
        mode = self.replication_method.lower()
        self.log("Beginning sync of '%s' in %s mode, tenant %s", self.name, mode, tenant_id, level=logging.DEBUG)
        from_the_start = "parent_page" not in self.bookmark(tenant_id)
        writer = self.shape.writer(tenant_id)
        progress = self.progress(tenant_id)
        unsettled: list[Page] = []
        whole = True

        def settle() -> None:
            writer.close()
            self._commit(tenant_id, unsettled)

        with progress.measured(), self.run_context.checkpoints.settling(settle):
            for page in self.pages(tenant_id):
                page.records = page.records[: self.ABORT_AT_RECORD_COUNT]
                writer.write(page.records, page.received, self._stream_version)
                progress.page(len(page.records), page.newest)
                if self.ABORT_AT_RECORD_COUNT is not None:  # a trial run: a few records, no bookmark
                    if page.records:
                        return
                    continue
                page.records = []
                whole = page.whole
                unsettled.append(page)
                if writer.settled:
                    self._commit(tenant_id, unsettled)
        if from_the_start and whole:
            self.complete.add(tenant_id)

    def failure(self, tenant_id: str, error: StreamError) -> Failure:
        """Return what to tell a person of an error."""
        remedy = error.remedy_with(table.scope(self.endpoint))
        return Failure(tenant_id, self.name, str(error), remedy, error.verdict)

    def bookmark(self, tenant_id: str) -> Mapping[str, Any]:
        """Return where a tenant's records go on; empty on a first run and for a full table."""
        if not self.keeps_bookmark:
            return {}
        partitions = self.tap_state.get("bookmarks", {}).get(self.name, {}).get("partitions", [])
        return next((found for found in partitions if found["context"] == {"tenant_id": tenant_id}), {})

    def progress(self, tenant_id: str) -> StreamProgress:
        """Return how far the reading of a tenant's records has come."""
        return self.run_context.progress.of(self.endpoint, tenant_id)

    @property
    def keeps_bookmark(self) -> bool:
        """Whether a run goes on where the last one ended."""
        return self.replication_method != REPLICATION_FULL_TABLE

    @property
    def started(self) -> datetime:
        """When the run began."""
        return self.run_context.started

    def fetch(self, tenant_id: str, params: Mapping[str, str], **options: Any) -> Any:
        """Ask for an answer, in its envelope, as :meth:`ask`; other streams have the worker lock meanwhile."""
        with self.run_context.worker_lock.released():
            return self.ask(tenant_id, params, **options)

    def ask(
        self,
        tenant_id: str,
        params: Mapping[str, str],
        *,
        parent: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        budget: RateLimiter | None = None,
    ) -> Any:
        """Ask for an answer, in its envelope; for threads without the worker_lock.

        Args:
            tenant_id: Whose.
            params: Query parameters besides the entry's own.
            parent: Values of the path's placeholders.
            body: What is sent by POST, if not GET.
            budget: A smaller budget than the tenant's, to keep to besides.
        """
        return self.run_context.clients[tenant_id].request(
            self.endpoint.url_for(tenant_id, parent or {}),
            {**self.endpoint.query, **params},
            self._decode,
            body=body,
            rate_limiter=budget,
            hooks=self.progress(tenant_id),
        )

    def newest(self, records: list[Any]) -> datetime | None:
        """Return the newest date among records."""
        return bookmarks.newest(self.dates(records))

    def dates(self, records: list[Any]) -> Iterator[Any]:
        """Yield what records have for a date, if they have one."""
        cursor = self.endpoint.replication_key
        if cursor is None:
            return
        yield from self.shape.values(records, cursor)

    @functools.cached_property
    def shape(self) -> RecordShape:
        """What its records look like, once the catalog is applied."""
        return RecordShape(
            self,
            self.run_context.messages,
            self.violations,
            added_fields=self.endpoint.added_fields,
            from_rows=self.transforms_rows,
            batch_config=self.get_batch_config(self.config),
        )

    @functools.cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        decoder = self.shape.decoder(self.envelope)
        if self.endpoint.records_path is not None:
            return decoder
        known = self.schema["properties"]
        return lambda body: decoder(wrap_bare_body(body, known))

    def _commit(self, tenant_id: str, pages: list[Page]) -> None:
        """Move the bookmark behind pages that were written, then write STATE."""
        if not pages:
            return
        if self.keeps_bookmark:
            bookmark = self.get_context_state({"tenant_id": tenant_id})
            for page in pages:
                self.move_bookmark(bookmark, page)
        pages.clear()
        self.run_context.checkpoints.page_done()

    # What the SDK asks of a stream

    @property
    @override
    def partitions(self) -> list[dict[str, Any]]:
        return [{"tenant_id": tenant_id} for tenant_id in self.tenant_ids]

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


def _lifted(row: dict[str, Any], paths: tuple[str, ...]) -> str:
    for path in paths:
        value: Any = row
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ""
