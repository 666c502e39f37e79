"""What a run would take, without a step of it: nothing is written, and weights have no memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from praxia.checkpoint.store import read_config
from praxia.core.config import fit_config
from praxia.core.errors import MismatchError, expect_positive
from praxia.dataloader.action_chunks import chunks_of
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.encoders.public.model import PublicVLM, PublicVLMEncoder
from praxia.nn.blocks import blocks, recompute_blocks
from praxia.nn.trainable import BeginsAndFinishes, BuildsOn, FitsData, ModelConfig, Trainable
from praxia.nn.types import Batch
from praxia.policies.encoder_head import EncoderHead, HasPromptTokenizer
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.policies.interface import MakesPolicy
from praxia.training.activations import count_activations, without_content
from praxia.training.batches import BatchSource, model_shapes
from praxia.training.config import TrainRun
from praxia.training.hold_out import hold_out
from praxia.training.initial_checkpoint import adapt_to_data
from praxia.training.memory_plan import MemoryPlan, model_bytes, step_bytes
from praxia.training.options import expect_options
from praxia.training.plan import Plan, make_plan
from praxia.transforms.chain import Transforms

__all__ = ["DryRun", "dry_run"]

# The longest prompt of pi0 in openpi, in tokens: what a prompt is taken to have where there is no tokenizer.
PROMPT_TOKENS = 48


@dataclass(frozen=True)
class DryRun:
    """What a run would do, and the memory that it would take."""

    plan: Plan
    memory: MemoryPlan

    def lines(self) -> list[str]:
        """For a person, a line per topic."""
        return [*self.plan.lines(), *self.memory.lines()]

    def to_json(self) -> dict[str, Any]:
        return {"plan": self.plan.lines(), **self.memory.to_json()}


def dry_run(
    run: TrainRun, data: MixtureConfig | Sequence[Path], *, start_from: Path | None = None, device: str | None = None
) -> DryRun:
    """Plan `run` on a mixture or on data sets, without weights: neither public ones nor those of `start_from` are read.

    The precision "auto" is taken to be that of a GPU, unless `device` is "cpu". A public language model without files
    (`weights`) is planned by its published sizes, with prompts of 48 tokens beside the images.

    Raises:
        MismatchError: data sets that do not fit each other, the recipe, or the policy to start from; a model without a
            loss, or whose loss reads values of tensors.
        PraxiaError: as `training.engine.train`, about the options; of a compiler and of devices nothing is asked.
    """
    expect_options(run)
    mixture = data if isinstance(data, MixtureConfig) else MixtureConfig.of(data)
    run, mixture = adapt_to_data(run, mixture, start_from)
    if isinstance(run.model, MakesPolicy):
        expect_positive(**{"window.horizon": run.window.horizon})
    windows = mixture.open(run.window, successful=run.only_success, cache_bytes=0)
    run = replace(run, window=windows.window)
    windows, _ = hold_out(mixture, windows, run.hold_out)
    model_config, transforms = _fitted(run, windows, start_from)
    shapes = model_shapes(run.window, windows.embodiments, transforms)
    source = BatchSource(windows, transforms, shapes, run.train.seed, run.train.batch_size)
    with source.loader(0, (0, run.train.batch_size)) as loader:
        batch = source.batch(loader, 0)[0]
    model = _build(model_config, shapes)
    plan = make_plan(run, windows, model)
    note = ""
    if (longer := _with_prompt(model, batch)) is not None:
        batch = longer
        note = f"no --model.encoder.weights: prompts are taken to have {PROMPT_TOKENS} tokens beside the images"
    bf16 = run.train.precision == "bf16-mixed" or (run.train.precision == "auto" and device != "cpu")
    of_model, step = model_bytes(model), step_bytes(model, gpu=device != "cpu")
    without_content(model)
    passes = count_activations(model, batch, bf16=bf16)
    recomputed = passes
    if blocks(model):
        recompute_blocks(model)
        recomputed = count_activations(model, batch, bf16=bf16)
    memory = MemoryPlan(
        plan.parameters,
        "bf16-mixed" if bf16 else "32-true",
        of_model,
        passes,
        recomputed,
        step,
        run.train.batch_size,
        run.train.accumulate,
        note,
    )
    return DryRun(plan, memory)


def _build(config: ModelConfig, shapes: Any) -> nn.Module:
    """The model on the meta device, ready to train: frozen and adapted as its config says.

    Raises:
        MismatchError: it has no loss, or cannot be built without weights.
    """
    try:
        with torch.device("meta"):
            model = config.build(shapes)
            if isinstance(model, BeginsAndFinishes):
                model.begin(model.state_dict())
    except (NotImplementedError, RuntimeError) as error:  # as torch raises where a value is needed that is not there
        raise MismatchError(
            f"expected a model that can be built without weights, got {config.tag!r} ({error!s:.80}); leave out "
            "--dry-run: a run measures its first step"
        ) from error
    if not isinstance(model, Trainable):
        raise MismatchError(f"expected a model with a loss to plan, got {config.tag!r}; leave out --dry-run")
    return model.train()


def _fitted(run: TrainRun, windows: Mixture, start_from: Path | None) -> tuple[ModelConfig, Transforms]:
    """The model's config with what it learns from the data, and the transforms; both as `training.engine.train` has."""
    model = run.model
    if start_from is not None:
        config, _ = read_config(start_from)
        if not isinstance(model, FitsData):
            return model, config.transforms
        if isinstance(model, BuildsOn) and not isinstance(config.model, BuildsOn):
            return model.fit(lambda: chunks_of(windows, config.transforms)[0]), config.transforms
        return model.fitted_as(config.model), config.transforms
    relatives = zip(windows.embodiments, run.relative_actions(windows.embodiments), strict=True)
    relative = {embodiment.name: own for embodiment, own in relatives if own is not None}
    statistics = compute_statistics(windows.entries, relative)
    without_files = (
        isinstance(model, EncoderHead) and isinstance(model.encoder, PublicVLM) and not model.encoder.weights
    )
    tokenizer = None
    if isinstance(model, HasPromptTokenizer) and not without_files:
        tokenizer = model.prompt_tokenizer(run.window.num_images)
    transforms = fit_transforms(windows, statistics, tokenizer, normalisation=run.normalisation)

    def chunks() -> Float32[np.ndarray, "B H A"]:
        return chunks_of(windows, transforms)[0]

    if without_files:
        assert isinstance(model, EncoderHead)
        return replace(model, head=fit_config(model.head, chunks)), transforms
    return (model.fit(chunks) if isinstance(model, FitsData) else model), transforms


def _with_prompt(model: nn.Module, batch: Batch) -> Batch | None:
    """A batch with prompts as long as a public language model's; None: it has them."""
    encoder = model.encoder if isinstance(model, EncoderHeadModel) else None
    if not isinstance(encoder, PublicVLMEncoder) or encoder.config.fitted is not None:
        return None
    num_images = sum(one.shape[1] for one in batch.images.values())
    text = torch.ones(len(batch.text), num_images * encoder.num_tokens + PROMPT_TOKENS, dtype=torch.int64)
    return replace(batch, text=text, text_valid=torch.ones_like(text, dtype=torch.bool))
