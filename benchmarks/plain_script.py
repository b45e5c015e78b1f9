"""What one would write in a hurry: requests, msgspec, dicts; no selection, no types, no bookmark, no retries."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import msgspec
import requests


def main(api_url: str) -> None:
    """Write a feed of bookings as RECORD lines."""
    session = requests.Session()
    encoder = msgspec.json.Encoder()
    params: dict[str, str] = {}
    more = True
    while more:
        response = session.get(f"{api_url}/crm/v2/tenant/1001/export/bookings", params=params, timeout=60)
        response.raise_for_status()
        page = msgspec.json.decode(response.content)
        now = datetime.now(UTC)
        messages = [
            {
                "type": "RECORD",
                "stream": "bookings",
                "record": {"tenant_id": "1001", **record},
                "time_extracted": now,
            }
            for record in page["data"]
        ]
        sys.stdout.buffer.write(encoder.encode_lines(messages))
        more = page["hasMore"]
        params = {"from": page["continueFrom"]}


if __name__ == "__main__":
    main(sys.argv[1])
