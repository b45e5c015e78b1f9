"""Figures by day: what marketing cost and earned, added up over the window of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator.data.collection import Collection
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.references import first_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.endpoints.kinds import Window

_MIN_SEGMENTS: Final = 50
"""Smallest number of segments that the figures are about: more than the records of a day."""

_FIRST_EXTERNAL_ID: Final = 9_000_000_000
"""First id of the advertiser's campaigns; ServiceTitan's own campaigns have other ids."""

_GROUPS: Final = 4
"""Number of ad groups of a campaign."""

_KEYWORDS: Final = 5
"""Number of keywords of an ad group; an id is unique within its group only."""


class DailyFigures(Collection):
    """Figures of a day and a segment: a campaign, an ad group, a keyword, or all of marketing."""

    endpoint: Window

    def between(self, start: int, end: int) -> list[dict[str, Any]]:
        """Add up the figures of a window: one record for each segment."""
        _, log = self.now()
        sums: dict[int, dict[str, Any]] = {}
        for index in sorted(self.indices()):
            if start <= log.created[index] < end:
                segment = self._segment(index)
                record = self._with_segment(self.make(index), segment)
                sums[segment] = _add(sums[segment], record) if segment in sums else record
        return list(sums.values())

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all figures by day, with the bounds of the day in the fields of the window's parameters."""
        with self.history.lock:
            _, log = self.now()
            for day in sorted({log.created[index] // timestamps.DAY for index in self.indices()}):
                start, end = day * timestamps.DAY, (day + 1) * timestamps.DAY
                bounds = {
                    self.endpoint.start: timestamps.format_utc(start),
                    self.endpoint.end: timestamps.format_utc(end),
                }
                yield from [{**bounds, **record} for record in self.between(start, end)]

    def _segment(self, index: int) -> int:
        """Return the number of the segment that the figures are about; the figures of a day have different ones."""
        if self.endpoint.derived_keys:
            return index % (self.maker.identities.size(self.endpoint.name) // 365 + _MIN_SEGMENTS)
        return index % self._campaigns if "campaignId" in self.endpoint.keys else 0

    @property
    def _campaigns(self) -> int:
        return max(1, self.maker.identities.size("campaigns"))

    def _with_segment(self, record: dict[str, Any], segment: int) -> dict[str, Any]:
        """Write the segment into a record."""
        if "campaignId" in record:
            record |= {"campaignId": first_id("campaigns") + segment, "campaignName": f"Campaign {segment + 1}"}
        if "totalCost" in record:
            record["totalCost"] = record["totalCost"] or 1.0
        if not self.endpoint.derived_keys:
            return record
        groups = "adGroupId" in self.endpoint.derived_keys
        keyword = segment % _KEYWORDS if "keywordId" in self.endpoint.derived_keys else None
        group = segment if keyword is None else segment // _KEYWORDS
        record["campaign"] = self._campaign(group // _GROUPS if groups else group)
        record["adGroup"] = {"id": str(7_000 + group), "name": f"Ad group {group + 1}", "status": 2} if groups else None
        record["keyword"] = None if keyword is None else {"id": str(keyword), "name": f"hvac {keyword}", "status": 2}
        return record

    def _campaign(self, number: int) -> dict[str, Any]:
        """Describe a campaign; one that is not in ServiceTitan has the advertiser's id, or only a name."""
        own = number < self._campaigns
        external = number % 3 != 0
        return {
            "id": first_id("campaigns") + number if own else None,
            "externalId": _FIRST_EXTERNAL_ID + number if external else None,
            "name": f"Campaign {number + 1}",
            "category": "Search",
            "launchDate": "2024-01-01T00:00:00Z",
            "status": 2 if external else "Enabled",
        }


def _add(first: Any, second: Any) -> Any:
    """Add up all numbers of two records of the same segment."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {
            name: value if name in _SEGMENT_FIELDS else _add(value, second.get(name)) for name, value in first.items()
        }
    if isinstance(first, int | float) and isinstance(second, int | float):
        return round(first + second, 2)
    return second if first is None else first


_SEGMENT_FIELDS: Final = frozenset({"campaign", "adGroup", "keyword", "campaignId"})
"""Fields that describe the segment, and so are not added up."""
