"""One request to the API, from its first try to its last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from tap_servicetitan.errors import APIError

if TYPE_CHECKING:
    from tap_servicetitan.client.hooks import RequestHooks
    from tap_servicetitan.client.rate_limit import RateLimiter
    from tap_servicetitan.errors import MalformedAnswerError

T = TypeVar("T")


@dataclass
class Request(Generic[T]):
    """A request and the state of its tries; used by one thread at a time."""

    sent: Mapping[str, Any]
    """Method, URL, parameters, body."""

    decode: Callable[[bytes], T]
    rate_limiter: RateLimiter | None
    """One that is smaller than the tenant's, if there is."""

    hooks: RequestHooks
    decode_pending: Callable[[bytes], T] | None = None
    """Decodes the body of a 202, whose result comes later; None where a 202 is an error."""

    retry_conflict: bool = False
    """Whether a 409 means that the API is busy, so that the request is sent again after a pause."""

    started: float = field(default_factory=time.monotonic)
    tries: int = 0
    waited: float = 0.0
    """Seconds of pauses that the API asked for."""
    malformed: str = ""
    """What is wrong with the last answer's shape."""
    malformed_alike: int = 0
    """Answers in a row with that."""

    @property
    def url(self) -> str:
        """Without the parameters."""
        return str(self.sent["url"])

    @property
    def name(self) -> str:
        """What logs call it."""
        return f"stream {self.hooks.stream}" if self.hooks.stream else urlsplit(self.url).path

    def count_malformed(self, error: MalformedAnswerError) -> None:
        """Count how often in a row an answer was malformed in the same way."""
        self.malformed_alike = self.malformed_alike + 1 if str(error) == self.malformed else 1
        self.malformed = str(error)


def check_path(path: str) -> None:
    """Refuse an id that would change the rest of a path: it is ``.``, ``..`` or empty.

    Raises:
        APIError: The path holds one.
    """
    for segment in path.removeprefix("/").split("/"):
        if segment in {"", ".", ".."}:
            msg = f'The id "{segment}" cannot be part of a URL, so nothing was requested.'
            remedy = "Check the ids in custom_reports; an id that ServiceTitan sent is a matter for its support."
            raise APIError(msg, remedy=remedy)
