"""The command line: exit codes, and one line for each thing that went wrong."""

from __future__ import annotations

import errno
import logging
import os
import sys

from singer_sdk.exceptions import SingerSDKError

from tap_servicetitan.errors import ConfigError, StreamError
from tap_servicetitan.failures import BUG_REMEDY, SyncFailedError, log_config_error, summary, without_text
from tap_servicetitan.tap import TapServiceTitan

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_log = logging.getLogger(TapServiceTitan.name)


def main() -> None:
    """Run the command line; an error is one line, without a traceback."""
    code = _run()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            pass
        except OSError as error:
            code = code or _unwritable(error)
    # Workers may still wait for the API: the process does not wait for them.
    os._exit(code)


def _run() -> int:
    """Run the command line and return its exit code."""
    if problem := _environment_problem():
        _log.error(problem)
        return 1
    try:
        TapServiceTitan.cli()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ConfigError as error:
        log_config_error(error)
    except SyncFailedError as error:
        _log.error("%s", error)
        for line in summary(error.failures):
            _log.error("  %s", line)
    except StreamError as error:  # of --test and --discover, which stop at the first
        _log.error("%s %s", error, error.remedy)
    except OSError as error:
        return _unwritable(error) if error.errno in NO_SPACE else _failed(error)
    except SingerSDKError as error:
        return _failed(error)
    except Exception as error:  # noqa: BLE001 -- the SDK would show its text, which may quote a secret
        _log.error("Unexpected %s%s", without_text(error), BUG_REMEDY)
    return 1


def _environment_problem() -> str | None:
    """Return why the process cannot run at all."""
    if sys.stdout is None:
        return "There is no stdout to write to."
    level = os.environ.get("TAP_SERVICETITAN_LOGLEVEL") or os.environ.get("LOGLEVEL") or "INFO"
    if level.upper() not in LOG_LEVELS:
        return (
            f"The environment variable TAP_SERVICETITAN_LOGLEVEL, or LOGLEVEL, must be one of: {', '.join(LOG_LEVELS)}."
        )
    return None


def _failed(error: Exception) -> int:
    _log.error("%s", error)
    return 1


def _unwritable(error: OSError) -> int:
    _log.error(
        "%s could not be written: %s. Free some space, then run again.", error.filename or "stdout", error.strerror
    )
    return 1
