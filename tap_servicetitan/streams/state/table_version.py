"""The version of a stream's rows, by which targets find the rows that vanished from ServiceTitan.

RECORD messages carry the version of the last full read. An ACTIVATE_VERSION message lets targets delete, or mark as
deleted, every row with an older version: the rows that this full read has not shown. So it is written only after
everything was read, of every tenant, from the true beginning to the end.

A stream in FULL_TABLE mode is read in full by every run. Other streams are read in full now and then, by the setting
``full_reads``, and keep the state of their full read in STATE, by tenant::

    {"full_read": {"version": milliseconds since 1970, "status": "reading", "incomplete": why rows were left out}}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tap_servicetitan.runtime.context import RunContext
from tap_servicetitan.streams.state import bookmarks

READING, READ, ACTIVATED = "reading", "read", "activated"
"""Status of a tenant's full read: under way, at its end, and after ACTIVATE_VERSION was written."""

MILLISECONDS_PER_DAY = 86_400_000

BATCH = "records in BATCH files carry no version"

_log = logging.getLogger("tap-servicetitan")


@dataclass(frozen=True)
class RowsKept:
    """Why rows that vanished from ServiceTitan stay in the target."""

    reason: str
    level: int = logging.WARNING
    """For the log; INFO where no setting changes it."""


