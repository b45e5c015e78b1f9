"""Stories: what happens without a request for it. A booking becomes a job, an appointment, an invoice and a payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.references import first_id, target_stream

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tap_servicetitan.simulator.fake.identities import Identities


class _Step(IntEnum):
    BOOKED = 0
    SCHEDULED = 1
    DISPATCHED = 2
    ARRIVED = 3
    DONE = 4
    INVOICED = 5
    PAID = 6


_PLAN: Final[Mapping[_Step, Sequence[str]]] = {
    _Step.BOOKED: ("bookings",),
    _Step.SCHEDULED: ("bookings", "jobs", "appointments"),
    _Step.DISPATCHED: ("appointments",),
    _Step.ARRIVED: ("appointments", "jobs"),
    _Step.DONE: ("appointments", "jobs"),
    _Step.INVOICED: ("invoices", "jobs"),
    _Step.PAID: ("payments", "invoices"),
}
"""The streams in which each step changes a record."""

_DISMISSED_PLAN: Final[Mapping[_Step, Sequence[str]]] = dict.fromkeys((_Step.BOOKED, _Step.SCHEDULED), ("bookings",))
_DISMISSED_SHARE: Final = 0.1
_MEAN_CHANGES: Final = (1 - _DISMISSED_SHARE) * sum(map(len, _PLAN.values())) + _DISMISSED_SHARE * len(_DISMISSED_PLAN)

_APPOINTMENT_STATUS: Final[Mapping[_Step, str]] = {
    _Step.SCHEDULED: "Scheduled",
    _Step.DISPATCHED: "Dispatched",
    _Step.ARRIVED: "Working",
    _Step.DONE: "Done",
}

_MINUTES: Final = ((0.5, 2), (1, 4), (1, 4), (3, 8), (0.5, 2), (0.5, 3))
"""How long after the step before: job, dispatch, arrival, completion, invoice, payment. A story takes minutes, not days,
so that one who looks sees all of it."""

_LONGEST: Final = int(sum(most for _, most in _MINUTES) * timestamps.MINUTE)


@dataclass(frozen=True)
class StoryEvent:
    """One change of one record."""

    time: int
    """In ticks."""

    stream: str
    new: bool
    """Whether the record is created."""

    index: int
    """Number of the record in its collection; the same for every tenant."""

    fields: Mapping[str, Any]
    """All fields that stories have given the record so far; a customer is an id without the name."""


@dataclass
class _Story:
    """What is known of a story so far."""

    times: tuple[int, ...]
    dismissed: bool
    customer: int
    total: str
    indices: dict[str, int] = field(default_factory=dict)
    fields: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def record_id(self, stream: str) -> int:
        return first_id(stream) + self.indices[stream]

    def plan(self) -> Iterator[tuple[int, str]]:
        """Yield the time and the stream of each change, in order."""
        for step, streams in (_DISMISSED_PLAN if self.dismissed else _PLAN).items():
            yield from ((self.times[step], stream) for stream in streams)

    def changed_fields(self, time: int, stream: str) -> Mapping[str, Any]:
        """Return what a change of the plan writes. All records of its moment have their index by now."""
        return _FIELDS[stream](self, _Step(self.times.index(time)), timestamps.format_utc(time))

    def booking(self, step: _Step, _: str) -> Mapping[str, Any]:
        if step is _Step.BOOKED:
            return {"status": "New", "jobId": None, "dismissingReasonId": None}
        if self.dismissed:
            return {"status": "Dismissed", "dismissingReasonId": first_id(target_stream("dismissingReasonId"))}
        return {"status": "Converted", "jobId": self.record_id("jobs")}

    def job(self, step: _Step, date: str) -> Mapping[str, Any]:
        if step is _Step.SCHEDULED:
            appointment = self.record_id("appointments")
            return {
                "jobStatus": "Scheduled",
                "bookingId": self.record_id("bookings"),
                "customerId": self.customer,
                "appointmentCount": 1,
                "firstAppointmentId": appointment,
                "lastAppointmentId": appointment,
                "completedOn": None,
                "invoiceId": None,
                "total": None,
            }
        if step is _Step.ARRIVED:
            return {"jobStatus": "InProgress"}
        if step is _Step.DONE:
            return {"jobStatus": "Completed", "completedOn": date}
        return {"invoiceId": self.record_id("invoices"), "total": float(self.total)}

    def appointment(self, step: _Step, _: str) -> Mapping[str, Any]:
        links = {"jobId": self.record_id("jobs"), "customerId": self.customer, "unused": False}
        return {**links, "status": _APPOINTMENT_STATUS[step]}

    def invoice(self, step: _Step, date: str) -> Mapping[str, Any]:
        if step is _Step.PAID:
            return {"balance": "0.00", "paidOn": date}
        job = self.record_id("jobs")
        return {
            "job": {"id": job, "number": str(job), "type": None},
            "customer": {"id": self.customer},
            "invoiceDate": date,
            "subTotal": self.total,
            "salesTax": "0.00",
            "total": self.total,
            "balance": self.total,
            "paidOn": None,
        }

    def payment(self, _: _Step, date: str) -> Mapping[str, Any]:
        invoice = self.record_id("invoices")
        return {
            "appliedTo": [{"appliedTo": invoice, "appliedAmount": self.total, "appliedOn": date}],
            "customer": {"id": self.customer},
            "date": date,
            "total": self.total,
            "unappliedAmount": "0.00",
            "refundedPaymentId": None,
        }


_FIELDS: Final[Mapping[str, Callable[[_Story, _Step, str], Mapping[str, Any]]]] = {
    "bookings": _Story.booking,
    "jobs": _Story.job,
    "appointments": _Story.appointment,
    "invoices": _Story.invoice,
    "payments": _Story.payment,
}
"""What a story writes into a record of each stream at a step, by the step's number and date."""

