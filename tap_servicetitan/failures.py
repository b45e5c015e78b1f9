"""What a run reports of streams that could not be read: one failure each, one line for each thing to do."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from singer_sdk.exceptions import MapExpressionError, SyncError

from tap_servicetitan.errors import ConfigError, StreamError, Verdict

BUG_REMEDY = "This is a bug in the tap: please report it with the lines above."

NAMED_STREAMS = 5
"""Streams that a line about several of them names; it counts the rest."""

_TRACE_ID = re.compile(r" \(trace id [^)]*\)")

_log = logging.getLogger("tap-servicetitan")


@dataclass(frozen=True)
class Failure:
    """A stream of a tenant that could not be read to its end."""

    tenant_id: str
    stream: str
    cause: str
    remedy: str
    verdict: Verdict = "failed"

    def __str__(self) -> str:
        """One line for a person."""
        return f"tenant {self.tenant_id}, stream {self.stream}: {self.cause} {self.remedy}".rstrip()

    @property
    def kind(self) -> str:
        """Its cause without the trace id, which differs from request to request."""
        return _TRACE_ID.sub("", self.cause)


class SyncFailedError(SyncError):
    """The run is over and some streams could not be read; all others are complete, and so are their bookmarks."""

    def __init__(self, failures: list[Failure], jobs: int) -> None:
        others = "; the others are complete" if len(failures) < jobs else ""
        super().__init__(f"{len(failures)} of {jobs} streams could not be read to the end{others}:")
        self.failures = failures


def summary(failures: Iterable[Failure]) -> list[str]:
    """Return one line for each thing to do, with the streams of a tenant that it concerns."""
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.tenant_id, failure.kind, failure.remedy), []).append(failure)
    return [str(group[0]) if len(group) == 1 else _line_for_several(group) for group in groups.values()]


def _line_for_several(group: list[Failure]) -> str:
    first = group[0]
    names = stream_names([failure.stream for failure in group])
    return f"tenant {first.tenant_id}, {names}: {first.cause} {first.remedy}".rstrip()


def stream_names(names: Sequence[str]) -> str:
    """Return the first of these streams, and how many more there are."""
    more = f" and {len(names) - NAMED_STREAMS} more" if len(names) > NAMED_STREAMS else ""
    return f"stream{'s' if len(names) > 1 else ''} {', '.join(names[:NAMED_STREAMS])}{more}"


def run_guarded(
    action: Callable[[], None], tenant_id: str, stream: str, to_failure: Callable[[StreamError], Failure]
) -> Failure | None:
    """Run an action on a stream of a tenant; return what went wrong, so that no other stream is stopped by it.

    Args:
        action: What to run.
        tenant_id: The tenant.
        stream: Name of the stream.
        to_failure: Makes the failure of an error that the tap knows.

    Raises:
        OSError: Nothing can be written any more: stdout is closed, or the disk is full.
    """
    try:
        action()
    except OSError:
        raise
    except MapExpressionError as error:
        return Failure(tenant_id, stream, str(error), "Fix the expression in stream_maps.")
    except StreamError as error:
        return to_failure(error)
    except Exception as error:  # noqa: BLE001 -- a bug in one stream must not stop the others
        _log.error("Unexpected %s", without_text(error))
        return Failure(tenant_id, stream, f"Unexpected {type(error).__name__}.", BUG_REMEDY)
    return None


def without_text(error: Exception) -> str:
    """Return an exception's type and stack, without its text, which may quote a record or a secret."""
    return f"{type(error).__name__}, at:\n{''.join(traceback.format_tb(error.__traceback__))}"


def log_config_error(error: ConfigError) -> None:
    """Log what is wrong with the config, one line for each problem."""
    for problem in error.errors:
        _log.error(problem)
