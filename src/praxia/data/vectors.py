"""The two vectors that everything learns from, and how a data set that calls them otherwise comes to have them."""

import difflib
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data.features import INDEX_FEATURES

__all__ = ["ACTION", "STATE", "VECTORS", "MissingVector"]

STATE, ACTION = VECTORS = ("observation.state", "action")

# What other writers call them (openpi's converters, AgiBot's, ALOHA's, robomimic's), without "observation" before.
USUAL = {
    STATE: ("state", "states", "qpos", "joint_positions", "joint_position", "joint_pos", "joints", "robot_state"),
    ACTION: ("action", "actions", "commands", "command"),
}
NEAR = 0.6


class MissingVector(DataError):
    """A data set without `feature`, one of `VECTORS`; the message holds the command that makes what it lacks."""

    def __init__(self, root: AnyPath, features: Mapping[str, Any], feature: str):
        lacking = [name for name in VECTORS if name not in features]
        found = {name: parts for name in lacking if (parts := _parts(name, features))}
        others = [name for name in _vectors(features) if name not in VECTORS]
        if feature in found:
            said = f"but {_listed(found[feature])}: {_command(root, found)}"
        elif others:
            said = f"and no vector called like it; if it is one of {', '.join(others)}: " + _command(
                root, {feature: ["NAME"]}
            )
        else:
            said = "and no other vector that could be it; a policy cannot be trained without one"
        super().__init__(f"{root} has no {feature!r}, {said}")


def _vectors(features: Mapping[str, Any]) -> list[str]:
    """Features that are numbers measured or commanded."""
    return [
        name
        for name, one in features.items()
        if re.match(r"u?int|float", one["dtype"]) and name not in INDEX_FEATURES and not name.startswith("next.")
    ]


def _parts(wanted: str, features: Mapping[str, Any]) -> list[str]:
    """The features that are `wanted` under another name, or that it was split into; without such, the nearest name."""
    words = {name: _words(name) for name in _vectors(features) if name not in VECTORS}
    for usual in USUAL[wanted]:
        if same := [name for name, own in words.items() if own.replace(".", "") == usual.replace("_", "")]:
            return same[:1]
        if split := [name for name, own in words.items() if own.startswith(f"{_words(usual)}.")]:
            return split
    near = difflib.get_close_matches(_words(wanted), words.values(), n=1, cutoff=NEAR)
    return [name for name, own in words.items() if own in near and math.prod(features[name]["shape"]) > 1][:1]


def _words(name: str) -> str:
    """Without what writers disagree in: "observations/joint_Positions" is "joint.positions"."""
    return re.sub(r"[_\-/ ]", ".", re.sub(r"^(observations?|obs)[./]", "", name.lower()))


def _listed(parts: Sequence[str]) -> str:
    return f"{parts[0]!r}" if len(parts) == 1 else f"in parts, {', '.join(map(repr, parts))}"


def _command(root: AnyPath, found: Mapping[str, Sequence[str]]) -> str:
    """The edit that makes every vector of `found` out of its parts."""
    place = shlex.quote(str(root))
    if all(len(parts) == 1 for parts in found.values()):
        pairs = [f"{parts[0]}={name}" for name, parts in found.items()]
        verb = "rename"
    else:
        pairs = [f"{name}={','.join(parts)}" for name, parts in found.items()]
        verb = "join"
    return f"`praxia data edit {verb} {place} --feature {' '.join(map(shlex.quote, pairs))} --out NEW`"
