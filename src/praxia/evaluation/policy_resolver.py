"""What a text names: a policy without weights, the folder of a trained one, a factory of somebody else's, a server.

`SCHEMES` is the one table of what can be named. A new scheme is a line in it whose function returns a `PolicyFactory`;
evaluation, comparison, preflight and offline evaluation then take it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from praxia.checkpoint.identity import holds_policy
from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.types import Policy
from praxia.evaluation.policy_factory import (
    MakePolicy,
    PolicyFactory,
    find_imported,
    find_registered,
    reference_of,
    registered_policies,
)

__all__ = ["SCHEMES", "SCRIPTED", "PlannerFile", "PolicyFolder", "ScriptedPolicy", "resolve_policy"]

# Policies without weights, by name: what each is.
SCRIPTED = {
    "expert": "the scripted expert of the benchmark's environment, which reads the simulator's state",
    "zero": "holds still",
    "random": "uniformly random actions within the declared ranges",
}


@dataclass(frozen=True)
class ScriptedPolicy:
    """One of the policies without weights, by its name in `SCRIPTED`."""

    name: str


@dataclass(frozen=True)
class PolicyFolder:
    """A folder that holds a trained policy, or should: whoever loads it says what is missing."""

    path: Path


@dataclass(frozen=True)
class PlannerFile:
    """A JSON file that describes a planner: see `evaluation.planner_entry`."""

    path: Path


Resolved = ScriptedPolicy | PolicyFolder | PolicyFactory | PlannerFile


def _scripted(name: str) -> Resolved | None:
    return ScriptedPolicy(name) if name in SCRIPTED else None


def _checkpoint(name: str) -> Resolved | None:
    path = Path(name)
    return PolicyFolder(path) if holds_policy(path) else None


def _path(name: str) -> Resolved | None:
    """Anything that can only be meant as a path: loading it says what is wrong there."""
    path = Path(name)
    return PolicyFolder(path) if "://" not in name and (path.exists() or path.name != name) else None


def _server(name: str) -> Resolved | None:
    """Praxia's server at an address; imported on use, since it needs an extra."""
    if not name.startswith(("ws://", "wss://")):
        return None
    return PolicyFactory("praxia serve", partial(_connect, name), is_remote=True)


def _connect(address: str, embodiment: Embodiment) -> Policy:
    """The policy at `address`.

    Raises:
        PraxiaError: as `connect_policy`; its results would depend on how fast its server is.
    """
    from praxia.wires.remote import connect_policy

    policy = connect_policy(address, embodiment)
    if policy.thinks_beside:
        policy.close()
        raise PraxiaError(
            f"expected decisions that do not depend on the speed of a machine, got two systems at {address}, of which"
            " one thinks beside the other: start the server with praxia serve --exact, or evaluate the policy's folder"
        )
    return policy


def _planner(name: str) -> Resolved | None:
    """A planner, which a JSON file describes."""
    path = Path(name)
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        value = json.loads(path.read_text())
    except ValueError:
        return None
    return PlannerFile(path) if isinstance(value, dict) and value.get("type") == "planner" else None


def _foreign_server(name: str) -> Resolved | None:
    """A server of another project, which a JSON file describes."""
    path = Path(name)
    if path.suffix != ".json" or not path.is_file():
        return None
    from praxia.wires.mapping import connect_foreign

    return PolicyFactory("openpi server", partial(connect_foreign, path), is_remote=True)


# What can be named, in the order in which it is tried. A function returns None for what is not of its scheme, and
# raises a `PraxiaError` for what is but cannot be had.
SCHEMES: dict[str, Callable[[str], Resolved | None]] = {
    ", ".join(SCRIPTED): _scripted,
    "the folder of a run or policy": _checkpoint,
    "a name that an installed package registers": find_registered,
    "package.module:make": find_imported,
    "ws://HOST:PORT of praxia serve": _server,
    "a JSON file that describes a planner": _planner,
    "a JSON file that describes another server": _foreign_server,
    "a path": _path,
}


def resolve_policy(name: str | MakePolicy) -> Resolved:
    """What `name` is or stands for: the first of `SCHEMES` that knows it. A callable is a factory.

    A folder that holds a checkpoint is that checkpoint, whatever its name, except those in `SCRIPTED`.

    Raises:
        UnknownName: no scheme knows it; with the nearest names.
        PraxiaError: it is an address of no known scheme, or a module cannot be found or imported, or does not have that
            function. Names the nearest.
    """
    if not isinstance(name, str):
        return PolicyFactory(reference_of(name), name)
    for find in SCHEMES.values():
        if (found := find(name)) is not None:
            return found
    if "://" in name:
        raise PraxiaError(f"expected a policy as {'; '.join(SCHEMES)}; got {name!r}; see praxia info --policies")
    valid = [*SCRIPTED, *registered_policies()]
    raise UnknownName("folder or name of a policy", name, valid, "praxia info --policies")
