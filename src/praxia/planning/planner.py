"""A world, an objective and a solver as a policy.

Axes: B rows, N candidates, H blocks, V numbers of a block, T control steps, A action dims.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.types import Decision, Observation, Query
from praxia.core.window import Window
from praxia.nn.world import World, WorldState
from praxia.planning.blocks import Blocks
from praxia.planning.objectives import Objective, no_goal
from praxia.planning.solver import Bounds, Cost, Noise, Solver

__all__ = ["MAX_TOKENS", "LastPlan", "Planner", "PredictsReward", "ReadsPrivileged"]

# Tokens of all candidates' frames that the world has at once, where nothing else is said: some hundred megabytes.
MAX_TOKENS = 1 << 14


@runtime_checkable
class ReadsPrivileged(Protocol):
    """A world that reads the simulator's privileged state, if `privileged` says so. Others read observations alone."""

    privileged: bool


@runtime_checkable
class PredictsReward(Protocol):
    """A world whose imagined futures have rewards, if `rewards` says so. Others have none."""

    rewards: bool


@dataclass(frozen=True)
class LastPlan:
    """The actions of a row's last plan, from the control step of the episode at which it was made."""

    actions: Float[Tensor, "T A"]
    step: int


# By row; None: it has not planned yet.
Carry = tuple[LastPlan | None, ...]


