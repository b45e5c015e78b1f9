"""Which records of a collection a query asks for, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.parameters import Parameters, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_servicetitan.simulator.collection import Collection
    from tap_servicetitan.simulator.log import ChangeLog

BOTH_BY_DEFAULT: Final = frozenset({
    "jpm/v2/export/appointments", "jpm/v2/job-cancel-reasons", "jpm/v2/job-hold-reasons",
})  # fmt: skip
"""Where inactive records are shown unless `active` says otherwise (OpenAPI documents); all others hide them."""

_ACTIVE: Final = {"true": True, "any": None, "false": False}
_ACTIVE_STATE: Final = {"activeonly": True, "all": None, "inactiveonly": False}
MAX_IDS: Final = 50
"""As the OpenAPI documents say of most `ids`."""


def visible(collection: Collection, parameters: Parameters) -> bool | None:
    """Tell whether active or inactive records are asked for; None for both."""
    has = parameters.operation.has
    endpoint = collection.endpoint
    default = None if f"{endpoint.api}/{endpoint.path}" in BOTH_BY_DEFAULT else True
    for name, states in (("active", _ACTIVE), ("activeState", _ACTIVE_STATE)):
        if has(name):
            return _state(name, parameters.text(name), states, default)
    if has("activeOnly"):
        return None if parameters.flag("activeOnly") is False else True
    if has("includeInactive"):
        return None if parameters.flag("includeInactive") else True
    return None


def _state(name: str, value: str | None, states: dict[str, bool | None], default: bool | None) -> bool | None:  # noqa: FBT001 -- three-valued, as the parameter
    if value is None:
        return default
    if value.lower() not in states:
        raise RefusalError({name: f"The value '{value}' is not valid for {name}."})
    return states[value.lower()]


def select(collection: Collection, indices: Iterable[int], parameters: Parameters, log: ChangeLog) -> list[int]:
    """Return those of the records that the query asks for, in its order: that of their last change if it names none.

    Raises:
        RefusalError: A parameter's value makes no sense.
    """
    chosen = list(indices)
    active = visible(collection, parameters)
    if active is not None:
        chosen = [index for index in chosen if collection.active(index) is active]
    for date, after, before in (
        (log.created.__getitem__, "createdOnOrAfter", "createdBefore"),
        (log.created.__getitem__, "submittedOnOrAfter", "submittedBefore"),
        (log.modified, "modifiedOnOrAfter", "modifiedBefore"),
    ):
        since, until = parameters.instant(after), parameters.instant(before)
        if since is not None:
            chosen = [index for index in chosen if date(index) >= since]
        if until is not None:
            chosen = [index for index in chosen if date(index) < until]
    if ids := parameters.text("ids"):
        wanted = {one.strip() for one in ids.split(",")}
        if len(wanted) > MAX_IDS:
            raise RefusalError({"ids": f"No more than {MAX_IDS} ids may be asked for."})
        chosen = [index for index in chosen if str(collection.identify(index)) in wanted]
    if parameters.operation.has("includeChildren") and not parameters.flag("includeChildren"):
        chosen = [index for index in chosen if collection.make(index)["parentId"] is None]
    return _sort(collection, chosen, parameters.text("sort"), log)


def _sort(collection: Collection, indices: list[int], order: str | None, log: ChangeLog) -> list[int]:
    """Sort by a field of any case; a plus may have become a space on its way."""
    name = (order or "").lstrip("+- ").lower()
    keys: dict[str, Callable[[int], Any]] = {
        "id": collection.identify,
        "createdon": log.created.__getitem__,
        "modifiedon": log.modified,
    }
    key = keys.get(name)
    if key is not None:
        indices.sort(key=key, reverse=(order or "").startswith("-"))
    return indices
