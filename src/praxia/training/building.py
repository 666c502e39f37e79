"""A run's model, ready to train: checked, with the weights that it begins with, its blocks as the options say."""

from collections.abc import Mapping

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from praxia.checkpoint.store import PolicyConfig
from praxia.core.errors import MismatchError
from praxia.nn.blocks import blocks, recompute_blocks
from praxia.nn.trainable import BeginsAndFinishes, ModelConfig, Trainable, UpdatesItself
from praxia.nn.types import AnswersQuestions
from praxia.training.batches import BatchSource
from praxia.training.config import Train
from praxia.training.initial_checkpoint import InitialCheckpoint
from praxia.training.sharding import build_whole_once, shards

__all__ = ["build_model", "expect_language"]


def build_model(
    fabric: Fabric, config: PolicyConfig, options: Train, initial: InitialCheckpoint | None, *, validated: bool
) -> nn.Module:
    """The model of `config` with fresh weights, drawn by the run's seed, or those of `initial`.

    Where processes share the weights, the first alone has them.

    Raises:
        MismatchError: a model that the engine cannot train, or not validate or shard, as the run wants it.
        DataError: the weights to begin with are not what was saved.
    """

    def build(first: bool) -> nn.Module:
        model = config.model.build(config.shapes)
        _expect_trainable(model, config.model, validated=validated)
        _begin(model, initial and (initial.weights_for(model, config.shapes) if first else model.state_dict()))
        if options.compile:
            _expect_blocks(model, config.model, "compile")
        if options.activation_checkpointing:
            _expect_blocks(model, config.model, "activation-checkpointing")
            recompute_blocks(model)
        return model

    torch.manual_seed(options.seed)
    return build_whole_once(fabric, build) if shards(fabric) else build(True)


def _expect_trainable(model: nn.Module, config: ModelConfig, *, validated: bool) -> None:
    """Refuse a model that the engine cannot train, or not validate."""
    if not isinstance(model, Trainable | UpdatesItself):
        raise MismatchError(
            f"expected a model with a loss, or an update of its own, got {config.tag!r}, which has none"
        )
    if validated and not isinstance(model, Trainable):
        raise MismatchError(f"model {config.tag!r} has no loss to validate; leave out --hold-out")


def _begin(model: nn.Module, weights: Mapping[str, Tensor] | None) -> None:
    """Make a model that was just built ready to train, with the weights to start from if there are any."""
    if isinstance(model, BeginsAndFinishes):
        model.begin(weights)
    elif weights is not None:
        model.load_state_dict(dict(weights))


def _expect_blocks(model: nn.Module, config: ModelConfig, option: str) -> None:
    """Refuse an option about blocks for a model that has none."""
    if not blocks(model):
        raise MismatchError(
            f"expected a model with blocks, got {config.tag!r}, which has none; leave out --train.{option}"
        )


def expect_language(model: nn.Module, source: BatchSource) -> None:
    """Refuse questions for a model that does not learn from them."""
    if source.vqa is not None and isinstance(model, UpdatesItself):
        raise MismatchError("questions are learned beside a loss, and this model updates itself; leave out --vqa")
    if source.vqa is not None and not (isinstance(model, AnswersQuestions) and model.trains_language):
        raise MismatchError(
            "questions train a language model, and none is trained here; choose encoder 'public-vlm' with "
            "--model.encoder.trained adapters, language or all"
        )
