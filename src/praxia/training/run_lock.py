"""A run's folder: described by `run.json`, and resumed only by the run that began it, which may be longer."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from praxia.checkpoint.migration import migrate_run
from praxia.core.errors import PraxiaError
from praxia.core.files import remove_leftovers, write_atomic

__all__ = ["expect_own_run", "expect_same_config", "expect_same_data", "write_run"]

LOG = logging.getLogger(__name__)

# Options that may differ when a run goes on: they change how a step is computed and what is kept of it, not what it is.
FREE = (
    "--train.activation-checkpointing",
    "--train.checkpoint-s",
    "--train.compile",
    "--train.log-every",
    "--train.strategy",
)
# Differences that a message lists.
SHOWN = 8


def write_run(out: Path, description: dict[str, Any], resume: bool) -> dict[str, Any]:
    """Make `out` this run's folder, or check that it already is. The caller holds the folder's lock.

    Returns the description with "earlier_steps": the lengths that the run had before it was lengthened by a larger
    `train.steps`, which `run.json` then records with the rest of the new description.

    Raises:
        PraxiaError: it holds a run and `resume` is False, or another run than the one to resume.
    """
    remove_leftovers(out)
    path = out / "run.json"
    before = expect_own_run(out, description, resume)
    if before is None:
        out.mkdir(parents=True, exist_ok=True)
        description = {**description, "earlier_steps": []}
        write_atomic(path, json.dumps(description, indent=1))
        return description
    if "coverage" not in before:
        LOG.warning(
            "%s was begun by an earlier version, which took its normalisers from meta/stats.json and did not mask what "
            "is not valid: from here on they are fitted on the rows that are trained on, and it is masked. Where that "
            "differs, finish it with that version, or train anew with another --out",
            out,
        )
    earlier = before.get("earlier_steps", [])
    if lengthened := _steps(description) > _steps(before):
        earlier = [*earlier, _steps(before)]
    description = {**description, "earlier_steps": earlier}
    if lengthened:
        write_atomic(path, json.dumps(description, indent=1))
    return description


def expect_own_run(out: Path, description: dict[str, Any], resume: bool) -> dict[str, Any] | None:
    """The description in `out` of the run to resume; None where no run was begun.

    Raises:
        PraxiaError: as `write_run`.
    """
    path = out / "run.json"
    if not path.exists():
        return None
    if not resume:
        raise PraxiaError(f"{out} holds a run already; continue it with --resume or choose another --out")
    before = migrate_run(json.loads(path.read_text()))
    _expect_same_options(out, before, json.loads(json.dumps(description)))
    expect_same_data(out, before["data"], description["data"])
    if before.get("mixture") != description["mixture"]:
        raise PraxiaError(
            f"{out} was begun with another mixture of the same data; resume with the same --data as "
            f"{before['command']!r}, unaltered, or train anew with another --out"
        )
    return before


def _steps(description: Mapping[str, Any]) -> int:
    return description["config"]["train"]["steps"]


def _expect_same_options(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Config but for more steps, seed, questions, initial policy and public model."""
    expect_same_config(out, before, now)
    if before["seed"] != now["seed"]:
        raise PraxiaError(f"{out} was begun with seed {before['seed']}, got {now['seed']}; resume with the same")
    old, new = (one.get("vqa") or {} for one in (before, now))
    # Older runs do not record a hash of the images.
    names = ["content_sha256", *(["images_sha256"] if "images_sha256" in old else [])]
    if any(old.get(name) != new.get(name) for name in names):
        raise PraxiaError(f"{out} was begun with other questions; resume with the same as {before['command']!r}")
    old, new = (one.get("start_from") or {} for one in (before, now))
    # Runs of before identities can only be compared by the hash of the weights.
    known = "policy_sha256" if "policy_sha256" in old else "weights_sha256"
    if old.get(known) != new.get(known) or old.get("refit", False) != new.get("refit", False):
        raise PraxiaError(f"{out} was begun with another start_from; resume with the same as {before['command']!r}")
    # Frozen weights are not saved in a run's state. Before there were public vision models, runs recorded no hash.
    if before.get("public_weights_sha256") != now["public_weights_sha256"]:
        raise PraxiaError(
            f"{out} was begun with other files of its public model, which have been replaced since; resume with the "
            f"same as {before['command']!r}"
        )


def expect_same_config(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that the run `before` in `out` has the config of `now`, but for more steps and what is `FREE`.

    Raises:
        PraxiaError: names the options that differ.
    """
    if different := _differences(before["config"], now["config"]):
        more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
        raise PraxiaError(
            f"{out} was begun with another config: {', '.join(different[:SHOWN])}{more}; resume with the same options "
            f"as {before['command']!r} (only --train.steps may differ, and only grow)"
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The options of two configs that differ, with both values; more steps and those that are free do not count."""
    old, new = dict(_options(before)), dict(_options(now))
    names = [name for name in {**old, **new} if name not in FREE and old.get(name) != new.get(name)]
    steps = "--train.steps"
    if steps in names and new[steps] > old[steps]:
        names.remove(steps)
    return [f"{name} was {_text(old, name)} and is {_text(new, name)}" for name in names]


def _options(config: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """(option, value) of a config and of those within it; the type of a config within it counts as its own value."""
    for name, value in config.items():
        option = path if name == "type" else f"{path}.{name}".lstrip(".").replace("_", "-")
        if isinstance(value, Mapping) and "type" in value:
            yield from _options(value, option)
        else:
            yield f"--{option}", value


def _text(options: Mapping[str, Any], name: str) -> str:
    return json.dumps(options[name]) if name in options else "absent"


def expect_same_data(out: Path, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> None:
    """Check that the data of the run in `out` are the same.

    Content decides, wherever it lies. Where an older run recorded no hash, only the path can be compared.

    Raises:
        PraxiaError: they are others.
    """
    paths = ",".join(one["path"] for one in before)
    if len(before) != len(now):
        raise PraxiaError(f"{out} was begun on other data (--data {paths}); train anew with another --out")
    for old, new in zip(before, now, strict=True):
        if (known := _content(old)) is None:
            LOG.warning("%s has no hash of its data, only their path: %s", out, old["path"])
        if (known or old["path"]) == (_content(new) if known else new["path"]):
            continue
        if old["path"] == new["path"]:
            raise PraxiaError(
                f"{out} was begun on {old['path']}, which has been altered, added to or replaced since; resume with "
                "the data as they were, wherever a copy is, or train anew with another --out"
            )
        raise PraxiaError(f"{out} was begun on other data (--data {paths}); train anew with another --out")


def _content(data: dict[str, Any]) -> str | None:
    """The hash of a data set's content, or of samples of it."""
    return data["content_sha256"] or data.get("sampled_sha256")
