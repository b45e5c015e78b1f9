"""Settings from environment variables, for ``--config=ENV``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from dotenv import dotenv_values, find_dotenv

from tap_servicetitan.errors import ConfigError

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")


def environment_config(
    schema: Mapping[str, Any], prefix: str, variables: Mapping[str, str | None] | None = None
) -> dict[str, Any]:
    """Return the settings that environment variables hold; an empty variable is as good as none.

    Args:
        schema: That of the settings.
        prefix: What the names of the variables begin with, such as ``TAP_SERVICETITAN_``.
        variables: In place of those of the process, which come before those of a file ``.env`` in the working directory
            or above.

    Raises:
        ConfigError: Some could not be read; one line per variable, without its value.
    """
    if variables is None:
        variables = {**dotenv_values(find_dotenv(usecwd=True)), **os.environ}
    config: dict[str, Any] = {}
    problems = []
    for name, property_schema in schema["properties"].items():
        variable = prefix + name.upper()
        if not (text := (variables.get(variable) or "").strip()):
            continue
        try:
            config[name] = _parse(text, property_schema.get("type", ()))
        except _UnreadableError as error:
            problems.append(f"Environment variable {variable} must be {error}.")
    if problems:
        raise ConfigError(problems)
    return config


class _UnreadableError(Exception):
    """Text is not of the type of its setting; names the type."""


def _parse(text: str, types: str | list[str]) -> Any:
    if "string" in types and not ("object" in types and text.startswith("{")):
        return text
    if "boolean" in types:
        if text.lower() in (*TRUE, *FALSE):
            return text.lower() in TRUE
        raise _UnreadableError(f"one of: {', '.join((*TRUE, *FALSE))}")  # noqa: TRY003, EM102 -- made into a sentence above
    parse, words = next((each for kind, each in _PARSERS.items() if kind in types), (json.loads, "JSON"))
    try:
        return parse(text)
    except ValueError as error:
        raise _UnreadableError(words) from error


_PARSERS: Mapping[str, Any] = {"integer": (int, "a whole number"), "number": (float, "a number")}
