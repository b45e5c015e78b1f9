"""Dispatch capacity: the only collection that is asked for by POST."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.collection import Collection
from tap_servicetitan.simulator.identities import first_number
from tap_servicetitan.simulator.listings import cached
from tap_servicetitan.simulator.parameters import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_servicetitan.simulator.answers import Answer, Call
    from tap_servicetitan.simulator.service import Service

LONGEST: Final = 14 * instants.DAY
"""The longest time that one request may ask about (MeltanoLabs/tap-service-titan)."""

REQUIRED: Final = ("startsOnOrAfter", "endsOnOrBefore", "skillBasedAvailability")
"""What the body must hold (OpenAPI document)."""

_FRAMES: Final = ((8, 12), (12, 16))
"""Hours, in the tenant's zone, of the time frames of a day."""

_ZONE: Final = -7 * instants.HOUR
_UNITS: Final = 3
"""Business units that take bookings."""


def answer(service: Service, collection: Collection, call: Call, fault: str | None) -> Answer:
    """Answer with the time frames that lie within the time asked about."""
    del fault

    def render() -> bytes:
        body = _body(call)
        start, end = (_instant(body, name) for name in REQUIRED[:2])
        if end - start > LONGEST:
            raise RefusalError({"endsOnOrBefore": "The time frame must not exceed 14 days."})
        now, _ = collection.now()
        wanted = body.get("businessUnitIds")
        frames = [
            frame
            for frame in within(collection, start, end)
            if not wanted or set(wanted) & set(frame["businessUnitIds"])
        ]
        return msgspec.json.encode({"timeStamp": instants.render(now), "availabilities": frames})

    return cached(service, collection, call, render)


class Capacities(Collection):
    """Time frames without end; :meth:`records` are those of the 14 days from the simulator's clock on."""

    def records(self) -> Iterator[dict[str, Any]]:
        """What a request for the longest time would be answered with now."""
        now, _ = self.now()
        yield from within(self, now, now + LONGEST)


def within(collection: Collection, start: int, end: int) -> Iterator[dict[str, Any]]:
    """Make up the time frames that begin and end between two moments, the same ones whenever asked."""
    identities = collection.maker.identities
    units = min(_UNITS, identities.size("business_units"))
    for day in range((start + _ZONE) // instants.DAY, (end + _ZONE) // instants.DAY + 1):
        for since, until in _FRAMES:
            opens, closes = (day * instants.DAY + hour * instants.HOUR for hour in (since, until))
            if not start <= opens - _ZONE < closes - _ZONE <= end:
                continue
            for unit in range(units):
                rng = Random(f"{identities.seed}:{collection.tenant_id}:{opens}:{unit}")
                total = 4.0 * (1 + int(rng.random() * 5))
                free = total * int(rng.random() * 5) / 4
                technician = identities.choose("technicians", rng)
                yield {
                    "start": instants.render(opens).replace("Z", "-07:00"),
                    "end": instants.render(closes).replace("Z", "-07:00"),
                    "startUtc": instants.render(opens - _ZONE),
                    "endUtc": instants.render(closes - _ZONE),
                    "businessUnitIds": [first_number("business_units") + unit],
                    "totalAvailability": total,
                    "openAvailability": free,
                    "technicians": [
                        {
                            "id": first_number("technicians") + technician,
                            "name": f"Technician {technician + 1}",
                            "status": "Available" if free else "Unavailable",
                            "hasRequiredSkills": None,
                        }
                    ],
                    "isAvailable": free > 0,
                    "isExceedingIdealBookingPercentage": free < total / 4,
                }


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body: dict[str, Any] = msgspec.json.decode(call.body or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise RefusalError({"body": "The request's body is not a JSON object."}) from error
    if missing := [name for name in REQUIRED if body.get(name) is None]:
        raise RefusalError({name: f"The {name} field is required." for name in missing})
    if not isinstance(body["skillBasedAvailability"], bool):
        raise RefusalError({"skillBasedAvailability": "The value is not valid for skillBasedAvailability."})
    return body


def _instant(body: Mapping[str, Any], name: str) -> int:
    instant = instants.parse(str(body[name]))
    if instant is None:
        raise RefusalError({name: f"The value '{body[name]}' is not valid for {name}."})
    return instant
