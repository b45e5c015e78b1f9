"""The options of the command line: which go together, and the files that they name."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import click
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_servicetitan.errors import CatalogError, ConfigError, StateError

COMMANDS = ("--about", "--check-access", "--count", "--discover", "--list-reports", "--streams", "--test", "--version")
"""Options that do something else than read records."""

FORMATS, YAML = ("json", "markdown"), "yaml"
"""Values of ``--format``: those of the SDK, and one of this tap."""

WITH_FORMAT = ("--about", "--check-access", "--count", "--list-reports", "--streams")

NEEDS = {"--format": WITH_FORMAT, "--select": ("--discover",), "--verbose": ("--streams",)}
"""Options that belong to others: one of them must be there too."""

SELECT = f"{__name__}.select"
"""Where the rules of ``--select`` are kept, for ``--discover``."""


class Command(SingerCommand):
    """The SDK's command, which refuses options that do not go together."""

    @classmethod
    def wrap(cls, command: click.Command, logger: logging.Logger) -> Command:
        """Return the SDK's command with the checks of this one."""
        for param in command.params:
            if param.name == "about_format":
                param.type = click.Choice([*FORMATS, YAML], case_sensitive=False)
                param.help = f"Output of {', '.join(WITH_FORMAT)}; {YAML}: of --list-reports only"
            param.is_eager |= param.name in {"about_format", "catalog"}  # the callbacks of commands use them
        return cls(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=logger,
        )

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        names = {arg.split("=", 1)[0] for arg in args if arg.startswith("--")}
        commands = [name for name in COMMANDS if name in names]
        if len(commands) > 1:
            msg = f"{' and '.join(commands)} cannot be used together: use one at a time."
            raise click.UsageError(msg)
        if "-v" in args:
            names.add("--verbose")
        for name, needed in NEEDS.items():
            if name in names and not names.intersection(needed):
                msg = f"{name} needs {'one of: ' if len(needed) > 1 else ''}{', '.join(needed)}."
                raise click.UsageError(msg)
        formats = [arg.partition("=")[2] or following for arg, following in pairwise([*args, ""]) if _is_format(arg)]
        if YAML in map(str.lower, formats) and "--list-reports" not in names:
            msg = f"--format {YAML} needs --list-reports."
            raise click.UsageError(msg)
        return super().parse_args(ctx, args)


def _is_format(arg: str) -> bool:
    return arg.partition("=")[0] == "--format"


def select_option() -> click.Option:
    """Make the option ``--select``, which ``--discover`` reads."""

    def keep(context: click.Context, _: click.Parameter, rules: str | None) -> None:
        context.meta[SELECT] = rules

    return click.Option(
        ["--select"],
        metavar="RULES",
        is_eager=True,
        expose_value=False,
        callback=keep,
        help="With --discover: select these streams and fields, and no others, such as 'bookings,jobs.id,!jobs.customFields'.",
    )


def check_config_files(paths: tuple[str, ...]) -> None:
    """Check that files given by ``--config`` hold JSON objects.

    Raises:
        ConfigError: Some do not; one line per file.
    """
    problems = [problem for path in paths if path != "ENV" and (problem := _config_problem(path))]
    if problems:
        raise ConfigError(problems)


def read_catalog(file: IO[str] | None) -> dict[str, Any] | None:
    """Read the file given by ``--catalog``.

    Raises:
        CatalogError: It holds no catalog.
    """
    if file is None:
        return None
    content = _parsed(file, "catalog", CatalogError)
    if "streams" not in content and "bookmarks" in content:
        msg = f"The file given by --catalog, {file.name}, is a STATE: give it by --state."
        raise CatalogError(msg)
    return content


def read_state(file: IO[str] | None) -> dict[str, Any] | None:
    """Read the file given by ``--state``.

    Raises:
        StateError: It holds no STATE.
    """
    if file is None:
        return None
    content = _parsed(file, "state", StateError)
    if "streams" in content and "bookmarks" not in content:
        msg = f"The file given by --state, {file.name}, is a catalog: give it by --catalog."
        raise StateError(msg)
    return content


def _config_problem(path: str) -> str | None:
    named = f"The file given by --config, {path},"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        return f"{named} cannot be read: {error.strerror}."
    except ValueError as error:
        return f"{named} is not JSON: {_position(error)}."
    return None if isinstance(content, dict) else f"{named} must hold a JSON object."


def _parsed(file: IO[str], option: str, error_class: type[CatalogError | StateError]) -> dict[str, Any]:
    named = f"The file given by --{option}, {file.name},"
    try:
        content = json.load(file)
    except OSError as error:
        msg = f"{named} cannot be read: {error.strerror}."
        raise error_class(msg) from error
    except ValueError as error:
        msg = f"{named} is not JSON: {_position(error)}."
        raise error_class(msg) from error
    if not isinstance(content, dict):
        msg = f"{named} must hold a JSON object."
        raise error_class(msg)
    return content


def _position(error: ValueError) -> str:
    """Return what is wrong and where; the text of a file may hold secrets, so it is not quoted."""
    if isinstance(error, json.JSONDecodeError):
        if not error.doc.strip():
            return "it is empty"
        return f"{error.msg}, line {error.lineno}, column {error.colno}"
    return "it is not UTF-8 text"
