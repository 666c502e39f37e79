"""What is logged while a specialist practises."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from praxia.core.errors import TrainingError
from praxia.reinforce.config import Practice
from praxia.rollout.types import Trajectory
from praxia.training.metrics import Clock, Means, Tracker

__all__ = ["PracticeLog", "ReportProgress"]

# Called with the control steps done and planned, and a text for people.
ReportProgress = Callable[[int, int, str], None]

# So many episodes that crash one after the other end a run: what is wrong concerns all of them.
CRASHES = 10
# The success that is logged while it practises is that of so many last episodes, with the learner's exploration.
RECENT = 20


class PracticeLog:
    """Means of what was learned, and the success of the last episodes, as lines of metrics.jsonl and of progress."""

    def __init__(self, out: Path, train: Practice, resumed_from: int, report: ReportProgress):
        self.train = train
        self._tracker = Tracker(out, "tensorboard", {}, resumed_from)
        self._report, self._means, self._clock = report, Means(), Clock(resumed_from)
        self._successes = deque[bool](maxlen=RECENT)
        self._line, self._text = resumed_from // train.log_every, ""
        self._crashes = 0

    def add(self, step: int, metrics: list[dict[str, Tensor]]) -> None:
        """Count the updates that were made until `step` control steps were learned from."""
        for one in metrics:
            self._means.add(one)
        if (line := step // self.train.log_every) > self._line:
            self._line = line
            values: dict[str, float | int] = {"step": step, **self._means.take()}
            values["env_steps_per_s"] = self._clock.read(step, 1)["samples_per_s"]
            if self._successes:
                values["success"] = sum(self._successes) / len(self._successes)
                self._text = f"success {values['success']:.0%} of the last {len(self._successes)} episodes"
            self._tracker.log(values)
        self._report(step, self.train.steps, self._text)

    def ended(self, trajectory: Trajectory) -> None:
        """Count an episode.

        Raises:
            TrainingError: it is the last of many that crashed.
        """
        self._crashes = 0 if trajectory.error is None else self._crashes + 1
        if self._crashes == CRASHES:
            raise TrainingError(f"{CRASHES} episodes crashed one after the other; the last: {trajectory.error}")
        if trajectory.error is None:
            self._successes.append(bool(trajectory.success_ever))

    def close(self) -> None:
        """Close the files."""
        self._tracker.close()
