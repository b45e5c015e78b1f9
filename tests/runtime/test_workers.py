"""The worker lock, what is asked for side by side, and where pages end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tap_servicetitan.client.slots import Slots
from tap_servicetitan.errors import PaginationError
from tap_servicetitan.runtime.prefetch import Prefetcher
from tap_servicetitan.runtime.worker_lock import RunAborted, WorkerLock
from tap_servicetitan.runtime.workers import Job, run_jobs
from tap_servicetitan.streams.reading.bodies import FeedPage, ListBody, ListPage
from tap_servicetitan.streams.reading.pagination import ContinuationPaginator, iter_pages


def run(
    worker_lock: WorkerLock, slots: int, *jobs: Callable[[], None], on_abort: Callable[[], None] = lambda: None
) -> None:
    """Run jobs of one tenant."""
    run_jobs([Job("1001", job) for job in jobs], worker_lock=worker_lock, slots=Slots(slots), on_abort=on_abort)


def test_two_jobs_never_run_at_once_but_while_the_worker_lock_is_released() -> None:
    worker_lock = WorkerLock()
    inside, outside = threading.Barrier(2), threading.Barrier(2)

    def job() -> None:
        with pytest.raises(threading.BrokenBarrierError):  # the other one does not come, however long this one waits
            inside.wait(0.05)
        with worker_lock.released():
            outside.wait(5)

    run(worker_lock, 2, *[job] * 2)

    assert not worker_lock.acquire(0)


def test_no_more_jobs_are_under_way_than_there_are_workers() -> None:
    worker_lock = WorkerLock()
    together = threading.Barrier(4)
    under_way = most = 0

    def job() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        with worker_lock.released():
            together.wait(5)
        under_way -= 1

    run(worker_lock, 4, *[job] * 8)

    assert most == 4


def test_job_that_raises_ends_all_and_the_last_word_has_the_worker_lock() -> None:
    worker_lock = WorkerLock()
    words = []
    ended = threading.Event()

    def waits() -> None:
        try:
            while True:
                with worker_lock.released():
                    time.sleep(0.001)
        except RunAborted:
            ended.set()
            raise

    def fails() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(worker_lock, 2, waits, fails, on_abort=lambda: words.append("state"))

    assert words == ["state"]
    assert ended.wait(5)


@pytest.mark.parametrize("width", [1, 3, 8])
def test_results_come_in_order_and_only_so_far_ahead(width: int) -> None:
    worker_lock = WorkerLock()
    prefetcher = Prefetcher(worker_lock, Slots(width))
    drawn = 0
    ahead = 0

    def source() -> Iterator[int]:
        nonlocal drawn
        for item in range(50):
            drawn += 1
            yield item

    def slowly(item: int) -> int:
        time.sleep(random.Random(item).random() / 500)
        return item

    results: list[int] = []
    for result in prefetcher.map(slowly, source()):
        ahead = max(ahead, drawn - len(results))
        results.append(result)

    assert results == list(range(50))
    assert ahead <= width + 1


def test_failure_comes_in_its_place_and_gives_back_what_was_taken() -> None:
    worker_lock = WorkerLock()
    prefetcher = Prefetcher(worker_lock, Slots(2))

    def fails_at_three(item: int) -> int:
        if item == 3:
            raise KeyError
        return item

    for _ in range(5):
        results: list[int] = []
        with pytest.raises(KeyError):
            results.extend(prefetcher.map(fails_at_three, range(10)))
    assert list(prefetcher.map(str, range(4))) == ["0", "1", "2", "3"]


def test_source_that_fails_gives_back_what_was_taken() -> None:
    prefetcher = Prefetcher(WorkerLock(), Slots(2))

    def fails_at_the_second() -> Iterator[int]:
        yield 1
        raise KeyError

    for _ in range(5):
        with pytest.raises(KeyError):
            list(prefetcher.map(str, fails_at_the_second()))

    together = threading.Barrier(3)
    assert sorted(prefetcher.map(lambda _: together.wait(5), range(3))) == [0, 1, 2]
    prefetcher.close()


def test_worker_lock_is_released_while_a_result_is_waited_for_and_held_again_with_it() -> None:
    worker_lock = WorkerLock()
    prefetcher = Prefetcher(worker_lock, Slots(2))

    def job(_: int) -> bool:
        taken = worker_lock.acquire(5)
        worker_lock.release()
        return taken

    for taken in prefetcher.map(job, range(1)):
        assert taken
        assert not worker_lock.acquire(0)
    prefetcher.close()


def pages(*pages: list[Any], more: bool = True) -> list[tuple[list[Any], bool]]:
    """Follow numbered pages, which all say the same of whether more follow; return each with whether another does."""
    answers = (ListPage(page, more) for page in pages)
    return [(answer.data, follows) for answer, follows in iter_pages(answers)]


def test_numbered_pages_end_with_the_first_that_none_follows() -> None:
    assert pages([1], [2], more=False) == [([1], False)]
    assert [follows for _, follows in iter_pages([ListBody([1]), ListBody([2]), ListBody([]), ListBody([3])])] == [
        True,
        True,
        False,
    ]
    assert [follows for _, follows in iter_pages([ListBody([1]), ListBody([2])], paged=False)] == [False]


@pytest.mark.parametrize("size", [1, 2, 49, 50, 51, 5000])
def test_page_that_repeats_itself_is_found_out_whatever_its_size(size: int) -> None:
    page, other = ([{"id": first + n} for n in range(size)] for first in (0, size))

    assert len(pages(page, other, [*page[:-1], {"id": -1}])) == 3
    with pytest.raises(PaginationError, match="Page 3 is the same as an earlier one"):
        pages(page, other, list(other))


def test_pages_that_begin_and_end_alike_are_not_the_same() -> None:
    rows = [["open", n % 3 == 0] for n in range(300)]
    others = [rows[0], *([["done", n % 5 == 0] for n in range(298)]), rows[-1]]

    assert len(pages(rows, others)) == 2


def walk(tokens: list[str]) -> int:
    """Follow a feed whose pages bear these tokens; return how many pages it had."""
    paginator = ContinuationPaginator(None)
    pages = iter(tokens)
    while not paginator.finished:
        token = next(pages, None)
        paginator.advance(FeedPage([1], token is not None, token or "end"))  # type: ignore[arg-type]  # in place of a response
    return paginator.count


def test_feed_ends_where_it_says_so() -> None:
    assert walk([f"t{number}" for number in range(100)]) == 101


@pytest.mark.parametrize("length", [1, 2, 7, 60])
@pytest.mark.parametrize("lead", [0, 1, 5, 50])
def test_tokens_that_go_round_in_a_circle_are_found_out(lead: int, length: int) -> None:
    tokens = [f"lead{n}" for n in range(lead)] + [f"loop{n}" for n in range(length)] * 1000

    with pytest.raises(PaginationError, match="repeats an earlier continueFrom"):
        walk(tokens)


def test_more_pages_without_a_token_are_an_error() -> None:
    with pytest.raises(PaginationError, match="without a continueFrom"):
        ContinuationPaginator(None).advance(FeedPage([1], hasMore=True))  # type: ignore[arg-type]  # likewise
