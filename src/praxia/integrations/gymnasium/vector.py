"""Many `PraxiaEnv` in worker processes as a `gymnasium.vector.VectorEnv`."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers import TimeLimit
from jaxtyping import Bool, Float64

from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.process import available_cores
from praxia.core.workers import Death, Workers, answer_requests
from praxia.integrations.gymnasium.env import PraxiaEnv

__all__ = ["PraxiaVectorEnv"]

# A batch of observations: of numbers, or by name.
Batch = Any


class PraxiaVectorEnv(VectorEnv):
    """`num_envs` environments of `PraxiaEnv(**kwargs)` in `workers` processes (None: one per core).

    Each process has its share of them in a `SyncVectorEnv` of gymnasium, so a step is one message to each process and
    everything else is as gymnasium has it: with `autoreset_mode` NEXT_STEP, its default, the step after an episode's
    last one resets, whatever the action; with SAME_STEP the last step does, and `infos` has "final_obs" and
    "final_info". Either way a step that ends an episode says whether it was terminated or truncated, and a learner
    bootstraps from the last observation of a truncated one.

    With `max_episode_steps` episodes are cut off earlier than at the declared horizon, as by gymnasium's `TimeLimit`.

    Results do not depend on the number of workers: with `reset(seed=s)` environment i has the seed s + i.

    Raises:
        UnknownName, MismatchError: as `PraxiaEnv`.
        PraxiaError: another `autoreset_mode`; or a worker died, and its environments with it.
        ResetNeeded: `step` or `render` before the first `reset`, as of a single environment.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        workers: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **kwargs: Any,
    ):
        expect_positive(num_envs=num_envs, workers=1 if workers is None else workers)
        self.num_envs, self.render_mode, self._has_reset = num_envs, kwargs.get("render_mode"), False
        modes = {one.value: one for one in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)}
        named = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if named not in modes:
            raise PraxiaError(f"expected autoreset_mode as {' or '.join(modes)}, got {named!r}")
        mode = modes[named]
        self.metadata = {**PraxiaEnv.metadata, "autoreset_mode": mode}
        count = min(num_envs, workers or available_cores())
        ends = np.linspace(0, num_envs, count + 1).round().astype(int).tolist()
        self._slices = [slice(first, end) for first, end in pairwise(ends)]
        self._workers = Workers(count, _serve, partial(_make, max_episode_steps, kwargs), mode)
        self._ask([("begin", one.stop - one.start) for one in self._slices])
        self.single_observation_space, self.single_action_space = self._ask([("spaces",)] * count)[0]
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | np.integer | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Batch, dict[str, Any]]:
        """Begin an episode in each environment. There are no `options`."""
        seeds = [None] * self.num_envs if seed is None else seed
        if isinstance(seeds, int | np.integer):
            super().reset(seed=int(seeds))
            seeds = [int(seeds) + index for index in range(self.num_envs)]
        if len(seeds) != self.num_envs:
            raise MismatchError(f"expected {self.num_envs} seeds, one for each environment, got {len(seeds)}")
        requests = [("reset", list(seeds[one])) for one in self._slices]
        observations, infos = zip(*self._ask(requests), strict=True)
        self._has_reset = True
        return _joined(observations), self._joined_infos(infos)

    def step(
        self, actions: np.ndarray
    ) -> tuple[Batch, Float64[np.ndarray, " N"], Bool[np.ndarray, " N"], Bool[np.ndarray, " N"], dict[str, Any]]:
        self._expect_reset("step")
        if len(actions) != self.num_envs:
            raise MismatchError(f"expected {self.num_envs} actions, one for each environment, got {len(actions)}")
        answers = self._ask([("step", np.asarray(actions[one])) for one in self._slices])
        observations, rewards, terminated, truncated, infos = zip(*answers, strict=True)
        flags = np.concatenate(terminated), np.concatenate(truncated)
        return _joined(observations), np.concatenate(rewards), *flags, self._joined_infos(infos)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """An image of each environment; None without a `render_mode`."""
        if self.render_mode is None:
            return None
        self._expect_reset("render")
        return tuple(image for part in self._ask([("render",)] * len(self._slices)) for image in part)

    def close_extras(self, **kwargs: Any) -> None:
        self._workers.close()

    def _expect_reset(self, method: str) -> None:
        # The simulators' own errors would end the workers.
        if not self._has_reset:
            raise ResetNeeded(f"cannot call envs.{method}() before envs.reset()")

    def _ask(self, requests: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers of all workers, each to its request. After an error nothing can be asked any more."""
        try:
            return self._answers(requests)
        except PraxiaError:
            self.close()
            raise

    def _answers(self, requests: Sequence[tuple[Any, ...]]) -> list[Any]:
        for number, request in enumerate(requests):
            self._workers.request(number, request)
        answers: dict[int, Any] = {}
        while len(answers) < len(requests):
            for number, answer in self._workers.answers():
                if isinstance(answer, Death):
                    raise PraxiaError(f"a worker of {self.num_envs} environments died: {answer.reason}; make them anew")
                answers[number] = answer
        return [answers[number] for number in range(len(requests))]

    def _joined_infos(self, infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return _join_infos(infos, [one.stop - one.start for one in self._slices])


def _joined(observations: Sequence[Any]) -> Any:
    """Batches one after the other."""
    if isinstance(observations[0], dict):
        return {name: np.concatenate([one[name] for one in observations]) for name in observations[0]}
    return np.concatenate(observations)


def _join_infos(infos: Sequence[dict[str, Any]], counts: Sequence[int]) -> dict[str, Any]:
    """The infos of vectors of `counts` environments as those of one: what some do not have is zero, False or None."""
    joined: dict[str, Any] = {}
    for name in dict.fromkeys(name for info in infos for name in info):
        like = next(info[name] for info in infos if name in info)
        if isinstance(like, dict):
            joined[name] = _join_infos([info.get(name, {}) for info in infos], counts)
            continue
        empty = None if like.dtype == object else 0
        parts = [
            info[name] if name in info else np.full((count, *like.shape[1:]), empty, like.dtype)
            for info, count in zip(infos, counts, strict=True)
        ]
        joined[name] = np.concatenate(parts)
    return joined


def _make(max_episode_steps: int | None, kwargs: dict[str, Any]) -> gymnasium.Env:
    env = PraxiaEnv(**kwargs)
    return env if max_episode_steps is None else TimeLimit(env, max_episode_steps)


def _serve(connection: Connection, make: Callable[[], gymnasium.Env], mode: AutoresetMode) -> None:
    """The worker's side: ("begin", number of environments), then one request at a time."""
    envs: list[SyncVectorEnv] = []

    def answer(request: tuple[Any, ...]) -> Any:
        method, *arguments = request
        if method == "begin":
            # What is sent is copied already.
            envs.append(SyncVectorEnv([make] * arguments[0], copy=False, autoreset_mode=mode))
            return None
        (vector,) = envs
        if method == "spaces":
            return vector.single_observation_space, vector.single_action_space
        if method == "reset":
            return vector.reset(seed=arguments[0])
        return vector.step(arguments[0]) if method == "step" else vector.render()

    answer_requests(connection, answer)
