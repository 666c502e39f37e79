"""TwoRoom's scripted expert: along the shortest path, through the door."""

from collections.abc import Mapping, Sequence

import numpy as np

from praxia.core.types import Decision, Query
from praxia.core.window import Window

__all__ = ["TwoRoomExpert"]

# 0.2 m/s below the robot's maximum along an axis, so that noise on the label's velocity is seldom clipped; and within
# this time it stops at the goal.
SPEED_M_S, STOPS_S = 0.8, 0.2


class TwoRoomExpert:
    """Moves straight to the next corner of the shortest path, at last to the goal. Decides one step at a time.

    Reads `query.privileged` as `TwoRoom.privileged` returns it.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """`instructions` is not used: all are the same."""

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        robot, goal, waypoint = (query.privileged[name] for name in ("robot", "goal", "waypoint"))
        offset = waypoint - robot
        distance_m = max(float(np.linalg.norm(offset)), 1e-9)
        speed = min(SPEED_M_S, distance_m / STOPS_S) if np.array_equal(waypoint, goal) else SPEED_M_S
        velocity = offset * speed / distance_m
        return Decision(velocity[None].astype(np.float32), np.ones(1, dtype=bool))
