"""A toy robot whose actions are seen only in the frame after: a square slides, its colour shows the gripper."""

from dataclasses import replace

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.labelling import PseudoActions
from praxia.core.types import Start
from praxia.core.window import Samples, Window
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

SLIDER = Embodiment(
    name="slider",
    state=(Field("place", 1, "position", "px"),),
    action=(
        Field("move", 1, "delta", "px", low=-3.0, high=3.0),
        Field("grip", 1, "gripper", "", low=-1.0, high=1.0),
    ),
    cameras=(Camera("front", 16, 16),),
    control_hz=10.0,
)
STEPS = 14
COLOURS = {-1.0: (230, 60, 60), 1.0: (60, 60, 230)}


def slide(index: int, task: str = "slide") -> Episode:
    """Actions at random; the frame of step t shows where the moves before t led, and the gripper's last command."""
    rng = np.random.default_rng(index)
    grip = rng.choice([-1.0, 1.0], STEPS)
    place, places, moves = rng.uniform(2, 10), [], []
    for _ in range(STEPS):
        places.append(place)
        moved = float(np.clip(place + rng.uniform(-3, 3), 0, 12))
        moves.append(moved - place)
        place = moved
    shown = [1.0, *grip[:-1]]
    action = np.stack([moves, grip], axis=1).astype(np.float32)
    end = np.arange(STEPS) == STEPS - 1
    return Episode(
        embodiment=SLIDER,
        images={"front": np.stack([_image(at, COLOURS[one]) for at, one in zip(places, shown, strict=True)])},
        state=np.array(places, np.float32)[:, None],
        action=action + 0.5,  # a label that nobody executed
        executed_action=action,
        reward=np.zeros(STEPS, np.float32),
        success=end,
        terminated=end,
        truncated=np.zeros(STEPS, bool),
        instruction="slide",
        task=task,
        start=Start("slider", task, {"index": index}),
    )


def record_slides(root, indices, embodiment: Embodiment = SLIDER):
    """A data set of the episodes `indices`."""
    begin_recording(root, {})
    for number, index in enumerate(indices):
        stage_episode(root, number, replace(slide(index), embodiment=embodiment))
    finalize(root, embodiment, {})
    return root


def _image(place, colour):
    """A square of 4 px, its edges as bright as the part of a pixel that it covers."""
    columns = np.clip(np.minimum(np.arange(16) + 1 - place, place + 4 - np.arange(16)), 0, 1)
    image = np.full((16, 16, 3), 40.0)
    image[6:10] += columns[None, :, None] * (np.array(colour) - 40)
    return image.round().astype(np.uint8)


class Brightness:
    """A labeller without a network: what it finds is how bright two frames are, the present and the next.

    Satisfies `core.labelling.ActionLabeller`.
    """

    def __init__(self, embodiment: Embodiment = SLIDER):
        self.embodiment = embodiment
        self.window = Window({"image.front": (0,)}, 0, {"image.front": (1,)})

    def label(self, samples: Samples) -> PseudoActions:
        now, after = (images["front"][:, 0] for images in (samples.images, samples.target_images))
        return self._found(now, after, samples.target_image_valid["front"][:, 0])

    def of(self, images, lengths):
        """(action, std) of all frames of episodes of these lengths."""
        last = np.isin(np.arange(len(images)), np.cumsum(lengths) - 1)
        after = np.where(last[:, None, None, None], images, np.roll(images, -1, axis=0))
        found = self._found(images, after, ~last)
        return found.action, found.std

    def _found(self, now, after, valid):
        bright = [one.mean((1, 2, 3), dtype=np.float64) / 255 for one in (now, after)]
        action = np.stack(bright, axis=1).astype(np.float32)
        return PseudoActions(action, np.where(valid[:, None], 0.1, 0.5).astype(np.float32) * action)