class VersionedStream(Protocol):
    """What the version needs of a stream."""

    name: str
    run_context: RunContext

    @property
    def always_partial(self) -> str | None:
        """Why no run reads everything, for streams where that is so."""

    @property
    def partial_without_full_reads(self) -> str | None:
        """Why only the runs that ``full_reads`` says read everything, where every run would by its method."""

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
        self.number: int | None = None
        """What RECORD messages carry; None for no version."""

        self._scheduled = False
        """Whether ``full_reads`` says when the stream is read in full."""

        self._incomplete: dict[str, str] = {}
        """By tenant, why it was not read in full."""

        self._ended: set[str] = set()
        """Tenants that were read to the end."""

        self._in_full: set[str] = set()
        """Tenants that this run reads in full, as ``full_reads`` says, or goes on to."""

    def prepare(self) -> None:
        """Choose the version of this run; once, before the first page."""
        stream = self._stream
        now = round(stream.run_context.started.timestamp() * 1000)
        days = stream.run_context.settings.full_reads.get(stream.name)
        if days is not None and (reason := self._why_not_scheduled()):
            _log.warning("Stream %s: full_reads has no effect, since %s.", stream.name, reason)
        elif days is not None:
            self._scheduled = True
            self.number = self._scheduled_version(now, days)
        if not stream.reads_incrementally and stream.emit_activate_version_messages:
            self.number = now

    def begin(self, tenant_id: str) -> Mapping[str, Any]:
        """Return the bookmark that a tenant's reading begins with."""
        stream = self._stream
        if not self._scheduled:
            self._note_unversioned_rows(tenant_id)
            if not stream.keeps_bookmark:
                return {}
            stored = stream.stored_bookmark(tenant_id)
            if bookmarks.resumes(stored):
                self._incomplete[tenant_id] = "this run continued an interrupted one"
            return stored
        partition = stream.partition_state(tenant_id)
        full_read = self._full_read(tenant_id)
        if full_read.get("version") != self.number:
            _log.info(
                "Tenant %s, stream %s: reading in full, by full_reads, to find the rows that vanished.",
                tenant_id,
                stream.name,
            )
            for name in bookmarks.FIELDS & partition.keys():
                del partition[name]
            partition["full_read"] = {"version": self.number, "status": READING}
        elif not _is_whole(full_read) and not bookmarks.FIELDS & partition.keys():
            # Reading begins at the beginning again: what was left out then, may be there now.
            partition["full_read"] = {"version": self.number, "status": READING}
        if self._full_read(tenant_id)["status"] == READING:
            self._in_full.add(tenant_id)
        return partition

    def start_date(self, tenant_id: str) -> datetime | None:
        """Return where a tenant's reading begins without a bookmark; a full read begins at the true beginning."""
        return None if tenant_id in self._in_full else self._stream.run_context.settings.start_date

    def note_incomplete(self, tenant_id: str, reason: str) -> None:
        """Note that a tenant's rows were left out; call it before the bookmark moves behind them."""
        self._incomplete.setdefault(tenant_id, reason)
        if tenant_id in self._in_full:
            self._stream.partition_state(tenant_id)["full_read"].setdefault("incomplete", reason)

    def end(self, tenant_id: str) -> None:
        """Note that a tenant's reading came to its end."""
        self._ended.add(tenant_id)
        if tenant_id in self._in_full:
            self._stream.partition_state(tenant_id)["full_read"]["status"] = READ

    def finish(self, unread: Mapping[str, str]) -> RowsKept | None:
        """Write ACTIVATE_VERSION if all tenants were read in full; return why not, where it could be expected.

        Args:
            unread: By tenant with rows in the target, why this run could not read them.
        """
        stream = self._stream
        if self.number is None:
            reason = stream.partial_without_full_reads if stream.emit_activate_version_messages else None
            return RowsKept(reason) if reason and not stream.get_batch_config(stream.config) else None
        if not self._scheduled:
            kept = self._rows_kept() or self._tenants_kept(unread)
            if kept is None:
                stream.write_activate_version(self.number)
            return kept
        full_reads = [self._full_read(tenant_id) for tenant_id in stream.tenant_ids]
        if all(_is_whole(each) and each["status"] == ACTIVATED for each in full_reads):
            return None
        if kept := self._tenants_kept(unread):
            return kept if self._in_full else None
        stream.write_activate_version(self.number)
        for tenant_id in stream.tenant_ids:
            stream.partition_state(tenant_id)["full_read"] = {"version": self.number, "status": ACTIVATED}
        return None

    def _why_not_scheduled(self) -> str | None:
        """Return why ``full_reads`` has no effect."""
        stream = self._stream
        if not stream.reads_incrementally:
            setting = "" if stream.emit_activate_version_messages else "; set emit_activate_version_messages"
            return f"every run reads it in full{setting}"
        return BATCH if stream.get_batch_config(stream.config) else stream.always_partial

    def _scheduled_version(self, now: int, days: float) -> int:
        """Return the version of the last full read until the next one is due, or as long as it is under way."""
        full_reads = [read for read in map(self._full_read, self._stream.tenant_ids) if read]
        latest = max((read["version"] for read in full_reads), default=None)
        if latest is None:
            return now
        under_way = any(read["version"] == latest and read["status"] == READING for read in full_reads)
        return latest if under_way or now - latest < days * MILLISECONDS_PER_DAY else now

    def _note_unversioned_rows(self, tenant_id: str) -> None:
        """Note in STATE that a full read can no longer be activated: this run writes rows without its version."""
        full_read = self._full_read(tenant_id)
        if not full_read:
            return
        partition = self._stream.partition_state(tenant_id)
        if full_read["status"] == READING:
            del partition["full_read"]
        else:
            reason = "a run without full_reads wrote rows since then"
            partition["full_read"] = {"version": full_read["version"], "status": READ, "incomplete": reason}

    def _rows_kept(self) -> RowsKept | None:
        """Return why no run can find the rows that vanished."""
        stream = self._stream
        if stream.get_batch_config(stream.config):
            return RowsKept(BATCH)
        if stream.always_partial:
            return RowsKept(stream.always_partial, logging.INFO)
        if stream.bounded_by_start_date and stream.run_context.settings.start_date:
            return RowsKept("start_date leaves out older records")
        return None

    def _tenants_kept(self, unread: Mapping[str, str]) -> RowsKept | None:
        """Return which tenant was not read in full, and why."""
        for tenant_id, reason in unread.items():
            return RowsKept(f"tenant {tenant_id} {reason}")
        for tenant_id in self._stream.tenant_ids:
            full_read = self._full_read(tenant_id) if self._scheduled else {}
            ended = full_read.get("status") in {READ, ACTIVATED} if self._scheduled else tenant_id in self._ended
            incomplete = full_read.get("incomplete") if self._scheduled else self._incomplete.get(tenant_id)
            if not ended or (self._scheduled and full_read["version"] != self.number):
                return RowsKept(f"tenant {tenant_id} was not read to the end")
            if incomplete:
                return RowsKept(f"tenant {tenant_id} was not read in full: {incomplete}")
        return None

    def _full_read(self, tenant_id: str) -> Mapping[str, Any]:
        """Return the state of a tenant's full read; empty if there was none."""
        found: Mapping[str, Any] = self._stream.stored_bookmark(tenant_id).get("full_read") or {}
        return found


def _is_whole(full_read: Mapping[str, Any]) -> bool:
    return full_read.get("status") in {READ, ACTIVATED} and "incomplete" not in full_read
