"""Policies that earlier versions wrote, brought up to date: `policy.json` in, `policy.json` out."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["STEPS", "migrate"]

Value = dict[str, Any]


def migrate(value: Mapping[str, Any]) -> Value:
    """A policy's JSON in the newest schema, step by step; what the policy computes stays the same, bit for bit."""
    found = dict(value)
    while steps := STEPS.get(found["schema"]):
        for step in steps:
            found = step(found)
        found["schema"] += 1
    return found


def _not_masked(value: Value) -> Value:
    """Networks of schema 3 took the images of missing cameras and repeated history for seen, and go on doing so."""
    return {**value, "masked": False}


# From each schema to the next, one after another.
STEPS: dict[int, tuple[Callable[[Value], Value], ...]] = {3: (_not_masked,)}