class Planner:
    """Plans anew at every decision and gives the whole plan as its chunk. Satisfies `core.types.Policy`.

    Of a plan the loop executes as much as the execution horizon says: all of it, or less, which is model predictive
    control. The search begins with what is left of the last plan, which is all that the carry holds. Actions that are
    already committed to, under a delay, are the first of every candidate. Noise depends on the episode and the step.

    All candidates of all rows are one batch of the world, at most `max_rows` at a time (None: as many as have
    `MAX_TOKENS` tokens), so that memory does not grow with them. Gradients need the memory of all.

    Raises:
        MismatchError: blocks that are no multiple of the world's stride, an action without a declared range, a goal
            that is not of just what the world sees, or is none where the objective needs one, or a world that gives
            the objective no reward.
    """

    def __init__(
        self,
        world: World,
        objective: Objective,
        solver: Solver,
        blocks: Blocks | None = None,
        *,
        device: torch.device | str = "cpu",
        max_rows: int | None = None,
    ):
        self.world = world
        self.objective = objective
        self.solver = solver
        self.blocks = blocks or Blocks()
        self.device = torch.device(device)
        self.privileged = isinstance(world, ReadsPrivileged) and world.privileged
        self._expect_objective()
        self.window = self._window()
        self._max_rows = max_rows
        self._bounds = Bounds.of(world.embodiment, device)
        if self.blocks.steps % world.stride:
            raise MismatchError(
                f"expected blocks of a multiple of {world.stride} control steps, the stride of the world, got"
                f" {self.blocks.steps}"
            )

    def _expect_objective(self) -> None:
        """Refuse an objective that nothing in this world can serve."""
        world, objective = self.world, self.objective
        if objective.needs_reward and not (isinstance(world, PredictsReward) and world.rewards):
            raise MismatchError(
                f"the objective {objective.tag!r} needs a world that predicts rewards, got one that does not; use"
                " 'goal-distance'"
            )
        if self.privileged and (objective.goal or objective.needs_goal):
            raise MismatchError(
                f"the objective {objective.tag!r} needs the goal as the world sees it, but this world reads the"
                " simulator's present state, not what is observed; use 'reward', without a goal"
            )
        if objective.needs_goal and not objective.goal:
            raise no_goal(objective)

    def _window(self) -> Window:
        """What the world sees, and the goal."""
        seen, goal = self.world.window.observation_steps, self.objective.goal
        for name, shown in goal.items():
            if (kind := name.startswith("image.")) != shown.startswith("image."):
                what = 'an image, such as "image.goal"' if kind else "no image"
                raise MismatchError(f"expected the goal of {name!r} to be shown by {what}, got {shown!r}")
        if unseen := [name for name in goal if name not in seen]:
            raise MismatchError(f"expected the goal of {' or '.join(map(repr, seen))}, got that of {unseen[0]!r}")
        if goal and (missing := [name for name in seen if name not in goal and name not in ("state", "action")]):
            raise MismatchError(f"expected the goal of all that the world sees, got none of {missing[0]!r}")
        steps = {**seen, **{name: (0,) for name in goal.values() if name not in seen}}
        return Window(steps, self.blocks.count * self.blocks.steps)

    @property
    def embodiment(self) -> Embodiment:
        """The world's, with the cameras that show the goal, which are as those that they stand for."""
        own = self.world.embodiment
        sizes = {f"image.{one.name}": one for one in own.cameras}
        goal = {name: seen for seen, name in self.objective.goal.items() if seen in sizes and name not in sizes}
        added = [replace(sizes[seen], name=name.removeprefix("image.")) for name, seen in goal.items()]
        return replace(own, cameras=(*own.cameras, *added))

    def start(self, num_rows: int) -> Carry:
        return (None,) * num_rows

    @torch.no_grad()
    def act(self, queries: Sequence[Query], carry: Carry) -> tuple[list[Decision], Carry]:
        rows, plans = list(carry), dict[int, Tensor]()
        for length, group in self._by_length(queries):
            lasts = [None if query.step == 0 else rows[query.row] for query in group]
            found = self._plan(group, lasts, length)
            plans |= {query.row: actions for query, actions in zip(group, found, strict=True)}
        for query in queries:
            rows[query.row] = LastPlan(plans[query.row], query.step)
        chunks = [plans[query.row].cpu().numpy() for query in queries]
        return [Decision(chunk, np.ones(len(chunk), dtype=bool)) for chunk in chunks], tuple(rows)

    def _by_length(self, queries: Sequence[Query]) -> Iterator[tuple[int, list[Query]]]:
        """The queries by the number of blocks that are planned: shrinking horizons may differ."""

        def length(query: Query) -> int:
            return self.blocks.length(query.step)

        for number, group in groupby(sorted(queries, key=length), key=length):
            yield number, list(group)

    def _plan(self, queries: Sequence[Query], lasts: Sequence[LastPlan | None], length: int) -> Float[Tensor, "B T A"]:
        """The best actions of `length` blocks for each query."""
        blocks, middle = self.blocks, self._bounds.middle
        guesses = [
            blocks.guess(last.actions, query.step - last.step, length, middle)
            if last is not None
            else blocks.guess(None, 0, length, middle)
            for query, last in zip(queries, lasts, strict=True)
        ]
        committed = _committed(queries, length * blocks.steps, middle)
        noise = Noise([(query.key, query.step) for query in queries], self.device)
        bounds = self._bounds.repeated(blocks.num_free)
        plans = self.solver.solve(self._cost(queries, committed), torch.stack(guesses), bounds, noise)
        return _with_committed(blocks.actions(plans)[:, None], committed)[:, 0]

    def _cost(self, queries: Sequence[Query], committed: Float[Tensor, "B T A"]) -> Cost:
        """What the candidates for each query cost in the world."""
        state, goal = self.world.start(queries), self._goal(queries)

        def cost(plans: Float[Tensor, "B N H V"]) -> Float[Tensor, "B N"]:
            actions = _with_committed(self.blocks.actions(plans), committed).flatten(0, 1)
            candidates = torch.arange(len(actions), device=self.device)
            parts = candidates.split(self._max_rows or max(1, MAX_TOKENS // state.latent.shape[1]))
            row = candidates // plans.shape[1]
            costs = [self._cost_of(state, goal, row[part], actions[part]) for part in parts]
            return torch.cat(costs).unflatten(0, plans.shape[:2])

        return cost

    def _cost_of(
        self, state: WorldState, goal: WorldState | None, row: Int[Tensor, " R"], actions: Float[Tensor, "R T A"]
    ) -> Float[Tensor, " R"]:
        """The cost of some candidates, each in the state of its `row`."""
        imagined = self.world.imagine(state.rows(row), actions)
        return self.objective.cost(imagined, None if goal is None else goal.rows(row).latent)

    def _goal(self, queries: Sequence[Query]) -> WorldState | None:
        """The state in which the goal of each query is reached, as the world would see it."""
        goal = self.objective.goal
        if not goal:
            return None
        return self.world.start([replace(one, history=(_shown(one.history[-1], goal),)) for one in queries])


def _committed(queries: Sequence[Query], length: int, middle: Float[Tensor, " A"]) -> Float[Tensor, "B T A"]:
    """What each query is committed to in the next `length` steps; NaN where it is free."""
    actions = middle.new_full((len(queries), length, len(middle)), torch.nan)
    for row, query in enumerate(queries):
        if query.committed is not None:
            given = torch.from_numpy(query.committed[:length])
            actions[row, : len(given)] = given.to(actions)
    return actions


def _with_committed(actions: Float[Tensor, "B N T A"], committed: Float[Tensor, "B T A"]) -> Float[Tensor, "B N T A"]:
    return torch.where(committed.isnan()[:, None], actions, committed[:, None])


def _shown(observation: Observation, goal: Mapping[str, str]) -> Observation:
    """The goal that an observation shows, as an observation of its own: see `Objective.goal`."""

    def of(name: str) -> np.ndarray:
        camera = name.removeprefix("image.")
        if name == "state":
            return observation.state
        return observation.streams[name] if camera == name else observation.images[camera]

    images = {name.removeprefix("image."): of(at) for name, at in goal.items() if name.startswith("image.")}
    streams = {name: of(at) for name, at in goal.items() if name != "state" and not name.startswith("image.")}
    state = of(goal.get("state", "state")).astype(np.float32)
    return replace(observation, images=images, streams=streams, state=state)
