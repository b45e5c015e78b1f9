"""ServiceTitan's API on localhost, with made-up records: ``python -m tap_servicetitan.simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
from threading import Event
from typing import TYPE_CHECKING, Final

from tap_servicetitan.simulator.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG: Final = """\
settings of a tap, for tenant 1001 (GET /simulator/config prints them):
  client_id      cid.1001
  client_secret  cs2.1001
  tenant_id      1001
  st_app_key     ak1.simulator
  api_url        http://127.0.0.1:8080
  auth_url       http://127.0.0.1:8080/connect/token

steering it (no credentials needed; records change only when told to):
  curl -X POST localhost:8080/simulator/advance -d '{"minutes": 60, "new": 20, "changed": 10, "recent": 0}'
      moves the clock; in every stream 20 records are created and 10 changed or deleted meanwhile, and
      "recent" more within the last 15 minutes, which feeds hold back unless includeRecentChanges=true
      ("stream": "bookings" lets one stream change only; "removed": 5 lets records vanish from collections that
      cannot show inactive ones)
  curl -X POST localhost:8080/simulator/misbehave -d '{"kind": "rate_limit", "stream": "bookings", "times": 2}'
      lets requests fail; kinds: rate_limit error bad_gateway unavailable reset reset_body cut cut_chunked
      empty html wrong_shape unauthorized hang refuse_token empty_page repeat_token redirect maintenance token_error;
      options: stream, tenant_id, after, times (null: for ever), retry_after, seconds, status, location
      (besides streams: report_description, report_data, dynamic_value_set)
  curl -X POST localhost:8080/simulator/behave
      takes all of that back
  curl 'localhost:8080/simulator/records?stream=bookings&tenant=1001'
      all records as they are now, to compare with what arrived
  curl localhost:8080/simulator/requests
      how often what was asked for, and how many requests were in flight at most
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    options = vars(_parser().parse_args(arguments))
    options["sizes"] = dict(options["sizes"])
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = Simulator(**options)
    except OSError as error:
        where = f"{options['host']}:{options['port']}"
        return _fail(f"Cannot listen on {where}: {error.strerror}. Choose another --port, or 0 for a free one.")
    except ValueError as error:
        return _fail(str(error))
    with simulator:
        who = "tenant" if len(simulator.tenants) == 1 else "tenants"
        tenants = ", ".join(map(str, simulator.tenants))
        sys.stdout.write(
            f"ServiceTitan simulator on {simulator.url} ({who} {tenants}; {len(simulator.world.endpoints)} streams; "
            f"a tap's settings: {simulator.url}/simulator/config)\n"
        )
        sys.stdout.flush()
        stop.wait()
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


def _size(text: str) -> tuple[str, int]:
    stream, _, number = text.partition("=")
    return stream, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tap_servicetitan.simulator",
        description="ServiceTitan's API on localhost: every stream of the tap, filled with a made-up trades business.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=8080, help="port to listen on; 0 for a free one (default: %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add(
        "--records",
        type=int,
        default=2000,
        metavar="N",
        help="records of each stream; nested: 0 to 5 of each parent (default: %(default)s)",
    )
    add(
        "--size",
        dest="sizes",
        type=_size,
        action="append",
        default=[],
        metavar="STREAM=N",
        help="records of one stream, if others than --records, or of each parent where it is nested; repeatable",
    )
    add("--page-size", type=int, default=500, metavar="N", help="records on a page of a feed (default: %(default)s)")
    add("--tenants", type=int, default=1, metavar="N", help="tenants 1001, 1002, ... (default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="another seed makes up other records (default: %(default)s)")
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="how long every answer takes (default: 0)")
    add(
        "--rate-limit",
        type=float,
        default=60.0,
        metavar="N",
        help="calls a second per tenant, 0 for any number (default: 60, as the API documents)",
    )
    add(
        "--reports-per-minute",
        type=float,
        default=5.0,
        metavar="N",
        help="runs a minute of the same report, 0 for any number (default: 5, as the API documents)",
    )
    add(
        "--token-lifetime",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="how long an access token is good for (default: 900, as the API documents)",
    )
    add(
        "--deny-scope",
        dest="deny_scopes",
        action="append",
        default=[],
        metavar="SCOPE",
        help="an OAuth scope that the app lacks, such as tn.crm.leads:r; repeatable",
    )
    add(
        "--chaos",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the calls that fail at random, such as 0.05; never the same one three times in a row",
    )
    add("--verbose", action="store_true", help="write a line to stderr for every request")
    return parser


if __name__ == "__main__":
    sys.exit(main())
