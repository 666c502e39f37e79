"""What a run's options must be, before anything is read or built."""

from praxia.core.errors import expect_positive
from praxia.training.augmentation import expect_augmentation
from praxia.training.config import TrainRun
from praxia.training.kept_policies import expect_kept
from praxia.training.ranks import expect_shares

__all__ = ["expect_options"]


def expect_options(run: TrainRun) -> None:
    """Check the options that need no data.

    Raises:
        PraxiaError: a size below 1, an augmentation or a validation without a meaning, or a batch that the processes
            cannot share evenly.
    """
    sizes = {"steps": run.train.steps, "batch-size": run.train.batch_size, "accumulate": run.train.accumulate}
    expect_positive(**{f"train.{name}": value for name, value in sizes.items()})
    expect_kept(run)
    expect_augmentation(run.train.augmentation)
    expect_shares(run.train.batch_size, "train.batch-size", run.train.accumulate)
