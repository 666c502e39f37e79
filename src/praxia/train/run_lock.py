"""Whose folder a run's folder is: a new run's, or that of the run to go on with."""

import json
import logging
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError
from praxia.core.files import remove_leftovers, write_atomic
from praxia.core.types import Window

__all__ = ["write_run"]

LOG = logging.getLogger(__name__)


def write_run(out: Path, description: dict[str, Any], resume: bool) -> None:
    """Make `out` this run's folder, or check that it is already. For whoever holds its lock.

    Raises:
        PraxiaError: it holds a run and `resume` was not asked for, or another run than the one to resume.
    """
    remove_leftovers(out)
    path = out / "run.json"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(description, indent=1))
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
    asked = [one.get("questions") or {} for one in (before, description)]
    # A run of the time before does not say what the images were.
    names = ["content_sha256", *(["images_sha256"] if "images_sha256" in asked[0] else [])]
    if any(asked[0].get(name) != asked[1].get(name) for name in names):
        raise PraxiaError(f"{out} was begun with other questions; resume with the same as {before['command']!r}")
    starts = [one.get("start_from") or {} for one in (before, description)]
    if not _same_policy(*starts) or starts[0].get("refit", False) != starts[1].get("refit", False):
        raise PraxiaError(f"{out} was begun with another start_from; resume with the same as {before['command']!r}")
    # A run of the time before mixtures names its one data set without a list.
    data = before["data"] if isinstance(before["data"], list) else [before["data"]]
    _expect_same_data(out, data, description["data"])
    if before.get("mixture") != description["mixture"]:
        raise PraxiaError(
            f"{out} was begun with another mixture of the same data; resume with the same --data as "
            f"{before['command']!r}, unaltered, or train anew with another --out"
        )
    if "coverage" not in before:
        LOG.warning(
            "%s was begun by an earlier version, which took its normalisers from meta/stats.json and hid nothing that "
            "is not valid: from here on they are fitted on the rows that are trained on, and it is hidden. Where that "
            "differs, finish it with that version, or train anew with another --out",
            out,
        )


def _same_policy(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether both begin with one policy, transforms and all; a run from before identities knows its weights alone."""
    known = "policy_sha256" if "policy_sha256" in before else "weights_sha256"
    return before.get(known) == now.get(known)


def _expect_same_data(out: Path, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> None:
    """Content decides, wherever it lies. Of a data set without hashes an older run knows the place alone."""
    paths = ",".join(one["path"] for one in before)
    if len(before) != len(now):
        raise PraxiaError(f"{out} was begun on other data (--data {paths}); train anew with another --out")
    for old, new in zip(before, now, strict=True):
        if (known := _content(old)) is None:
            LOG.warning("%s does not say what its data were, only where: %s", out, old["path"])
        if (known or old["path"]) == (_content(new) if known else new["path"]):
            continue
        if old["path"] == new["path"]:
            raise PraxiaError(
                f"{out} was begun on {old['path']}, which has been altered, added to or replaced since; resume with "
                "the data as they were, wherever a copy is, or train anew with another --out"
            )
        raise PraxiaError(f"{out} was begun on other data (--data {paths}); train anew with another --out")


def _content(data: dict[str, Any]) -> str | None:
    """What a data set is known by: its hash, or that of samples of it."""
    return data["content_sha256"] or data.get("sampled_sha256")
