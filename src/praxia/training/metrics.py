"""A run's numbers: means over steps, speed, and where they are logged."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from praxia.core.errors import optional_import
from praxia.core.files import complete_lines, write_atomic

__all__ = ["Clock", "Means", "Tracker"]


class Means:
    """The mean of each metric over the steps since `take` that have it. Values stay on their device until then."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Tensor]) -> None:
        """Count one step."""
        for name, value in metrics.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """Return the means and start again."""
        means = {name: float(value) / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means


class Clock:
    """Wall time and speed of a run that starts at `step`."""

    def __init__(self, step: int):
        now_s = time.perf_counter()
        self._first_step, self._began_s = step, now_s
        self._last_step, self._last_read_s = step, now_s

    def read(self, step: int, batch_size: int) -> dict[str, float]:
        """Samples per second since the last reading, and seconds since the start."""
        now_s = time.perf_counter()
        speed = (step - self._last_step) * batch_size / max(now_s - self._last_read_s, 1e-9)
        self._last_step, self._last_read_s = step, now_s
        return {"samples_per_s": speed, "wall_s": now_s - self._began_s}

    def mean_speed(self, step: int, batch_size: int) -> float:
        """Samples per second since the start."""
        return (step - self._first_step) * batch_size / max(time.perf_counter() - self._began_s, 1e-9)


class Tracker:
    """`RUN/metrics.jsonl` and TensorBoard (`RUN/tensorboard`) or Weights & Biases, through Lightning's loggers."""

    def __init__(self, run: Path, name: str, config: dict[str, Any], resumed_from: int):
        self.path = run / "metrics.jsonl"
        self._drop_after(resumed_from)
        self.file = self.path.open("a")
        self.logger = self._logger(run, name)
        if name == "wandb":
            self.logger.log_hyperparams(config)

    def log(self, values: dict[str, float | int]) -> None:
        """Append one line and log to the tracker. `values` holds "step"."""
        self.file.write(json.dumps(values) + "\n")
        self.file.flush()
        self.logger.log_metrics(
            {key: value for key, value in values.items() if key != "step"}, step=int(values["step"])
        )

    def close(self) -> None:
        self.file.close()
        self.logger.finalize("success")

    def _drop_after(self, step: int) -> None:
        """Drop what an interrupted run logged after the state it resumes from: those steps run again."""
        if self.path.exists():
            kept = [line for line in complete_lines(self.path) if json.loads(line)["step"] <= step]
            write_atomic(self.path, "".join(kept))

    @staticmethod
    def _logger(run: Path, name: str):
        if name == "tensorboard":
            from lightning.fabric.loggers.tensorboard import TensorBoardLogger

            return TensorBoardLogger(root_dir=run, name="tensorboard", version="")
        with optional_import("tracker 'wandb'", "wandb"):
            import wandb  # noqa: F401  # pyright: ignore[reportMissingImports]
        from lightning.pytorch.loggers import WandbLogger

        return WandbLogger(save_dir=run)
