"""Strings: which text a field gets, by its format and its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from tap_servicetitan.simulator.fake import timestamps, vocabulary
from tap_servicetitan.simulator.fake.field_names import plural, split_words
from tap_servicetitan.simulator.fake.record_context import RecordContext
from tap_servicetitan.simulator.fake.references import has_text_ids, target_stream

FieldMaker = Callable[[RecordContext], Any]

_PLANNED: Final = frozenset({"due", "follow", "next", "required", "scheduled", "start", "target", "window", "from"})
_PLANNED_END: Final = frozenset({"end", "ended", "to", "until", "expiration", "expires"})
_MIDNIGHTS: Final = frozenset({"postDate", "service_agreements.startDate", "service_agreements.endDate"})
"""Declared as dates by the OpenAPI documents, seen as ``2025-10-13T00:00:00`` without a zone."""


def any_of(items: Sequence[str]) -> FieldMaker:
    """Return one of these texts."""
    return lambda record: record.pick(items)


def person_name(record: RecordContext) -> str:
    """Return the name of any person, not of the one whom the record describes."""
    return f"{record.pick(vocabulary.FIRST_NAMES)} {record.pick(vocabulary.LAST_NAMES)}"


def phone(record: RecordContext) -> str:
    """Return a telephone number from the range that is reserved for fiction."""
    return f"{200 + record.below(700)}55501{record.below(100):02}"


def email(record: RecordContext) -> str:
    """Return the mail address of the record's person."""
    first, last = record.person
    return f"{first}.{last}@example.com".lower()


def contact(record: RecordContext) -> str:
    """Return a telephone number or a mail address, depending on the type of the contact."""
    return email(record) if record.values.get("type") == "Email" else phone(record)


def custom_value(record: RecordContext) -> str:
    """Return the value of a custom field: always text."""
    return record.pick(("4471", "Mornings", "12 years", "Ladder needed", "16x25x1"))


def street(record: RecordContext) -> str:
    """Return a house number and a street."""
    return f"{100 + record.below(9800)} {record.pick(vocabulary.STREETS)}"


def code_with(prefix: str) -> FieldMaker:
    """Return a text such as ``JOB-184223``."""
    return lambda record: f"{prefix}-{100_000 + record.below(900_000)}"


def digits(record: RecordContext) -> str:
    """Return the number of a document, as text."""
    return str(10_000 + record.below(990_000))


def money(record: RecordContext) -> str:
    """Return an amount of money as text, with two decimals."""
    return f"{record.below(60_000) / 100:.2f}"


def quantity(record: RecordContext) -> str:
    """Return a quantity as text."""
    return f"{1 + record.below(8)}.00"


def time_of_day(record: RecordContext) -> str:
    """Return what the OpenAPI documents call a duration: ``HH:MM:SS``, as seen in calls."""
    return f"{record.below(12):02}:{record.below(60):02}:{record.below(60):02}"


def timestamp(owner: str, name: str) -> FieldMaker:
    """Return a date-time: a planned one after the creation, others between creation and last modification."""
    if f"{owner}.{name}" in _MIDNIGHTS or name in _MIDNIGHTS:
        return lambda record: f"{timestamps.format_utc(record.visit)[:10]}T00:00:00"
    if name in {"createdOn", "submittedOn"}:
        return lambda record: timestamps.format_utc(record.created)
    if name == "modifiedOn":
        return lambda record: timestamps.format_utc(record.modified)
    parts = set(split_words(name))
    if parts & _PLANNED_END:
        return lambda record: timestamps.format_utc(record.visit + 2 * timestamps.HOUR)
    if parts & _PLANNED:
        return lambda record: timestamps.format_utc(record.visit)
    return lambda record: timestamps.format_utc(
        record.created + int(record.rng.random() * (record.modified - record.created))
    )


def name_in(owner: str) -> FieldMaker:
    """Return the name of a record of another stream."""
    if owner in vocabulary.STAFF:
        return person_name
    if owner in vocabulary.PEOPLE:
        return lambda record: record.name
    if owner in vocabulary.BUSINESSES:
        return any_of(vocabulary.VENDORS)
    if owner in vocabulary.LOOKUPS:
        return any_of(vocabulary.LOOKUPS[owner])
    known = next((name for name in vocabulary.LOOKUPS if owner.endswith(f"_{name}")), None)
    if known:
        return any_of(vocabulary.LOOKUPS[known])
    label = re.sub("ies$", "y", owner).removesuffix("es" if owner.endswith("uses") else "s")
    label = label.replace("_", " ").title()
    return lambda record: f"{label} {1 + record.below(40)}"


def own_name(stream: str) -> FieldMaker:
    """Return the record's own name; a small stream uses its names in order, then again with a number."""
    if stream in vocabulary.STAFF:
        return lambda record: " ".join(record.person)
    if stream not in vocabulary.LOOKUPS:
        return name_in(stream)
    names = vocabulary.LOOKUPS[stream]

    def make(record: RecordContext) -> str:
        repetition, index = divmod(record.index, len(names))
        return f"{names[index]} {repetition + 1}" if repetition else names[index]

    return make


