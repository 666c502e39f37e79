"""The policy that executes push after push."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from praxia.core.types import Decision, Query, Window
from praxia.experts.pusht.route import route
from praxia.experts.pusht.search import Push, best_push

__all__ = ["PushTExpert"]

Place = Float64[np.ndarray, "2"]

# The agent is drawn after a place this far ahead: its servo follows 0.2 s behind, so at 225 and at 150 px/s.
AHEAD_TRAVEL_PX, AHEAD_PUSH_PX = 45.0, 30.0

# Near enough to a corner of the way, to the place where a push begins, and to where it ends.
NEAR_CORNER_PX, NEAR_BEGIN_PX, NEAR_END_PX = 14.0, 3.0, 1.0


@dataclass(frozen=True)
class _Plan:
    """The rest of the way to the push, and the push."""

    way: tuple[Place, ...]
    push: Push


class PushTExpert:
    """Reads `query.privileged` as `PushT.privileged` gives it, and decides one step at a time.

    The carry maps a row to its plan. A plan is a pure function of the moment when it was made, and is followed from
    wherever the agent is: disturbed, it ends elsewhere and the next one begins there.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """There is one instruction."""

    def start(self, num_rows: int) -> dict[int, _Plan]:
        return {}

    def act(self, queries: Sequence[Query], carry: dict[int, _Plan]) -> tuple[list[Decision], dict[int, _Plan]]:
        plans = {query.row: _plan(query, carry.get(query.row)) for query in queries}
        return [_decide(query, plans[query.row]) for query in queries], {**carry, **plans}


def _plan(query: Query, before: _Plan | None) -> _Plan:
    """The plan to follow now: the one of before, as far as it is not done, or a new one."""
    assert query.privileged is not None, "an expert needs privileged state"
    agent, block = query.privileged["agent"], query.privileged["block"]
    plan = before
    if plan is None or query.step == 0 or (not plan.way and _gone(agent, plan.push) > plan.push.length - NEAR_END_PX):
        push = best_push(agent, block, query.privileged["goal"])
        plan = _Plan(route(agent, push.begin, block), push)
    while plan.way and np.linalg.norm(plan.way[0] - agent) < (NEAR_CORNER_PX if plan.way[1:] else NEAR_BEGIN_PX):
        plan = replace(plan, way=plan.way[1:])
    return plan


def _decide(query: Query, plan: _Plan) -> Decision:
    assert query.privileged is not None, "an expert needs privileged state"
    agent, push = query.privileged["agent"], plan.push
    if plan.way:
        ahead = plan.way[0] - agent
        target = agent + ahead * min(1.0, AHEAD_TRAVEL_PX / float(np.linalg.norm(ahead)))
    else:
        target = push.begin + push.direction * min(_gone(agent, push) + AHEAD_PUSH_PX, push.length)
    return Decision(target[None].astype(np.float32), np.ones(1, dtype=bool))


def _gone(agent: Place, push: Push) -> float:
    """How far along its push the agent is, in pixels."""
    return float((agent - push.begin) @ push.direction)
