"""A bar for what takes long, with how long it may still take: on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

_FORMAT = "{desc}: {percentage:3.0f}% {bar} {n_fmt} of {total_fmt}, {remaining} left"


@contextmanager
def progress_bar(length: int, label: str, *, hidden: bool = False) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr for the ``with`` block, below what is logged; yield what to call after each step.

    If stderr is not a terminal, or closed, nothing of it is written.

    Args:
        length: Number of steps.
        label: What the steps are.
        hidden: Whether to show nothing at all.
    """
    if hidden or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    bar = tqdm(total=length, desc=label, file=sys.stderr, leave=False, smoothing=0, bar_format=_FORMAT)
    with logging_redirect_tqdm(), bar:
        yield lambda: _step(bar)


def _step(bar: tqdm[Any]) -> None:
    bar.update()
    bar.refresh()
