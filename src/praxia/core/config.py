"""Configuration as values: frozen dataclasses that name themselves by tag, never by module path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

__all__ = ["Config", "config_from_json", "config_to_json"]


@dataclass(frozen=True)
class Config:
    """Base of every configurable part (encoder, head, ...), so that the command line can override its fields.

    A subclass is a frozen dataclass of JSON values and parts. `tag` is its name in its package's registry.
    """

    tag: ClassVar[str]


def config_to_json(part: Config) -> dict[str, Any]:
    """`{"part": tag, field: value, ...}`, nested where a field is itself a part or knows its own `to_json`."""

    def plain(item: Any) -> Any:
        if isinstance(item, Config):
            return config_to_json(item)
        return item.to_json() if hasattr(item, "to_json") else item

    return {"part": part.tag, **{entry.name: plain(getattr(part, entry.name)) for entry in fields(part)}}


def config_from_json(value: Mapping[str, Any], find: Callable[[str], type[Config]]) -> Config:
    """The inverse of `config_to_json`. `find` maps a tag to its class and raises UnknownName for a stranger."""
    arguments = {}
    for name, item in value.items():
        if name == "part":
            continue
        if isinstance(item, Mapping) and "part" in item:
            arguments[name] = config_from_json(item, find)
        else:
            arguments[name] = tuple(item) if isinstance(item, list) else item
    return find(value["part"])(**arguments)
