"""A real simulator as a world: planning with perfect dynamics, the upper bound of what a learned world allows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.errors import expect_positive
from praxia.core.simulator import flat_privileged, revealed
from praxia.core.types import Observation, Query, Simulator, Start
from praxia.core.window import Window
from praxia.nn.world import Imagined, WorldState

__all__ = ["SimulatorState", "SimulatorWorld"]


@dataclass(frozen=True)
class EpisodeState:
    """One row: the snapshot of an episode, and whether it is over."""

    start: Start
    snapshot: bytes
    is_over: bool = False


@dataclass(frozen=True)
class SimulatorState:
    """See `nn.world.WorldState`. The latent is the simulator's privileged state, one token of its numbers."""

    episodes: tuple[EpisodeState, ...]
    latent: Float[Tensor, "B 1 P"]

    def rows(self, index: Int[Tensor, " R"]) -> "SimulatorState":
        return SimulatorState(tuple(self.episodes[row] for row in index.tolist()), self.latent[index.cpu()])


class SimulatorWorld:
    """A simulator behind `nn.world.World`: restore, step, snapshot. It steps one row after the other, on the CPU.
    Satisfies `Decodes`, too: it renders.

    Its queries need privileged state with the episode's start and snapshot, as environments of
    `envs.wrappers.revealing(family)` give it. `env` is of the same task, and no environment that acts; or a mapping
    has one for each task.

    An episode that is over stays as it is. Rewards are the environment's, summed over a stride; or, with a `cost` of
    the privileged state, minus the cost of each timestep, also of those after the end, so that ending is no gain.

    Nothing is rendered until `observe` or `decode` is called, and nothing has a gradient. It is its own
    `worlds.env.Observer`.

    Raises:
        PraxiaError: a stride below 1.
    """

    privileged = True
    rewards = True

    def __init__(
        self,
        env: Simulator | Mapping[str, Simulator],
        *,
        stride: int = 1,
        cost: Callable[[Mapping[str, np.ndarray]], float] | None = None,
    ):
        expect_positive(stride=stride)
        self._tasks = env if isinstance(env, Mapping) else {}
        self.env = next(iter(env.values())) if isinstance(env, Mapping) else env
        self.stride = stride
        self.window = Window({"state": (0,)}, stride)
        self._cost = cost
        self._current: Start | None = None

    @property
    def embodiment(self) -> Embodiment:
        return self.env.embodiment

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras and streams that `observe` shows: all of the simulator's."""
        return tuple(one.name for one in (*self.embodiment.cameras, *self.embodiment.streams))

    def observe(self, state: WorldState, first: Sequence[Observation], cameras: Sequence[str]) -> Sequence[Observation]:
        """What the simulator shows in each row's state. `first` is not needed."""
        assert isinstance(state, SimulatorState), type(state)
        return [self._observed(episode, cameras) for episode in state.episodes]

    def start(self, queries: Sequence[Query]) -> SimulatorState:
        """The state of each query's snapshot.

        Raises:
            MismatchError: a query without one.
        """
        episodes = tuple(EpisodeState(*revealed(query.privileged)) for query in queries)
        layout = self.env.privileged_layout
        latents = [flat_privileged(query.privileged or {}, layout) for query in queries]
        return SimulatorState(episodes, _tensor(latents)[:, None])

    def imagine(self, state: WorldState, actions: Float[Tensor, "B H A"]) -> Imagined:
        """What the simulator does. Commands are float32, as those of a policy."""
        assert isinstance(state, SimulatorState), type(state)
        commands = actions.detach().cpu().numpy().astype(np.float32)
        futures = [self._follow(*row) for row in zip(state.episodes, state.latent, commands, strict=True)]
        latents = torch.stack([one.latents for one in futures])
        return Imagined(
            latents[:, :, None],
            SimulatorState(tuple(one.episode for one in futures), latents[:, -1:]),
            _tensor([one.rewards for one in futures]),
            None if self._cost is not None else torch.tensor([one.is_over for one in futures]),
            torch.tensor([one.succeeded for one in futures]),
        )

    def decode(self, state: WorldState) -> Mapping[str, UInt8[np.ndarray, "B Y X 3"]]:
        """What all cameras see in each row's episode."""
        assert isinstance(state, SimulatorState), type(state)
        names = [camera.name for camera in self.embodiment.cameras]
        seen = self.observe(state, (), names)
        return {name: np.stack([one.images[name] for one in seen]) for name in names}

    def _follow(
        self, episode: EpisodeState, latent: Float[Tensor, "1 P"], commands: Float[np.ndarray, "H A"]
    ) -> "_Future":
        """One row's future, at every stride."""
        self._restore(episode)
        is_over, latents, rewards = episode.is_over, list[Tensor](), list[float]()
        overs, successes = list[bool](), list[bool]()
        for block in commands.reshape(-1, self.stride, commands.shape[1]):
            reward, success = 0.0, False
            for command in block:
                if not is_over:
                    outcome = self.env.command(command)
                    reward, is_over = reward + outcome.reward, outcome.terminated or outcome.truncated
                    success = success or bool(outcome.success)
            known = self.env.privileged()
            latents.append(_tensor(flat_privileged(known, self.env.privileged_layout)))
            rewards.append(reward if self._cost is None else -self._cost(known))
            overs.append(is_over)
            successes.append(success)
        after = EpisodeState(episode.start, self.env.snapshot(), is_over)
        return _Future(after, torch.stack(latents), rewards, overs, successes)

    def _observed(self, episode: EpisodeState, cameras: Sequence[str]) -> Observation:
        self._restore(episode)
        return self.env.observe(cameras)

    def _restore(self, episode: EpisodeState) -> None:
        if self._current != episode.start:
            self.env = self._tasks.get(episode.start.task, self.env)
            self.env.reset(episode.start)
            self._current = episode.start
        self.env.restore(episode.snapshot)


@dataclass(frozen=True)
class _Future:
    episode: EpisodeState
    latents: Float[Tensor, "K P"]
    rewards: list[float]
    is_over: list[bool]
    succeeded: list[bool]


def _tensor(values: object) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
