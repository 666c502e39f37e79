"""Which episodes of a data set a policy's training held out, as the policy's provenance records it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from praxia.data.dataset import Dataset
from praxia.data.episode import format_episodes

__all__ = ["TrainedOn", "find_training"]


@dataclass(frozen=True)
class TrainedOn:
    """A policy was trained on this data set, without the episodes `held_out`, which rise."""

    held_out: tuple[int, ...]

    def notice(self, num_episodes: int) -> str:
        """One line for people about the episodes that an evaluation takes by default."""
        if not self.held_out:
            return (
                "the policy was trained on this data set and held nothing out: the errors are those on what it has "
                "seen; `praxia train --hold-out 0.1` leaves episodes to judge it on"
            )
        return (
            f"the policy was trained on this data set: evaluating the {len(self.held_out)} episodes that were held out "
            f"({format_episodes(self.held_out)}); --episodes 0-{num_episodes - 1} takes all"
        )


def find_training(provenance: Mapping[str, Any], dataset: Dataset) -> TrainedOn | None:
    """What the provenance of a policy says about training on `dataset`, wherever it lies; None: it was not.

    An episode is held out if no run saw it: neither this policy's nor those of the model that it is built on.
    """
    runs = (provenance, *provenance.get("part_runs", ()))
    found = [held_out for one in runs if (held_out := _held_out(one, dataset)) is not None]
    return TrainedOn(tuple(sorted(set.intersection(*found)))) if found else None


def _held_out(run: Mapping[str, Any], dataset: Dataset) -> set[int] | None:
    """The episodes that one run held out; None: it was not trained on this data set."""
    known = run.get("data") or ()
    matching = [at for at, one in enumerate(known) if _is(dataset, one)]
    held_out = run.get("held_out") or [[]] * len(known)
    return {number for at in matching for number in held_out[at]} if matching else None


def _is(dataset: Dataset, known: Mapping[str, Any]) -> bool:
    # Older policies name data sets of other writers by their path alone.
    hashed = any(value is not None for name, value in known.items() if name != "path")
    return dataset.matches_identity(known) if hashed else str(dataset.root) == known["path"]
