"""What can go wrong; each error is one line: what failed, why, what to do.

    SingerSDKError (singer-sdk)
    ├── StreamError              a stream cannot be read to its end
    │   ├── APIError             the API, or the way to it, failed for good
    │   │   ├── CredentialsError     client id or secret refused
    │   │   │   └── AppKeyError      app key refused
    │   │   ├── ForbiddenError       not for this tenant, or not for this app
    │   │   │   ├── MissingScopeError    the app lacks the scope of this resource
    │   │   │   └── UnlicensedError      the tenant has not licensed the module of this resource
    │   │   ├── NotFoundError        no such resource (404), or not in its present state
    │   │   │   └── WrongStateError      the resource exists and is not in a state to be read (409)
    │   │   └── RefusedRequestError  a parameter was refused (400), such as a continuation token
    │   ├── BatchError           the files of a BATCH message cannot be written
    │   ├── ReportError          a custom report is not what its settings or its description say
    │   └── PaginationError      the API's page contradicts itself
    ├── ConfigError              the config cannot be used
    ├── CatalogError             the input catalog cannot be used
    ├── StateError               the input STATE cannot be used
    └── SyncFailedError          the run is over and some streams could not be read (tap_servicetitan.failures)

``TransientError`` and what derives from it never leave :mod:`tap_servicetitan.client.client`: they are retried, and end as an ``APIError``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from singer_sdk.exceptions import ConfigValidationError, RetriableAPIError, SingerSDKError, SyncError

if TYPE_CHECKING:
    import requests


Verdict = Literal["missing scope", "not licensed", "wrong credentials", "wrong app key", "failed"]
"""What keeps a stream from being read, in a word or two."""

UNENTITLED: frozenset[Verdict] = frozenset({"missing scope", "not licensed"})
"""The verdicts that mean: the credentials are right, and this stream is not part of what they give access to."""


class StreamError(SyncError):
    """A stream cannot be read to its end."""

    verdict: ClassVar[Verdict] = "failed"
    remedy: str

    def __init__(self, cause: str, *, remedy: str | None = None) -> None:
        super().__init__(cause)
        self.remedy = remedy or self.remedy

    def remedy_with(self, scope: str) -> str:
        """Return what to do, where reading needs this OAuth scope."""
        del scope
        return self.remedy


class APIError(StreamError):
    """The API, or the way to it, failed for good."""

    remedy = "If it lasts, ask ServiceTitan's support, with the trace id where there is one."


class CredentialsError(APIError):
    """The token endpoint refused client id and secret."""

    verdict: ClassVar[Verdict] = "wrong credentials"
    remedy = "Check client_id and client_secret of this tenant, and environment."


class AppKeyError(CredentialsError):
    """The API refused a token that it had just granted, with 401: what else is sent is the app key."""

    verdict = "wrong app key"
    remedy = "Check st_app_key: client_id and client_secret were accepted."


class ForbiddenError(APIError):
    """The API refused the request with 403."""

    remedy = "Check that tenant_id is the tenant of these credentials."


class MissingScopeError(ForbiddenError):
    """The app, as the tenant's admin accepted it, may not read this resource."""

    verdict = "missing scope"
    scope: str | None = None
    """The scope that the refused request needs, where it is not the stream's."""

    def remedy_with(self, scope: str) -> str:
        """Name the scope."""
        return f"Grant the scope {self.scope or scope} to the app in ServiceTitan's developer portal."


class UnlicensedError(ForbiddenError):
    """The tenant has not licensed the module that this resource belongs to."""

    verdict = "not licensed"
    remedy = (
        "ServiceTitan sells this module separately: deselect the stream, or set skip_unentitled_streams, until the "
        "tenant has licensed it."
    )


class NotFoundError(APIError):
    """There is no such resource (404), or not in its present state."""

    is_gone = True
    """Whether there is no such resource any more; False if it exists and is, for example, inactive."""

    remedy = "ServiceTitan may have withdrawn it, or tenant_id (or api_url) is wrong: deselect the stream or fix the setting."


class WrongStateError(NotFoundError):
    """The resource is not in a state in which it can be read (409), for example inactive."""

    is_gone = False


class RefusedRequestError(APIError):
    """The API refused a parameter (400), such as a continuation token."""


class PaginationError(StreamError):
    """The API's page contradicts itself, so that going on would loop or lose records."""

    remedy = "Run again; if it comes back, ask ServiceTitan's support."


class ReportError(StreamError):
    """A custom report is not what its settings or its description say."""

    remedy = "Fix the setting custom_reports: --list-reports shows what there is."


class ConfigError(ConfigValidationError):
    """The config cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems), errors=problems)


class StateError(SingerSDKError):
    """The input STATE cannot be used."""


class CatalogError(SingerSDKError):
    """The input catalog cannot be used."""


class TransientError(RetriableAPIError):
    """A failure that another attempt may get past."""

    remedy = "Run again later: the sync resumes where it stopped."

    def __init__(self, cause: str, response: requests.Response | None = None, *, remedy: str | None = None) -> None:
        super().__init__(cause, response)
        self.remedy = remedy or self.remedy


class MalformedAnswerError(TransientError):
    """The answer is JSON, but has another shape than documented."""


class UnreachableError(TransientError):
    """No request can succeed: the host cannot be reached, or the token endpoint answers no token."""


class NoConnectionError(UnreachableError):
    """No connection to the host can be made."""


class RateLimitError(TransientError):
    """The token endpoint requires a pause."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"the token endpoint answered {response.status_code}", response)
        self.response: requests.Response = response


class BatchError(StreamError):
    """The files of a BATCH message cannot be written."""

    remedy = "Fix batch_config; no bookmark covers what was not written."


def one_line(text: str, length: int) -> str:
    """Return a text that others chose as the log may show it: printable, on one line, cut to so many letters."""
    printable = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return printable if len(printable) <= length else f"{printable[: length - 1]}…"


MAX_NAME_LENGTH = 80
"""Letters of a name in the log."""


def shown(name: object) -> str:
    """Return a name that others chose, such as a field or a report's column, as the log and the terminal may show it."""
    return one_line(str(name), MAX_NAME_LENGTH)


def shown_names(names: Iterable[str]) -> str:
    """Return several such names, with commas in between."""
    return ", ".join(map(shown, names))
