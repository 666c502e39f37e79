"""A planner as a policy, in a world of a point whose best plans are known."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from world_testing import POINT, PointWorld

from praxia.core.embodiment import Camera
from praxia.core.errors import MismatchError
from praxia.core.types import Observation, Policy, Query
from praxia.core.window import Window
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.gradient import Gradient
from praxia.planning.objectives import GoalDistance, GoalPath, Reward
from praxia.planning.planner import MAX_TOKENS, Planner
from praxia.planning.solver import Solver

BLOCKS = Blocks(count=3, steps=2)
GOAL = GoalDistance(goal={"state": "goal"})
SOLVER = CEM(samples=100, iterations=10, elites=10)


def query(state=(0.0, 0.0), goal=(0.3, -0.15), *, key="episode", step=0, row=0, committed=None):
    streams = {"goal": np.array(goal, np.float32)}
    history = (Observation({}, np.array(state, np.float32), "move", step / 10, streams=streams),)
    return Query(history, key, step, row, committed=committed, delay=0 if committed is None else len(committed))


def planner(**options):
    return Planner(PointWorld(), **({"objective": GOAL, "solver": SOLVER, "blocks": BLOCKS} | options))


def plan(policy, *queries, carry=None):
    decisions, carry = policy.act(queries, policy.start(4) if carry is None else carry)
    return [decision.chunk for decision in decisions], carry


@pytest.mark.parametrize("solver", [SOLVER, Gradient(iterations=30, samples=2)], ids=lambda one: one.tag)
def test_the_plan_leads_to_the_goal(solver):
    (chunk,), _ = plan(planner(solver=solver), query())
    assert chunk.shape == (6, 2)
    assert chunk.dtype == np.float32
    np.testing.assert_allclose(chunk.sum(0) / POINT.control_hz, [0.3, -0.15], atol=0.01)


def test_it_is_a_policy_that_sees_the_goal():
    policy = planner()
    assert isinstance(policy, Policy)
    assert policy.window == Window({"state": (0,), "goal": (0,)}, 6)
    assert policy.embodiment == POINT
    assert not policy.privileged


def test_a_plan_depends_on_its_episode_and_step_alone():
    policy = planner()
    queries = [query(row=0), query((0.1, 0.2), (0, 0), key="other", row=1), query(key="third", row=2)]
    together, _ = plan(policy, *queries)
    for one, chunk in zip(queries, together, strict=True):
        np.testing.assert_array_equal(plan(policy, one)[0][0], chunk)
    assert not np.array_equal(plan(policy, query(key="fourth"))[0][0], together[0])
    np.testing.assert_array_equal(plan(planner(max_rows=7), *queries)[0], together)


@dataclass(frozen=True)
class TokensState:
    """A moment of `N` tokens, all alike."""

    position: torch.Tensor
    N = 100

    @property
    def latent(self):
        return self.position[:, None].expand(-1, self.N, -1)

    def rows(self, index):
        return TokensState(self.position[index])


class TokensWorld(PointWorld):
    """The point in many tokens, which remembers how many candidates it had at once."""

    def __init__(self):
        self.batches = []

    def start(self, queries):
        return TokensState(super().start(queries).position)

    def imagine(self, state, actions):
        self.batches.append(len(actions))
        found = super().imagine(state, actions)
        latents = found.latents.expand(-1, -1, TokensState.N, -1)
        return replace(found, latents=latents, state=TokensState(found.state.position))


def test_the_tokens_that_a_world_has_at_once_are_bounded():
    queries = [query(row=row, key=str(row)) for row in range(4)]
    world, free = TokensWorld(), TokensWorld()
    found, _ = plan(Planner(world, GOAL, SOLVER, BLOCKS), *queries)
    expected, _ = plan(Planner(free, GOAL, SOLVER, BLOCKS, max_rows=1000), *queries)
    np.testing.assert_array_equal(found, expected)
    assert max(world.batches) == MAX_TOKENS // TokensState.N < max(free.batches) == 400


@dataclass(frozen=True)
class Nothing(Solver):
    """The plan with which the search begins."""

    tag: ClassVar[str] = "nothing"

    def solve(self, cost, guess, bounds, noise):
        assert cost(guess[:, None]).shape == (len(guess), 1)
        return guess


def test_the_search_begins_with_what_is_left_of_the_last_plan():
    first, lazy = planner(), planner(solver=Nothing())
    (chunk,), carry = plan(first, query(row=1))
    (kept,), _ = plan(lazy, query(row=1, step=4), carry=carry)
    np.testing.assert_array_equal(kept, np.concatenate([chunk[4:], np.zeros((4, 2), np.float32)]))
    (fresh,), _ = plan(lazy, query(row=0, step=4), carry=carry)
    (anew,), _ = plan(lazy, query(row=1, step=0), carry=carry)
    assert not fresh.any(), "another row's plan was taken"
    assert not anew.any(), "the plan of the episode before was taken"


def test_a_shrinking_horizon_keeps_the_end_where_it_is():
    policy = planner(blocks=replace(BLOCKS, shrink=True))
    lengths, carry = [], policy.start(1)
    for step in range(0, 12, 2):
        (chunk,), carry = plan(policy, query(step=step), carry=carry)
        lengths.append(len(chunk))
    assert lengths == [6, 4, 2, 6, 4, 2]
    mixed, _ = plan(policy, query(step=4, row=0), query(step=0, row=1), query(step=2, row=2))
    assert [len(chunk) for chunk in mixed] == [2, 6, 4]


def test_committed_actions_are_the_first_of_every_candidate():
    committed = np.full((3, 2), 1.0, np.float32)
    (chunk,), _ = plan(planner(), query(goal=(0.2, 0.2), committed=committed))
    np.testing.assert_array_equal(chunk[:3], committed)
    np.testing.assert_allclose(chunk.sum(0) / POINT.control_hz, [0.2, 0.2], atol=0.01)


def test_a_repeated_action_fills_its_block():
    (chunk,), _ = plan(planner(blocks=replace(BLOCKS, repeat=True)), query())
    np.testing.assert_array_equal(chunk[::2], chunk[1::2])
    np.testing.assert_allclose(chunk.sum(0) / POINT.control_hz, [0.3, -0.15], atol=0.01)


def test_what_does_not_fit_is_refused():
    with pytest.raises(MismatchError, match="multiple of 2 control steps"):
        planner(blocks=Blocks(count=3, steps=3))
    with pytest.raises(MismatchError, match=r"expected the goal of 'state', got that of 'image\.top'"):
        Planner(PointWorld(), GoalDistance(goal={"image.top": "image.goal"}), SOLVER, BLOCKS)

    with pytest.raises(MismatchError, match=r"needs a world that predicts rewards.*use 'goal-distance'"):
        Planner(PointWorld(), Reward(), SOLVER, BLOCKS)
    with pytest.raises(MismatchError, match="'goal-path' needs a goal, got none"):
        Planner(PointWorld(), GoalPath(), SOLVER, BLOCKS)

    class Known(PointWorld):
        privileged = rewards = True

    Planner(Known(), Reward(), SOLVER, BLOCKS)
    for objective in (GOAL, GoalDistance(), Reward(goal={"state": "goal"})):
        with pytest.raises(MismatchError, match="this world reads the simulator's present state"):
            Planner(Known(), objective, SOLVER, BLOCKS)

    class OneCamera(PointWorld):
        window = Window({"image.top": (0,)}, horizon=4)

    for shown in ("goal", "", "state"):
        with pytest.raises(MismatchError, match=r"goal of 'image\.top' to be shown by an image, such as"):
            Planner(OneCamera(), GoalDistance(goal={"image.top": shown}), SOLVER, BLOCKS)
    with pytest.raises(MismatchError, match=r"to be shown by no image, got 'image\.goal'"):
        planner(objective=GoalDistance(goal={"state": "image.goal"}))

    class TwoCameras(PointWorld):
        window = Window({"image.top": (0,), "image.side": (0,)}, horizon=4)

    with pytest.raises(MismatchError, match=r"all that the world sees, got none of 'image\.side'"):
        Planner(TwoCameras(), GoalDistance(goal={"image.top": "image.goal"}), SOLVER, BLOCKS)


def test_an_image_of_the_goal_takes_the_place_of_the_present_one():
    class Pictured(PointWorld):
        window = Window({"image.top": (-1, 0)}, horizon=4)

        def start(self, queries):
            self.seen = [one.history for one in queries]
            return super().start(queries)

    world = Pictured()
    policy = Planner(world, GoalDistance(goal={"image.top": "image.goal"}), Nothing(), BLOCKS)
    assert policy.window.cameras == ("top", "goal")
    images = {name: np.full((4, 4, 3), value, np.uint8) for name, value in (("top", 1), ("goal", 2))}
    asked = replace(query(), history=(replace(query().history[0], images=images),) * 2)
    plan(policy, asked)
    ((shown,),) = world.seen  # the goal is asked last, and has no history
    assert set(shown.images) == {"top"}
    assert (shown.images["top"] == 2).all()
    assert torch.is_grad_enabled()


def test_the_camera_of_the_goal_is_as_the_one_that_it_stands_for():
    class Pictured(PointWorld):
        embodiment = replace(POINT, cameras=(Camera("top", 48, 64), Camera("side", 8, 8)))
        window = Window({"image.top": (0,)}, horizon=4)

    policy = Planner(Pictured(), GoalDistance(goal={"image.top": "image.goal"}), Nothing(), BLOCKS)
    assert policy.embodiment.cameras == (*Pictured.embodiment.cameras, Camera("goal", 48, 64))
