"""Figures by day: what marketing cost and brought in, summed up over whatever window is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_servicetitan.simulator import instants
from tap_servicetitan.simulator.collection import Collection
from tap_servicetitan.simulator.identities import first_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_servicetitan.endpoints.kinds import Window

_SPARE: Final = 50
"""Segments that a day's figures can be about, at the least: more than records of a day."""

_EXTERNAL: Final = 9_000_000_000
"""Where the advertiser's ids of campaigns begin, those that are none of ServiceTitan's."""

_GROUPS: Final = 4
"""Ad groups of a campaign."""

_KEYWORDS: Final = 5
"""Keywords of an ad group; an id is unique within its group only."""


class Figures(Collection):
    """Figures of a day and a campaign, an ad group or a keyword, each summed up with its like in a window."""

    endpoint: Window

    def within(self, start: int, end: int) -> list[dict[str, Any]]:
        """Sum up what lies in a window, one record for each segment."""
        _, log = self.now()
        sums: dict[int, dict[str, Any]] = {}
        for index in sorted(self.indices()):
            if start <= log.created[index] < end:
                segment = self._segment(index)
                record = self._named(self.make(index), segment)
                sums[segment] = _add(sums[segment], record) if segment in sums else record
        return list(sums.values())

    def records(self) -> Iterator[dict[str, Any]]:
        """All figures by day, with the day's bounds in the fields that the window is asked for by."""
        with self.history.lock:
            _, log = self.now()
            for day in sorted({log.created[index] // instants.DAY for index in self.indices()}):
                start, end = day * instants.DAY, (day + 1) * instants.DAY
                bounds = {self.endpoint.start: instants.render(start), self.endpoint.end: instants.render(end)}
                yield from [{**bounds, **record} for record in self.within(start, end)]

    def _segment(self, index: int) -> int:
        """Tell what the figures are about, another thing than the day's other figures."""
        if self.endpoint.derived_keys:
            return index % (self.maker.identities.size(self.endpoint.name) // 365 + _SPARE)
        return index % self._campaigns if "campaignId" in self.endpoint.keys else 0

    @property
    def _campaigns(self) -> int:
        return max(1, self.maker.identities.size("campaigns"))

    def _named(self, record: dict[str, Any], segment: int) -> dict[str, Any]:
        """Write into a record what it is about."""
        if "campaignId" in record:
            record |= {"campaignId": first_number("campaigns") + segment, "campaignName": f"Campaign {segment + 1}"}
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
        """Describe a campaign; those beyond ServiceTitan's own have the advertiser's id or just a name."""
        own = number < self._campaigns
        external = number % 3 != 0
        return {
            "id": first_number("campaigns") + number if own else None,
            "externalId": _EXTERNAL + number if external else None,
            "name": f"Campaign {number + 1}",
            "category": "Search",
            "launchDate": "2024-01-01T00:00:00Z",
            "status": 2 if external else "Enabled",
        }


def _add(first: Any, second: Any) -> Any:
    """Add up all numbers of two records of the same campaign, ad group or keyword."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {name: value if name in _NAMES else _add(value, second.get(name)) for name, value in first.items()}
    if isinstance(first, int | float) and isinstance(second, int | float):
        return round(first + second, 2)
    return second if first is None else first


_NAMES: Final = frozenset({"campaign", "adGroup", "keyword", "campaignId"})
"""Fields that say what the figures are about."""
