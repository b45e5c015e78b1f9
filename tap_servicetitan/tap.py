"""The tap: discovery, the run, the command line."""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import click
import simplejson
from singer_sdk import Tap
from singer_sdk.exceptions import MapExpressionError, SingerSDKError
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from tap_servicetitan import check_access, input_catalog, settings
from tap_servicetitan.client.client import Client
from tap_servicetitan.client.session import ConnectionPool
from tap_servicetitan.endpoints import table
from tap_servicetitan.errors import (
    CatalogError,
    ConfigError,
    Failure,
    StateError,
    StreamError,
    SyncFailedError,
    summary,
)
from tap_servicetitan.output.messages import MessageWriter
from tap_servicetitan.reports import discovery, list_command
from tap_servicetitan.reports.stream import ReportStream
from tap_servicetitan.runtime.checkpoints import Checkpoints
from tap_servicetitan.runtime.progress import Progress
from tap_servicetitan.runtime.workers import Prefetcher, WorkerLock
from tap_servicetitan.runtime.workers import run as run_jobs
from tap_servicetitan.streams import bookmarks
from tap_servicetitan.streams.stream_factory import stream_class

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from tap_servicetitan.reports.endpoint import Report
    from tap_servicetitan.streams.base import EndpointStream


BUG_REMEDY = "This is a defect of the tap: please report it with the lines above."


class TapServiceTitan(Tap):
    """Singer tap for ServiceTitan."""

    name = "tap-servicetitan"
    config_jsonschema = settings.CONFIG_JSONSCHEMA
    message_writer_class = MessageWriter

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("parse_env_config"):
            self.append_builtin_config(self.config_jsonschema)
            environment = settings.environment_config(self.config_jsonschema, "TAP_SERVICETITAN_")
            kwargs |= {"config": {**(kwargs.get("config") or {}), **environment}, "parse_env_config": False}
        for name, error in (("catalog", CatalogError), ("state", StateError)):
            if isinstance(kwargs.get(name), (list, int, float)):
                msg = f"The {name} that was handed in is not a JSON object."
                raise error(msg)
        if isinstance(kwargs.get("catalog"), dict):
            input_catalog.check(kwargs["catalog"])
        # At DEBUG the SDK logs what a stream map's filter makes of each record: its values.
        logging.getLogger("singer_sdk.mapper").setLevel(logging.INFO)
        logging.getLogger(self.name).addFilter(_helps)
        self.worker_lock = WorkerLock()
        self.left_out: list[Failure] = []
        """The custom reports that discovery left out, although they are selected."""
        super().__init__(**kwargs)
        self.checkpoints = Checkpoints(self.output, self._write_state)
        self.progress = Progress()
        self._failures: list[Failure] = []
        self._told: set[tuple[str, str]] = set()
        """Tenants and kinds of failures that the log has told of."""

    @functools.cached_property
    def settings(self) -> settings.Settings:
        """The config in typed form."""
        return settings.Settings.parse(self.config, user_agent=f"{self.name}/{self.plugin_version}")

    @functools.cached_property
    def clients(self) -> dict[str, Client]:
        """Each tenant's way to the API."""
        pool = ConnectionPool(self.settings.concurrency)
        return {tenant.tenant_id: Client(tenant, self.settings, pool) for tenant in self.settings.tenants}

    @functools.cached_property
    def prefetcher(self) -> Prefetcher:
        """Asks for pages and parents that are known of, side by side."""
        return Prefetcher(self.worker_lock, self.settings.concurrency)

    @property
    def output(self) -> MessageWriter:
        """Where messages go."""
        return cast("MessageWriter", self.message_writer)

    @override
    def discover_streams(self) -> list[EndpointStream]:
        classes = [*map(stream_class, table.endpoints())]
        classes += [stream_class(report, ReportStream) for report in self._custom_reports()]
        return [each(self) for each in classes]

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        command.params.append(list_command.option(cls))
        help_text = "Tell which of the selected streams can be read, and what to do about the others; --format json."
        command.params.append(click.Option(["--check-access"], is_flag=True, help=help_text))
        return command

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        if state:
            tenant_ids = (tenant.tenant_id for tenant in self.settings.tenants)
            super().load_state(bookmarks.normalize_state(state, tenant_ids, self.streams))

    @override  # type: ignore[misc]  # final for type checkers only; the SDK has no other seam
    def sync_all(self) -> None:
        """Read every selected stream of every tenant, several at once.

        Raises:
            SyncFailedError: Some could not be read to the end; the others are complete.
        """
        selected = self.selected_streams()
        jobs = [
            functools.partial(self._sync, stream, tenant_id) for stream in selected for tenant_id in stream.tenant_ids
        ]
        # What mostly waits takes no worker from the others; requests in flight are bounded elsewhere.
        workers = self.settings.concurrency + sum(len(one.tenant_ids) for one in selected if one.throttled_separately)
        self._failures += self.left_out
        try:
            with self.progress.told_every(self.settings.log_interval, len(jobs)):
                run_jobs(jobs, worker_lock=self.worker_lock, workers=workers, on_abort=self.checkpoints.write)
        except BrokenPipeError:
            self.logger.error("The target went away: stopped at once. The next run repeats what it had not taken.")  # noqa: TRY400 -- no defect
            raise
        finally:
            by_name = {stream.name: stream for stream in selected}
            self.progress.summary(lambda stream, tenant_id: by_name[stream].bookmark(tenant_id))
        failed = {failure.stream for failure in self._failures}
        for stream in selected:
            if stream.name not in failed:
                stream.write_activate_version()
            stream.violations.summary()
        self.checkpoints.write()
        if self._failures:
            raise SyncFailedError(self._failures, len(jobs) + len(self.left_out))

    def selected_streams(self) -> list[EndpointStream]:
        """Return the selected streams, ready for workers; tell of selected ones that there are not."""
        streams = cast("dict[str, EndpointStream]", self.streams)
        names = {*streams, *(failure.stream for failure in self.left_out)}
        for line in input_catalog.unknown(self.input_catalog or Catalog(), names):
            self.logger.warning(line)
        selected = [stream for stream in streams.values() if stream.selected]
        if not selected and not self.left_out:
            self.logger.warning("No stream is selected: there is nothing to read.")
        _ = self.clients, self.prefetcher  # made once, before several workers ask for them at once
        return selected

    def _custom_reports(self) -> list[Report]:
        if not self.config.get("custom_reports"):
            return []
        if self._problems:
            raise ConfigError(self._problems)
        today = datetime.fromtimestamp(self.initialized_at / 1000, UTC).date()
        reports, self.left_out = discovery.discover(
            self.settings, self.clients, self.prefetcher, today, self.input_catalog
        )
        return reports

    def _sync(self, stream: EndpointStream, tenant_id: str) -> None:
        """Read a stream of a tenant; its failure is noted and stops no other."""
        progress = stream.progress(tenant_id)
        failure = self.attempt(stream, tenant_id, functools.partial(self._read, stream, tenant_id))
        progress.end("failed" if failure else "complete")
        if failure:
            self._failures.append(failure)
            kind = (tenant_id, failure.kind)
            self.logger.log(logging.DEBUG if kind in self._told else logging.ERROR, "Failed: %s", failure)
            self._told.add(kind)

    def _read(self, stream: EndpointStream, tenant_id: str) -> None:
        stream.write_schema()
        stream.sync_tenant(tenant_id)

    def attempt(self, stream: EndpointStream, tenant_id: str, do: Callable[[], None]) -> Failure | None:
        """Do something with a stream of a tenant; return what went wrong, which stops no other."""
        try:
            do()
        except OSError:
            raise  # stdout or a batch file is gone: nothing can be written any more
        except MapExpressionError as error:
            return Failure(tenant_id, stream.name, str(error), "Mend the expression in stream_maps.")
        except StreamError as error:
            return stream.failure(tenant_id, error)
        except Exception as error:  # noqa: BLE001 -- a defect in one stream must not cost the others
            self.logger.error("Unexpected %s", _frames(error))  # noqa: TRY400 -- its text may quote a record
            return Failure(tenant_id, stream.name, f"Unexpected {type(error).__name__}.", BUG_REMEDY)
        return None

    def _write_state(self) -> None:
        self.state_writer.write_state(self.state)
        self.output.flush()

    @classmethod
    @override
    def invoke(cls, *, check_access: bool = False, **options: Any) -> None:
        try:
            if check_access:
                cls._check_access(**options)
            else:
                super().invoke(**options)
        except ConfigError as error:  # caught here, since the SDK would log the whole schema of the settings
            sys.exit(_told(error))

    @classmethod
    def _check_access(cls, *, config: Any, catalog: Any, about_format: str | None, **_: Any) -> None:
        logging.disable(logging.INFO)
        chosen = catalog and json.load(catalog)
        found = check_access.check(cls(config=config.config, parse_env_config=config.parse_env, catalog=chosen))
        click.echo(check_access.for_programs(found) if about_format == "json" else check_access.for_people(found))
        sys.exit(not found or any(each.access != "readable" for each in found))

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        # The SDK's own messages quote the value, which may be a secret.
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        self._config = settings.complete(self._config, schema)
        errors = list(settings.problems(self._config, schema))
        self._problems = errors
        if errors and raise_errors:
            raise ConfigError(errors)
        for warning in settings.unknown(self._config, schema):
            self.logger.warning(warning)
        return errors

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        # Raised in the main thread, which waits in workers.run: a last STATE is written on the way out.
        self.logger.warning("Stopped by %s; the bookmarks cover what was written.", signal.Signals(signum).name)
        raise SystemExit(128 + signum)


