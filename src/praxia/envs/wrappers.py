"""Environments that spoil one sense of the policy, by composition: what is left shows what it uses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import UnknownName
from praxia.core.types import Env, EnvSpec, Observation, Outcome, Start

__all__ = ["FrozenState", "Instruct", "SwappedImage", "wrapped"]

WRAPPERS = ("swapped-image", "frozen-state", "other-instruction", "instruct:<text>")


def wrapped(
    make: Callable[[EnvSpec], Env],
    spec: EnvSpec,
    twin_start: Callable[[Start], Start],
    other_instruction: Callable[[Start], str] | None = None,
) -> Env:
    """`make(spec)` in the spec's wrappers, in order: see `WRAPPERS`.

    `twin_start` is another start of the same task, as a pure function of the episode's own, and `other_instruction`
    what else could be done from a start, where the family knows that.

    Raises:
        UnknownName: no wrapper has that name.
    """
    env = make(spec)
    for wrapper in spec.wrappers:
        name, _, argument = wrapper.partition(":")
        if name == "instruct":
            env = Instruct(env, lambda start, text=argument: text)
        elif name == "other-instruction" and other_instruction is not None:
            env = Instruct(env, other_instruction)
        elif name == "swapped-image":
            env = SwappedImage(env, make(spec), twin_start)
        elif name == "frozen-state":
            env = FrozenState(env)
        else:
            raise UnknownName("environment wrapper", wrapper, WRAPPERS, "praxia eval --help")
    return env


class Instruct:
    """The same environment with another instruction: `instruction(start)`. What counts as success stays as it was."""

    def __init__(self, env: Env, instruction: Callable[[Start], str]):
        self.env = env
        self.embodiment = env.embodiment
        self._instruct = instruction
        self._instruction = ""

    def reset(self, start: Start) -> None:
        self.env.reset(start)
        self._instruction = self._instruct(start)

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        return self.env.step(action)

    def look(self, cameras: Sequence[str]) -> Observation:
        return replace(self.env.look(cameras), instruction=self._instruction)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return self.env.privileged()

    def snapshot(self) -> bytes:
        return self.env.snapshot()

    def restore(self, snapshot: bytes) -> None:
        self.env.restore(snapshot)

    def close(self) -> None:
        self.env.close()


class FrozenState:
    """The same environment, but the state never changes from what it was at the start. Pictures show what happens."""

    def __init__(self, env: Env):
        self.env = env
        self.embodiment = env.embodiment
        self._state: Float32[np.ndarray, " S"] = np.zeros(0, np.float32)

    def reset(self, start: Start) -> None:
        self.env.reset(start)
        self._state = self.env.look(()).state

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        return self.env.step(action)

    def look(self, cameras: Sequence[str]) -> Observation:
        return replace(self.env.look(cameras), state=self._state)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return self.env.privileged()

    def snapshot(self) -> bytes:
        return self.env.snapshot()

    def restore(self, snapshot: bytes) -> None:
        self.env.restore(snapshot)

    def close(self) -> None:
        self.env.close()


class SwappedImage:
    """Pictures come from a twin at another start of the same task; state, instruction and outcome stay its own.

    The twin is driven by the same actions, so that the arm in the picture moves as the policy means it to and only the
    scene is another's: a policy that does not need to see loses nothing.
    """

    def __init__(self, env: Env, twin: Env, twin_start: Callable[[Start], Start]):
        self.env = env
        self.twin = twin
        self.embodiment = env.embodiment
        self._twin_start = twin_start

    def reset(self, start: Start) -> None:
        self.env.reset(start)
        self.twin.reset(self._twin_start(start))

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        self.twin.step(action)
        return self.env.step(action)

    def look(self, cameras: Sequence[str]) -> Observation:
        return replace(self.env.look(()), images=self.twin.look(cameras).images)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return self.env.privileged()

    def snapshot(self) -> bytes:
        """Of both: the length of the environment's own in four bytes, then it, then the twin's."""
        own = self.env.snapshot()
        return len(own).to_bytes(4, "little") + own + self.twin.snapshot()

    def restore(self, snapshot: bytes) -> None:
        end = 4 + int.from_bytes(snapshot[:4], "little")
        self.env.restore(snapshot[4:end])
        self.twin.restore(snapshot[end:])

    def close(self) -> None:
        self.twin.close()
        self.env.close()