STREAMS: Final = tuple(_FIELDS)
"""The streams that stories change."""


class Stories:
    """One story for each booking that arrives. The same seed gives the same stories, however the clock moves."""

    def __init__(self, identities: Identities, changes_per_hour: float, start: int) -> None:
        """Begin at a time, with so many changes an hour in all collections together."""
        self._identities = identities
        self._interval = max(1, int(timestamps.HOUR * _MEAN_CHANGES / changes_per_hour))
        self._start = start
        self._begun: dict[int, _Story] = {}
        """The stories that are not at their end."""

    def between(self, after: int, until: int, created: Counter[str]) -> list[StoryEvent]:
        """Return what happens after a time and until another one, in order. The times must follow each other.

        Args:
            after: In ticks.
            until: In ticks.
            created: By stream, how many records were created since the start; it counts those of the stories too.
        """
        first = max(0, (after - self._start - _LONGEST) // self._interval - 1)
        numbers = range(first, (until - self._start) // self._interval + 1)
        stories = {number: self._begun.get(number) or self._story(number) for number in numbers}
        due = [
            (time, story, stream)
            for story in stories.values()
            for time, stream in story.plan()
            if after < time <= until
        ]
        due.sort(key=lambda change: change[0])
        new = [self._number(story, stream, created) for _, story, stream in due]
        events = [self._event(*change, new=is_new) for change, is_new in zip(due, new, strict=True)]
        self._begun = {number: story for number, story in stories.items() if story.times[-1] > until}
        return events

    def _story(self, number: int) -> _Story:
        rng = Random(f"{self._identities.seed}:story:{number}")
        times = [self._start + int((number + rng.random()) * self._interval)]
        for least, most in _MINUTES:
            times.append(times[-1] + int(rng.uniform(least, most) * timestamps.MINUTE))
        customer = first_id("customers") + self._identities.choose("customers", rng)
        return _Story(tuple(times), rng.random() < _DISMISSED_SHARE, customer, f"{rng.uniform(89, 2400):.2f}")

    def _number(self, story: _Story, stream: str, created: Counter[str]) -> bool:
        """Give the record of a stream its index, unless it has one; return whether it is new."""
        if stream in story.indices:
            return False
        story.indices[stream] = self._identities.size(stream) + created[stream]
        created[stream] += 1
        return True

    def _event(self, time: int, story: _Story, stream: str, *, new: bool) -> StoryEvent:
        story.fields[stream] = {**story.fields.get(stream, {}), **story.changed_fields(time, stream)}
        return StoryEvent(time, stream, new, story.indices[stream], story.fields[stream])
