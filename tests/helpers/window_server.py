"""Leads, campaigns and costs by windows of time: a server with a clock of its own, made from the API's facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helpers.moving.server import MovingServer
from helpers.moving.world import Query

Record = dict[str, Any]
Window = tuple[datetime, datetime]

PATHS = {
    "attributed_leads": "marketingads/v2/attributed-leads",
    "campaign_performance": "marketingads/v2/performance",
    "campaign_cost_summaries": "marketing/v2/campaign-cost-summary",
}
WEB_LEAD_FORM = 3


@dataclass(frozen=True)
class Event:
    """Something that happened: a lead, or a click that a campaign paid for."""

    number: int
    """Of the lead; of the campaign that paid."""

    happened: datetime
    since: datetime
    """When the API begins to show it, often much later."""

    until: datetime
    """When the API ceases to show it."""

    linked: datetime
    """When the lead is booked, or the campaign is linked to one of ServiceTitan's."""


@dataclass
class WindowServer(MovingServer):
    """Answers for any window of time with what is known at the time of the request."""

    leads: list[Event] = field(default_factory=list)
    clicks: list[Event] = field(default_factory=list)
    asked: list[tuple[Window, datetime]] = field(default_factory=list)
    """The window of each first page, and when it was requested."""

    def answer(self, _tenant: str, path: str, query: Query) -> tuple[int, dict[str, Any]]:
        """Return the rows of a window."""
        (stream,) = [stream for stream, known in PATHS.items() if known == path]
        start, end = (datetime.fromisoformat(query.get(name) or query[f"{name}Utc"]) for name in ("from", "to"))
        with self.world.lock:
            page = int(query.get("page", 1))
            if page == 1:
                self.asked.append(((start, end), self.world.now))
            rows = self.rows(stream, (start, end))
            if stream == "campaign_cost_summaries":
                return 200, {"items": rows}
            size = self.world.max_page_size
            shown = rows[(page - 1) * size : page * size]
            return 200, {"data": shown, "page": page, "pageSize": size, "hasMore": page * size < len(rows)}

    def rows(self, stream: str, window: Window) -> list[Record]:
        """Return what the API shows now of what happened in a window."""
        now, is_lead = self.world.now, stream == "attributed_leads"
        events = [
            event
            for event in (self.leads if is_lead else self.clicks)
            if window[0] <= event.happened < window[1] and event.since <= now < event.until
        ]
        if is_lead:
            return [self._lead(event) for event in events]
        by_campaign = {number: [one for one in events if one.number == number] for number in {e.number for e in events}}
        if stream == "campaign_cost_summaries":
            return [{"campaignId": number, "totalCost": len(found) * 1.5} for number, found in by_campaign.items()]
        return [
            {"campaign": self._campaign(number), "digitalStats": {"clicks": len(found)}}
            for number, found in by_campaign.items()
        ]

    def _lead(self, event: Event) -> Record:
        form = {"leadNumber": event.number}
        lead = {"dateTime": event.happened.isoformat(), "leadType": WEB_LEAD_FORM, "leadForm": form}
        booked = {"booking": {"id": event.number + 500}, "job": {"id": event.number + 900}}
        return {**lead, **booked} if self.world.now >= event.linked else lead

    def _campaign(self, number: int) -> Record:
        linked = min(event.linked for event in self.clicks if event.number == number)
        return {
            "externalId": number,
            "name": f"Campaign {number}",
            "id": number + 70 if self.world.now >= linked else None,
        }
