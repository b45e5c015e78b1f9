"""The version of a stream's rows, by which targets find the rows that vanished from ServiceTitan.

RECORD messages carry the version of the last full read. An ACTIVATE_VERSION message lets targets delete, or mark as
deleted, every row with an older version: the rows that this full read has not shown. So it is written only after
everything was read, of every tenant, from the true beginning to the end.

A stream in FULL_TABLE mode is read in full by every run. Other streams are read in full now and then, by the setting
``full_reads``, and keep the version in STATE: ``{"full_read": {"version": seconds since 1970, "status": …}}``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from tap_servicetitan.runtime.context import RunContext
from tap_servicetitan.streams.state import bookmarks

READING, READ, ACTIVATED = "reading", "read", "activated"
"""Status of a tenant's full read: under way, at its end, and after ACTIVATE_VERSION was written."""

SECONDS_PER_DAY = 86_400

_log = logging.getLogger("tap-servicetitan")


class VersionedStream(Protocol):
    """What the version needs of a stream."""

    name: str
    run_context: RunContext

    @property
    def always_partial(self) -> str | None:
        """Why no run reads everything, for streams where that is so."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The config of the tap."""

    @property
    def tenant_ids(self) -> list[str]:
        """The tenants that have such records."""

    @property
    def keeps_bookmark(self) -> bool:
        """Whether a run goes on where the last one ended."""

    @property
    def reads_incrementally(self) -> bool:
        """Whether a run reads what is new only."""

    @property
    def emit_activate_version_messages(self) -> bool:
        """The setting of that name."""

    @property
    def bounded_by_start_date(self) -> bool:
        """Whether ``start_date`` leaves out older records."""

    def get_batch_config(self, config: Mapping[str, Any]) -> Any:
        """Return how files are written, if records go into files."""

    def stored_bookmark(self, tenant_id: str) -> Mapping[str, Any]:
        """Return a tenant's part of STATE."""

    def partition_state(self, tenant_id: str) -> dict[str, Any]:
        """Return a tenant's part of STATE, to be changed in place."""

    def write_activate_version(self, version: int) -> None:
        """Write the ACTIVATE_VERSION message."""


class TableVersion:
    """The version of one stream's rows in one run."""

    def __init__(self, stream: VersionedStream) -> None:
        self._stream = stream
        self._partial: dict[str, str] = {}
        """By tenant, why it was not read in full."""
        self._read: set[str] = set()
        """Tenants that were read in full, by this run or by the interrupted one before it."""
        self.number: int | None = None
        """What RECORD messages carry; None for no version."""
        self._days: float | None = None
        """Days between two full reads, by the setting ``full_reads``."""

    def prepare(self) -> None:
        """Choose the version of this run; once, before the first page."""
        stream = self._stream
        now = int(stream.run_context.started.timestamp())
        self._days = stream.run_context.settings.full_reads.get(stream.name)
        if not stream.reads_incrementally:
            self._days = None
            self.number = now if stream.emit_activate_version_messages else None
        elif self._days is not None:
            reads = [self._full_read(tenant_id) for tenant_id in stream.tenant_ids]
            under_way = [read["version"] for read in reads if read.get("status") in {READING, READ}]
            current = [read["version"] for read in reads if read]
            if under_way:
                self.number = max(under_way)
            elif len(current) < len(reads) or now - min(current) >= self._days * SECONDS_PER_DAY:
                self.number = now
            else:
                self.number = max(current)

    def begin(self, tenant_id: str) -> Mapping[str, Any]:
        """Return the bookmark that a tenant's reading begins with."""
        stream = self._stream
        if not stream.keeps_bookmark:
            return {}
        if self._days is None:
            stored = stream.stored_bookmark(tenant_id)
            if bookmarks.resumes(stored):
                self._partial[tenant_id] = "this run went on where another one was interrupted"
            return stored
        partition = stream.partition_state(tenant_id)
        if self._full_read(tenant_id).get("version") != self.number:
            _log.info(
                "Tenant %s, stream %s: read in full, as full_reads says, to find the rows that vanished.",
                tenant_id,
                stream.name,
            )
            partition["full_read"] = {"version": self.number, "status": READING}
            for name in bookmarks.FIELDS & partition.keys():
                del partition[name]
        return partition

    def start_date(self, tenant_id: str) -> datetime | None:
        """Return where a tenant's reading begins without a bookmark; a full read begins at the true beginning."""
        in_full = self._days is not None and self._full_read(tenant_id).get("status") == READING
        return None if in_full else self._stream.run_context.settings.start_date

    def end(self, tenant_id: str, incomplete: str | None) -> None:
        """Note that a tenant's reading came to its end."""
        if incomplete:
            self._partial[tenant_id] = incomplete
        if tenant_id in self._partial:
            return
        self._read.add(tenant_id)
        if self._days is not None and self._full_read(tenant_id).get("status") == READING:
            self._stream.partition_state(tenant_id)["full_read"] = {"version": self.number, "status": READ}

    def finish(self) -> None:
        """Write ACTIVATE_VERSION if all tenants were read in full, or log why vanished rows stay in the target."""
        stream = self._stream
        if self.number is None:
            return
        if self._days is not None and all(
            self._full_read(tenant_id).get("status") == ACTIVATED for tenant_id in stream.tenant_ids
        ):
            return
        if reason := self._reason():
            _log.warning(
                "Stream %s: rows that vanished from ServiceTitan stay in the target, since %s.", stream.name, reason
            )
            return
        stream.write_activate_version(self.number)
        if self._days is not None:
            for tenant_id in stream.tenant_ids:
                stream.partition_state(tenant_id)["full_read"] = {"version": self.number, "status": ACTIVATED}

    def _reason(self) -> str | None:
        """Return why this run cannot tell which rows vanished."""
        stream = self._stream
        if stream.get_batch_config(stream.config):
            return "records in BATCH files carry no version"
        if stream.always_partial:
            return stream.always_partial
        settings = stream.run_context.settings
        if self._days is None and stream.bounded_by_start_date and settings.start_date:
            return "start_date leaves out older ones"
        for tenant_id in stream.tenant_ids:
            if tenant_id in self._partial:
                return f"tenant {tenant_id} was not read in full: {self._partial[tenant_id]}"
            if tenant_id not in self._read:
                return f"tenant {tenant_id} was not read to the end"
        return None

    def _full_read(self, tenant_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._stream.stored_bookmark(tenant_id).get("full_read") or {}
        return found
