"""What a caller may observe of its requests."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


class RequestHooks:
    """Called while a request is sent, by the thread that sends it; this base class does nothing."""

    stream: str = ""
    """Name of the stream that the request is for. Logs show it in place of the URL, which may hold ids of records."""

    def answered(self, response: requests.Response) -> None:
        """Called after each answer, good or bad."""

    def retrying(self) -> None:
        """Called before a request is tried again."""

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context manager that is entered while the request waits for a rate limiter."""
        return nullcontext()
