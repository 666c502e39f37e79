"""Bimodal's scripted expert: it tosses a coin once an episode, and then goes its way."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from praxia.core.keys import generator
from praxia.core.types import Decision, Query, Window

__all__ = ["BimodalExpert"]

# The robot passes this far beside the obstacle's middle, of which 0.3 m is contact; a way that comes nearer than
# FREE_M is not free.
BESIDE_M, FREE_M = 0.58, 0.42

# This far off the middle line the side is decided by where the robot is: pushed over, the expert does not return.
DECIDED_M = 0.1

# 0.2 m/s below what the robot can, so that noise on the label's velocity is seldom clipped.
SPEED_M_S = 0.8


class BimodalExpert:
    """Straight to a place beside the obstacle, then straight to the goal. Decides one step at a time.

    Near the middle line its side is a coin's, keyed by the episode: over episodes left and right are equally likely
    from the same state, within one it never changes its mind. Reads `query.privileged` as `Bimodal.privileged` gives.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """There is one instruction."""

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
            side = np.sign(aside) if abs(aside) > DECIDED_M else _coin(query.key)
            velocity = _towards(robot, obstacle + np.array([side * BESIDE_M, 0.0]))
        return Decision(velocity[None].astype(np.float32), np.ones(1, dtype=bool))


def _coin(key: str) -> int:
    """-1 (left) or 1 (right), of the episode `key`."""
    return 2 * int(generator("side", key).integers(2)) - 1


def _towards(robot: Float64[np.ndarray, "2"], place: Float64[np.ndarray, "2"]) -> Float64[np.ndarray, "2"]:
    """The velocity towards a place: `SPEED_M_S`, and slower near it, as far as 0.2 s take it."""
    way = place - robot
    return way * min(SPEED_M_S / max(float(np.linalg.norm(way)), 1e-9), 5.0)


def _is_free(
    robot: Float64[np.ndarray, "2"], goal: Float64[np.ndarray, "2"], obstacle: Float64[np.ndarray, "2"]
) -> bool:
    """Whether the straight way to the goal keeps `FREE_M` from the obstacle's middle."""
    way = goal - robot
    share = np.clip((obstacle - robot) @ way / max(float(way @ way), 1e-9), 0, 1)
    return float(np.linalg.norm(robot + share * way - obstacle)) >= FREE_M
