"""The least that reading a feed costs: the answers' bytes from the socket to stdout, of which only the token is read."""

from __future__ import annotations

import re
import sys

import requests

_CONTINUE_FROM = re.compile(rb'"hasMore":true,"continueFrom":"(\d+)"')


def main(api_url: str) -> None:
    """Write the answers of a feed of bookings."""
    session = requests.Session()
    params: dict[str, str] = {}
    while True:
        response = session.get(f"{api_url}/crm/v2/tenant/1001/export/bookings", params=params, timeout=60)
        response.raise_for_status()
        sys.stdout.buffer.write(response.content)
        more = _CONTINUE_FROM.search(response.content, 0, 200)
        if more is None:
            return
        params = {"from": more[1].decode()}


if __name__ == "__main__":
    main(sys.argv[1])
