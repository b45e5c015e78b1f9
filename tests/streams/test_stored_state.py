"""STATE as earlier versions stored it, and the requests that it leads to: what users have stored keeps its meaning."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from helpers.raw import RawServer, feed, http
from helpers.reporting import Reporting, pipeline
from helpers.support import days_ago, run_here

from tap_servicetitan.dates import format_api_date

DATE = "2025-09-01T12:00:00.000000Z"
LESS_OVERLAP = "2025-09-01T11:30:00.000000Z"
PASS_FROM = "2025-08-01T00:00:00.000000Z"
STARTED = "2025-10-01T00:00:00.000000Z"
CUSTOMERS = range(1, 1003)
MODIFIED = {"replication_key": "modifiedOn", "replication_key_value": DATE}


def stored(stream: str, **fields: Any) -> dict[str, Any]:
    """Return STATE with a bookmark of tenant 1001."""
    return {"bookmarks": {stream: {"partitions": [{"context": {"tenant_id": "1001"}, **fields}]}}}


def answer(path: str) -> bytes:
    url = urlsplit(path)
    query = dict(parse_qsl(url.query))
    if query.get("from") == "refused":
        return http(b"{}", "400 Bad Request")
    if "/export/" in path:
        return feed({"id": 1, "modifiedOn": "2025-09-02T00:00:00Z"})
    if "/marketing/" in path:
        return http(b"[]")
    if url.path.endswith("/customers"):
        first = (int(query["page"]) - 1) * int(query["pageSize"])
        page = [{"id": number} for number in CUSTOMERS[first : first + int(query["pageSize"])]]
        more = first + len(page) < len(CUSTOMERS)
        return http(json.dumps({"data": page, "hasMore": more, "totalCount": len(CUSTOMERS)}).encode())
    return http(b'{"data":[{"id":1,"text":"n","modifiedOn":"2025-10-02T00:00:00Z"}],"hasMore":false,"totalCount":1}')


def requests_of(stream: str, state: dict[str, Any]) -> tuple[list[tuple[str, dict[str, str]]], dict[str, Any]]:
    """Run the tap; return path below the tenant and query of each request, and the bookmark at the end."""
    server = RawServer(answer)
    with server.listening() as config:
        run = run_here({**config, "requests_per_second": 10_000, "concurrency": 1}, stream, state=state)
    assert run.code == 0, run.log
    urls = [urlsplit(seen.split(b" ", 2)[1].decode()) for seen in server.seen]
    requests = [(url.path.partition("/1001/")[2], dict(parse_qsl(url.query))) for url in urls if url.path != "/token"]
    return requests, run.bookmark(stream)


FEEDS: dict[str, tuple[dict[str, Any], list[str | None]]] = {
    "a token": ({"continue_from": "tok"}, ["tok"]),
    "a token that is refused": ({"continue_from": "refused"}, ["refused", LESS_OVERLAP]),
    "a token within a pass": ({"continue_from": "tok", "pass_from": PASS_FROM}, ["tok"]),
    # Earlier versions restarted from the newest date if the feed had been in order so far, and could skip changes.
    "a refused token within a pass": (
        {"continue_from": "refused", "pass_from": PASS_FROM}, ["refused", "2025-07-31T23:30:00.000000Z"]),
    "a refused token within a first pass": ({"continue_from": "refused", "pass_from": None}, ["refused", None]),
    "a refused token within an unsorted pass": (
        {"continue_from": "refused", "pass_from": PASS_FROM, "unsorted": True}, ["refused", "2025-07-31T23:30:00.000000Z"]),
    "a refused token within a first, unsorted pass": (
        {"continue_from": "refused", "pass_from": None, "unsorted": True}, ["refused", None]),
    "a date": ({}, [LESS_OVERLAP]),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "starts"), FEEDS.values(), ids=FEEDS)
def test_feed_starts_at_its_stored_token_or_date(fields: dict[str, Any], starts: list[str | None]) -> None:
    requests, bookmark = requests_of("bookings", stored("bookings", **fields, **MODIFIED))

    assert [query.get("from") for _, query in requests] == starts
    assert {path for path, _ in requests} == {"export/bookings"}
    assert bookmark == {
        "context": {"tenant_id": "1001"},
        "continue_from": "t",
        "replication_key": "modifiedOn",
        "replication_key_value": "2025-09-02T00:00:00.000000Z",
    }


@pytest.mark.parametrize(
    ("date", "start"), [("2025-09-01T12:00:00+00:00", LESS_OVERLAP), ("2025-09-01", "2025-08-31T23:30:00.000000Z")]
)
def test_date_of_another_tap_starts_feed_and_listing(date: str, start: str) -> None:
    of_other_tap = {"replication_key": "modifiedOn", "replication_key_value": date}

    [(_, of_feed)], _ = requests_of("bookings", {"bookmarks": {"bookings": of_other_tap}})
    [(_, of_listing)], _ = requests_of("zones", {"bookmarks": {"zones": of_other_tap}})

    assert (of_feed["from"], of_listing["modifiedOnOrAfter"]) == (start, start)


def test_listing_starts_at_its_stored_date_less_the_overlap() -> None:
    [(path, query)], _ = requests_of("zones", stored("zones", **MODIFIED))

    assert path == "zones"
    assert query == {
        "active": "Any",
        "sort": "+Id",
        "modifiedOnOrAfter": LESS_OVERLAP,
        "includeTotal": "true",
        "page": "1",
        "pageSize": "5000",
    }


def test_nested_stream_continues_at_its_stored_page_of_parents() -> None:
    place = {"parent_page": 2, "parents": len(CUSTOMERS), "started": STARTED}

    requests, bookmark = requests_of("customer_notes", stored("customer_notes", **place, **MODIFIED))

    # Requests for other page sizes prove that no parent moved.
    pages = [query for path, query in requests if path == "customers" and query["pageSize"] == "500"]
    assert [query["page"] for query in pages] == ["3"]
    notes = [(path, query["modifiedOnOrAfter"]) for path, query in requests if path.endswith("/notes")]
    assert notes == [("customers/1001/notes", LESS_OVERLAP), ("customers/1002/notes", LESS_OVERLAP)]
    assert bookmark == {
        "context": {"tenant_id": "1001"},
        "replication_key": "modifiedOn",
        "replication_key_value": STARTED,
    }


def test_window_starts_seven_days_before_its_stored_date() -> None:
    date = format_api_date(days_ago(3))

    requests, _ = requests_of(
        "email_channel_costs", stored("email_channel_costs", replication_key="from", replication_key_value=date)
    )

    assert [query["from"] for _, query in requests] == [format_api_date(days_ago(days)) for days in range(10, -1, -1)]


def test_report_starts_at_its_stored_day() -> None:
    date = format_api_date(days_ago(3))
    state = stored("custom_report_odd", replication_key="AsOf", replication_key_value=date)
    entry: dict[str, Any] = {
        "backfill_date_parameter": "AsOf",
        "parameters": [{"name": "AsOf", "value": "2020-01-01"}],
    }
    reporting = Reporting([("A", "String")], [["x"]], parameters=[{"name": "AsOf", "dataType": "Date"}])

    with pipeline(reporting) as there:
        there.run(there.discover(**entry), state=state, **entry)

        assert there.dates_asked() == [(str(days_ago(days).date()),) for days in (3, 2, 1, 0)]
