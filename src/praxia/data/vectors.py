"""The state and action vectors, and the edit that makes them for a data set that names them differently."""

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

# Names that other writers use (openpi's converters, AgiBot's, ALOHA's, robomimic's), without "observation".
USUAL = {
    STATE: ("state", "states", "qpos", "joint_positions", "joint_position", "joint_pos", "joints", "robot_state"),
    ACTION: ("action", "actions", "commands", "command"),
}
NEAR = 0.6


class MissingVector(DataError):
    """The data set has no `feature`, one of `VECTORS`; the message has the command that makes it."""

    def __init__(self, root: AnyPath, features: Mapping[str, Any], feature: str):
        lacking = [name for name in VECTORS if name not in features]
        found = {name: parts for name in lacking if (parts := _parts(name, features))}
        others = [name for name in _vectors(features) if name not in VECTORS]
        if feature in found:
            rest = f"but {_listed(found[feature])}: {_command(root, found)}"
        elif others:
            rest = f"and no vector called like it; if it is one of {', '.join(others)}: " + _command(
                root, {feature: ["NAME"]}
            )
        else:
            rest = "and no other vector that could be it; a policy cannot be trained without one"
        super().__init__(f"{root} has no {feature!r}, {rest}")


def _vectors(features: Mapping[str, Any]) -> list[str]:
    """The numeric features that are measured or commanded."""
    return [
        name
        for name, one in features.items()
        if re.match(r"u?int|float", one["dtype"]) and name not in INDEX_FEATURES and not name.startswith("next.")
    ]


def _parts(wanted: str, features: Mapping[str, Any]) -> list[str]:
    """The features that are `wanted` under another name or in parts; otherwise the feature with the nearest name."""
    normalised = {name: _normalised(name) for name in _vectors(features) if name not in VECTORS}
    for usual in USUAL[wanted]:
        if same := [name for name, own in normalised.items() if own.replace(".", "") == usual.replace("_", "")]:
            return same[:1]
        if split := [name for name, own in normalised.items() if own.startswith(f"{_normalised(usual)}.")]:
            return split
    near = difflib.get_close_matches(_normalised(wanted), normalised.values(), n=1, cutoff=NEAR)
    return [name for name, own in normalised.items() if own in near and math.prod(features[name]["shape"]) > 1][:1]


def _normalised(name: str) -> str:
    """A name in canonical form: "observations/joint_Positions" becomes "joint.positions"."""
    return re.sub(r"[_\-/ ]", ".", re.sub(r"^(observations?|obs)[./]", "", name.lower()))


def _listed(parts: Sequence[str]) -> str:
    return f"{parts[0]!r}" if len(parts) == 1 else f"in parts, {', '.join(map(repr, parts))}"


def _command(root: AnyPath, found: Mapping[str, Sequence[str]]) -> str:
    """The edit that makes every vector of `found` out of its parts."""
    folder = shlex.quote(str(root))
    if all(len(parts) == 1 for parts in found.values()):
        pairs = [f"{parts[0]}={name}" for name, parts in found.items()]
        verb = "rename"
    else:
        pairs = [f"{name}={','.join(parts)}" for name, parts in found.items()]
        verb = "join"
    return f"`praxia data edit {verb} {folder} --feature {' '.join(map(shlex.quote, pairs))} --out NEW`"
