"""Policies that earlier versions wrote, brought up to date: `policy.json` in, `policy.json` out."""

from collections.abc import Callable, Mapping
from typing import Any

from praxia.transforms.migration import with_shifted_dims

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


def _cameras_in_order(value: Value) -> Value:
    """Schema 3 has the order of cameras in that of the names of an object alone."""
    window = value["window"]
    cameras = [name.removeprefix("image.") for name in window["observation_steps"] if name.startswith("image.")]
    return {**value, "window": {**window, "cameras": cameras}}


def _shifted_dims(value: Value) -> Value:
    """Schema 3 knows dims that are only shifted by how small their range is in their own unit."""
    return {**value, "transforms": with_shifted_dims(value["transforms"])}


def _not_masked(value: Value) -> Value:
    """Networks of schema 3 took the images of missing cameras and repeated history for seen, and go on doing so."""
    return {**value, "masked": False}


# From each schema to the next, one after another.
STEPS: dict[int, tuple[Callable[[Value], Value], ...]] = {3: (_cameras_in_order, _shifted_dims, _not_masked)}
