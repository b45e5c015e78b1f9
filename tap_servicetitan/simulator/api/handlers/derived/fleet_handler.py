"""Fleet Pro: where vehicles were, and what happened to them, in a window of the request's body."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, invalid_value
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.vocabulary import PLACES, STREETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
    from tap_servicetitan.simulator.data.collection import Collection

MAX_WINDOW: Final = timestamps.DAY
MIN_AGE: Final = 7 * timestamps.DAY
"""Only older data can be read (OpenAPI document)."""

MAX_VINS: Final = 50
MAX_RECORDS: Final = 10_000
"""Records of one query at most (OpenAPI document)."""

_STEP: Final = 15 * timestamps.MINUTE
_EVENTS: Final = (("Ignition on", "Ignition"), ("Speeding", "Speed"), ("Hard brake", "Safety"), ("Yard", "Geofence"))


class _Pagination(msgspec.Struct, rename="camel"):
    page_number: int
    page_size: int


class _Window(msgspec.Struct, rename="camel"):
    """The body; no document says the number of the first page, here it is 1."""

    start_time: str
    end_time: str
    vins: list[str]
    pagination: _Pagination


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return a page of what is known of the vehicles, in the order of time; unknown vehicles have nothing."""

    def render() -> bytes:
        window = _read(request)
        start, end = _times(window)
        with collection.history.lock:
            now, _ = collection.now()
            last = min(end, now - MIN_AGE)
            vehicles = [collection.with_path_values(one) for one in collection.indices()]
        asked = [one for one in vehicles if one["vin"] in window.vins]
        moments = range(-(-start // _STEP) * _STEP, last, _STEP)
        seed = collection.maker.identities.seed
        events = collection.endpoint.path == "events"
        records = [row for moment in moments for one in asked for row in _records(seed, moment, one, events=events)]
        records = records[:MAX_RECORDS]
        number, size = window.pagination.page_number, window.pagination.page_size
        first = (number - 1) * size
        page = {"page": number, "pageSize": size, "totalCount": len(records), "hasMore": first + size < len(records)}
        return msgspec.json.encode({**page, "data": records[first : first + size]})

    return context.cached(collection, request, render)


def _read(request: ApiRequest) -> _Window:
    try:
        window = msgspec.json.decode(request.body or b"{}", type=_Window, strict=False)
    except msgspec.DecodeError as error:
        raise InvalidRequestError({"body": f"{error}."}) from error
    if not 1 <= len(window.vins) <= MAX_VINS:
        raise InvalidRequestError({"vins": f"The field vins must have 1 to {MAX_VINS} items."})
    if min(window.pagination.page_number, window.pagination.page_size) < 1:
        raise InvalidRequestError({"pagination": "The number and the size of the page must be at least 1."})
    return window


def _times(window: _Window) -> tuple[int, int]:
    texts = {"startTime": window.start_time, "endTime": window.end_time}
    times = {name: timestamps.parse(text) for name, text in texts.items()}
    if wrong := [name for name, time in times.items() if time is None]:
        raise invalid_value(wrong[0], texts[wrong[0]])
    start, end = (time or 0 for time in times.values())
    if not 0 <= end - start <= MAX_WINDOW:
        raise InvalidRequestError({"endTime": "The window must not exceed 24 hours."})
    return start, end


def _records(seed: int, moment: int, vehicle: Mapping[str, Any], *, events: bool) -> Iterator[dict[str, Any]]:
    """Make what is known of a vehicle at a moment: always the same; an event happens now and then."""
    rng = Random(f"{seed}:{vehicle['vin']}:{moment}")
    if events and rng.random() < 0.8:  # noqa: PLR2004  a share that means nothing elsewhere
        return
    city, state, _, latitude, longitude = rng.choice(PLACES)
    position = {
        "location": {
            "latitude": round(latitude + rng.random() / 20, 6),
            "longitude": round(longitude + rng.random() / 20, 6),
        },
        "timestamp": timestamps.format_utc(moment),
        "address": f"{rng.randrange(100, 9900)} {rng.choice(STREETS)}, {city}, {state}",
    }
    record = {
        "id": f"{rng.getrandbits(96):024x}",
        "vin": vehicle["vin"],
        "vehicleName": vehicle["name"],
        "location": position,
        "speedInMph": rng.randrange(75),
    }
    if events:
        name, kind = rng.choice(_EVENTS)
        geofence = name if kind == "Geofence" else None
        what = {"eventName": name, "eventType": kind, "driverName": vehicle["driverName"], "geofenceName": geofence}
        yield record | what
    else:
        odometer = 20_000 + moment // timestamps.DAY % 40_000
        yield record | {"odometerInMiles": odometer, "driverName": vehicle["driverName"]}
