"""The routes below ``/simulator/``: what a test in any language needs to steer the simulator with curl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_servicetitan.simulator.answers import Answer, Call, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_servicetitan.simulator import Simulator

PREFIX: Final = "/simulator/"


def answer(simulator: Simulator, call: Call) -> Answer:
    """Answer a request; 400 says what is wrong with it."""
    routes = ROUTES.get(call.path.removeprefix(PREFIX))
    if routes is None:
        known = ", ".join(f"{method} {PREFIX}{name}" for name, (method, _) in ROUTES.items())
        return encode({"error": f"There is no {call.path}: there are {known}."}, 404)
    method, route = routes
    if call.method != method:
        return encode({"error": f"{call.path} takes {method} only."}, 405)
    try:
        return encode(route(simulator, call))
    except (ValueError, msgspec.DecodeError) as error:
        return encode({"error": str(error)}, 400)


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to advance."""

    minutes: float = 60.0
    new: int = 20
    changed: int = 10
    recent: int = 0
    removed: int = 0
    stream: str | None = None


def _advance(simulator: Simulator, call: Call) -> object:
    options = msgspec.json.decode(call.body or b"{}", type=_Advance)
    simulator.advance(**msgspec.structs.asdict(options))
    return {"now": simulator.now}


def _misbehave(simulator: Simulator, call: Call) -> object:
    options = msgspec.json.decode(call.body or b"{}", type=dict[str, Any])
    return simulator.misbehave(**{"kind": "", **options})


def _behave(simulator: Simulator, _: Call) -> object:
    simulator.behave()
    return {}


def _records(simulator: Simulator, call: Call) -> object:
    return simulator.records(call.query.get("stream", ""), call.query.get("tenant"))


def _requests(simulator: Simulator, _: Call) -> object:
    counts: dict[str, dict[str, int]] = {}
    for (what, status), times in simulator.service.answered.copy().items():
        counts.setdefault(what, {})[str(status)] = times
    return {
        "requests": counts,
        "token_requests": simulator.token_requests,
        "max_in_flight": simulator.max_in_flight,
        "now": simulator.now,
    }


def _config(simulator: Simulator, _: Call) -> object:
    return simulator.config


ROUTES: Final[Mapping[str, tuple[str, Callable[[Simulator, Call], object]]]] = {
    "config": ("GET", _config),
    "advance": ("POST", _advance),
    "misbehave": ("POST", _misbehave),
    "behave": ("POST", _behave),
    "records": ("GET", _records),
    "requests": ("GET", _requests),
}
