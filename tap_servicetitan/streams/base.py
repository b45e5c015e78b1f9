"""What every stream has in common: the SDK's stream, and how its pages are requested and decoded."""

from __future__ import annotations

import abc
import functools
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_servicetitan import schemas
from tap_servicetitan.dates import parse_dates
from tap_servicetitan.endpoints import table
from tap_servicetitan.endpoints.kinds import Endpoint
from tap_servicetitan.errors import StreamError
from tap_servicetitan.failures import Failure
from tap_servicetitan.output.record_shape import RecordShape
from tap_servicetitan.output.record_types import as_dict
from tap_servicetitan.output.unknown_fields import COLUMN, COLUMN_SCHEMA
from tap_servicetitan.output.violations import SchemaViolations
from tap_servicetitan.runtime.context import RunContext
from tap_servicetitan.runtime.progress import StreamProgress
from tap_servicetitan.streams.derived_keys import with_derived_keys
from tap_servicetitan.streams.page import Page
from tap_servicetitan.streams.page_sync import PageSync
from tap_servicetitan.streams.reading.api_reader import ApiReader
from tap_servicetitan.streams.reading.bodies import body_type, wrap_bare_body
from tap_servicetitan.streams.state.table_version import TableVersion

if TYPE_CHECKING:
    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog


