"""Made-up strings: which words a field of which name gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from tap_servicetitan.simulator import instants, words
from tap_servicetitan.simulator.identities import collection, has_text_ids, plural
from tap_servicetitan.simulator.identities import words as split
from tap_servicetitan.simulator.row import Row

Maker = Callable[[Row], Any]

_PLANNED: Final = frozenset({"due", "follow", "next", "required", "scheduled", "start", "target", "window", "from"})
_PLANNED_END: Final = frozenset({"end", "ended", "to", "until", "expiration", "expires"})
_MIDNIGHTS: Final = frozenset({"postDate", "service_agreements.startDate", "service_agreements.endDate"})
"""Declared as dates by the OpenAPI documents, seen as ``2025-10-13T00:00:00`` without a zone."""


def of(items: Sequence[str]) -> Maker:
    """Any of these words."""
    return lambda row: row.pick(items)


def person_name(row: Row) -> str:
    """Give the name of some person, not the one that the record is about."""
    return f"{row.pick(words.FIRST_NAMES)} {row.pick(words.LAST_NAMES)}"


def phone(row: Row) -> str:
    """Give a telephone number from the range reserved for fiction."""
    return f"{200 + row.below(700)}55501{row.below(100):02}"


def email(row: Row) -> str:
    """Give a mail address that fits the record's person."""
    first, last = row.person
    return f"{first}.{last}@example.com".lower()


def contact(row: Row) -> str:
    """Give a telephone number or mail address, whichever the record says it holds."""
    return email(row) if row.values.get("type") == "Email" else phone(row)


def custom_value(row: Row) -> str:
    """Give the value of a custom field: text, whatever it is about."""
    return row.pick(("4471", "Mornings", "12 years", "Ladder needed", "16x25x1"))


def street(row: Row) -> str:
    """Give a house number and a street."""
    return f"{100 + row.below(9800)} {row.pick(words.STREETS)}"


def code(prefix: str) -> Maker:
    """Give something like ``JOB-184223``."""
    return lambda row: f"{prefix}-{100_000 + row.below(900_000)}"


def digits(row: Row) -> str:
    """Give a document's number as text."""
    return str(10_000 + row.below(990_000))


def money(row: Row) -> str:
    """Give an amount of money as text: exact, two decimals."""
    return f"{row.below(60_000) / 100:.2f}"


def quantity(row: Row) -> str:
    """Give a quantity as text."""
    return f"{1 + row.below(8)}.00"


def time_of_day(row: Row) -> str:
    """Give what the OpenAPI documents call a duration: ``HH:MM:SS``, as seen in calls."""
    return f"{row.below(12):02}:{row.below(60):02}:{row.below(60):02}"


def instant(owner: str, name: str) -> Maker:
    """Give a date-time: planned ones lie after the record's creation, others between creation and modification."""
    if f"{owner}.{name}" in _MIDNIGHTS or name in _MIDNIGHTS:
        return lambda row: f"{instants.render(row.visit)[:10]}T00:00:00"
    if name in {"createdOn", "submittedOn"}:
        return lambda row: instants.render(row.created)
    if name == "modifiedOn":
        return lambda row: instants.render(row.modified)
    parts = set(split(name))
    if parts & _PLANNED_END:
        return lambda row: instants.render(row.visit + 2 * instants.HOUR)
    if parts & _PLANNED:
        return lambda row: instants.render(row.visit)
    return lambda row: instants.render(row.created + int(row.rng.random() * (row.modified - row.created)))


def name_in(owner: str) -> Maker:
    """Give the name of a record of a collection."""
    if owner in words.STAFF:
        return person_name
    if owner in words.PEOPLE:
        return lambda row: row.name
    if owner in words.BUSINESSES:
        return of(words.VENDORS)
    if owner in words.LOOKUPS:
        return of(words.LOOKUPS[owner])
    known = next((name for name in words.LOOKUPS if owner.endswith(f"_{name}")), None)
    if known:
        return of(words.LOOKUPS[known])
    label = re.sub("ies$", "y", owner).removesuffix("es" if owner.endswith("uses") else "s")
    label = label.replace("_", " ").title()
    return lambda row: f"{label} {1 + row.below(40)}"


def own_name(stream: str) -> Maker:
    """Give the name of the record itself; those of a small collection come in order and are numbered after that."""
    if stream in words.STAFF:
        return lambda row: " ".join(row.person)
    if stream not in words.LOOKUPS:
        return name_in(stream)
    names = words.LOOKUPS[stream]

    def make(row: Row) -> str:
        again, index = divmod(row.index, len(names))
        return f"{names[index]} {again + 1}" if again else names[index]

    return make


