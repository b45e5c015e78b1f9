"""Collections that are read by time windows."""

from __future__ import annotations

from collections.abc import Callable

from helpers.support import config_of, days_ago, run_here

from tap_servicetitan.dates import format_api_date
from tap_servicetitan.simulator import Simulator


def test_windows_of_a_later_run_do_not_start_before_start_date(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate()
    config = config_of(simulator, start_date=str(days_ago(2)))

    def starts() -> list[str]:
        seen = len(simulator.requests)
        run_here(config, "email_channel_costs", state=state)
        return sorted(one.query["from"] for one in simulator.requests[seen:] if one.stream == "email_channel_costs")

    state = None
    expected = [format_api_date(days_ago(days)) for days in (2, 1, 0)]
    assert starts() == expected
    state = run_here(config, "email_channel_costs").state
    assert starts() == expected
