"""The fields of a key: together they tell the records of a stream apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_servicetitan.simulator import instants, words
from tap_servicetitan.simulator.identities import Identities, collection, first_number, plural, streams
from tap_servicetitan.simulator.identities import words as split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.row import Row
    from tap_servicetitan.simulator.texts import Maker


def key_makers(endpoint: Endpoint, properties: Mapping[str, Any], identities: Identities) -> dict[str, Maker]:
    """Make what the key's fields are filled by: like digits of a number, which is the record's index.

    A digit has as many values as there are words to choose from or records to point to; the last has no limit.
    """
    names = [name for name in endpoint.keys if name in properties]
    makers: dict[str, Maker] = {}
    weight = 1
    for place, name in enumerate(names):
        options = words.VALUES.get(f"{endpoint.name}.{name}") or words.VALUES.get(name) or ()
        target = endpoint.name if name == "id" else collection(name)
        points = name != "id" and target in streams() and properties[name].get("type") == "integer"
        size = len(options) or (identities.size(target) if points else 0)
        limited = size > 0 and place < len(names) - 1
        if options and limited:
            makers[name] = _word(options, weight)
        elif points:
            makers[name] = _pointer(target, weight, max(1, size), limited=limited)
        else:
            makers[name] = _last(endpoint, name, properties[name], weight)
        if not limited:
            break
        weight *= size
    return makers


def _word(options: tuple[str, ...], weight: int) -> Maker:
    return lambda row: options[row.index // weight % len(options)]


def _pointer(target: str, weight: int, size: int, *, limited: bool) -> Maker:
    """Point to other records than the digits before do, lest all records of one technician be of one job."""
    first = first_number(target)

    def make(row: Row) -> int:
        digit, rest = divmod(row.index, weight)
        if digit >= size and not limited:
            return first + digit
        return first + (digit + 7 * rest) % size

    return make


def _last(endpoint: Endpoint, name: str, schema: Mapping[str, Any], weight: int) -> Maker:
    if schema.get("format") == "date-time":
        return lambda row: instants.render(row.created)
    if schema.get("type") == "integer":
        first = first_number(endpoint.name) if name == "id" else 1
        return lambda row: first + row.index // weight
    parts = split(name)
    if parts[-1] == "id":
        target = endpoint.name if name == "id" else collection(name)
        return lambda row: row.identities.guid(target, row.index // weight)
    owner = endpoint.name if name == "name" else plural("_".join(parts[:-1]))
    names = words.LOOKUPS.get(owner, (f"{parts[0].upper()[:3]}",))

    def make(row: Row) -> str:
        again, place = divmod(row.index // weight, len(names))
        return f"{names[place]} {again + 1}" if again else names[place]

    return make
