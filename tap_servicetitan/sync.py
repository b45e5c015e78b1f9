"""One run: every selected stream of every tenant, several at the same time; failures; the summary."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tap_servicetitan.errors import UNENTITLED
from tap_servicetitan.failures import Failure, SyncFailedError, run_guarded, stream_names, summary
from tap_servicetitan.runtime.workers import Job, run_jobs
from tap_servicetitan.streams.state.state_migration import tenants_in

if TYPE_CHECKING:
    from tap_servicetitan.runtime.context import RunContext
    from tap_servicetitan.streams.base import EndpointStream
    from tap_servicetitan.streams.state.table_version import RowsKept

_log = logging.getLogger("tap-servicetitan")


class Sync:
    """A run of the tap."""

    def __init__(
        self, streams: Sequence[EndpointStream], context: RunContext, undescribed: Sequence[Failure] = ()
    ) -> None:
        """Make a run.

        Args:
            streams: The selected streams.
            context: What they share.
            undescribed: Custom reports that discovery could not describe; they count as failures.
        """
        self._streams = {stream.name: stream for stream in streams}
        self._context = context
        self._undescribed = undescribed
        self._failures: list[Failure] = []
        self._skipped: list[Failure] = []
        """Of streams that the tenant has not licensed or the app has no scope for, by the setting."""
        for failure in undescribed:
            (self._skipped if self._is_skipped(failure) else self._failures).append(failure)
        self._logged: set[tuple[str, str]] = set()
        """Tenants and kinds of failures that the log has shown."""

    def run(self) -> None:
        """Read every stream of every tenant to its end.

        Raises:
            SyncFailedError: Some could not be read to the end; the others are complete.
        """
        context, streams = self._context, self._streams.values()
        context.prepare()
        for stream in streams:
            stream.version.prepare()
        jobs = [
            Job(tenant_id, functools.partial(self._sync, stream, tenant_id), stream.throttled_separately)
            for stream in streams
            for tenant_id in stream.tenant_ids
        ]
        context.checkpoints.expect(len(jobs))
        try:
            with context.progress.logged_every(context.settings.log_interval, len(jobs)):
                run_jobs(
                    jobs,
                    worker_lock=context.worker_lock,
                    slots=context.pool.slots,
                    on_abort=context.checkpoints.abort,
                )
        except BrokenPipeError:
            _log.error("The target closed its input: stopped. The next run repeats what it had not received.")
            raise
        finally:
            context.progress.summary(lambda stream, tenant_id: self._streams[stream].stored_bookmark(tenant_id))
        for line in summary(self._skipped):
            _log.warning("Skipped, because of skip_unentitled_streams: %s", line)
        self._activate_versions()
        for stream in streams:
            stream.violations.summary()
        context.checkpoints.write()
        if self._failures:
            raise SyncFailedError(self._failures, len(jobs) + len(self._undescribed))

    def _activate_versions(self) -> None:
        """Let targets find the rows that vanished; log once for each reason of which streams they stay."""
        absent = dict.fromkeys(self._absent_tenants(), "is in STATE, but not in the settings")
        kept: dict[RowsKept, list[str]] = {}
        for stream in self._streams.values():
            failed = {
                failure.tenant_id: "could not be read"
                for failure in (*self._failures, *self._skipped)
                if failure.stream == stream.name
            }
            if reason := stream.version.finish({**failed, **absent}):
                kept.setdefault(reason, []).append(stream.name)
        for reason, names in kept.items():
            text = "Of %s, rows that vanished from ServiceTitan stay in the target, since %s."
            _log.log(reason.level, text, stream_names(names), reason.reason)

    def _absent_tenants(self) -> list[str]:
        """Return the tenants of earlier runs that are not in this one: their rows are in the target."""
        stream = next(iter(self._streams.values()), None)
        found = tenants_in(stream.tap_state) if stream else set()
        return sorted(found - {tenant.tenant_id for tenant in self._context.settings.tenants})

    def _sync(self, stream: EndpointStream, tenant_id: str) -> None:
        """Read a stream of a tenant; note its failure."""
        progress = stream.progress(tenant_id)
        failure = run_guarded(
            functools.partial(self._read, stream, tenant_id),
            tenant_id,
            stream.name,
            functools.partial(stream.failure, tenant_id),
        )
        skipped = failure is not None and self._is_skipped(failure)
        progress.end("skipped" if skipped else "failed" if failure else "complete")
        if failure and skipped:
            self._skipped.append(failure)
        elif failure:
            self._failures.append(failure)
            kind = (tenant_id, failure.kind)
            _log.log(logging.DEBUG if kind in self._logged else logging.ERROR, "Failed: %s", failure)
            self._logged.add(kind)

    def _is_skipped(self, failure: Failure) -> bool:
        return self._context.settings.skip_unentitled_streams and failure.verdict in UNENTITLED

    def _read(self, stream: EndpointStream, tenant_id: str) -> None:
        stream.write_schema()
        stream.sync_tenant(tenant_id)
