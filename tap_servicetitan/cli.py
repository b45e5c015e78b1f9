"""The command line: exit codes, and one line for each thing that went wrong."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress

import simplejson
from singer_sdk.exceptions import SingerSDKError

from tap_servicetitan.errors import ConfigError
from tap_servicetitan.failures import BUG_REMEDY, SyncFailedError, log_config_error, summary, without_text
from tap_servicetitan.tap import TapServiceTitan

_log = logging.getLogger(TapServiceTitan.name)


def main() -> None:
    """Run the command line; an error is one line, without a traceback."""
    code = _run()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):
            stream.flush()
    # Workers may still wait for the API: the process does not wait for them.
    os._exit(code)


def _run() -> int:
    """Run the command line and return its exit code."""
    if sys.stdout is None:
        _log.error("There is no stdout to write to.")
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
    except (json.JSONDecodeError, simplejson.JSONDecodeError, UnicodeDecodeError) as error:
        what = "A file given by --config, --catalog or --state, or a list from the environment,"
        _log.error("%s is not JSON: %s.", what, error)
    except (SingerSDKError, OSError) as error:
        _log.error("%s", error)
    except Exception as error:  # noqa: BLE001 -- the SDK would show its text, which may quote a secret
        _log.error("Unexpected %s%s", without_text(error), BUG_REMEDY)
    return 1
