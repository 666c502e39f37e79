"""What is read of data: the window around a timestep, and windows by the batch.

Axes: B batch, T observation steps, F later steps, P past actions, H actions ahead, A action dims, S state dims,
C Y X image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError

__all__ = ["EVERY_CAMERA", "Samples", "Window"]

# Stands for every camera of the data in a window.
EVERY_CAMERA = "image.*"


@dataclass(frozen=True)
class Window:
    """Which observation steps a model sees and what it predicts, in steps of the embodiment's control rate.

    `observation_steps` maps a modality ("state", "image.<camera>", or the name of a stream, such as "force") to step
    offsets, at most 0, in rising order; those of "action", the actions before the present, are at most -1. `horizon` H
    actions follow (0: none, as for video without actions): action[t] leads from observation t to observation t + 1,
    starting at t = 0.

    Only training has what follows. `targets` maps modalities to offsets of at least 1: the later observations that a
    model of the world predicts. With `outcomes`, each of the H steps has its reward, and whether the task ended there
    (an episode that was cut off did not). `extras` are numeric features of the data by name, such as
    "complementary_info.log_probability" or "actor", of each of the H steps. `executed`: actions are those that were
    executed, from which a world learns, and not the labels that a policy imitates, where the data tell them apart.

    `goal` says which images show the goal: by the images that it is one of, the name under which it is observed, such
    as {"image.top": "image.goal"}. A robot observes it; in training it is a later frame of the episode, drawn anew each
    time (`dataloader.goals`), and the actions from there on, which did not lead to it, are not valid.

    With a `sequence_length` L a sample is a sequence: L consecutive windows, which goes on with the next episode where
    one ends (`Samples.is_first`). Each window then has one step, the present (0, and -1 of "action", at a horizon of at
    most 1), which is all that the model sees where it acts; those of the sequence take the places of T, P and H.

    The order of cameras counts: a network knows a camera by its position, so another order is another window.

    The modality "image.*" stands for every camera of the data, which a recipe does not know; `with_cameras` names them.

    Raises:
        PraxiaError: targets that are not after the present, or not in rising order; actions that are not before it;
            sequences of windows with other steps; a goal that is no image, or not observed at the present alone.
    """

    observation_steps: Mapping[str, tuple[int, ...]]
    horizon: int
    targets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outcomes: bool = False
    extras: tuple[str, ...] = ()
    sequence_length: int | None = None
    executed: bool = False
    goal: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._expect_sequence()
        if max(past := self.observation_steps.get("action", ()), default=-1) > -1:
            raise PraxiaError(f"expected past actions at steps up to -1, got {list(past)}")
        for name, offsets in self.targets.items():
            if not offsets or offsets[0] < 1 or any(one >= other for one, other in pairwise(offsets)):
                raise PraxiaError(f"expected targets of {name} at rising steps from 1, got {list(offsets)}")
        self._expect_goal()

    def _expect_goal(self) -> None:
        for seen, shown in self.goal.items():
            at = self.observation_steps.get(shown)
            if not (seen.startswith("image.") and shown.startswith("image.") and at == (0,)):
                raise PraxiaError(
                    "expected a goal that is an image, observed at step 0 alone, such as image.goal (0,) for"
                    f" {{'image.top': 'image.goal'}}, got {shown} at {None if at is None else list(at)} for {seen}"
                )
        if self.goal and self.sequence_length is not None:
            raise PraxiaError("expected windows with a goal, got sequences: leave out sequence_length, or the goal")

    def _expect_sequence(self) -> None:
        if self.sequence_length is None:
            return
        if self.sequence_length < 1:
            raise PraxiaError(f"expected sequences of 1 step or more, got {self.sequence_length}")
        others = {
            name: at for name, at in self.observation_steps.items() if at != ((-1,) if name == "action" else (0,))
        }
        if others or self.targets or self.horizon > 1:
            name, at = next(iter((others or self.targets or {"horizon": (self.horizon,)}).items()))
            raise PraxiaError(
                "expected windows of one step in sequences: 0 of each modality, -1 of 'action', a horizon of 0 or 1 and"
                f" no targets, got {name!r} {list(at)}"
            )

    def __eq__(self, other: object) -> bool:
        """Equal steps and horizon, and cameras in the same order, which equal mappings need not have."""
        if not isinstance(other, Window):
            return NotImplemented
        ours, theirs = ((one.cameras, *(getattr(one, entry.name) for entry in fields(one))) for one in (self, other))
        return ours == theirs

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that are observed, in order."""
        return _cameras(self.observation_steps)

    @property
    def streams(self) -> tuple[str, ...]:
        """The named streams that are observed, in order."""
        return tuple(
            name for name in self.observation_steps if name not in ("state", "action") and not name.startswith("image.")
        )

    @property
    def observed(self) -> tuple[str, ...]:
        """What a robot is asked for: cameras and streams."""
        return (*self.cameras, *self.streams)

    @property
    def target_cameras(self) -> tuple[str, ...]:
        """The cameras whose later images are targets, in order."""
        return _cameras(self.targets)

    @property
    def sees_every_camera(self) -> bool:
        """Whether the cameras are still those of the data, whatever these are."""
        return EVERY_CAMERA in self.observation_steps

    def with_cameras(self, cameras: Sequence[str]) -> "Window":
        """The window with each of `cameras`, in that order, in place of "image.*"; without that, the same window."""
        named = (_with_cameras(steps, cameras) for steps in (self.observation_steps, self.targets))
        return replace(self, **dict(zip(("observation_steps", "targets"), named, strict=True)))

    @property
    def num_images(self) -> int:
        """The number of images: of all cameras at all their observation steps."""
        return sum(len(self.observation_steps[f"image.{camera}"]) for camera in self.cameras)

    @property
    def history(self) -> int:
        """The number of past observations to keep beside the newest one."""
        return max((-min(offsets) for offsets in self.observation_steps.values()), default=0)

    def without_history(self) -> "Window":
        """The window with the present images and state alone."""
        seen = [name for name in self.observation_steps if name == "state" or name.startswith("image.")]
        return replace(self, observation_steps=dict.fromkeys(seen, (0,)))

    def for_embodiment(self, embodiment: Embodiment) -> "Window":
        """The window without the cameras that `embodiment` does not have."""
        known = {f"image.{camera.name}" for camera in embodiment.cameras}

        def present(steps: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
            return {name: at for name, at in steps.items() if name in known or not name.startswith("image.")}

        observed = present(self.observation_steps)
        goal = {seen: shown for seen, shown in self.goal.items() if shown in observed}
        return replace(self, observation_steps=observed, targets=present(self.targets), goal=goal)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds an equal window.

        "cameras" lists them in order, because a JSON object has none: sorting its names would lose it.
        """
        observation_steps, targets = (
            {name: list(at) for name, at in steps.items()} for steps in (self.observation_steps, self.targets)
        )
        found = {"observation_steps": observation_steps, "cameras": list(self.cameras), "horizon": self.horizon}
        training = {"targets": targets, "outcomes": self.outcomes, "extras": list(self.extras)}
        training |= {"sequence_length": self.sequence_length, "executed": self.executed, "goal": dict(self.goal)}
        return found | {name: value for name, value in training.items() if value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Window":
        """The inverse of `to_json`. Without "cameras" their order is that of "observation_steps".

        Raises:
            KeyError: a camera without observation steps.
        """
        observation_steps = {name: tuple(at) for name, at in value["observation_steps"].items()}
        first = [f"image.{camera}" for camera in value.get("cameras", ())]
        ordered = {name: observation_steps[name] for name in [*first, *observation_steps]}
        targets = {name: tuple(at) for name, at in value.get("targets", {}).items()}
        outcomes, extras = value.get("outcomes", False), tuple(value.get("extras", ()))
        executed, goal = value.get("executed", False), value.get("goal", {})
        return cls(ordered, value["horizon"], targets, outcomes, extras, value.get("sequence_length"), executed, goal)


def _cameras(steps: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    return tuple(name.removeprefix("image.") for name in steps if name.startswith("image."))


def _with_cameras(steps: Mapping[str, tuple[int, ...]], cameras: Sequence[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, at in steps.items():
        names = [f"image.{camera}" for camera in cameras] if name == EVERY_CAMERA else [name]
        found.update(dict.fromkeys(names, at))
    return found


@dataclass(frozen=True)
class Samples:
    """B windows of data sets, as the transforms see them.

    `images` are [B, T, Y, X, 3]; each modality has its own T, and each camera its own Y and X.

    Observations before an episode's first step repeat the first and are not valid; actions after its last step repeat
    the last and are not valid. Images of a camera that a row's embodiment does not have are black and not valid.

    `embodiment` is each row's index into the embodiments of the mixture or policy that the samples belong to. Dims of
    state and action that a row's embodiment does not have are zero.

    `streams` are [B, T, ...] in declared units and dtypes, each with its own T, with repetitions as those of images.

    The targets are later observations, in the order of `Window.targets`; those after an episode's last step repeat the
    last and are not valid. Past actions before its first step repeat the first and are not valid. `reward` and
    `terminated` belong to the steps of `action`, and are valid where it is, as are the `extras`, whose last axis is the
    dims of a step. What the window does not have is None.

    In sequences (`Window.sequence_length`) T, P and H are their steps, one after the other. `is_first` says with which
    of them an episode begins: what a model remembers of the steps before does not belong to it. Steps after the last
    episode with the row's instruction repeat its last step, and nothing of them is valid.
    """

    images: Mapping[str, UInt8[np.ndarray, "B _ _ _ 3"]]
    image_valid: Mapping[str, Bool[np.ndarray, "B _"]]
    state: Float32[np.ndarray, "B T S"]
    state_valid: Bool[np.ndarray, "B T"]
    instruction: tuple[str, ...]
    embodiment: Int64[np.ndarray, " B"]
    action: Float32[np.ndarray, "B H A"] | None
    action_valid: Bool[np.ndarray, "B H"] | None
    target_images: Mapping[str, UInt8[np.ndarray, "B _ _ _ 3"]] = field(default_factory=dict)
    target_image_valid: Mapping[str, Bool[np.ndarray, "B _"]] = field(default_factory=dict)
    target_state: Float32[np.ndarray, "B F S"] | None = None
    target_state_valid: Bool[np.ndarray, "B F"] | None = None
    past_action: Float32[np.ndarray, "B P A"] | None = None
    past_action_valid: Bool[np.ndarray, "B P"] | None = None
    reward: Float32[np.ndarray, "B H"] | None = None
    terminated: Bool[np.ndarray, "B H"] | None = None
    extras: Mapping[str, Shaped[np.ndarray, "B H _"]] = field(default_factory=dict)
    is_first: Bool[np.ndarray, "B _"] | None = None
    streams: Mapping[str, Shaped[np.ndarray, "B _ ..."]] = field(default_factory=dict)
    stream_valid: Mapping[str, Bool[np.ndarray, "B _"]] = field(default_factory=dict)
