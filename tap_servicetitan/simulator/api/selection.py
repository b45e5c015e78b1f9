"""Which records of a collection the parameters of a request select, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.api.endpoint_operations import operation, record_fields
from tap_servicetitan.simulator.api.field_filters import field_filters
from tap_servicetitan.simulator.api.query_parameters import InvalidRequestError, QueryParameters, invalid_value
from tap_servicetitan.simulator.data.nested_collection import Items
from tap_servicetitan.simulator.fake.record_maker import types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_servicetitan.schemas.openapi import Schema
    from tap_servicetitan.simulator.data.change_log import ChangeLog
    from tap_servicetitan.simulator.data.collection import Collection

INACTIVE_BY_DEFAULT: Final = frozenset({
    "jpm/v2/export/appointments", "jpm/v2/job-cancel-reasons", "jpm/v2/job-hold-reasons",
})  # fmt: skip
"""Operations that list inactive records too unless `active` excludes them (OpenAPI documents); all others hide them."""

_ACTIVE: Final = {"true": True, "any": None, "false": False}
_ACTIVE_STATE: Final = {"activeonly": True, "all": None, "inactiveonly": False}
_SORT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {"date": ("date", "year", "month"), "location": ("locationid",)}
_USUAL_SORT: Final = frozenset({"createdon", "id", "modifiedon"})
"""Fields to sort by where the documents have `sort` and name no field, and those of the older `orderBy`."""

_ON_REQUEST: Final[Mapping[str, str]] = {
    "calculatePrices": "calculatedPrice",
    "includeDiscounts": "discounts",
    "includeDurationBilling": "durationBilling",
    "includeRecurringServices": "recurringServices",
    "includeSubtasks": "subTasksData",
    "includeTags": "tagTypeIds",
    "includeTechnicians": "preferredTechnicianIds",
}
"""Fields that are filled only where this parameter is true (OpenAPI documents)."""

MAX_IDS: Final = 50
"""Number of ids in one request, by the OpenAPI documents of most `ids`."""


def active_filter(collection: Collection, parameters: QueryParameters) -> bool | None:
    """Return whether active or inactive records are selected; None for both.

    Raises:
        InvalidRequestError: The value of the parameter makes no sense.
    """
    takes = parameters.operation.query
    endpoint = collection.endpoint
    default = None if f"{endpoint.api}/{endpoint.path}" in INACTIVE_BY_DEFAULT else True
    for name, states in (("active", _ACTIVE), ("activeState", _ACTIVE_STATE)):
        if name in takes:
            value = parameters.text(name)
            if value is None:
                return default
            if value.lower() not in states:
                raise invalid_value(name, value)
            return states[value.lower()]
    if "activeOnly" in takes:
        return None if parameters.flag("activeOnly") is False else True
    if "includeInactive" in takes:
        return None if parameters.flag("includeInactive") else True
    return None


def select(collection: Collection, indices: Iterable[int], parameters: QueryParameters, log: ChangeLog) -> list[int]:
    """Return the selected records in the order of ``sort``, else in the order of their last change.

    Raises:
        InvalidRequestError: The value of a parameter makes no sense.
    """
    selected = list(indices)
    active = active_filter(collection, parameters)
    if active is not None:
        selected = [index for index in selected if collection.active(index) is active]
    for date, first, end in (
        (log.created.__getitem__, "createdOnOrAfter", "createdBefore"),
        (log.created.__getitem__, "submittedOnOrAfter", "submittedBefore"),
        (log.modified, "modifiedOnOrAfter", "modifiedBefore"),
    ):
        since, before = parameters.timestamp(first), parameters.timestamp(end)
        if since is not None:
            selected = [index for index in selected if date(index) >= since]
        if before is not None:
            selected = [index for index in selected if date(index) < before]
    if wanted := requested_ids(parameters):
        selected = [index for index in selected if str(collection.id_of(index)) in wanted]
    for date, name in ((log.created.__getitem__, "createdAfter"), (log.modified, "modifiedAfter")):
        after = parameters.timestamp(name)
        if after is not None:
            selected = [index for index in selected if date(index) > after]
    selected = _of_parents(collection, selected, parameters)
    for one in field_filters(collection.endpoint):
        wanted = one.read(parameters, one.parameter)
        if wanted is not None:
            selected = [index for index in selected if one.keeps(collection.make(index), wanted)]
    return _sort(collection, selected, _order(parameters), log)


def _of_parents(collection: Collection, indices: list[int], parameters: QueryParameters) -> list[int]:
    """Return the items of the records that a parameter such as ``estimateId`` names; all if it is absent."""
    if not isinstance(collection, Items):
        return indices
    for name in filter(collection.names_parent, parameters.operation.query):
        if (parents := parameters.numbers(name)) is not None:
            wanted = {index for parent in parents for index in collection.of_parent(f"{parent:.0f}")}
            return [index for index in indices if index in wanted]
    return indices


def hidden_fields(parameters: QueryParameters) -> dict[str, None]:
    """Return the fields that are null because the request does not ask for them."""
    return {
        field: None
        for name, field in _ON_REQUEST.items()
        if name in parameters.operation.query and not parameters.flag(name)
    }


def requested_ids(parameters: QueryParameters) -> list[str]:
    """Return the ids that a request names, each once; none if it names none.

    Raises:
        InvalidRequestError: They are too many.
    """
    ids = dict.fromkeys(one.strip() for one in (parameters.text("ids") or "").split(","))
    if len(ids) > MAX_IDS:
        raise InvalidRequestError({"ids": f"No more than {MAX_IDS} ids are allowed in one request."})
    return [one for one in ids if one]


def _order(parameters: QueryParameters) -> str:
    """Return what ``sort`` says, or the older two parameters; the plus arrives as a space where a client did not quote it."""
    direction = "-" if (parameters.text("orderByDirection") or "").lower().startswith("desc") else "+"
    return (parameters.text("sort") or f"{direction}{parameters.text('orderBy') or ''}").strip()


def _sort(collection: Collection, indices: list[int], order: str, log: ChangeLog) -> list[int]:
    """Sort by a field in upper or lower case, records without a value first.

    A field that the documents do not name is ignored: what the API does with it is not known.
    """
    name = order.lstrip("+-").lower()
    if name not in (operation(collection.endpoint).sort or _USUAL_SORT):
        return indices
    keys: dict[str, Callable[[int], Any]] = {
        "id": collection.id_of,
        "createdon": log.created.__getitem__,
        "modifiedon": log.modified,
    }
    key = keys.get(name) or _field_key(collection, name)
    if key is not None:
        indices.sort(key=key, reverse=order.startswith("-"))
    return indices


def _field_key(collection: Collection, name: str) -> Callable[[int], Any] | None:
    """Return what to sort by for a plain field; ``Date`` of costs is year and month, ``Location`` the id of one."""
    plain = {field.lower(): field for field, one in record_fields(collection.endpoint).items() if _is_plain(one)}
    fields = [plain[one] for one in _SORT_FIELDS.get(name, (name,)) if one in plain]
    if not fields:
        return None

    def key(index: int) -> Any:
        record = collection.make(index)
        return [(record[field] is not None, record[field]) for field in fields]

    return key


def _is_plain(schema: Schema) -> bool:
    return not {"array", "object"} & {*types_of(schema)}
