"""Recorded episodes with known numbers, and a policy whose errors on them are known."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.keys import generator
from praxia.core.types import Decision, Query, Start
from praxia.core.window import Window
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

# Joint targets can be held where the state is; nothing is known to hold "mode".
JOINTS = ("pan", "lift")
ARM = Embodiment(
    name="arm",
    state=(Field("joints", 2, "position", "rad", dims=JOINTS),),
    action=(Field("joints", 2, "position", "rad", dims=JOINTS), Field("mode", 1, "discrete", "")),
    cameras=(),
    control_hz=10.0,
)
LENGTHS = (5, 3, 7)


def action_at(episode: int, frame: int) -> np.ndarray:
    """The recorded action [3]."""
    return np.array([0.125 * frame + episode, -0.25 * frame, (frame // 2 + episode) % 3])


def state_at(episode: int, frame: int) -> np.ndarray:
    """The recorded state [2], which says which frame of which episode it is."""
    return np.array([frame, episode])


def record(root: Path, episodes: Sequence[Episode]) -> Path:
    """A data set of these episodes."""
    plan = {"episodes": len(episodes)}
    begin_recording(root, plan)
    for number, one in enumerate(episodes):
        stage_episode(root, number, one)
    finalize(root, episodes[0].embodiment, plan)
    return root


def make_episode(embodiment: Embodiment, number: int, state: np.ndarray, action: np.ndarray, **changed) -> Episode:
    """A successful episode with random images."""
    state, action, last = state.astype(np.float32), action.astype(np.float32), np.arange(len(state)) == len(state) - 1
    rng = generator("offline", number)

    def images(camera: Camera) -> np.ndarray:
        return rng.integers(0, 256, (len(state), camera.height, camera.width, 3), dtype=np.uint8)

    given = {
        "embodiment": embodiment,
        "images": {camera.name: images(camera) for camera in embodiment.cameras},
        "state": state,
        "action": action,
        "executed_action": action,
        "reward": np.zeros(len(state), np.float32),
        "success": last,
        "terminated": last,
        "truncated": np.zeros(len(state), bool),
        "instruction": f"task {number % 2}",
        "task": f"task-{number % 2}",
        "start": Start("offline", f"task-{number % 2}", {"number": number}),
    }
    return Episode(**{**given, **changed})


def record_arm(root: Path, lengths: Sequence[int] = LENGTHS, **changed) -> Path:
    """Episodes of `ARM` with these lengths, as `state_at` and `action_at` say."""
    return record(
        root,
        [
            make_episode(
                ARM,
                number,
                np.stack([state_at(number, frame) for frame in range(length)]),
                np.stack([action_at(number, frame) for frame in range(length)]),
                **changed,
            )
            for number, length in enumerate(lengths)
        ],
    )


class KnownErrors:
    """Predicts the recorded actions of `ARM`, off by `errors` [H, 3]. `queries` are those that it answered."""

    privileged = False
    embodiments = (ARM,)
    embodiment = ARM

    def __init__(self, errors: Sequence[Sequence[float]], change: Callable[[np.ndarray], np.ndarray] = lambda one: one):
        self.window = Window({"state": (0,)}, len(errors))
        self.errors = np.array(errors)
        self.change = change
        self.queries: list[Query] = []

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        self.queries += queries
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        frame, episode = query.history[-1].state.astype(int).tolist()
        recorded = np.stack([action_at(episode, frame + step) for step in range(len(self.errors))])
        chunk = self.change((recorded + self.errors).astype(np.float32))
        return Decision(chunk, np.ones(len(chunk), bool))