def main() -> None:
    """Run the command line; what goes wrong is told in a line, without a traceback."""
    code = _run()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):
            stream.flush()
    # Workers may still wait for the API: they are not waited for.
    os._exit(code)


def _run() -> int:
    log = logging.getLogger(TapServiceTitan.name)
    if sys.stdout is None:
        log.error("There is no stdout to write to.")
        return 1
    try:
        TapServiceTitan.cli()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ConfigError as error:
        return _told(error)
    except SyncFailedError as error:
        log.error("%s", error)  # noqa: TRY400 -- told in a line
        for line in summary(error.failures):
            log.error("  %s", line)  # noqa: TRY400 -- told in a line
    except (json.JSONDecodeError, simplejson.JSONDecodeError, UnicodeDecodeError) as error:
        what = "A file given by --config, --catalog or --state, or a list from the environment,"
        log.error("%s is not JSON: %s.", what, error)  # noqa: TRY400 -- told in a line
    except (SingerSDKError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 -- told in a line
    except Exception as error:  # noqa: BLE001 -- the SDK would show its text, which may quote a secret
        log.error("Unexpected %s%s", _frames(error), BUG_REMEDY)  # noqa: TRY400 -- see above
    return 1


def _helps(line: logging.LogRecord) -> bool:
    """Leave out the SDK's line that makes people think that their .env, which Meltano reads, is not heard."""
    return line.msg != "Skipping parse of env var settings..."


def _told(error: ConfigError) -> int:
    """Log what is wrong with the config, a line each; return the exit code."""
    for problem in error.errors:
        logging.getLogger(TapServiceTitan.name).error(problem)
    return 1


def _frames(error: Exception) -> str:
    """Return an exception's kind and the way to it, without its text."""
    return f"{type(error).__name__}, at:\n{''.join(traceback.format_tb(error.__traceback__))}"
