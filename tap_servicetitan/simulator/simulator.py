"""The simulator as Python sees it."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self, get_args

import msgspec

from tap_servicetitan.endpoints.kinds import Export, Listing, Unpaged
from tap_servicetitan.simulator.api.authorizer import APP_KEY, Authorizer, credentials
from tap_servicetitan.simulator.api.endpoint_operations import single_children, vanishing
from tap_servicetitan.simulator.api.faults import Faults
from tap_servicetitan.simulator.api.report_operations import REPORT_OPERATIONS
from tap_servicetitan.simulator.api.service import TOKEN_PATH, Service
from tap_servicetitan.simulator.data.clock import FEED_DELAY, START, Clock
from tap_servicetitan.simulator.data.report_queries import Keys, QueryOptions
from tap_servicetitan.simulator.data.stories import Stories
from tap_servicetitan.simulator.data.world import World
from tap_servicetitan.simulator.fake import timestamps
from tap_servicetitan.simulator.fake.identities import Identities
from tap_servicetitan.simulator.http.application import Application
from tap_servicetitan.simulator.http.overview import Overview
from tap_servicetitan.simulator.http.request_log import RequestLog
from tap_servicetitan.simulator.http.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.http.request_log import LoggedRequest

FIRST_TENANT: Final = 1001

_KINDS: Final[Mapping[str, type[Endpoint]]] = {"export": Export, "listing": Listing, "unpaged": Unpaged}
"""Kinds of collections that can be added."""


class Simulator:
    """ServiceTitan's API on a port of localhost, from construction to :meth:`close` or the end of the ``with`` block."""

    def __init__(  # noqa: PLR0913  the options of the command line, each with a default
        self,
        *,
        records: int = 2000,
        sizes: Mapping[str, int] | None = None,
        page_size: int = 500,
        tenants: int | Sequence[int] = 1,
        seed: int = 1,
        latency: float = 0.0,
        rate_limit: float = 60.0,
        reports_per_minute: float = 1.0,
        report_queries: Keys = "pascal",
        report_seconds: float = 0.0,
        report_wait: float = 10.0,
        report_token_lifetime: float = 3600.0,
        report_slots: int = 1,
        token_lifetime: float = 900.0,
        deny_scopes: Sequence[str] = (),
        chaos: float = 0.0,
        live: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        verbose: bool = False,
    ) -> None:
        """Start listening.

        Args:
            records: Number of records of each stream at the start, for each tenant. Exceptions: a nested stream has 0
                to 5 records below each parent in turn (one, where the response is one object), a singleton has one,
                report_categories at most 6. An estimate or an invoice has 0 to 2 items in turn, one on average. Of job_history it is the number of rows with 1 to 3 events each. Of
                what is read by windows it is the number of leads, or of days and campaigns, in each year from a year
                before the clock's start to the machine's date, by which clients choose the windows.
            sizes: Other numbers of records, by stream; of a nested stream, the number of records below each parent; of
                estimate_items and invoice_items, the number of items of each estimate and invoice.
            page_size: Number of records on a page of a feed.
            tenants: Number of tenants, which are numbered from 1001, or the ids of the tenants.
            seed: Another seed gives other records; the same seed always gives the same ones.
            latency: Seconds that each response of the API takes.
            rate_limit: Requests per second and tenant; 0 for any number. The API documents 60.
            reports_per_minute: Runs per minute of a report, for each tenant; each page is a run; 0 for any number.
                The API allows 1.
            report_queries: How asynchronous queries of reports spell the keys of their results: ``pascal`` as live
                tenants do, ``camel`` as documented, ``none`` for 404, as a tenant without such queries answers.
            report_seconds: Seconds that each report takes.
            report_wait: Seconds that a query waits for the result before it answers 202 with a token. The API waits 10.
            report_token_lifetime: Seconds that the token of a query is known.
            report_slots: Queries of a tenant that may run at the same time; another one gets 409.
            token_lifetime: Seconds that an access token is valid. The API documents 900.
            deny_scopes: OAuth scopes that the app does not have, such as ``tn.crm.leads:r``.
            chaos: Share of the requests that fail at random: from 0 to below 1. The same request fails at most twice
                in a row.
            live: How many changes stories bring in an hour of the clock, in all collections together: bookings become
                jobs, appointments, invoices and payments. The clock moves only by :meth:`advance` all the same.
            host: Address to listen on.
            port: Port to listen on; 0 for a free one.
            verbose: Whether to write a line to stderr for each request.

        Raises:
            OSError: The port is in use.
            ValueError: An option is out of range, or names an unknown stream or scope.
        """
        numbers = [records, latency, live, rate_limit, reports_per_minute, token_lifetime, *(sizes or {}).values()]
        if min(*numbers, report_seconds, report_wait, report_token_lifetime, report_slots) < 0 or page_size < 1:
            message = "No number may be negative, and a page has at least one record."
            raise ValueError(message)
        if report_queries not in get_args(Keys):
            message = f"report_queries must be one of {', '.join(get_args(Keys))}."
            raise ValueError(message)
        self.tenants: Final = (
            tuple(range(FIRST_TENANT, FIRST_TENANT + tenants)) if isinstance(tenants, int) else tuple(tenants)
        )
        identities = Identities(seed, records, dict(sizes or {}), single_children())
        stories = Stories(identities, live, START - FEED_DELAY) if live else None
        self._clock = Clock(stories)
        self.world: Final = World(self.tenants, self._clock, identities, can_vanish=vanishing())
        authorizer = Authorizer(
            self.tenants,
            lifetime=token_lifetime,
            rate=rate_limit,
            report_rate=reports_per_minute,
            denied=deny_scopes,
        )
        self._faults = Faults(chaos=chaos, seed=seed)
        queries = QueryOptions(report_queries, report_seconds, report_wait, report_token_lifetime, report_slots)
        self._service = Service(
            self.world, authorizer, self._faults, page_size=page_size, latency=latency, queries=queries
        )
        self._log = RequestLog()
        overview = Overview(self.world, self._faults, self._log, live)
        application = Application(self._service, self._log, self, overview)
        self._server = Server((host, port), application, verbose=verbose)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and free the port."""
        self._server.close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Root of the API."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def config(self) -> dict[str, Any]:
        """The settings that a tap needs; several tenants have an entry each in ``tenants``."""
        return self.config_at(self.url)

    def config_at(self, url: str) -> dict[str, Any]:
        """Return the settings of a tap that reaches the simulator at this root, such as ``http://simulator:8080``."""
        common = {"st_app_key": APP_KEY, "api_url": url, "auth_url": f"{url}{TOKEN_PATH}"}
        entries = [{"tenant_id": str(tenant_id), **credentials(tenant_id)} for tenant_id in self.tenants]
        return {**entries[0], **common} if len(entries) == 1 else {"tenants": entries, **common}

    @property
    def now(self) -> str:
        """The time of the simulator's clock, in UTC; only :meth:`advance` moves it."""
        return timestamps.format_utc(self._clock.now)

    @property
    def requests(self) -> list[LoggedRequest]:
        """The last 20,000 requests to the API and the token endpoint."""
        return list(self._log.requests)

    @property
    def token_requests(self) -> int:
        """Number of requests for an access token."""
        return self._log.token_requests

    @property
    def max_in_flight(self) -> int:
        """Highest number of requests to the API that were in flight at the same time."""
        return self._log.max_in_flight

    def records(self, stream: str, tenant_id: int | str | None = None) -> list[dict[str, Any]]:
        """Return all records of a stream as the API would send them now, in the order of their last change.

        Some differ from what the API sends, as they do in the tap: records of a nested stream begin with the values of
        their path, rows of a feed with lists in them are split into the items of the lists, and figures by window are
        those of each day (UTC), with its bounds in the fields of the window's parameters. Of capacity, these are the
        time frames of the 14 days after the simulator's clock. Other fields that the tap adds are not there.

        Args:
            stream: Name of the stream.
            tenant_id: Id of the tenant; the first tenant if not given.

        Raises:
            ValueError: There is no such stream or tenant.
        """
        tenant = self.tenants[0] if tenant_id is None else int(tenant_id)
        return list(self.world.collection(tenant, stream).records())

    def advance(  # noqa: PLR0913  the options of POST /simulator/advance
        self,
        *,
        minutes: float = 60.0,
        new: int = 20,
        changed: int = 10,
        recent: int = 0,
        removed: int = 0,
        stream: str | None = None,
    ) -> None:
        """Move the clock, and create, change and delete records of every stream and tenant in this time.

        Args:
            minutes: Minutes that the clock moves.
            new: Number of new records of each stream. They are dated before the last 15 minutes, so that feeds show
                them.
            changed: Number of changed records of each stream, dated likewise. About one of ten becomes inactive. Items
                are created and change with their estimates and invoices, so their numbers differ.
            recent: Number of additional records of each stream, half of them new and half changed. They are dated
                within the last 15 minutes, so that feeds show them only with ``includeRecentChanges=true`` or after the
                clock has moved on.
            removed: Number of records that disappear from streams that cannot show inactive ones; feeds lose none.
            stream: The only stream that changes; every stream if not given.

        Raises:
            ValueError: A number is negative, the stream is unknown, or the time is too short to date the changes in.
        """
        if stream is not None:
            self.world.endpoint(stream)
        self._clock.advance(minutes=minutes, new=new, changed=changed, recent=recent, removed=removed, stream=stream)

    def add_field(self, stream: str, field: str) -> None:
        """Let all records of a stream have one more field, a text, as after a release of ServiceTitan.

        Feeds show it for records that are new or changed from now on; see :meth:`advance`.

        Args:
            stream: Name of the stream.
            field: Name of the field; inside an object or the objects of a list ``items.extra``.

        Raises:
            ValueError: There is no such stream.
        """
        self.world.add_field(stream, tuple(field.split(".")))
        self._clock.advance(minutes=0, new=0, changed=0, recent=0, removed=0, stream=stream)

    def add_collection(self, name: str, *, api: str, path: str, kind: str, like: str) -> None:
        """Serve a collection that the tap's table of streams does not have, as after a release of ServiceTitan.

        Args:
            name: Its name, for :meth:`records` and :meth:`advance`.
            api: API and version, such as ``crm/v2``.
            path: Path below ``/<api>/tenant/<tenant>/``.
            kind: ``export``, ``listing`` or ``unpaged``.
            like: Name of a stream whose records have the same fields.

        Raises:
            ValueError: The name is taken, or there is no such kind or stream.
        """
        if kind not in _KINDS:
            message = f"No kind {kind!r}: there are {', '.join(_KINDS)}."
            raise ValueError(message)
        endpoint = _KINDS[kind](name, path, api=api)
        self.world.add_collection(endpoint, like)
        self._service.add_endpoint(endpoint)

    def misbehave(self, kind: str, **options: Any) -> dict[str, Any]:
        """Let requests fail, and return the whole description of the fault.

        Args:
            kind: ``rate_limit``, ``error``, ``bad_gateway``, ``unavailable``, ``reset``, ``reset_body``, ``cut``,
                ``cut_chunked``, ``empty``, ``html``, ``wrong_shape``, ``unauthorized``, ``hang``, ``refuse_token``,
                ``empty_page``, ``repeat_token``, ``redirect``, ``maintenance``, ``token_error``,
                ``unlicensed``, ``not_found``, ``conflict`` or ``has_more`` (queries of reports only).
            options: Fields of :class:`tap_servicetitan.simulator.api.faults.Fault`: ``stream``, ``tenant_id``,
                ``after`` and ``times`` (numbers of requests), ``retry_after`` and ``seconds``, ``status``,
                ``location``. Besides streams there are ``report_description``, ``report_data``, ``report_query``,
                ``report_query_result``, ``report_query_cancellation`` and ``dynamic_value_set``.

        Raises:
            ValueError: The kind, an option or the stream is unknown, or a value is out of range.
        """
        if options.get("stream") not in {None, *(one.name for one in REPORT_OPERATIONS)}:
            self.world.endpoint(options["stream"])
        fault = self._faults.add({"kind": kind, **options})
        description: dict[str, Any] = msgspec.to_builtins(fault)
        return description

    def behave(self) -> None:
        """End all faults of :meth:`misbehave`; chaos goes on."""
        self._faults.clear()
