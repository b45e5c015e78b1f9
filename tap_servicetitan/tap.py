"""The tap: what the SDK asks of it."""

from __future__ import annotations

import functools
import logging
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk import Tap
from singer_sdk.singerlib import Catalog, StateMessage
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_servicetitan import check_access, command, extra_stream_classes, input_catalog, record_counts, settings
from tap_servicetitan.endpoints import table
from tap_servicetitan.errors import CatalogError, ConfigError, StateError
from tap_servicetitan.explore import select_rules, streams_command
from tap_servicetitan.failures import log_config_error
from tap_servicetitan.output.maps.stream_maps import StreamMapper
from tap_servicetitan.output.messages import MessageWriter
from tap_servicetitan.reports import discovery
from tap_servicetitan.reports.listing import list_command
from tap_servicetitan.reports.stream import ReportStream
from tap_servicetitan.runtime.context import RunContext
from tap_servicetitan.streams.state.state_migration import normalize_state
from tap_servicetitan.streams.stream_factory import stream_class
from tap_servicetitan.sync import Sync

if TYPE_CHECKING:
    from types import FrameType

    from tap_servicetitan.failures import Failure
    from tap_servicetitan.reports.endpoint import Report
    from tap_servicetitan.streams.base import EndpointStream


class TapServiceTitan(Tap):
    """Singer tap for ServiceTitan."""

    name = "tap-servicetitan"
    config_jsonschema = settings.CONFIG_JSONSCHEMA
    message_writer_class = MessageWriter

    wait_factor: ClassVar[float] = 1.0
    """Factor on the waits between attempts of a request."""

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("parse_env_config"):
            self.append_builtin_config(self.config_jsonschema)
            environment = settings.environment_config(self.config_jsonschema, "TAP_SERVICETITAN_")
            kwargs |= {"config": {**(kwargs.get("config") or {}), **environment}, "parse_env_config": False}
        for name, error in (("catalog", CatalogError), ("state", StateError)):
            if isinstance(kwargs.get(name), (list, int, float)):
                msg = f"The input {name} is not a JSON object."
                raise error(msg)
        if isinstance(kwargs.get("catalog"), dict):
            input_catalog.check(kwargs["catalog"])
        # At DEBUG the SDK logs the result of a stream map's filter for each record, with its values.
        logging.getLogger("singer_sdk.mapper").setLevel(logging.INFO)
        logging.getLogger(self.name).addFilter(_is_helpful)
        self._undescribed: list[Failure] = []
        """The selected custom reports that discovery could not describe."""
        super().__init__(**kwargs)

    @functools.cached_property
    def context(self) -> RunContext:
        """What the streams of this run share."""
        return RunContext(
            lambda: settings.Settings.parse(self.config, user_agent=f"{self.name}/{self.plugin_version}"),
            cast("MessageWriter", self.message_writer),
            self._write_state,
            datetime.fromtimestamp(self.initialized_at / 1000, UTC),
            wait_factor=self.wait_factor,
        )

    @override
    def discover_streams(self) -> list[EndpointStream]:
        classes = [*map(stream_class, table.TABLE), *self._extra_streams()]
        classes += [stream_class(report, ReportStream) for report in self._custom_reports()]
        return [each(self, self.context) for each in classes]

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        sdk_command = super().get_singer_command()
        sdk_command.params += [list_command.option(cls), command.select_option(), *streams_command.options()]
        help_text = "Show which of the selected streams can be read, and what to do about the others; with --format json, for programs."
        sdk_command.params.append(click.Option(["--check-access"], is_flag=True, help=help_text))
        help_text = (
            "Show how many records of each selected stream the API says there are; with --format json, for programs."
        )
        sdk_command.params.append(click.Option(["--count"], is_flag=True, help=help_text))
        return command.Command.wrap(sdk_command, cls.logger)

    @override
    def setup_mapper(self) -> None:
        if self.config.get("unknown_fields") == "keep" and self.input_catalog:
            input_catalog.add_unknown_column(self.input_catalog)
        if self.input_catalog is not None:
            input_catalog.apply_keys(self.input_catalog, cast("dict[str, EndpointStream]", self.streams).values())
        self.mapper = StreamMapper(dict(self.config), self.logger)
        self.mapper.register_raw_streams_from_catalog(self.catalog)

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        if state:
            tenant_ids = (tenant.tenant_id for tenant in self.context.settings.tenants)
            super().load_state(normalize_state(state, tenant_ids, self.streams))

    @override  # type: ignore[misc]  # final for type checkers only; the SDK offers no other hook
    def sync_all(self) -> None:
        Sync(self.selected_streams(), self.context, self._undescribed).run()

    def check_access(self) -> list[check_access.StreamAccess]:
        """Return which of the selected streams can be read, by tenant."""
        return check_access.check(self.selected_streams(), self.context, self._undescribed)

    def count(self) -> list[record_counts.RecordCount]:
        """Return how many records the selected streams have, by tenant."""
        return record_counts.count(self.selected_streams(), self.context, self._undescribed)

    def selected_streams(self) -> list[EndpointStream]:
        """Return the selected streams; warn of selected ones that do not exist."""
        streams = cast("dict[str, EndpointStream]", self.streams)
        names = {*streams, *(failure.stream for failure in self._undescribed)}
        for line in input_catalog.unknown(self.input_catalog or Catalog(), names):
            self.logger.warning(line)
        selected = [stream for stream in streams.values() if stream.selected]
        if not selected and not self._undescribed:
            self.logger.warning("No stream is selected: there is nothing to read.")
        return selected

    def _extra_streams(self) -> list[type[EndpointStream]]:
        if not self.config.get("extra_streams"):
            return []
        if self._problems:
            raise ConfigError(self._problems)
        return extra_stream_classes.stream_classes(settings.parse_extra_streams(self.config["extra_streams"]))

    def _custom_reports(self) -> list[Report]:
        if not self.config.get("custom_reports"):
            return []
        if self._problems:
            raise ConfigError(self._problems)
        reports, self._undescribed = discovery.discover(
            self.context.settings,
            self.context.clients,
            self.context.prefetcher,
            self.context.started,
            self.input_catalog,
        )
        return reports

    def _write_state(self) -> None:
        self.write_message(StateMessage(value=self.state))

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        command.check_config_files(value)
        return super().cb_config(ctx, param, value)

    @classmethod
    @override
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:
        if value:
            source = ctx.params["config"]
            # Without any settings there is a catalog too: that of all streams but custom reports.
            valid = bool(source.config) or source.parse_env
            options = {"config": source.config, "parse_env_config": source.parse_env, "validate_config": valid}
            tap = cls(**options, setup_mapper=False)
            if rules := ctx.meta.get(command.SELECT):
                click.echo(select_rules.select(tap.catalog_json_text, rules))
            else:
                tap.run_discovery()
            ctx.exit()

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        if value != CliTestOptionValue.Schema.value:
            super().cb_test(ctx, param, value)
            return
        source = ctx.params["config"]
        chosen = command.read_catalog(ctx.params.get("catalog"))
        for stream in cls(config=source.config, parse_env_config=source.parse_env, catalog=chosen).selected_streams():
            stream.write_schema()
        ctx.exit()

    @classmethod
    @override
    def invoke(cls, *, check_access: bool = False, count: bool = False, **options: Any) -> None:
        try:
            if check_access:
                cls._check_access(**options)
            elif count:
                cls._count(**options)
            else:
                cls._sync(**options)
        except ConfigError as error:  # caught here, because the SDK would log the whole schema of the settings
            log_config_error(error)
            sys.exit(1)

    @classmethod
    def _sync(cls, *, about: bool, about_format: str | None, config: Any, catalog: Any, state: Any) -> None:
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        cls(
            config=config.config,
            parse_env_config=config.parse_env,
            catalog=command.read_catalog(catalog),
            state=command.read_state(state),
        ).sync_all()

    @classmethod
    def _quiet(cls, config: Any, catalog: Any) -> TapServiceTitan:
        """Make a tap whose log has warnings and errors only."""
        logging.disable(logging.INFO)
        chosen = command.read_catalog(catalog)
        return cls(config=config.config, parse_env_config=config.parse_env, catalog=chosen)

    @classmethod
    def _count(cls, *, config: Any, catalog: Any, about_format: str | None, **_: Any) -> None:
        found = cls._quiet(config, catalog).count()
        click.echo(record_counts.as_json(found) if about_format == "json" else record_counts.as_table(found))
        sys.exit(not found or any(each.cause for each in found))

    @classmethod
    def _check_access(cls, *, config: Any, catalog: Any, about_format: str | None, **_: Any) -> None:
        found = cls._quiet(config, catalog).check_access()
        click.echo(check_access.as_json(found) if about_format == "json" else check_access.as_table(found))
        sys.exit(not found or any(access.access != "readable" for access in found))

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
        # Raised in the main thread, which waits in run_jobs: a last STATE is written on the way out.
        self.logger.warning("Stopped by %s; the bookmarks cover what was written.", signal.Signals(signum).name)
        raise SystemExit(128 + signum)


def _is_helpful(line: logging.LogRecord) -> bool:
    """Leave out the SDK's line about .env, which people read as if Meltano ignored their .env."""
    return line.msg != "Skipping parse of env var settings..."
