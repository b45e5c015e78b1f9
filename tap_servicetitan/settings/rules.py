"""Rules that a JSON schema cannot express: each returns what is wrong with a value, None if nothing is."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from tap_servicetitan.dates import parse_date

MAX_REPORT_NAME_LENGTH = 49
"""Characters: with the prefix ``custom_report_`` it is 63, the longest name of a table in PostgreSQL."""

_BATCH_PARTS = {
    "encoding": ("format", "jsonl", ("format", "compression")),
    "storage": ("root", "file:///path/of/a/directory", ("root", "prefix", "params")),
}
"""The objects in batch_config: the field that each needs, an example of its value, and all fields."""


def past_date(text: str) -> str | None:
    """Check a date or date-time that is not in the future."""
    try:
        date = parse_date(text.strip())
    except ValueError:
        return "must be a date or date-time, such as 2026-01-31 or 2026-01-31T00:00:00Z"
    return "lies in the future" if date > datetime.now(UTC) + timedelta(days=1) else None


def time_zone(text: str) -> str | None:
    """Check the name of a time zone."""
    try:
        zone(text)
    except (ValueError, OSError, KeyError):  # a ZoneInfoNotFoundError is a KeyError
        return "must be the IANA name of a time zone, such as America/Denver"
    return None


def zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name; UTC needs no database of time zones."""
    return UTC if name == "UTC" else ZoneInfo(name)


def url(text: str) -> str | None:
    """Check a URL to which credentials are sent."""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "must be a URL that begins with https://"
    if parts.scheme == "http" and not _is_loopback(host):
        return "must begin with https://: plain http would show the credentials to the network"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    if re.search(r"\s", text.strip()):
        return "must not hold white space"
    return None


def root_url(text: str) -> str | None:
    """Check a URL to which paths are appended."""
    if "?" in text or "#" in text:
        return "must not hold '?' or '#': the tap appends the path of each request"
    return url(text)


NESTED_PARENTS = ("all", "changed")


def nested_parents(value: str | Mapping[str, str]) -> str | None:
    """Check a word for all nested streams, or an object of words, whose schema allows no other words."""
    if isinstance(value, Mapping) or value.strip() in NESTED_PARENTS:
        return None
    return f"must be one of: {', '.join(NESTED_PARENTS)}; or an object of them by stream name"


def header(text: str) -> str | None:
    """Check text that is sent as a header."""
    sendable = text.strip().isascii() and text.strip().isprintable()
    return None if sendable else "must be of plain ASCII characters: it is sent as a header"


MAX_DIGITS = 20
"""Digits of a tenant's id: the ``maxLength`` of ``tenant_id`` in the schemas."""


def tenant_number(value: str | int) -> str | None:
    """Check a tenant's id."""
    return (
        None
        if _is_number(value) and len(str(value).strip()) <= MAX_DIGITS
        else "must be a tenant's number, such as 123456789"
    )


def numbers(values: Sequence[str | int]) -> str | None:
    """Check a list of ids."""
    return None if all(map(_is_number, values)) else "must be a list of numbers, such as [1, 2]"


def report_number(value: str | int) -> str | None:
    """Check a report's id."""
    return None if _is_number(value) else "must be a report's number, such as 123456789: --list-reports shows it"


def report_name(text: str) -> str | None:
    """Check the part of a stream's name that users choose."""
    if re.fullmatch(rf"[A-Za-z0-9_]{{1,{MAX_REPORT_NAME_LENGTH}}}", text):
        return None
    return f"must be of letters A to Z, digits and '_', at most {MAX_REPORT_NAME_LENGTH}: it names a table"


def finite(number: float) -> str | None:
    """Check a number that JSON may write as NaN or Infinity."""
    return None if math.isfinite(number) else "must be a finite number"


def batch(batch_config: Mapping[str, Any]) -> str | None:
    """Check the SDK's setting batch_config, whose schema requires nothing although BATCH files need a place."""
    size = batch_config.get("batch_size")
    if size is not None and not (isinstance(size, int) and size >= 1):
        return "must have a batch_size of at least 1"
    parts = {name: batch_config.get(name) or {} for name in _BATCH_PARTS}
    for name, (needed, example, _) in _BATCH_PARTS.items():
        if not parts[name].get(needed):
            return f"must hold {name}.{needed}, such as {example}"
    names = {"": (batch_config, (*_BATCH_PARTS, "batch_size"))}
    names |= {f" in {name}": (parts[name], known) for name, (_, _, known) in _BATCH_PARTS.items()}
    for where, (found, known) in names.items():
        if not found.keys() <= set(known):
            return f"must hold nothing but {', '.join(known)}{where}"
    if not isinstance(parts["storage"].get("params", {}), Mapping):
        return "must have an object as storage.params"
    return None


def _is_number(value: str | int) -> bool:
    return re.fullmatch(r"[0-9]+", str(value).strip()) is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
