"""Where ServiceTitan's documents are wrong about a field: what the field really is, and what shows it.

Fields are written as ``--check`` prints them: ``a.b`` for a field of an object, ``a[].b`` for a field of an array's
items. A field that the documents do not have is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME_OR_NUMBER: dict[str, Any] = {"type": ["string", "null"]}
"""An enumeration that is documented by names and was seen to arrive as numbers, which the tap writes as text."""

CORRECTIONS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    # `0` where the documents have `None` and `ByValue`: MeltanoLabs/tap-service-titan issue 358 (2026), seen on these.
    "inventory_bills": {"landedCostMethod": NAME_OR_NUMBER},
    "purchase_order_types": {"landedCostMethod": NAME_OR_NUMBER},
    "receipts": {"landedCostMethod": NAME_OR_NUMBER},
    # Numbers where the documents have `None`, `Live`, `Stopped`: archdotdev/tap-service-titan issue 163.
    "campaign_performance": {f"{part}.status": NAME_OR_NUMBER for part in ("campaign", "adGroup", "keyword")},
    "adgroup_performance": {f"{part}.status": NAME_OR_NUMBER for part in ("campaign", "adGroup", "keyword")},
    "keyword_performance": {f"{part}.status": NAME_OR_NUMBER for part in ("campaign", "adGroup", "keyword")},
    # The documents say nothing of the answer; the fields that pipelines in use have (MeltanoLabs/tap-service-titan).
    "job_attachments": {
        "id": {"type": ["integer", "null"]},
        "fileName": {"type": ["string", "null"]},
        "createdById": {"type": ["integer", "null"]},
        "createdOn": {"type": ["string", "null"], "format": "date-time"},
    },
}
"""Schema of each corrected field, by stream and field."""
