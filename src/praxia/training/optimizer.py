"""AdamW over a model's weights, with a learning rate of their own for those of its backbone."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from praxia.core.errors import MismatchError, PraxiaError
from praxia.nn.types import HasBackbone
from praxia.training.config import Train, warmup_cosine

__all__ = ["adamw", "learning_rates", "make_optimizer", "set_learning_rates"]


def make_optimizer(model: nn.Module, train: Train) -> torch.optim.AdamW:
    """AdamW in one group of parameters, or in two with `train.backbone_learning_rate`: the backbone's is the second.

    Without `train.decay_norms` each is followed by a group of its norms and biases, which do not decay. Frozen
    parameters get no gradient, so no state is kept for them.

    Raises:
        PraxiaError: a learning rate below 0. MismatchError: no part of a backbone is trained.
    """
    rates = {"train.learning-rate": train.learning_rate, "train.backbone-learning-rate": train.backbone_learning_rate}
    for name, rate in rates.items():
        if rate is not None and rate < 0:
            raise PraxiaError(f"expected --{name} of at least 0, got {rate}")
    groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "initial_lr": train.learning_rate}]
    if train.backbone_learning_rate is not None:
        backbone = _backbone(model)
        rest = [one for one in model.parameters() if one not in backbone]
        groups = [{"params": rest, "initial_lr": train.learning_rate}]
        groups.append({"params": list(backbone), "initial_lr": train.backbone_learning_rate})
    if not train.decay_norms:
        kept = [one for name, one in model.named_parameters() if one.dim() < 2 or name.endswith("bias")]
        groups = _divided(groups, dict.fromkeys(kept))
    return torch.optim.AdamW(groups, lr=train.learning_rate, weight_decay=train.weight_decay, betas=train.betas)


def adamw(
    train: Train, parameters: Iterable[nn.Parameter], learning_rate: float | None = None
) -> torch.optim.Optimizer:
    """The run's AdamW over `parameters` alone, for a model that updates itself (`nn.trainable.MakeOptimizer`).

    Without `train.decay_norms` vectors do not decay: norms, and biases but those of each embodiment.
    """
    peak = train.learning_rate if learning_rate is None else learning_rate
    groups: list[dict[str, Any]] = [{"params": list(parameters), "initial_lr": peak}]
    if not train.decay_norms:
        groups = _divided(groups, dict.fromkeys(one for one in groups[0]["params"] if one.dim() < 2))
    return torch.optim.AdamW(groups, lr=peak, weight_decay=train.weight_decay, betas=train.betas)


def _divided(groups: list[dict[str, Any]], kept: dict[nn.Parameter, None]) -> list[dict[str, Any]]:
    """Each group without the parameters `kept`, followed by one of those, which has no weight decay."""
    divided = []
    for group in groups:
        divided.append({**group, "params": [one for one in group["params"] if one not in kept]})
        divided.append({**group, "params": [one for one in group["params"] if one in kept], "weight_decay": 0.0})
    return divided


def _backbone(model: nn.Module) -> dict[nn.Parameter, None]:
    """The backbone's parameters in order; tensors are compared by identity."""
    parameters = list(model.backbone_parameters()) if isinstance(model, HasBackbone) else []
    if not any(one.requires_grad for one in parameters):
        raise MismatchError(
            "expected an encoder whose backbone is trained beside --train.backbone-learning-rate, got "
            f"{'a frozen one: --model.encoder.trained all trains it' if parameters else 'one without a backbone'}"
        )
    return dict.fromkeys(parameters)


def learning_rates(train: Train, step: int) -> dict[str, float]:
    """{"lr"} of optimiser step `step`, counted from 0, and "backbone_lr" where it has its own."""
    peaks = {"lr": train.learning_rate, "backbone_lr": train.backbone_learning_rate}
    return {name: _rate(train, step, peak) for name, peak in peaks.items() if peak is not None}


def set_learning_rates(optimizer: torch.optim.Optimizer, train: Train, step: int) -> None:
    """Give every group its learning rate of step `step`."""
    for group in optimizer.param_groups:
        group["lr"] = _rate(train, step, group["initial_lr"])


def _rate(train: Train, step: int, peak: float) -> float:
    return warmup_cosine(step, peak, train.warmup_steps, train.steps, train.final_rate)
