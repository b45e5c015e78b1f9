"""Parents with odd ids, and parents that ServiceTitan deleted."""

from __future__ import annotations

import json

import pytest
from helpers.raw import RawServer, http
from helpers.served import listing, page_of, served
from helpers.support import run_here


def parents_and_notes(path: str) -> bytes:
    if "/notes" in path:
        return http(b'{"data":[{"id":1,"text":"n"}],"hasMore":false}')
    odd = [{"id": 7}, {"id": None}, {}, {"id": "a/../b?c"}, {"id": 2**70, "name": "\ud800"}]
    return http(json.dumps({"data": odd, "hasMore": False}).encode())


def test_parents_with_odd_ids_change_no_path_and_parents_without_id_are_reported() -> None:
    server = RawServer(parents_and_notes)
    with server.listening() as config:
        run = run_here(config, "customer_notes")

    assert run.code == 0
    requested = {seen.split(b" ")[1].decode().split("?")[0] for seen in server.seen if b"/notes" in seen}
    assert requested == {
        f"/crm/v2/tenant/1001/customers/{place}/notes" for place in ("7", "a%2F..%2Fb%3Fc", str(2**70))
    }
    assert {record["customer_id"] for record in run.records("customer_notes")} == {7, "a/../b?c", 2**70}
    assert "stream customer_notes: 2 of its parents have no id, so that their records cannot be requested." in run.log


def test_parents_in_pages_without_has_more_fail_their_stream() -> None:
    run = served(
        lambda path: http(b'{"data":[{"id":1}]}') if "/notes" not in path else listing(1, more=False), "customer_notes"
    )

    assert run.code == 1
    assert "stream customer_notes: " in run.log
    assert "hasMore" in run.log
    assert not run.state.get("bookmarks", {}).get("customer_notes")


@pytest.mark.parametrize(("gone", "code"), [(12, 1), (11, 0)])
def test_deleted_parents_are_reported_and_if_all_are_deleted_the_stream_fails(gone: int, code: int) -> None:
    def answer(path: str) -> bytes:
        if "/notes" not in path:
            return listing(*range(12), more=False)
        number = int(path.split("/")[6])
        return (
            http(status="404 Not Found") if number < gone else http(b'{"data":[{"id":1,"text":"n"}],"hasMore":false}')
        )

    run = served(answer, "customer_notes")

    assert run.code == code
    assert len(run.records("customer_notes")) == 12 - gone
    assert f"stream customer_notes: {gone} of the 12 parents were refused, the last one with: " in run.log


def test_stream_whose_parents_are_all_deleted_fails_in_every_run() -> None:
    def answer(path: str) -> bytes:
        if "/notes" in path:
            return http(status="404 Not Found")
        first = 10 * page_of(path)
        return listing(*range(first, first + 10), more=page_of(path) < 3)

    with RawServer(answer).listening() as config:
        first = run_here(config, "customer_notes")
        second = run_here(config, "customer_notes", state=first.state)

    for run in (first, second):
        assert run.code == 1
        assert "stream customer_notes: 30 of the 30 parents were refused, the last one with: " in run.log


def test_pages_of_a_parent_are_written_one_by_one() -> None:
    def answer(path: str) -> bytes:
        if "/notes" not in path:
            return listing(7, more=False)
        first = 1000 * page_of(path)
        return listing(*range(first, first + 1000), more=True) if first < 3000 else http(status="400 Bad Request")

    run = served(answer, "customer_notes")

    assert run.code == 1
    assert [record["id"] for record in run.records("customer_notes")] == list(range(1000, 3000))
    assert {record["customer_id"] for record in run.records("customer_notes")} == {7}


def test_records_of_a_parent_that_is_deleted_between_two_of_its_pages_are_kept() -> None:
    def answer(path: str) -> bytes:
        if "/notes" not in path:
            return listing(7, 8, more=False)
        return listing(1, more="/7/" in path) if page_of(path) == 1 else http(status="404 Not Found")

    run = served(answer, "customer_notes")

    assert run.code == 0
    assert [record["customer_id"] for record in run.records("customer_notes")] == [7, 8]
    assert "stream customer_notes: 1 of the 2 parents were refused" in run.log