class EndpointStream(Stream, abc.ABC):
    """An endpoint of the API as a stream of the SDK."""

    endpoint: ClassVar[Endpoint]

    given_schema: ClassVar[Mapping[str, Any] | None] = None
    """JSON schema of the records, for endpoints that are not in the table."""

    may_keep_unknown_fields: ClassVar[bool] = True
    """Whether the setting ``unknown_fields`` concerns it."""

    throttled_separately: ClassVar[bool] = False
    """Whether reading it mostly waits for a rate limit of its own."""

    def __init__(self, tap: Tap, run_context: RunContext) -> None:
        self.run_context = run_context
        schema = self.json_schema
        if self.may_keep_unknown_fields and tap.config.get("unknown_fields") == "keep":
            schema["properties"].setdefault(COLUMN, COLUMN_SCHEMA)
        super().__init__(tap, schema=schema, name=self.endpoint.name)
        self.violations = SchemaViolations(self.name, self.logger)
        self.version = TableVersion(self)
        self._schema_written = False

    # What each kind of endpoint defines

    @abc.abstractmethod
    def pages(self, api: ApiReader, stored: Mapping[str, Any], start_date: datetime | None) -> Iterator[Page]:
        """Yield a tenant's pages.

        Args:
            api: Requests the tenant's pages.
            stored: The tenant's bookmark; empty on a first run and for a full table.
            start_date: Where to begin without a bookmark; None for the beginning.
        """

    @abc.abstractmethod
    def probe(self, api: ApiReader) -> None:
        """Request as little as possible, to see whether a tenant's records may be read."""

    @property
    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the records."""
        return schemas.load(self.endpoint) if self.given_schema is None else deepcopy(dict(self.given_schema))

    @property
    def tenant_ids(self) -> list[str]:
        """The tenants that have such records."""
        return [tenant.tenant_id for tenant in self.run_context.settings.tenants]

    @property
    def transforms_rows(self) -> bool:
        """Whether records are made of the answer's rows, by :meth:`transform_rows`."""
        return bool(self.endpoint.derived_keys)

    def transform_rows(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Make records of an answer's rows."""
        return with_derived_keys(self.endpoint, rows)

    @property
    def always_partial(self) -> str | None:
        """Why no run reads everything, for streams where that is so."""
        return None

    @property
    def partial_without_full_reads(self) -> str | None:
        """Why only the runs that ``full_reads`` says read everything, for FULL_TABLE streams where that is so."""
        return None

    @property
    def keeps_bookmark(self) -> bool:
        """Whether a run goes on where the last one ended."""
        return self.replication_method != REPLICATION_FULL_TABLE

    @property
    def reads_incrementally(self) -> bool:
        """Whether a run reads what is new only, so that a full read now and then shows more."""
        return self.replication_method != REPLICATION_FULL_TABLE

    @property
    def bounded_by_start_date(self) -> bool:
        """Whether ``start_date`` leaves out older records."""
        return self.endpoint.replication_key is not None

    # Reading

    def sync_tenant(self, tenant_id: str) -> None:
        """Read a tenant's records to the end."""
        PageSync(self, self.api(tenant_id)).run()

    def api(self, tenant_id: str) -> ApiReader:
        """Return what requests a tenant's pages."""
        return self.reader_of(self.endpoint, tenant_id, self.decode)

    def reader_of(self, endpoint: Endpoint, tenant_id: str, decode: Callable[[bytes], Any]) -> ApiReader:
        """Return what requests the pages of an endpoint, which may be another one than the stream's."""
        context = self.run_context
        return ApiReader(
            endpoint, context.clients[tenant_id], context.worker_lock, decode, hooks=self.progress(tenant_id)
        )

    def warn_of_moved_rows(self, tenant_id: str, what: str) -> None:
        """Warn that rows may be missing, and that the bookmark stays where it was for that reason."""
        self.log(
            "Tenant %s, stream %s: %s, since rows were added or removed while reading. The next run reads them again.",
            tenant_id,
            self.name,
            what,
            level=logging.WARNING,
        )

    def records_of(self, rows: list[Any]) -> list[Any]:
        """Return the records of an answer's rows."""
        return list(self.transform_rows(rows)) if self.transforms_rows else rows

    def newest(self, records: list[Any]) -> datetime | None:
        """Return the newest date among records."""
        if self.endpoint.replication_key is None:
            return None
        return max(parse_dates(self.shape.values(records, self.endpoint.replication_key)), default=None)

    @functools.cached_property
    def shape(self) -> RecordShape:
        """What the records look like, once the catalog is applied."""
        return RecordShape(
            self,
            self.run_context.messages,
            self.violations,
            added_fields=self.endpoint.added_fields,
            from_rows=self.transforms_rows,
            batch_config=self.get_batch_config(self.config),
        )

    @property
    def body_type(self) -> Any:
        """Struct type of an answer, generic over its records."""
        return body_type(self.endpoint)

    @functools.cached_property
    def decode(self) -> Callable[[bytes], Any]:
        """Decodes an answer."""
        decoder = self.shape.decoder(self.body_type)
        if self.endpoint.records_path is not None:
            return decoder
        known = self.schema["properties"]
        return lambda body: decoder(wrap_bare_body(body, known))

    # The run

    def write_schema(self) -> None:
        """Write the SCHEMA message, once a run."""
        if not self._schema_written:
            self._schema_written = True
            self.shape.write_schema(self.replication_key)

    def write_activate_version(self, version: int) -> None:
        """Let targets delete the rows that have an older version."""
        self._write_activate_version_message(version)

    def failure(self, tenant_id: str, error: StreamError) -> Failure:
        """Return what to report of an error."""
        remedy = error.remedy_with(table.scope(self.endpoint))
        return Failure(tenant_id, self.name, str(error), remedy, error.verdict)

    def progress(self, tenant_id: str) -> StreamProgress:
        """Return how far the reading of a tenant's records has come."""
        return self.run_context.progress.of(self.endpoint, tenant_id)

    def stored_bookmark(self, tenant_id: str) -> Mapping[str, Any]:
        """Return a tenant's part of STATE; empty on a first run."""
        partitions = self.tap_state.get("bookmarks", {}).get(self.name, {}).get("partitions", [])
        return next((found for found in partitions if found["context"] == {"tenant_id": tenant_id}), {})

    def partition_state(self, tenant_id: str) -> dict[str, Any]:
        """Return a tenant's part of STATE, to be changed in place."""
        return self.get_context_state({"tenant_id": tenant_id})

    # What the SDK asks of a stream

    @property
    @override
    def partitions(self) -> list[dict[str, Any]]:
        return [{"tenant_id": tenant_id} for tenant_id in self.tenant_ids]

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        for partition in [context] if context else self.partitions:
            tenant_id = partition["tenant_id"]
            stored = self.stored_bookmark(tenant_id) if self.keeps_bookmark else {}
            for page in self.pages(self.api(tenant_id), stored, self.run_context.settings.start_date):
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
        return None  # bookmarks are capped at the present where they advance

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        super().apply_catalog(catalog)
        entry = catalog.get_stream(self.name)
        # The SDK lets the discovered method win over one that the user forces in the metadata.
        if entry and (forced := entry.metadata.root.forced_replication_method):
            self.forced_replication_method = forced
