"""A bar for commands that take long, with how long they may still take: on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr for the ``with`` block; yield what to call after each step.

    If stderr is not a terminal, nothing of it is written.
    """
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda: bar.update(1)
