"""What records episodes step by step, and the recorder that keeps an episode in memory until it is saved.

`praxia.datatools.record.Recorder` is the other one, for robots: it writes while the episode runs, and survives a crash.
Both write the same bytes of the same steps.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.types import Actor, Start
from praxia.data import parquet
from praxia.data.episode import Episode
from praxia.data.staging import expect_unfinished, is_staged, stage_episode, staged_indices

__all__ = [
    "FLAGS",
    "NUMBERS",
    "EpisodeRecorder",
    "OpenEpisode",
    "StagedRecorder",
    "expect_like",
    "expect_unrecorded",
    "save_episode",
    "single_step",
]

NUMBERS = ("state", "action", "executed_action", "reward")
FLAGS = ("success", "terminated", "truncated")


@runtime_checkable
class OpenEpisode(Protocol):
    """An episode under way: it takes steps until it is saved in full, or discarded. Both can be called once."""

    def add(
        self,
        images: Mapping[str, Shaped[np.ndarray, "_ _ 3"]],
        state: Shaped[np.ndarray, " S"],
        action: Shaped[np.ndarray, " A"],
        executed_action: Shaped[np.ndarray, " A"],
        reward: float,
        success: bool,
        terminated: bool,
        truncated: bool,
        snapshot: bytes | None = None,
        streams: Mapping[str, Shaped[np.ndarray, "..."]] | None = None,
        extras: Mapping[str, Any] | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Add one step, as a row of `data.episode.Episode`: the observation, the action taken, and its outcome.

        What is given is copied. Numbers are kept as float32, but for those of streams and extras.

        Raises:
            MismatchError, DataError: a step that does not fit the embodiment or the steps before, or is not finite; it
                is not recorded.
            RecordingError: the disk is full.
            PraxiaError: the episode is saved or discarded.
        """

    def save(self) -> None:
        """Stage the episode: all of it or nothing.

        Raises:
            RecordingError: the disk is full; it can be called again.
            PraxiaError: the episode has no steps, or is saved or discarded.
        """

    def discard(self) -> None:
        """Drop the episode and everything of it."""

    def __len__(self) -> int:
        """The number of steps so far."""
        ...


@runtime_checkable
class EpisodeRecorder(Protocol):
    """Records episodes into one folder, of which `finalize.finalize` makes a data set."""

    @property
    def indices(self) -> list[int]:
        """The episodes that are saved, in order."""
        ...

    def __contains__(self, index: object) -> bool:
        """Whether episode `index` is saved."""
        ...

    def episode(
        self, index: int, *, instruction: str, task: str, start: Start, provenance: Mapping[str, Any] | None = None
    ) -> OpenEpisode:
        """Begin episode `index`; the fields are those of `data.episode.Episode`.

        Raises:
            PraxiaError: `index` is saved already, or the data set is finished.
        """
        ...


def save_episode(recorder: EpisodeRecorder, index: int, episode: Episode) -> None:
    """Record all steps of `episode` at once. Raises as `EpisodeRecorder.episode` and `OpenEpisode`."""
    taken = recorder.episode(
        index,
        instruction=episode.instruction,
        task=episode.task,
        start=episode.start,
        provenance=episode.provenance,
    )
    for step in range(len(episode)):
        taken.add(
            {name: images[step] for name, images in episode.images.items()},
            episode.state[step],
            episode.action[step],
            episode.executed_action[step],
            float(episode.reward[step]),
            bool(episode.success[step]),
            bool(episode.terminated[step]),
            bool(episode.truncated[step]),
            snapshot=episode.snapshots[step] if episode.snapshots else None,
            streams={name: values[step] for name, values in episode.streams.items()},
            extras={name: values[step] for name, values in episode.extras.items()},
            actor=episode.actors[step] if episode.actors else None,
        )
    taken.save()


class StagedRecorder:
    """Keeps each episode in memory and stages it when it is saved. Any number may be open, in any number of processes.

    It takes no lock: hold the `recording.recording_lock`, and call `recording.begin_recording` before.
    """

    def __init__(self, root: str | Path, embodiment: Embodiment):
        self._root, self._embodiment = Path(root), embodiment

    @property
    def indices(self) -> list[int]:
        return staged_indices(self._root)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and is_staged(self._root, index)

    def episode(
        self, index: int, *, instruction: str, task: str, start: Start, provenance: Mapping[str, Any] | None = None
    ) -> "StagingEpisode":
        expect_unfinished(self._root)
        expect_unrecorded(self, index, self._root)
        about = {"instruction": instruction, "task": task, "start": start, "provenance": provenance or {}}
        return StagingEpisode(self._root, index, self._embodiment, about)


def expect_unrecorded(recorder: EpisodeRecorder, index: int, root: Path) -> None:
    """Refuse an index of which there is an episode already."""
    if index in recorder:
        raise PraxiaError(
            f"episode {index} is already recorded in {root}; choose an index that is not in recorder.indices"
        )


