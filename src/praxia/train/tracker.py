"""Where a run's numbers go: a JSON-lines file always, and an experiment tracker beside it."""

import json
from pathlib import Path
from typing import Any

from praxia.core.errors import MissingPackage
from praxia.core.files import complete_lines, write_atomic

__all__ = ["Tracker"]


class Tracker:
    """`RUN/metrics.jsonl` and TensorBoard (`RUN/tensorboard`) or Weights & Biases, through Lightning's loggers."""

    def __init__(self, run: Path, name: str, config: dict[str, Any], resumed_from: int):
        self.path = run / "metrics.jsonl"
        self._forget_after(resumed_from)
        self.file = self.path.open("a")
        self.logger = self._logger(run, name)
        if name == "wandb":
            self.logger.log_hyperparams(config)

    def log(self, values: dict[str, float | int]) -> None:
        """Append one line; `values` holds "step"."""
        self.file.write(json.dumps(values) + "\n")
        self.file.flush()
        self.logger.log_metrics(
            {key: value for key, value in values.items() if key != "step"}, step=int(values["step"])
        )

    def close(self) -> None:
        self.file.close()
        self.logger.finalize("success")

    def _forget_after(self, step: int) -> None:
        """Drop what an interrupted run logged past the state it goes on from: those steps come again."""
        if self.path.exists():
            kept = [line for line in complete_lines(self.path) if json.loads(line)["step"] <= step]
            write_atomic(self.path, "".join(kept))

    @staticmethod
    def _logger(run: Path, name: str):
        if name == "tensorboard":
            from lightning.fabric.loggers.tensorboard import TensorBoardLogger

            return TensorBoardLogger(root_dir=run, name="tensorboard", version="")
        try:
            import wandb  # noqa: F401  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise MissingPackage("tracker 'wandb'", "wandb", "wandb") from error
        from lightning.pytorch.loggers import WandbLogger

        return WandbLogger(save_dir=run)
