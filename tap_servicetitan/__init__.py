"""Singer tap for ServiceTitan.

Public are `TapServiceTitan`, `tap_servicetitan.simulator.Simulator`, the commands `python -m tap_servicetitan`,
`python -m tap_servicetitan.simulator` and `python -m tap_servicetitan.schemas`, and the file `plugin.yml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_servicetitan.tap import TapServiceTitan

__all__ = ["TapServiceTitan"]


def __getattr__(name: str) -> Any:
    # Imported when it is used: the simulator and the facts about the API need no Meltano SDK, which takes a second.
    if name == "TapServiceTitan":
        from tap_servicetitan.tap import TapServiceTitan  # noqa: PLC0415 -- see above

        return TapServiceTitan
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
