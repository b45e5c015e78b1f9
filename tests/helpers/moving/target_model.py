"""What a target holds after runs of the tap."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Key = tuple[Any, ...]
Record = dict[str, Any]


@dataclass
class TargetModel:
    """A target in memory: the last record of a key counts; ACTIVATE_VERSION drops what its run did not write."""

    rows: dict[str, dict[Key, Record]] = field(default_factory=lambda: defaultdict(dict))
    """By stream, then by key: tenant, parents, id."""

    state: dict[str, Any] = field(default_factory=dict)
    """The last STATE: where the next run starts."""

    _runs: dict[tuple[str, Key], int] = field(default_factory=dict)
    _run: int = 0

    def load(self, messages: list[dict[str, Any]]) -> set[str]:
        """Load what a run wrote; return the streams that it activated."""
        self._run += 1
        keys: dict[str, list[str]] = {}
        activated = set()
        for message in messages:
            stream = message.get("stream", "")
            match message["type"]:
                case "SCHEMA":
                    keys[stream] = message["key_properties"]
                case "RECORD":
                    key = tuple(message["record"][name] for name in keys[stream])
                    self.rows[stream][key] = message["record"]
                    self._runs[stream, key] = self._run
                case "ACTIVATE_VERSION":
                    activated.add(stream)
                    held = self.rows[stream]
                    self.rows[stream] = {key: held[key] for key in held if self._runs[stream, key] == self._run}
                case "STATE":
                    self.state = message["value"]
        return activated
