"""Dispatch capacity: the only stream that is read with POST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, invalid_value
from tap_servicetitan.simulator.data.capacity_collection import MAX_PERIOD, UNGROUPED, CapacityCollection
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.references import first_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.simulator.api.handlers.handler_context import HandlerContext
    from tap_servicetitan.simulator.api.http_types import ApiRequest, ApiResponse
    from tap_servicetitan.simulator.data.collection import Collection

REQUIRED: Final = ("startsOnOrAfter", "endsOnOrBefore", "skillBasedAvailability")
"""Fields that the body must have (OpenAPI document)."""


def handle(context: HandlerContext, collection: Collection, request: ApiRequest) -> ApiResponse:
    """Return the time frames of the requested period."""
    if not isinstance(collection, CapacityCollection):
        raise TypeError(collection)

    def render() -> bytes:
        body = _body(request)
        start, end = (_timestamp(body, name) for name in REQUIRED[:2])
        if end - start > MAX_PERIOD:
            raise InvalidRequestError({"endsOnOrBefore": "The time frame must not exceed 14 days."})
        now, _ = collection.now()
        units = _ids(body, "businessUnitIds")
        ungrouped = first_id("business_units") + UNGROUPED
        frames = [
            frame
            for frame in collection.between(start, end)
            for of in [set(frame["businessUnitIds"])]
            if (of & units if units else ungrouped not in of)
        ]
        return msgspec.json.encode({"timeStamp": timestamps.format_utc(now), "availabilities": frames})

    return context.cached(collection, request, render)


def _body(request: ApiRequest) -> Mapping[str, Any]:
    try:
        body: dict[str, Any] = msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidRequestError({"body": "The request's body is not a JSON object."}) from error
    if missing := [name for name in REQUIRED if body.get(name) is None]:
        raise InvalidRequestError({name: f"The {name} field is required." for name in missing})
    if str(body["skillBasedAvailability"]).lower() not in {"true", "false"}:  # Clients send "false" as well as false.
        raise InvalidRequestError({"skillBasedAvailability": "The value is not valid for skillBasedAvailability."})
    return body


def _ids(body: Mapping[str, Any], name: str) -> set[int]:
    """Read ids, which clients send as numbers or as texts."""
    try:
        return set(msgspec.convert(body.get(name) or [], list[int], strict=False))
    except msgspec.ValidationError as error:
        raise invalid_value(name, body[name]) from error


def _timestamp(body: Mapping[str, Any], name: str) -> int:
    ticks = timestamps.parse(str(body[name]))
    if ticks is None:
        raise invalid_value(name, body[name])
    return ticks
