"""ServiceTitan's API on localhost, with invented records: ``servicetitan-simulator``.

``python -m tap_servicetitan.simulator`` is the same command, for where the console script is not on the path.
"""

from __future__ import annotations

import argparse
import signal
import sys
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Final, get_args

from tap_servicetitan.simulator.data.report_queries import Keys
from tap_servicetitan.simulator.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence

LIVE_STEP_SECONDS: Final = 1.0
"""How often the clock moves with ``--live``."""

LIVE_CHANGES: Final = 600
"""Changes an hour with ``--live`` alone: ten a minute."""

_EPILOG: Final = """\
settings of a tap, for tenant 1001 (GET /simulator/config prints them):
  client_id      cid.1001
  client_secret  cs2.1001
  tenant_id      1001
  st_app_key     ak1.simulator
  api_url        http://127.0.0.1:8080
  auth_url       http://127.0.0.1:8080/connect/token

control paths (no credentials needed; records change only by a request to advance):
  curl -X POST localhost:8080/simulator/advance -d '{"minutes": 60, "new": 20, "changed": 10, "recent": 0}'
      moves the clock, creates 20 records of every stream and changes or deletes 10;
      "recent" is a number of additional records within the last 15 minutes, which feeds show only with
      includeRecentChanges=true; "stream": "bookings" changes one stream only; "removed": 5 removes records of
      streams that cannot show inactive ones
  curl -X POST localhost:8080/simulator/misbehave -d '{"kind": "rate_limit", "stream": "bookings", "times": 2}'
      makes requests fail; kinds: rate_limit error bad_gateway unavailable reset reset_body cut cut_chunked
      empty html wrong_shape unauthorized hang refuse_token empty_page repeat_token redirect maintenance token_error
      unlicensed not_found conflict has_more;
      options: stream, tenant_id, after, times (null: always), retry_after, seconds, status, location
      (besides streams: report_description, report_data, report_query, report_query_result,
      report_query_cancellation, dynamic_value_set)
  curl -X POST localhost:8080/simulator/add-field -d '{"stream": "invoices", "field": "items.extra"}'
      lets all records have one more field, here in each object of a list
  curl -X POST localhost:8080/simulator/add-collection \\
      -d '{"name": "pets", "api": "crm/v2", "path": "export/pets", "kind": "export", "like": "bookings"}'
      serves a collection that the tap does not know; kinds: export listing unpaged
  curl -X POST localhost:8080/simulator/behave
      ends all faults
  curl 'localhost:8080/simulator/records?stream=bookings&tenant=1001'
      prints all records as they are now, to compare with what arrived
  curl localhost:8080/simulator/overview
      prints what the page in a browser shows: collections, the last requests, faults
  curl localhost:8080/simulator/requests
      prints the number of requests by stream and status, and the highest number of requests in flight
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C, and return the exit code."""
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
        noun = "tenant" if len(simulator.tenants) == 1 else "tenants"
        tenants = ", ".join(map(str, simulator.tenants))
        sys.stdout.write(
            f"ServiceTitan simulator on {simulator.url} ({noun} {tenants}; {len(simulator.world.endpoints)} streams; "
            f"a tap's settings: {simulator.url}/simulator/config)\n"
        )
        sys.stdout.flush()
        _run_clock(simulator, stop) if options["live"] else stop.wait()
    return 0


def _run_clock(simulator: Simulator, stop: Event) -> None:
    """Let the simulator's clock move as fast as the machine's."""
    before = monotonic()
    while not stop.wait(LIVE_STEP_SECONDS):
        now = monotonic()
        simulator.advance(minutes=(now - before) / 60, new=0, changed=0)
        before = now


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


def _size(text: str) -> tuple[str, int]:
    stream, _, number = text.partition("=")
    return stream, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="servicetitan-simulator",
        description="ServiceTitan's API on localhost: every stream of the tap, filled with the records of an invented trades business.",
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
        help="number of records of each stream; a nested one has 0 to 5 below each parent (default: %(default)s)",
    )
    add(
        "--size",
        dest="sizes",
        type=_size,
        action="append",
        default=[],
        metavar="STREAM=N",
        help="number of records of one stream, instead of --records, or below each parent of a nested one, or of items; repeatable",
    )
    add(
        "--page-size",
        type=int,
        default=500,
        metavar="N",
        help="number of records on a page of a feed (default: %(default)s)",
    )
    add("--tenants", type=int, default=1, metavar="N", help="tenants 1001, 1002, ... (default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="another seed gives other records (default: %(default)s)")
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="how long each response takes (default: 0)")
    add(
        "--rate-limit",
        type=float,
        default=60.0,
        metavar="N",
        help="requests per second and tenant, 0 for any number (default: 60, as the API documents)",
    )
    add(
        "--reports-per-minute",
        type=float,
        default=1.0,
        metavar="N",
        help="runs per minute of the same report, 0 for any number (default: 1, as the API allows)",
    )
    add(
        "--report-queries",
        choices=get_args(Keys),
        default="pascal",
        help="keys in the results of asynchronous report queries: pascal as live tenants send them, camel as "
        "documented; none: 404 (default: %(default)s)",
    )
    add("--report-seconds", type=float, default=0.0, metavar="SECONDS", help="how long each report runs (default: 0)")
    add(
        "--report-wait",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long a report query waits for the result before it answers with a token (default: 10)",
    )
    add(
        "--report-token-lifetime",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="how long the token of a report query is known (default: 3600)",
    )
    add(
        "--report-slots",
        type=int,
        default=1,
        metavar="N",
        help="report queries of a tenant that may run at the same time; another one gets 409 (default: 1)",
    )
    add(
        "--token-lifetime",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="how long an access token is valid (default: 900, as the API documents)",
    )
    add(
        "--deny-scope",
        dest="deny_scopes",
        action="append",
        default=[],
        metavar="SCOPE",
        help="an OAuth scope that the app does not have, such as tn.crm.leads:r; repeatable",
    )
    add(
        "--chaos",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the requests that fail at random, such as 0.05; the same request fails at most twice in a row",
    )
    add(
        "--live",
        type=float,
        nargs="?",
        const=float(LIVE_CHANGES),
        default=0.0,
        metavar="N",
        help="let time run: bookings arrive and become jobs, appointments, invoices and payments, N changes an hour "
        f"(without a number: {LIVE_CHANGES})",
    )
    add("--verbose", action="store_true", help="write a line to stderr for each request")
    return parser


if __name__ == "__main__":
    sys.exit(main())
