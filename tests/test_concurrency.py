"""The turn, and what is asked for side by side."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from tap_servicetitan.concurrency import Lookahead, StoppedError, Turn, run
from tap_servicetitan.errors import PaginationError
from tap_servicetitan.pagination import ContinuationPaginator, Page


def test_two_jobs_never_run_at_once_but_while_the_turn_is_lent() -> None:
    turn = Turn()
    inside, outside = 0, 0
    most_outside = 0

    def job() -> None:
        nonlocal inside, outside, most_outside
        for _ in range(20):
            inside += 1
            assert inside == 1
            inside -= 1
            with turn.lent():
                outside += 1
                most_outside = max(most_outside, outside)
                time.sleep(0.001)
                outside -= 1

    run([job] * 8, turn=turn, workers=4, last_word=lambda: None)

    assert 1 < most_outside <= 4


def test_a_job_that_raises_ends_all_and_the_last_word_has_the_turn() -> None:
    turn = Turn()
    words = []
    ended = threading.Event()

    def waits() -> None:
        try:
            while True:
                with turn.lent():
                    time.sleep(0.001)
        except StoppedError:
            ended.set()
            raise

    def fails() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run([waits, fails], turn=turn, workers=2, last_word=lambda: words.append("state"))

    assert words == ["state"]
    assert ended.wait(5)


@pytest.mark.parametrize("width", [1, 3, 8])
def test_results_come_in_order_and_only_so_far_ahead(width: int) -> None:
    turn = Turn()
    lookahead = Lookahead(turn, width)
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
    for result in lookahead.map(slowly, source()):
        ahead = max(ahead, drawn - len(results))
        results.append(result)

    assert results == list(range(50))
    assert ahead <= width + 1


def test_a_failure_comes_in_its_place_and_gives_back_what_was_taken() -> None:
    turn = Turn()
    lookahead = Lookahead(turn, 2)

    def fails_at_three(item: int) -> int:
        if item == 3:
            raise KeyError
        return item

    for _ in range(5):
        results: list[int] = []
        with pytest.raises(KeyError):
            results.extend(lookahead.map(fails_at_three, range(10)))
    assert list(lookahead.map(str, range(4))) == ["0", "1", "2", "3"]


def walk(tokens: list[str]) -> int:
    """Follow a feed whose pages bear these tokens; return how many pages it had."""
    paginator = ContinuationPaginator(None)
    pages = iter(tokens)
    while not paginator.finished:
        token = next(pages, None)
        paginator.advance(Page([], token is not None, token or "end"))
    return paginator.count


def test_a_feed_ends_where_it_says_so() -> None:
    assert walk([f"t{number}" for number in range(100)]) == 101


@pytest.mark.parametrize("length", [1, 2, 7, 60])
@pytest.mark.parametrize("lead", [0, 1, 5, 50])
def test_tokens_that_go_round_in_a_circle_are_found_out(lead: int, length: int) -> None:
    tokens = [f"lead{n}" for n in range(lead)] + [f"loop{n}" for n in range(length)] * 1000

    with pytest.raises(PaginationError, match="repeats an earlier continueFrom"):
        walk(tokens)


def test_more_pages_without_a_token_are_an_error() -> None:
    with pytest.raises(PaginationError, match="without a continueFrom"):
        ContinuationPaginator(None).advance(Page([], has_more=True))
