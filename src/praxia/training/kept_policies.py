"""The policies that a run keeps beside its last: the best on held-out episodes, and those of every so many steps."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lightning.fabric import Fabric
from torch import Tensor, nn

from praxia.checkpoint.store import PolicyConfig, read_config, save_policy
from praxia.core.errors import PraxiaError, expect_positive
from praxia.core.files import remove_leftovers
from praxia.nn.shards import is_sharded
from praxia.training.config import Train, TrainRun
from praxia.training.finishing import finished
from praxia.training.ranks import first_decides
from praxia.training.validation import Validation, is_due

__all__ = ["KeptPolicies", "expect_kept"]

BEST, STEPS = "policy-best", "policies"


def expect_kept(run: TrainRun) -> None:
    """Check the options of validation and of the policies that are kept.

    Raises:
        PraxiaError: a number of steps below 1, or validation without held-out episodes.
    """
    for name, every in (("validate-every", run.train.validate_every), ("keep-every", run.train.keep_every)):
        if every is not None:
            expect_positive(**{f"train.{name}": every})
    if run.train.validate_every is not None and not run.hold_out:
        raise PraxiaError("expected --hold-out beside --train.validate-every, got none: nothing to validate on")


class KeptPolicies:
    """Writes `out/policy-best`, of the lowest validation loss so far, and `out/policies/step-N`.

    Each is written whole, with its step and what was measured in its provenance. A run that goes on after step
    `resumed_from` writes those after it again, and knows the loss of the best before it from the policy itself.

    The first process has one. Of a sharded model all have, which gather the weights together; the first writes.
    """

    def __init__(
        self,
        fabric: Fabric,
        out: Path,
        config: PolicyConfig,
        train: Train,
        validation: Validation | None,
        resumed_from: int,
    ) -> None:
        self._fabric, self._out, self._config = fabric, out, config
        self._train, self._validation = train, validation
        if fabric.is_global_zero:
            remove_leftovers(out / STEPS)
        self._best_loss = math.inf
        if (out / BEST).exists():
            kept = read_config(out / BEST)[0].provenance
            # One of a later step is replaced: the steps that led to it are taken again.
            if kept["step"] <= resumed_from:
                self._best_loss = kept["validation_loss"]
        if validation is not None:
            validation.read()

    def after(self, done: int, model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, float]:
        """Validate and keep what is due after `done` steps; what was measured. `weights` are the averaged ones."""
        measured = {}
        if self._validation is not None and is_due(self._train, done):
            measured = self._validation(model, weights)
        better = bool(measured) and measured["validation_loss"] < self._best_loss
        if measured and is_sharded(model):
            better = first_decides(self._fabric, better)
        due = self._train.keep_every is not None and done % self._train.keep_every == 0
        if better or due:
            kept = finished(model, self._config, weights, last=False)
            about = {**self._config.provenance, "step": done, **measured}
            config = replace(self._config, provenance=about)
            if due and self._fabric.is_global_zero:
                save_policy(self._out / STEPS / f"step-{done}", config, kept)
            if better and self._fabric.is_global_zero:
                save_policy(self._out / BEST, config, kept)
            if better:
                self._best_loss = measured["validation_loss"]
        return measured
