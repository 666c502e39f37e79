"""The policy that executes push after push, and its path around the block between them."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from shapely import LineString, Point, Polygon, box, get_coordinates, shortest_line

from praxia.core.types import Decision, Query
from praxia.core.window import Window
from praxia.experts.pusht.block import AGENT_RADIUS_PX, block_outline, transform_points
from praxia.experts.pusht.search import AGENT_RANGE_PX, GAP_PX, Push, best_push

__all__ = ["PushTExpert", "path_around"]

Position = Float64[np.ndarray, "2"]

# The target leads the agent by this distance: its servo follows 0.2 s behind, so at 225 and at 150 px/s.
LEAD_TRAVEL_PX, LEAD_PUSH_PX = 45.0, 30.0

# Tolerances for reaching a corner of the path, the beginning of a push, and its end.
NEAR_CORNER_PX, NEAR_BEGIN_PX, NEAR_END_PX = 14.0, 3.0, 1.0

# Paths turn around the block's corners at this distance from it, and come no nearer than the second one.
AROUND_PX, NEAREST_PX = AGENT_RADIUS_PX + GAP_PX + 4.0, AGENT_RADIUS_PX + GAP_PX - 1.5


@dataclass(frozen=True)
class _Plan:
    """The rest of the path to the push, and the push."""

    path: tuple[Position, ...]
    push: Push


class PushTExpert:
    """Reads `query.privileged` as `PushT.privileged` returns it, and decides one step at a time.

    The carry maps a row to its plan. A plan is a pure function of the timestep when it was made, and is followed from
    wherever the agent is: if noise moves it, the plan ends elsewhere and the next one begins there.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """`instructions` is not used: there is one."""

    def start(self, num_rows: int) -> dict[int, _Plan]:
        return {}

    def act(self, queries: Sequence[Query], carry: dict[int, _Plan]) -> tuple[list[Decision], dict[int, _Plan]]:
        plans = {query.row: _plan(query, carry.get(query.row)) for query in queries}
        return [_decide(query, plans[query.row]) for query in queries], {**carry, **plans}


def _plan(query: Query, previous: _Plan | None) -> _Plan:
    """The rest of the previous plan or, if there is none, a new one."""
    assert query.privileged is not None, "an expert needs privileged state"
    agent, block = query.privileged["agent"], query.privileged["block"]
    plan = previous
    if plan is None or query.step == 0 or (not plan.path and _along(agent, plan.push) > plan.push.length - NEAR_END_PX):
        push = best_push(agent, block, query.privileged["goal"])
        plan = _Plan(path_around(agent, push.begin, block), push)
    while plan.path and np.linalg.norm(plan.path[0] - agent) < (NEAR_CORNER_PX if plan.path[1:] else NEAR_BEGIN_PX):
        plan = replace(plan, path=plan.path[1:])
    return plan


def _decide(query: Query, plan: _Plan) -> Decision:
    assert query.privileged is not None, "an expert needs privileged state"
    agent, push = query.privileged["agent"], plan.push
    if plan.path:
        ahead = plan.path[0] - agent
        target = agent + ahead * min(1.0, LEAD_TRAVEL_PX / float(np.linalg.norm(ahead)))
    else:
        target = push.begin + push.direction * min(_along(agent, push) + LEAD_PUSH_PX, push.length)
    return Decision(target[None].astype(np.float32), np.ones(1, dtype=bool))


def _along(agent: Position, push: Push) -> float:
    """How far along its push the agent is, in pixels."""
    return float((agent - push.begin) @ push.direction)


def path_around(agent: Position, end: Position, block: Float64[np.ndarray, "3"]) -> tuple[Position, ...]:
    """The corners of the shortest path from `agent` to `end` that does not touch the block; the last one is `end`.

    If there is none, the straight path. An agent at the block first leaves it by the shortest line.
    """
    shape = Polygon(transform_points(block_outline(), block))
    closed = shape.buffer(NEAREST_PX, join_style="mitre")
    low, high = AGENT_RANGE_PX
    around = shape.buffer(AROUND_PX, join_style="mitre").exterior.intersection(box(low, low, high, high))
    corners = list(get_coordinates(around))
    if closed.intersects(Point(agent)):
        left = get_coordinates(shortest_line(around, Point(agent)))[0]
        return left, *_shortest(left, end, closed, corners)
    return tuple(_shortest(agent, end, closed, corners))


def _shortest(begin: Position, end: Position, closed: Polygon, corners: list[Position]) -> list[Position]:
    """Dijkstra's algorithm over those of `corners` that see each other past `closed`."""
    points = [begin, end, *corners]
    paths, done = [(0.0, [0])], set()
    while paths:
        length, path = heapq.heappop(paths)
        if path[-1] == 1:
            return [points[index] for index in path[1:]]
        if path[-1] in done:
            continue
        done.add(path[-1])
        here = points[path[-1]]
        for index, there in enumerate(points):
            if index not in done and not closed.intersects(LineString([here, there])):
                heapq.heappush(paths, (length + float(np.linalg.norm(there - here)), [*path, index]))
    return [end]
