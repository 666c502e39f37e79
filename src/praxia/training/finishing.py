"""The weights of a policy that training keeps: whole, in one process, and without what training added to the model."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from praxia.checkpoint.store import PolicyConfig
from praxia.nn.shards import gathered, is_sharded
from praxia.nn.trainable import BeginsAndFinishes

__all__ = ["finished"]


def finished(
    model: nn.Module, config: PolicyConfig, weights: Mapping[str, Tensor], *, last: bool
) -> Mapping[str, Tensor]:
    """Trained `weights` as a policy of `config` is saved with; `model` stays as it is, unless they are the `last`.

    Of a sharded model all processes call it; the first gets the weights, on the CPU, and the others none.
    """
    sharded = is_sharded(model)
    if sharded:
        weights = gathered(weights)
    if not weights or not isinstance(model, BeginsAndFinishes) or not model.finish_changes:
        return weights
    if sharded:
        model = _begun(config)
    elif not last:
        model = deepcopy(model)
    assert isinstance(model, BeginsAndFinishes)
    return model.finish(weights)


def _begun(config: PolicyConfig) -> nn.Module:
    """A model of `config` as it is trained, on the CPU, whatever its weights; no random stream has moved."""
    with torch.random.fork_rng():
        model = config.model.build(config.shapes)
        assert isinstance(model, BeginsAndFinishes)
        model.begin(model.state_dict())
    return model
