"""Where the API is, by environment."""

from __future__ import annotations

HOSTS = {
    "production": ("https://api.servicetitan.io", "https://auth.servicetitan.io/connect/token"),
    "integration": (
        "https://api-integration.servicetitan.io",
        "https://auth-integration.servicetitan.io/connect/token",
    ),
}
"""API root and token URL of each environment, from ServiceTitan's developer portal."""
