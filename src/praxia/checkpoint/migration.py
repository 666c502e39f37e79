"""A policy.json of an older schema in the form of today, so that a policy trained before computes what it computed."""

from collections.abc import Mapping
from typing import Any

from praxia.transforms.migration import with_shifted_dims

__all__ = ["migrate"]


def migrate(value: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a policy.json of schema 3 or 4 as schema 4; of any other schema as it is."""
    if value.get("schema") != 3:
        return dict(value)
    return {**value, "schema": 4, "transforms": with_shifted_dims(value["transforms"])}
