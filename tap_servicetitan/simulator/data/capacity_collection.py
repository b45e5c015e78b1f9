"""Dispatch capacity: time frames in which technicians are available, without an end."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.data.collection import Collection
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.references import first_id

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PERIOD: Final = 14 * timestamps.DAY
"""The longest period of one request, in ticks (MeltanoLabs/tap-service-titan)."""

_FRAMES: Final = ((8, 12), (12, 16))
"""First and last hour of the time frames of a day, in the tenant's time zone."""

_UTC_OFFSET: Final = -7 * timestamps.HOUR
_BUSINESS_UNITS: Final = 3
"""Number of business units that take bookings."""

UNGROUPED: Final = 2
"""Index of the business unit that is in no capacity group: requests that do not name it do not get it."""


class CapacityCollection(Collection):
    """The time frames of a tenant; :meth:`records` are those of the 14 days after the simulator's clock."""

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield what a request for the longest period returns now."""
        now, _ = self.now()
        yield from self.between(now, now + MAX_PERIOD)

    def between(self, start: int, end: int) -> Iterator[dict[str, Any]]:
        """Make the time frames that begin and end between two times; the same times always give the same frames."""
        units = min(_BUSINESS_UNITS, self.maker.identities.size("business_units"))
        for day in range((start + _UTC_OFFSET) // timestamps.DAY, (end + _UTC_OFFSET) // timestamps.DAY + 1):
            for first_hour, last_hour in _FRAMES:
                opens, closes = (day * timestamps.DAY + hour * timestamps.HOUR for hour in (first_hour, last_hour))
                if start <= opens - _UTC_OFFSET < closes - _UTC_OFFSET <= end:
                    yield from [self._frame(opens, closes, unit) for unit in range(units)]

    def _frame(self, opens: int, closes: int, unit: int) -> dict[str, Any]:
        """Make a time frame of a business unit; its times are in the tenant's time zone."""
        identities = self.maker.identities
        rng = Random(f"{identities.seed}:{self.tenant_id}:{opens}:{unit}")
        total = 4.0 * (1 + int(rng.random() * 5))
        free = total * int(rng.random() * 5) / 4
        technician = identities.choose("technicians", rng)
        return {
            "start": timestamps.format_utc(opens).replace("Z", "-07:00"),
            "end": timestamps.format_utc(closes).replace("Z", "-07:00"),
            "startUtc": timestamps.format_utc(opens - _UTC_OFFSET),
            "endUtc": timestamps.format_utc(closes - _UTC_OFFSET),
            "businessUnitIds": [first_id("business_units") + unit],
            "totalAvailability": total,
            "openAvailability": free,
            "technicians": [
                {
                    "id": first_id("technicians") + technician,
                    "name": f"Technician {technician + 1}",
                    "status": "Available" if free else "Unavailable",
                    "hasRequiredSkills": None,
                }
            ],
            "isAvailable": free > 0,
            "isExceedingIdealBookingPercentage": free < total / 4,
        }
