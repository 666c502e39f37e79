"""Policies of an earlier schema, as `policy.json` would say them today."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["SCHEMA", "migrated"]

SCHEMA = 4


def migrated(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A policy's JSON value in the present schema; one of a schema that is not known is given back as it is."""
    if value.get("schema") != 3:
        return value
    for change in FROM_3:
        value = change(value)
    return {**value, "schema": SCHEMA}


def as_unmasked(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Networks of schema 3 took black images of missing cameras and repeated history for seen, and go on doing so."""
    return {**value, "masked": False}


FROM_3: tuple[Callable[[Mapping[str, Any]], Mapping[str, Any]], ...] = (as_unmasked,)
