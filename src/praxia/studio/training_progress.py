"""What a person sees while a policy trains: the plan, warnings, and one line of progress."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from praxia.studio.console import counting, say, warn

__all__ = ["TrainingProgress", "show_training"]


@runtime_checkable
class Planned(Protocol):
    """The plan of a run (`training.plan.Plan`), or what a step takes (`training.measured_step.Cost`)."""

    def lines(self) -> list[str]: ...


class TrainingProgress:
    """The callbacks of `training.engine.train`, which share one line of progress over `steps` steps."""

    def __init__(self, count: Callable[[int, int, str], None], steps: int):
        self._count, self._steps = count, steps
        self._logged = self._validated = ""  # of the last report, and of the last validation

    def announce(self, plan: Planned) -> None:
        for line in plan.lines():
            say(line)

    def warn(self, warning: str) -> None:
        warn(warning)

    def report(self, step: int, metrics: Mapping[str, float | int]) -> None:
        clipped = f"  {metrics['clipped']:.1%} clipped" if metrics.get("clipped") else ""
        if "validation_loss" in metrics:
            error = f"  action error {metrics['action_error']:.3g}" if "action_error" in metrics else ""
            self._validated = f"  validation {metrics['validation_loss']:.4f}{error}"
        self._logged = f"{clipped}{self._validated}  {metrics['samples_per_s']:.0f} samples/s"

    def progress(self, step: int, loss: float | None) -> None:
        self._count(step, self._steps, "" if loss is None else f"loss {loss:.4f}{self._logged}")


@contextmanager
def show_training(name: str, steps: int) -> Iterator[TrainingProgress]:
    """Shows the progress of a run that is called `name`, on stderr."""
    with counting(name) as count:
        yield TrainingProgress(count, steps)