class StagingEpisode:
    """See `OpenEpisode`. Made by `StagedRecorder.episode`."""

    def __init__(self, root: Path, index: int, embodiment: Embodiment, about: Mapping[str, Any]):
        self._root, self.index, self._embodiment, self._about = root, index, embodiment, about
        self._steps: list[Episode] = []
        self.open = True

    def __len__(self) -> int:
        return len(self._steps)

    def add(
        self,
        images: Mapping[str, Shaped[np.ndarray, "_ _ 3"]],
        state: Shaped[np.ndarray, " S"],
        action: Shaped[np.ndarray, " A"],
        executed_action: Shaped[np.ndarray, " A"],
        reward: float,
        success: bool,
        terminated: bool,
        truncated: bool,
        snapshot: bytes | None = None,
        streams: Mapping[str, Shaped[np.ndarray, "..."]] | None = None,
        extras: Mapping[str, Any] | None = None,
        actor: Actor | None = None,
    ) -> None:
        self._expect_open()
        numbers = {"state": state, "action": action, "executed_action": executed_action, "reward": reward}
        flags = {"success": success, "terminated": terminated, "truncated": truncated}
        own = {name: np.array(image) for name, image in images.items()}
        step = single_step(
            self._embodiment, own, numbers | flags, self._about["task"], snapshot, streams, extras, actor
        )
        expect_like(step, self._steps[0] if self._steps else step, len(self))
        self._steps.append(step)

    def save(self) -> None:
        self._expect_open()
        if not self._steps:
            raise PraxiaError(f"episode {self.index} has no frames to save; add one, or discard the episode")
        stage_episode(self._root, self.index, self._whole())
        self._end()

    def discard(self) -> None:
        self._expect_open()
        self._end()

    def _whole(self) -> Episode:
        steps = self._steps

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(step, name) for step in steps])

        def by_name(name: str) -> dict[str, np.ndarray]:
            return {
                key: np.concatenate([getattr(step, name)[key] for step in steps]) for key in getattr(steps[0], name)
            }

        return Episode(
            embodiment=self._embodiment,
            **{name: by_name(name) for name in ("images", "streams", "extras")},
            **{name: joined(name) for name in (*NUMBERS, *FLAGS)},
            snapshots=[one for step in steps for one in step.snapshots],
            actors=[one for step in steps for one in step.actors],
            **self._about,
        )

    def _expect_open(self) -> None:
        if not self.open:
            raise PraxiaError(
                f"episode {self.index} is already saved or discarded; begin one with recorder.episode(...)"
            )

    def _end(self) -> None:
        self.open, self._steps = False, []


def single_step(
    embodiment: Embodiment,
    images: Mapping[str, np.ndarray],
    fields: Mapping[str, Any],
    task: str,
    snapshot: bytes | None = None,
    streams: Mapping[str, np.ndarray] | None = None,
    extras: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> Episode:
    """A step as an episode of length one, which refuses what does not fit. Images are not copied.

    Raises:
        MismatchError: a size that is not the embodiment's.
        DataError: a number that is not finite, or images that are not uint8.
    """
    for name, image in images.items():
        if image.dtype != np.uint8:
            raise DataError(f"expected images of {name!r} as uint8, got {image.dtype}")
    numbers = {name: np.array([fields[name]], np.float32) for name in NUMBERS}
    flags = {name: np.array([fields[name]], bool) for name in FLAGS}
    return Episode(
        embodiment=embodiment,
        images={name: image[None] for name, image in images.items()},
        state=numbers["state"],
        action=numbers["action"],
        executed_action=numbers["executed_action"],
        reward=numbers["reward"],
        success=flags["success"],
        terminated=flags["terminated"],
        truncated=flags["truncated"],
        instruction="",
        task=task,
        start=Start("", task, {}),
        snapshots=() if snapshot is None else (snapshot,),
        streams={name: np.array(value)[None] for name, value in (streams or {}).items()},
        extras={name: np.array(value)[None] for name, value in (extras or {}).items()},
        actors=() if actor is None else (actor,),
    )


def expect_like(step: Episode, first: Episode, number: int) -> None:
    """Refuse a step that has other parts than the episode's first, `number` steps before.

    Raises:
        MismatchError: a snapshot or an actor where there was none, or none where there was one; other extras.
        DataError: with it the episode has more numbers of a stream, or of extras, than a file can hold.
    """
    for what, ours, theirs in (
        ("a snapshot", step.snapshots, first.snapshots),
        ("an actor", step.actors, first.actors),
    ):
        if len(ours) != len(theirs):
            expected = what if theirs else f"no {what.split()[1]}"
            raise MismatchError(f"expected {expected} as with the frames before, at frame {number}")
    ours, theirs = ({name: (v.shape, v.dtype) for name, v in one.extras.items()} for one in (step, first))
    if ours != theirs:
        got, expected = (_described(one) for one in (ours, theirs))
        raise MismatchError(f"expected the extras {expected} as with the frames before, at frame {number}, got {got}")
    for name, values in {**step.streams, **step.extras}.items():
        if (number + 1) * values.size > parquet.MAX_VALUES:
            raise DataError(
                f"expected at most {parquet.MAX_VALUES // values.size} frames of {name!r}, of {values.size} numbers "
                "each, in an episode; save it, and go on in another"
            )


def _described(extras: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> str:
    return ", ".join(f"{name!r} {dtype} {list(shape[1:])}" for name, (shape, dtype) in extras.items()) or "none"