_BY_NAME: Final[dict[str, Maker]] = {
    "authCode": code("AUTH"), "bio": of(words.NOTES), "city": lambda row: row.place[0], "code": code("C"),
    "comment": of(words.NOTES), "description": of(words.SUMMARIES),
    "email": email, "externalId": code("EXT"), "fax": phone, "fileName": lambda row: f"photo-{row.below(10_000):04}.jpg",
    "firstName": lambda row: row.person[0], "from": phone, "key": of(("crmId", "erpId", "legacyId")),
    "lastName": lambda row: row.person[1], "loginName": lambda row: ".".join(row.person).lower(), "memo": of(words.NOTES),
    "model": code("MX"), "note": of(words.NOTES), "notes": of(words.NOTES), "phone": phone, "phoneNumber": phone, "state": lambda row: row.place[1],
    "street": street, "streetAddress": street, "subtype": of(("Repair", "Maintenance", "Replacement")),
    "summary": of(words.SUMMARIES), "text": of(words.NOTES), "title": of(words.SUMMARIES), "to": phone,
    "unit": lambda row: f"Apt {1 + row.below(40)}", "value": of(words.NOTES), "zip": lambda row: row.place[2],
    "duration": time_of_day, "jobStartTime": time_of_day, "jobSummary": of(words.SUMMARIES), "shiftEnd": time_of_day,
    "shiftStart": time_of_day, "start": time_of_day, "team": of(words.LOOKUPS["teams"]), "zips": lambda row: row.place[2],
    "cities": lambda row: row.place[0], "skills": of(words.LOOKUPS["technician_skills"]), "filename": code("FILE"),
} | dict.fromkeys(("fbclid", "gbraid", "gclid", "msclkid", "wbraid", "dataApiKey"), code("K"))  # fmt: skip
_BY_LAST_WORD: Final[dict[str, Maker]] = {
    "account": of(words.LOOKUPS["gl_accounts"]), "activity": of(words.LOOKUPS["activity_codes"]), "by": person_name,
    "address": lambda row: f"{street(row)}, {row.place[0]}, {row.place[1]}", "date": instant("", "date"),
    "location": of(words.LOOKUPS["warehouses"]), "type": of(words.VALUES["type"]), "status": of(words.VALUES["status"]),
    "city": lambda row: row.place[0], "code": code("C"), "color": of(words.VALUES["color"]), "country": of(("USA",)),
    "email": email, "id": code("ID"), "on": instant("", "on"), "image": lambda row: f"Images/{row.below(10_000):04}.jpg",
    "images": lambda row: f"Images/{row.below(10_000):04}.jpg", "number": digits, "phone": phone, "quantity": quantity,
    "state": lambda row: row.place[1], "street": street, "unit": lambda row: f"Apt {1 + row.below(40)}",
    "url": lambda row: f"https://example.com/{row.below(1_000_000)}", "zip": lambda row: row.place[2],
} | dict.fromkeys((*words.MONEY, "costs"), money)  # fmt: skip


def text(stream: str, parent: str | None, name: str, form: str | None) -> Maker:
    """Choose the maker of a string field from its format and name; ``parent`` is the object or array it lies in."""
    owner = collection(parent) if parent else stream
    if form == "date-time" or f"{owner}.{name}" in _MIDNIGHTS or name in _MIDNIGHTS:
        return instant(owner, name)
    if form == "date":
        planned = instant(owner, name)
        return lambda row: planned(row)[:10]
    if form in {"duration", "time"}:
        return time_of_day
    target = owner if name == "id" else collection(name)
    if form in {"uuid", "guid"} or name == "id" or (split(name)[-1] == "id" and has_text_ids(target)):
        return lambda row: row.identities.guid(target, row.identities.choose(target, row.rng))
    options = words.VALUES.get(f"{parent or stream}.{name}") or words.VALUES.get(name)
    return of(options) if options else _by_name(owner, parent, name)


def _by_name(owner: str, parent: str | None, name: str) -> Maker:
    parts = split(name)
    if name == "value" and owner.endswith("contacts"):
        return contact
    if name == "value" and owner == "custom_fields":
        return custom_value
    if name == "value" and owner.startswith("external_data"):
        return code("X")
    if name in {"name", "displayName"}:
        return name_in(owner) if parent else own_name(owner)
    if parts[-1] == "name" and name not in _BY_NAME:
        return name_in(plural("_".join(parts[:-1]).removeprefix("lead_")))
    return _BY_NAME.get(name) or _BY_LAST_WORD.get(parts[-1]) or of(words.NOTES)
