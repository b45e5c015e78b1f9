"""The simulator as Python sees it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tap_servicetitan.simulator import control, instants
from tap_servicetitan.simulator.access import APP_KEY, Access, credentials
from tap_servicetitan.simulator.faults import Faults
from tap_servicetitan.simulator.identities import Identities
from tap_servicetitan.simulator.reporting import OPERATIONS
from tap_servicetitan.simulator.server import Server
from tap_servicetitan.simulator.service import TOKEN_PATH, Service
from tap_servicetitan.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tap_servicetitan.simulator.answers import Answer, Call, Request

FIRST_TENANT: Final = 1001


class Simulator:
    """ServiceTitan on a port of its own, from construction until :meth:`close` or the end of its ``with`` block."""

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
        reports_per_minute: float = 5.0,
        token_lifetime: float = 900.0,
        deny_scopes: Sequence[str] = (),
        chaos: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        verbose: bool = False,
    ) -> None:
        """Start listening.

        Args:
            records: How many records each stream has at the start, for each tenant; of nested collections, each parent
                has 0 to 5 in turn, or the one that the answer is, and of single objects there is one. Of job_history it
                is the rows, each with 1 to 3 events; of figures by window, the days and campaigns. There are no more
                than 6 report categories.
            sizes: Other numbers of records, by stream; of a nested one, the records of each parent.
            page_size: Records on a page of a feed.
            tenants: How many tenants, numbered from 1001, or their ids.
            seed: What the made-up records depend on.
            latency: Seconds that every answer of the API takes.
            rate_limit: Calls a second that a tenant may make; 0 for any number. The API documents 60.
            reports_per_minute: Runs a minute of the same report that a tenant may make, each page one; 0 for any number.
                The API documents 5, later 1.
            token_lifetime: Seconds that an access token is good for. The API documents 900.
            deny_scopes: OAuth scopes that the app was not given, such as ``tn.crm.leads:r``.
            chaos: Share of the calls that fail at random, at most two in a row of the same request.
            host: Address to listen on.
            port: Port to listen on; 0 for a free one.
            verbose: Whether to write a line to stderr for every request.

        Raises:
            OSError: The port is taken.
            ValueError: An option is out of range or names an unknown stream or scope.
        """
        if (
            min(records, latency, rate_limit, reports_per_minute, token_lifetime, *(sizes or {}).values()) < 0
            or page_size < 1
        ):
            message = "No number may be negative, and a page has at least one record."
            raise ValueError(message)
        self.tenants: Final = (
            tuple(range(FIRST_TENANT, FIRST_TENANT + tenants)) if isinstance(tenants, int) else tuple(tenants)
        )
        self.world: Final = World(self.tenants, Identities(seed, records, dict(sizes or {})))
        access = Access(
            self.tenants,
            lifetime=token_lifetime,
            rate=rate_limit,
            report_rate=reports_per_minute,
            denied=deny_scopes,
        )
        faults = Faults(chaos=chaos, seed=seed)
        self.service: Final = Service(self.world, access, faults, page_size=page_size, latency=latency)
        self._server = Server((host, port), self._answer, self._flight, verbose=verbose)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on every client and free the port."""
        self._server.close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Root of the API."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def config(self) -> dict[str, Any]:
        """The settings that a tap needs; of several tenants, each has its entry in ``tenants``."""
        common = {"st_app_key": APP_KEY, "api_url": self.url, "auth_url": f"{self.url}{TOKEN_PATH}"}
        entries = [{"tenant_id": str(tenant_id), **credentials(tenant_id)} for tenant_id in self.tenants]
        return {**entries[0], **common} if len(entries) == 1 else {"tenants": entries, **common}

    @property
    def now(self) -> str:
        """What the simulator's clock says; only :meth:`advance` moves it."""
        return instants.render(self.world.now)

    @property
    def requests(self) -> list[Request]:
        """The API's and the token endpoint's requests so far (the last 100,000)."""
        return list(self.service.requests)

    @property
    def token_requests(self) -> int:
        """How often an access token was asked for."""
        return self.service.counts.token_requests

    @property
    def max_in_flight(self) -> int:
        """How many requests of the API were being answered at the same time, at most."""
        return self.service.counts.max_in_flight

    def records(self, stream: str, tenant_id: int | str | None = None) -> list[dict[str, Any]]:
        """Return all records of a stream as the API would send them now, those changed last at the end.

        Records of a nested collection have the fields of the path's placeholders first, as the tap names them; rows of
        a feed with lists in them are taken apart into the lists' items. Figures that are summed up by window come by
        day of the UTC, with its bounds in the fields that a window is asked for by. Of capacity, these are the time
        frames of the 14 days from the simulator's clock on. The tap's other additions are not there.

        Args:
            stream: Name of the stream.
            tenant_id: Whose; the first tenant's if not given.

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
        """Move the clock, and let records of every stream and tenant be created, changed and deleted meanwhile.

        Args:
            minutes: How far the clock moves.
            new: Records created, dated before the last 15 minutes, so that the feeds show them.
            changed: Records changed, dated likewise; of ten, about one becomes inactive.
            recent: Records more, half of them new and half changed, dated within the last 15 minutes, so that the
                feeds show them only with ``includeRecentChanges=true`` or after the clock moves on.
            removed: Records that vanish from collections that cannot show inactive ones; feeds never lose any.
            stream: The only stream that changes; every stream if not given.

        Raises:
            ValueError: A number is negative, the stream is unknown, or the time too short to date the changes in.
        """
        self.world.advance(minutes=minutes, new=new, changed=changed, recent=recent, removed=removed, stream=stream)
        self.service.pages.clear()

    def misbehave(self, kind: str, **options: Any) -> dict[str, Any]:
        """Let requests fail; return the fault's full description.

        Args:
            kind: ``rate_limit``, ``error``, ``bad_gateway``, ``unavailable``, ``reset``, ``reset_body``, ``cut``,
                ``cut_chunked``, ``empty``, ``html``, ``wrong_shape``, ``unauthorized``, ``hang``, ``refuse_token``,
                ``empty_page``, ``repeat_token``, ``redirect``, ``maintenance`` or ``token_error``.
            options: Fields of :class:`tap_servicetitan.simulator.faults.Fault`: ``stream``, ``tenant_id``, ``after``,
                ``times``, ``retry_after``, ``seconds``, ``status``, ``location``. Besides streams there are
                ``report_description``, ``report_data`` and ``dynamic_value_set``.

        Raises:
            ValueError: The kind, an option or the stream is unknown, or a value out of range.
        """
        if options.get("stream") not in {None, *(one.name for one in OPERATIONS)}:
            self.world.endpoint(options["stream"])
        fault = self.service.faults.add({"kind": kind, **options})
        description: dict[str, Any] = msgspec.to_builtins(fault)
        return description

    def behave(self) -> None:
        """Take back every fault that :meth:`misbehave` was told; chaos goes on."""
        self.service.faults.clear()

    def _answer(self, call: Call) -> Answer:
        return control.answer(self, call) if call.path.startswith(control.PREFIX) else self.service.answer(call)

    def _flight(self, call: Call) -> AbstractContextManager[None]:
        outside = call.path == TOKEN_PATH or call.path.startswith(control.PREFIX)
        return nullcontext() if outside else self.service.flight()
