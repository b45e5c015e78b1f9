"""The key fields of a stream: no two of its records have the same values in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_servicetitan.simulator.fake import timestamps, vocabulary
from tap_servicetitan.simulator.fake.field_names import plural, split_words
from tap_servicetitan.simulator.fake.references import first_id, streams, target_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.fake.identities import Identities
    from tap_servicetitan.simulator.fake.record_context import RecordContext
    from tap_servicetitan.simulator.fake.text_fields import FieldMaker


def key_makers(endpoint: Endpoint, properties: Mapping[str, Any], identities: Identities) -> dict[str, FieldMaker]:
    """Return the makers of the key fields, whose values are like the digits of a number: the record's index.

    A digit has as many values as there are words to choose from, or records to refer to. The last digit has no limit.
    """
    names = [name for name in endpoint.keys if name in properties]
    makers: dict[str, FieldMaker] = {}
    weight = 1
    for position, name in enumerate(names):
        options = vocabulary.VALUES.get(f"{endpoint.name}.{name}") or vocabulary.VALUES.get(name) or ()
        target = endpoint.name if name == "id" else target_stream(name)
        refers = name != "id" and target in streams() and properties[name].get("type") == "integer"
        size = len(options) or (identities.size(target) if refers else 0)
        limited = size > 0 and position < len(names) - 1
        if options and limited:
            makers[name] = _word(options, weight)
        elif refers:
            makers[name] = _reference(target, weight, max(1, size), limited=limited)
        else:
            makers[name] = _last(endpoint, name, properties[name], weight)
        if not limited:
            break
        weight *= size
    return makers


def _word(options: tuple[str, ...], weight: int) -> FieldMaker:
    return lambda record: options[record.index // weight % len(options)]


def _reference(target: str, weight: int, size: int, *, limited: bool) -> FieldMaker:
    """Refer to another record for each value of the digits before, so that one technician has several jobs."""
    first = first_id(target)

    def make(record: RecordContext) -> int:
        digit, rest = divmod(record.index, weight)
        if digit >= size and not limited:
            return first + digit
        return first + (digit + 7 * rest) % size

    return make


def _last(endpoint: Endpoint, name: str, schema: Mapping[str, Any], weight: int) -> FieldMaker:
    if schema.get("format") == "date-time":
        return lambda record: timestamps.format_utc(record.created)
    if schema.get("type") == "integer":
        first = first_id(endpoint.name) if name == "id" else 1
        return lambda record: first + record.index // weight
    words = split_words(name)
    if words[-1] == "id":
        target = endpoint.name if name == "id" else target_stream(name)
        return lambda record: record.identities.text_id(target, record.index // weight)
    owner = endpoint.name if name == "name" else plural("_".join(words[:-1]))
    names = vocabulary.LOOKUPS.get(owner, (f"{words[0].upper()[:3]}",))

    def make(record: RecordContext) -> str:
        repetition, number = divmod(record.index // weight, len(names))
        return f"{names[number]} {repetition + 1}" if repetition else names[number]

    return make
