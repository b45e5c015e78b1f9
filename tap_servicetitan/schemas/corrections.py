"""Where ServiceTitan's documents are wrong about a field: what the field really is, and what shows it.

Fields are written as ``--check`` prints them: ``a.b`` for a field of an object, ``a[].b`` for a field of an array's
items. A field that the documents do not have is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CORRECTIONS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    # The documents say nothing of the answer; the fields that pipelines in use have (MeltanoLabs/tap-service-titan).
    "job_attachments": {
        "id": {"type": ["integer", "null"]},
        "fileName": {"type": ["string", "null"]},
        "createdById": {"type": ["integer", "null"]},
        "createdOn": {"type": ["string", "null"], "format": "date-time"},
    },
}
"""Schema of each corrected field, by stream and field."""
