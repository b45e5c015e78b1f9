"""Continuation tokens of export feeds: each names a position in a tenant's feed, is always valid and reveals nothing."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from hashlib import blake2b
from hmac import compare_digest

_MAC_SIZE = 9


@dataclass(frozen=True)
class FeedPosition:
    """A position in the change log of a feed."""

    tenant_id: int
    stream: str
    position: int
    version: int = 0
    """Makes another token for the same position, after a page that was empty."""

    def renewed(self) -> FeedPosition:
        """Return the same position with another token."""
        return replace(self, version=self.version + 1)


class ContinuationTokens:
    """Writes tokens, and reads those that a simulator with the same seed wrote."""

    def __init__(self, seed: int) -> None:
        self._key = f"continueFrom {seed}".encode()

    def write(self, position: FeedPosition) -> str:
        """Return the token of a position: base64 with ``+``, ``/`` and ``=``, which a URL has to quote."""
        payload = f"{position.tenant_id}:{position.stream}:{position.position}:{position.version}".encode()
        mask = blake2b(self._mac(payload), digest_size=64).digest()
        masked = bytes(byte ^ mask[number % 64] for number, byte in enumerate(payload))
        return b64encode(self._mac(payload) + masked).decode()

    def read(self, token: str) -> FeedPosition | None:
        """Return the position that a token names; None if no simulator with this seed wrote the token."""
        try:
            raw = b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        mac, masked = raw[:_MAC_SIZE], raw[_MAC_SIZE:]
        mask = blake2b(mac, digest_size=64).digest()
        payload = bytes(byte ^ mask[number % 64] for number, byte in enumerate(masked))
        if not compare_digest(mac, self._mac(payload)):
            return None
        tenant, stream, position, version = payload.decode().split(":")
        return FeedPosition(int(tenant), stream, int(position), int(version))

    def _mac(self, payload: bytes) -> bytes:
        return blake2b(payload, key=self._key, digest_size=_MAC_SIZE).digest()
