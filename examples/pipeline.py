"""One tenant's `meltano run`, for an orchestrator's task: with credentials, a state and a working folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

PROJECT = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path(__file__).parent).resolve()


def tenants() -> dict[str, dict[str, str]]:
    """Each tenant's credentials by its id: SERVICETITAN_TENANTS holds the tap's setting `tenants` as JSON.

    Raises:
        ValueError: It does not.
    """
    try:
        entries = json.loads(os.environ.get("SERVICETITAN_TENANTS", ""))
        return {str(entry["tenant_id"]): entry for entry in entries}
    except (ValueError, TypeError, KeyError):
        message = (
            "SERVICETITAN_TENANTS must be a JSON list of tenant_id, client_id and client_secret: docs/many-tenants.md."
        )
        raise ValueError(message) from None


def run(tenant_id: str) -> None:
    """Bring one tenant's data up to date.

    Raises:
        subprocess.CalledProcessError: The run failed; its log, which is part of the task's log, says why.
    """
    tenant = tenants()[tenant_id]
    environment = {
        **os.environ,
        "MELTANO_SYS_DIR_ROOT": str(_working_folder(tenant_id)),
        "TAP_SERVICETITAN_TENANT_ID": tenant_id,
        "TAP_SERVICETITAN_CLIENT_ID": tenant["client_id"],
        "TAP_SERVICETITAN_CLIENT_SECRET": tenant["client_secret"],
    }
    (PROJECT / "output" / tenant_id).mkdir(parents=True, exist_ok=True)  # target-jsonl does not make it
    command = ["meltano", "run", f"--state-id-suffix={tenant_id}", "tap-servicetitan", "target-jsonl"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)


def _working_folder(tenant_id: str) -> Path:
    # `meltano run` writes state and catalog for the tap to `run/tap-servicetitan/` of its system folder, under the same
    # names in every run (seen in Meltano 4.4.1). Two tenants at the same time in one folder would mix theirs up.
    installed = PROJECT / ".meltano"
    folder = installed / "tenants" / tenant_id
    folder.mkdir(parents=True, exist_ok=True)
    for plugins in ("extractors", "loaders"):
        if not (folder / plugins).exists():
            (folder / plugins).symlink_to(installed / plugins)
    return folder