_BY_NAME: Final[dict[str, FieldMaker]] = {
    "authCode": code_with("AUTH"), "bio": any_of(vocabulary.NOTES), "city": lambda record: record.place[0], "code": code_with("C"),
    "comment": any_of(vocabulary.NOTES), "description": any_of(vocabulary.SUMMARIES),
    "email": email, "externalId": code_with("EXT"), "fax": phone, "fileName": lambda record: f"photo-{record.below(10_000):04}.jpg",
    "firstName": lambda record: record.person[0], "from": phone, "key": any_of(("crmId", "erpId", "legacyId")),
    "lastName": lambda record: record.person[1], "loginName": lambda record: ".".join(record.person).lower(), "memo": any_of(vocabulary.NOTES),
    "model": code_with("MX"), "note": any_of(vocabulary.NOTES), "notes": any_of(vocabulary.NOTES), "phone": phone, "phoneNumber": phone, "state": lambda record: record.place[1],
    "street": street, "streetAddress": street, "subtype": any_of(("Repair", "Maintenance", "Replacement")),
    "summary": any_of(vocabulary.SUMMARIES), "text": any_of(vocabulary.NOTES), "title": any_of(vocabulary.SUMMARIES), "to": phone,
    "unit": lambda record: f"Apt {1 + record.below(40)}", "value": any_of(vocabulary.NOTES), "zip": lambda record: record.place[2],
    "duration": time_of_day, "jobStartTime": time_of_day, "jobSummary": any_of(vocabulary.SUMMARIES), "shiftEnd": time_of_day,
    "shiftStart": time_of_day, "start": time_of_day, "team": any_of(vocabulary.LOOKUPS["teams"]), "zips": lambda record: record.place[2],
    "cities": lambda record: record.place[0], "skills": any_of(vocabulary.LOOKUPS["technician_skills"]), "filename": code_with("FILE"),
} | dict.fromkeys(("fbclid", "gbraid", "gclid", "msclkid", "wbraid", "dataApiKey"), code_with("K"))  # fmt: skip
_BY_LAST_WORD: Final[dict[str, FieldMaker]] = {
    "account": any_of(vocabulary.LOOKUPS["gl_accounts"]), "activity": any_of(vocabulary.LOOKUPS["activity_codes"]), "by": person_name,
    "address": lambda record: f"{street(record)}, {record.place[0]}, {record.place[1]}", "date": timestamp("", "date"),
    "location": any_of(vocabulary.LOOKUPS["warehouses"]), "type": any_of(vocabulary.VALUES["type"]), "status": any_of(vocabulary.VALUES["status"]),
    "city": lambda record: record.place[0], "code": code_with("C"), "color": any_of(vocabulary.VALUES["color"]), "country": any_of(("USA",)),
    "email": email, "id": code_with("ID"), "on": timestamp("", "on"), "image": lambda record: f"Images/{record.below(10_000):04}.jpg",
    "images": lambda record: f"Images/{record.below(10_000):04}.jpg", "number": digits, "phone": phone, "quantity": quantity,
    "state": lambda record: record.place[1], "street": street, "unit": lambda record: f"Apt {1 + record.below(40)}",
    "url": lambda record: f"https://example.com/{record.below(1_000_000)}", "zip": lambda record: record.place[2],
} | dict.fromkeys((*vocabulary.MONEY, "costs"), money)  # fmt: skip


def text_field(stream: str, parent: str | None, name: str, string_format: str | None) -> FieldMaker:
    """Choose the maker of a string field by format and name; ``parent`` is the object or array that holds the field."""
    owner = target_stream(parent) if parent else stream
    if string_format == "date-time" or f"{owner}.{name}" in _MIDNIGHTS or name in _MIDNIGHTS:
        return timestamp(owner, name)
    if string_format == "date":
        planned = timestamp(owner, name)
        return lambda record: planned(record)[:10]
    if string_format in {"duration", "time"}:
        return time_of_day
    target = owner if name == "id" else target_stream(name)
    if string_format in {"uuid", "guid"} or name == "id" or (split_words(name)[-1] == "id" and has_text_ids(target)):
        return lambda record: record.identities.text_id(target, record.identities.choose(target, record.rng))
    options = vocabulary.VALUES.get(f"{parent or stream}.{name}") or vocabulary.VALUES.get(name)
    return any_of(options) if options else _by_name(owner, parent, name)


def _by_name(owner: str, parent: str | None, name: str) -> FieldMaker:
    parts = split_words(name)
    if name == "value" and owner.endswith("contacts"):
        return contact
    if name == "value" and owner == "custom_fields":
        return custom_value
    if name == "value" and owner.startswith("external_data"):
        return code_with("X")
    if name in {"name", "displayName"}:
        return name_in(owner) if parent else own_name(owner)
    if parts[-1] == "name" and name not in _BY_NAME:
        return name_in(plural("_".join(parts[:-1]).removeprefix("lead_")))
    return _BY_NAME.get(name) or _BY_LAST_WORD.get(parts[-1]) or any_of(vocabulary.NOTES)
