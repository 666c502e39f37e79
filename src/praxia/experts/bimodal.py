"""Bimodal's scripted expert, which chooses a side at random once per episode."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from praxia.core.keys import generator
from praxia.core.types import Decision, Query
from praxia.core.window import Window

__all__ = ["BimodalExpert"]

# The robot passes the obstacle's centre at PASS_M, and touches it at 0.3 m; a path that comes nearer than FREE_M is not
# free.
PASS_M, FREE_M = 0.58, 0.42

# Beyond this distance from the middle line the robot's own side counts: an expert that noise pushed over stays there.
OFF_MIDDLE_M = 0.1

# 0.2 m/s below the robot's maximum, so that noise on the label's velocity is seldom clipped.
SPEED_M_S = 0.8


class BimodalExpert:
    """Moves straight to a point beside the obstacle, then straight to the goal. Decides one step at a time.

    Near the middle line its side is random, keyed by the episode: left and right are equally likely from the same state
    across episodes, and the side never changes within one. Reads `query.privileged` as `Bimodal.privileged` returns it.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """`instructions` is not used: there is one."""

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        robot, obstacle, goal = (query.privileged[name] for name in ("robot", "obstacle", "goal"))
        if _is_free(robot, goal, obstacle):
            velocity = _towards(robot, goal)
        else:
            aside = robot[0] - obstacle[0]
            side = np.sign(aside) if abs(aside) > OFF_MIDDLE_M else _random_side(query.key)
            velocity = _towards(robot, obstacle + np.array([side * PASS_M, 0.0]))
        return Decision(velocity[None].astype(np.float32), np.ones(1, dtype=bool))


def _random_side(key: str) -> int:
    """-1 (left) or 1 (right), keyed by the episode."""
    return 2 * int(generator("side", key).integers(2)) - 1


def _towards(robot: Float64[np.ndarray, "2"], target: Float64[np.ndarray, "2"]) -> Float64[np.ndarray, "2"]:
    """The velocity towards `target`: `SPEED_M_S`, and near it what reaches it in 0.2 s."""
    offset = target - robot
    return offset * min(SPEED_M_S / max(float(np.linalg.norm(offset)), 1e-9), 5.0)


def _is_free(
    robot: Float64[np.ndarray, "2"], goal: Float64[np.ndarray, "2"], obstacle: Float64[np.ndarray, "2"]
) -> bool:
    """Whether the straight path to the goal keeps `FREE_M` from the obstacle's centre."""
    path = goal - robot
    fraction = np.clip((obstacle - robot) @ path / max(float(path @ path), 1e-9), 0, 1)
    return float(np.linalg.norm(robot + fraction * path - obstacle)) >= FREE_M
