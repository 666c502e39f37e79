"""What a run is about to do, in a few lines before its first step."""

from dataclasses import dataclass

from torch import nn

from praxia.core.config import components
from praxia.dataloader.mixture import Mixture
from praxia.training.config import TrainRun

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """The size of a run. `model` names the model's components, or the model where it has none.

    `cameras` are (name, height, width in pixels), as the model sees them. `epochs` is how often each
    window is read on average, as the first step of a sequence where those have `sequence_length` steps.
    """

    model: str
    parameters: int
    cameras: tuple[tuple[str, int, int], ...]
    episodes: int
    windows: int
    horizon: int
    rate_hz: float
    steps: int
    batch_size: int
    sequence_length: int | None = None

    @property
    def epochs(self) -> float:
        return self.steps * self.batch_size / self.windows

    def lines(self) -> list[str]:
        """For a person, a line per topic."""
        cameras = ", ".join(f"{name} {height}x{width}" for name, height, width in self.cameras)
        seconds = f" ({(self.sequence_length or self.horizon) / self.rate_hz:.2g} s)"
        chunks = f"chunks of {self.horizon} actions{seconds}" if self.horizon else "no actions"
        if self.sequence_length is not None:
            chunks = f"sequences of {self.sequence_length} steps{seconds}"
        return [
            f"model: {self.model}, {self.parameters / 1e6:.1f}M parameters",
            f"cameras: {cameras or 'none'}",
            f"data: {self.episodes} episodes, {self.windows} windows; {chunks}",
            f"training: {self.steps} steps of {self.batch_size} windows, {self.epochs:.3g} epochs",
        ]


def make_plan(run: TrainRun, windows: Mixture, model: nn.Module) -> Plan:
    """The plan of a run whose window names its cameras."""
    sizes = {camera.name: (camera.height, camera.width) for one in windows.embodiments for camera in one.cameras}
    return Plan(
        model=" + ".join(one.tag for one in components(run.model)) or run.model.tag,
        parameters=sum(value.numel() for value in model.parameters()),
        cameras=tuple((name, *sizes[name]) for name in run.window.cameras),
        episodes=sum(len(one.episodes) for one in windows.entries),
        windows=len(windows),
        horizon=run.window.horizon,
        rate_hz=windows.embodiments[0].control_hz,
        steps=run.train.steps,
        batch_size=run.train.batch_size,
        sequence_length=run.window.sequence_length,
    )
