"""ServiceTitan's API on localhost: an invented trades business for demos, tests and benchmarks.

As a program: ``servicetitan-simulator --help``. In a test::

    from tap_servicetitan.simulator import Simulator

    with Simulator(records=200, page_size=50) as simulator:
        first = run_tap(simulator.config)
        simulator.advance(minutes=60, new=20, changed=10)
        simulator.misbehave("rate_limit", stream="bookings", retry_after=0.2)
        second = run_tap(simulator.config)
        assert ids(second) <= {record["id"] for record in simulator.records("bookings")}

It serves every stream of the tap's table, with records by the tap's schemas. Its behavior follows ServiceTitan's
documentation and what users of the API report, not what this tap needs.
"""

from __future__ import annotations

from tap_servicetitan.simulator.http.request_log import LoggedRequest as Request
from tap_servicetitan.simulator.simulator import Simulator

__all__ = ["Request", "Simulator"]
