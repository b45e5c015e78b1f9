"""One definition per setting: its JSON schema, its default and its typed value are made from it.

A group of settings is a dataclass, and each of its fields is a :func:`setting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from singer_sdk import typing as th

JSONType = th.JSONTypeHelper[Any] | type[th.JSONTypeHelper[Any]]

Rule = Callable[[Any], str | None]
"""Returns what is wrong with a value of the right type, such as ``must be …``; None if nothing is."""

_METADATA = "definition"


def text(value: object) -> str:
    """Return text without white space around it; a number as its digits, nothing as empty text."""
    return "" if value is None else str(value).strip()


def optional_text(value: object) -> str | None:
    """Return text without white space around it, None where nothing is left."""
    return text(value) or None


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Definition:
    """What is known of one setting."""

    name: str
    json_type: JSONType
    title: str | None
    description: str | None
    default: Any
    required: bool
    secret: bool
    choices: Sequence[str] | None
    parse: Callable[[Any], Any]
    rule: Rule | None

    @property
    def json_property(self) -> th.Property[Any]:
        """Its part of the JSON schema."""
        return th.Property(
            self.name,
            self.json_type,
            required=self.required,
            default=self.default,
            secret=self.secret,
            allowed_values=None if self.choices is None else list(self.choices),
            title=self.title,
            description=self.description,
        )

    def typed(self, value: Any) -> Any:
        """Return a valid value in the type that the tap works with; the default for None."""
        return self.parse(self.default if value is None else value)


def setting(  # noqa: PLR0913 -- keywords of a definition, each used
    name: str,
    json_type: JSONType,
    *,
    title: str | None = None,
    description: str | None = None,
    default: Any = None,
    required: bool = False,
    secret: bool = False,
    choices: Sequence[str] | None = None,
    parse: Callable[[Any], Any] = _unchanged,
    rule: Rule | None = None,
) -> Any:
    """Define a setting as a field of a dataclass.

    Args:
        name: As users write it.
        json_type: What users may write.
        title: A short name, for forms.
        description: One or two sentences, for ``--about`` and the Meltano Hub.
        default: As users would write it.
        required: It must be present.
        secret: Logs and forms hide it.
        choices: The only values that are allowed.
        parse: Makes the typed value of a valid one, or of the default.
        rule: What the JSON schema cannot express.
    """
    definition = Definition(name, json_type, title, description, default, required, secret, choices, parse, rule)
    if required:
        return field(repr=not secret, metadata={_METADATA: definition})
    return field(default_factory=lambda: definition.typed(None), repr=not secret, metadata={_METADATA: definition})


def definitions(group: type) -> dict[str, Definition]:
    """Return the settings of a group, by field."""
    return {each.name: each.metadata[_METADATA] for each in fields(group)}


def json_object(group: type) -> th.ObjectType:
    """Return the JSON schema of an object that holds these settings and no others."""
    properties = (definition.json_property for definition in definitions(group).values())
    return th.ObjectType(*properties, additional_properties=False)


def typed_values(group: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed value of each field of a group; defaults where there is none."""
    return {name: each.typed(values.get(each.name)) for name, each in definitions(group).items()}


def rule_problems(group: type, values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield one line for each value that breaks its setting's rule.

    Args:
        group: The settings.
        values: Of the types that the JSON schema requires.
        path: Where the values stand in the config, such as ``tenants.0.``.
    """
    for each in definitions(group).values():
        value = values.get(each.name)
        if each.rule and value not in (None, "") and (problem := each.rule(value)):
            yield f"Setting '{path}{each.name}' {problem}."
