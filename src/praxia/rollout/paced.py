"""A robot in real time behind the `VectorEnv` interface: one command per period of its control rate."""

import math
import time
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Outcome, Robot, SlotResult, Start
from praxia.rollout.slots import BuildEnv, LocalSlots

__all__ = ["Clock", "PacedSlots", "Pacing", "SystemClock"]


@runtime_checkable
class Clock(Protocol):
    """Time in seconds from any origin."""

    def now_s(self) -> float:
        """The present time, which never goes back."""
        ...

    def wait_until(self, time_s: float) -> None:
        """Return at `time_s`, or at once if that has passed."""


class SystemClock:
    """The machine's monotonic clock."""

    def now_s(self) -> float:
        return time.monotonic()

    def wait_until(self, time_s: float) -> None:
        time.sleep(max(0.0, time_s - self.now_s()))


@dataclass(frozen=True)
class Pacing:
    """How well the control rate was kept: executed steps, how many of them were late, and by how much the latest."""

    steps: int = 0
    overruns: int = 0
    worst_s: float = 0.0


class PacedSlots:
    """A `VectorEnv` of one robot, whose every step takes one period of its embodiment's `control_hz`.

    A period holds the observation, the policy's decision and the command, in this order, and what is left of it is
    waited for. The first begins with the first command. A step whose period was over before its command was sent or
    carried out is an overrun: nothing is skipped, and the following periods begin when it ended, since commands that
    made up for lost time would follow each other too fast. `SlotResult.overruns` counts them, `Trajectory.overruns`
    by episode, and `pacing` over all episodes. `jitter_s` says how evenly commands were sent.

    `build` makes the robot from a spec.
    """

    num_slots = 1

    def __init__(self, build: BuildEnv, clock: Clock | None = None):
        self._pacer = _Pacer(clock or SystemClock())
        self._slots = LocalSlots(1, lambda spec: _PacedRobot(build(spec), self._pacer), num_idle=0)
        self.begin, self.advance, self.close = self._slots.begin, self._slots.advance, self._slots.close

    @property
    def pacing(self) -> Pacing:
        return self._pacer.pacing

    @property
    def jitter_s(self) -> float:
        """How evenly commands were sent: the standard deviation of the time between two of one episode, in seconds."""
        return self._pacer.jitter_s

    def ready(self) -> list[SlotResult]:
        before = self.pacing.overruns
        results = self._slots.ready()
        return [replace(result, overruns=self.pacing.overruns - before) for result in results]


class _Pacer:
    """The periods of the episode under way, and the count of all."""

    def __init__(self, clock: Clock):
        self.pacing = Pacing()
        self._clock = clock
        # When the present period began; None: the episode's first has not.
        self._began_s: float | None = None
        self._sent_s: float | None = None
        # Number, mean and summed squares of the times between commands (Welford 1962).
        self._intervals = (0, 0.0, 0.0)

    @property
    def jitter_s(self) -> float:
        count, _, squares = self._intervals
        return math.sqrt(squares / count) if count else 0.0

    def restart(self) -> None:
        self._began_s = self._sent_s = None

    def before_command(self, period_s: float) -> float:
        """How late the command is, in seconds."""
        now_s = self._clock.now_s()
        if self._sent_s is not None:
            self._add_interval(now_s - self._sent_s)
        self._sent_s = now_s
        late_s = 0.0 if self._began_s is None else max(0.0, now_s - self._began_s - period_s)
        if self._began_s is None or late_s > 0:
            self._began_s = now_s
        return late_s

    def _add_interval(self, interval_s: float) -> None:
        count, mean, squares = self._intervals
        change = interval_s - mean
        mean += change / (count + 1)
        self._intervals = count + 1, mean, squares + change * (interval_s - mean)

    def after_command(self, period_s: float, late_s: float) -> None:
        """Wait for the end of the period, and count the step, whose command was `late_s` late."""
        assert self._began_s is not None, "a command was sent before"
        end_s = self._began_s + period_s
        took_s = max(0.0, self._clock.now_s() - end_s)
        self._clock.wait_until(end_s)
        self._began_s = end_s + took_s
        late_s += took_s
        self.pacing = Pacing(
            self.pacing.steps + 1, self.pacing.overruns + (late_s > 0), max(self.pacing.worst_s, late_s)
        )


class _PacedRobot:
    """A robot whose commands return at the end of their period."""

    def __init__(self, robot: Robot, pacer: _Pacer):
        self.embodiment = robot.embodiment
        self.observe, self.close = robot.observe, robot.close
        self._robot = robot
        self._pacer = pacer

    def reset(self, start: Start) -> None:
        self._robot.reset(start)
        self._pacer.restart()

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        period_s = 1 / self.embodiment.control_hz
        late_s = self._pacer.before_command(period_s)
        outcome = self._robot.command(action)
        self._pacer.after_command(period_s, late_s)
        return outcome
