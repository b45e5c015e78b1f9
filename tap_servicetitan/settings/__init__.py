"""The settings: one definition each, from which the JSON schema, the defaults and the typed form are made."""

from tap_servicetitan.settings.environment import environment_config
from tap_servicetitan.settings.extra_streams import parse_extra_streams
from tap_servicetitan.settings.hosts import HOSTS
from tap_servicetitan.settings.model import CONFIG_JSONSCHEMA, Settings
from tap_servicetitan.settings.tenant import Tenant
from tap_servicetitan.settings.validation import complete, problems, unknown

__all__ = [
    "CONFIG_JSONSCHEMA",
    "HOSTS",
    "Settings",
    "Tenant",
    "complete",
    "environment_config",
    "parse_extra_streams",
    "problems",
    "unknown",
]
