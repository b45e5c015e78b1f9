"""Continuation tokens: they name a place in one tenant's feed, valid for ever, and betray nothing."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from hashlib import blake2b
from hmac import compare_digest

_MAC_SIZE = 9


@dataclass(frozen=True)
class Place:
    """A position in a feed's change log."""

    tenant_id: int
    stream: str
    position: int
    turn: int = 0
    """Tells apart tokens for the same position, after pages that were empty."""

    def later(self) -> Place:
        """Return the same position under another token."""
        return replace(self, turn=self.turn + 1)


class Tokens:
    """Writes tokens and reads its own; another seed's are foreign."""

    def __init__(self, seed: int) -> None:
        self._key = f"continueFrom {seed}".encode()

    def write(self, place: Place) -> str:
        """Give the token of a place: base64 with ``+``, ``/`` and ``=``, to be quoted in a URL."""
        payload = f"{place.tenant_id}:{place.stream}:{place.position}:{place.turn}".encode()
        mask = blake2b(self._mac(payload), digest_size=64).digest()
        masked = bytes(byte ^ mask[number % 64] for number, byte in enumerate(payload))
        return b64encode(self._mac(payload) + masked).decode()

    def read(self, token: str) -> Place | None:
        """Return the place that a token names; None when no simulator of this seed wrote it."""
        try:
            raw = b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        mac, masked = raw[:_MAC_SIZE], raw[_MAC_SIZE:]
        mask = blake2b(mac, digest_size=64).digest()
        payload = bytes(byte ^ mask[number % 64] for number, byte in enumerate(masked))
        if not compare_digest(mac, self._mac(payload)):
            return None
        tenant, stream, position, turn = payload.decode().split(":")
        return Place(int(tenant), stream, int(position), int(turn))

    def _mac(self, payload: bytes) -> bytes:
        return blake2b(payload, key=self._key, digest_size=_MAC_SIZE).digest()
