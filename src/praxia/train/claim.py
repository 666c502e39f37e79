"""Whose folder a run's folder is: a new run's, or that of the run to go on with."""

import json
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError
from praxia.core.files import write_whole
from praxia.core.types import Window

__all__ = ["claim"]


def claim(out: Path, description: dict[str, Any], resume: bool) -> None:
    """Make `out` this run's folder, or check that it is already.

    Raises:
        PraxiaError: it holds a run and `resume` was not asked for, or another run than the one to resume.
    """
    path = out / "run.json"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(description, indent=1))
        return
    if not resume:
        raise PraxiaError(f"{out} holds a run already; go on with --resume or choose another --out")
    before = json.loads(path.read_text())
    # A run of the time before relative actions does not say that it has none.
    before["config"] = {"relative": False, "relative_to": {}, **before["config"]}
    # Nor does one of the time before windows list their cameras: they come as they were written.
    before["config"]["window"] = Window.from_json(before["config"]["window"]).to_json()
    for name in ("config", "seed"):
        if before[name] != json.loads(json.dumps(description[name])):
            raise PraxiaError(
                f"{out} was begun with another {name}; resume with the same options as {before['command']!r}"
            )
    asked = [(one.get("questions") or {}).get("content_sha256") for one in (before, description)]
    if asked[0] != asked[1]:
        raise PraxiaError(f"{out} was begun with other questions; resume with the same as {before['command']!r}")
    if not _same_policy(before.get("start_from") or {}, description.get("start_from") or {}):
        raise PraxiaError(f"{out} was begun with another start_from; resume with the same as {before['command']!r}")
    # A run of the time before mixtures names its one data set without a list.
    data = before["data"] if isinstance(before["data"], list) else [before["data"]]
    if [_content(one) for one in data] != [_content(one) for one in description["data"]]:
        paths = ",".join(one["path"] for one in data)
        raise PraxiaError(f"{out} was begun on other data (--data {paths}); train anew with another --out")
    if before.get("mixture") != description["mixture"]:
        raise PraxiaError(
            f"{out} was begun with another mixture of the same data; resume with the same --data as "
            f"{before['command']!r}, unaltered, or train anew with another --out"
        )


def _same_policy(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether both begin with one policy, transforms and all; a run from before identities knows its weights alone."""
    known = "policy_sha256" if "policy_sha256" in before else "weights_sha256"
    return before.get(known) == now.get(known)


def _content(data: dict[str, Any]) -> str:
    """What a data set is known by: its hash, or the place of one that has none."""
    return data["content_sha256"] or data["path"]
