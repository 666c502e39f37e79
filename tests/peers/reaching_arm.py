"""A planar arm that reaches for a disc, drawn by numpy from three cameras: demonstrations without a simulator."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

__all__ = ["FPS", "embodiment", "record"]

FPS = 10
LINKS = np.array([0.42, 0.34, 0.24])
JOINTS = tuple(f"joint_{number}" for number in range(len(LINKS)))
CAMERAS = ("top", "side", "wrist")
BACKGROUND, ARM, TARGET, TIP = (np.array(one) for one in ((70, 75, 80), (225, 225, 215), (220, 60, 50), (60, 130, 220)))
# Half of the height that each camera sees, and its turn: "top" and "side" stand still, "wrist" moves with the tip.
VIEWS = {"top": (1.15, 0.0), "side": (1.3, 2.1), "wrist": (0.5, 0.0)}
STEPS = (30, 45)


def embodiment(size: int) -> Embodiment:
    """The arm with cameras of `size` pixels: it is commanded by the joints' next positions."""
    field = Field("joints", len(LINKS), "position", "rad", dims=JOINTS)
    cameras = tuple(Camera(name, size, size) for name in CAMERAS)
    return Embodiment(name="reaching-arm", state=(field,), action=(field,), cameras=cameras, control_hz=float(FPS))


def record(root: Path, episodes: range, size: int) -> None:
    """Write a data set of these episodes, each drawn from a generator of its own number."""
    begin_recording(root, {"episodes": [episodes.start, episodes.stop], "size": size})
    for number, index in enumerate(episodes):
        stage_episode(root, number, episode(index, size))
    finalize(root, embodiment(size), {"episodes": [episodes.start, episodes.stop], "size": size})


def episode(index: int, size: int) -> Episode:
    """From random joints to a random disc within reach, at a speed that rises and falls."""
    rng = np.random.default_rng(index)
    joints = path(rng)
    target = corners(joints[-1])[-1]
    state, action = joints[:-1].astype(np.float32), joints[1:].astype(np.float32)
    last = np.arange(len(state)) == len(state) - 1
    return Episode(
        embodiment=embodiment(size),
        images={name: np.stack([draw(name, one, target, size) for one in state]) for name in CAMERAS},
        state=state,
        action=action,
        executed_action=action,
        reward=np.zeros(len(state), np.float32),
        success=last,
        terminated=last,
        truncated=np.zeros(len(state), bool),
        instruction="reach the red disc",
        task="reach",
        start=Start("reaching-arm", "reach", {"index": index}),
    )


def path(rng: np.random.Generator) -> np.ndarray:
    """Joint angles [N + 1, J] of one demonstration, by a minimum-jerk profile."""
    start, end = (rng.uniform((-1.8, 0.3, -1.0), (1.8, 1.6, 1.0)) for _ in range(2))
    time = np.linspace(0, 1, rng.integers(*STEPS))[:, None]
    return start + (end - start) * (10 * time**3 - 15 * time**4 + 6 * time**5)


def corners(joints: np.ndarray) -> np.ndarray:
    """Base, joints and tip in the plane, [J + 1, 2]."""
    angle = np.cumsum(joints)
    steps = LINKS[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def draw(camera: str, joints: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    """uint8[size, size, 3]: the disc, the arm's links and its tip, with smooth edges."""
    reach, turn = VIEWS[camera]
    points = corners(joints)
    centre, turn = (points[-1], np.sum(joints)) if camera == "wrist" else (np.zeros(2), turn)
    at = (np.arange(size) + 0.5) / size * 2 * reach - reach
    seen = np.stack(np.meshgrid(at, -at), axis=-1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    place, pixel = seen @ rotation.T + centre, 2 * reach / size
    image = np.broadcast_to(BACKGROUND, (size, size, 3)).astype(float)

    def paint(distance: np.ndarray, radius: float, colour: np.ndarray) -> None:
        nonlocal image
        cover = np.clip((radius - distance) / pixel + 0.5, 0, 1)[..., None]
        image = image * (1 - cover) + colour * cover

    paint(np.linalg.norm(place - target, axis=-1), 0.11, TARGET)
    for begin, end in pairwise(points):
        along = np.clip((place - begin) @ (end - begin) / np.square(end - begin).sum(), 0, 1)
        paint(np.linalg.norm(place - begin - along[..., None] * (end - begin), axis=-1), 0.045, ARM)
    paint(np.linalg.norm(place - points[-1], axis=-1), 0.06, TIP)
    return image.round().astype(np.uint8)
