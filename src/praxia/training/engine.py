"""The training loop, on Lightning Fabric. The step counter is the only data state."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lightning.fabric import Fabric
from torch import nn

from praxia.checkpoint.migration import RUN_SCHEMA, migrate_tensors
from praxia.checkpoint.store import PolicyConfig, save_policy
from praxia.core.config import FittedConfig, components, config_to_json
from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.lock import Lock
from praxia.data.generation import GENERATION
from praxia.dataloader.action_chunks import chunks_of
from praxia.dataloader.dreamed import newest_generation
from praxia.dataloader.fitting import EmbodimentStatistics, compute_statistics, fit_embodiments, fit_transforms
from praxia.dataloader.loader import Loader
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.dataloader.vqa import read_vqa
from praxia.datatools.statistics_warnings import format_warning, training_warnings
from praxia.nn.blocks import compile_blocks
from praxia.nn.compiler import expect_compiler
from praxia.nn.ema import Ema
from praxia.nn.trainable import BuildsOn, FitsData, ModelConfig, RollsForward
from praxia.nn.types import Batch
from praxia.policies.encoder_head import HasPromptTokenizer
from praxia.policies.interface import MakesPolicy
from praxia.training.batches import BatchSource, VQABatches, model_shapes, prefetch
from praxia.training.building import build_model, expect_language
from praxia.training.config import TrainRun
from praxia.training.coverage import cover
from praxia.training.fabric import launched_fabric, leave_at_exit
from praxia.training.finishing import finished
from praxia.training.hold_out import hold_out
from praxia.training.initial_checkpoint import InitialCheckpoint, adapt_to_data, read_initial_checkpoint
from praxia.training.kept_policies import KeptPolicies
from praxia.training.measured_step import Cost, Step, measure_cost
from praxia.training.metrics import Clock, Means, Tracker
from praxia.training.options import expect_options
from praxia.training.own_update import make_update
from praxia.training.parts import WHOLE, Part
from praxia.training.plan import Plan, make_plan
from praxia.training.ranks import all_say, expect_known_launch, expect_same, expect_shares
from praxia.training.run_lock import expect_own_run, write_run
from praxia.training.saving import Saver, disk_full, save_due
from praxia.training.sharding import shards
from praxia.training.state import TrainState, last_saved_step
from praxia.training.step import not_finite, take_step
from praxia.training.validation import Validation
from praxia.transforms.chain import Transforms
from praxia.transforms.tokenizer import TextTokenizer
from praxia.worlds.interface import MakesWorld

__all__ = ["Progress", "Report", "train"]

Report = Callable[[int, dict[str, float | int]], None]
Progress = Callable[[int, float | None], None]

# The side of a question's image as it is read; encoders scale it to theirs.
VQA_IMAGE_PX = 224


def train(
    run: TrainRun,
    data: MixtureConfig | Sequence[Path],
    out: Path,
    *,
    recipe: str,
    command: str,
    vqa: Path | None = None,
    start_from: Path | None = None,
    refit: bool = False,
    workers: int = 0,
    device: str | None = None,
    cache_bytes: int | None = None,
    resume: bool = False,
    report: Report | None = None,
    progress: Progress | None = None,
    announce: Callable[[Plan | Cost], None] = lambda part: None,
    warn: Callable[[str], None] = lambda warning: None,
) -> dict[str, Any]:
    """Train `run` on a mixture or on data sets, write the policy to `out/policy`, and return a summary.

    A window that sees every camera ("image.*") sees those of the data, or of the policy to start from, and larger
    images than the run's `image_size` are letterboxed: what is recorded names the cameras, and sizes in the mixture.

    Returns {checkpoint, steps, resumed_from, samples_per_s, warnings}, and in the first process {policy_sha256,
    weights_sha256}. `warn(warning)` is called before the first step, once per warning about rows that spoil training.
    So is `announce`: with the plan, then with what a step takes, for which some are taken and undone.
    `report(step, metrics)` is called at every logged step: "loss" is that step's, the head's metrics are means over the
    steps since the line before (or since resuming), both of all processes' batch. `progress(step, loss)` is called
    after every step, and before the first with the steps done before and no loss.
    With held-out episodes (`run.hold_out`) "validation_loss" and "action_error" are those of the averaged weights
    (`training.validation`), and `out/policy-best` is the policy with the lowest such loss; `out/policies` has those of
    every `train.keep_every` steps.

    `vqa` is a file of images with questions (`dataloader.vqa`), which the encoder's language model learns to answer
    beside the actions. `start_from` is a policy to fine-tune: training begins with its weights, normalisers and
    vocabulary; with `refit` the normalisers and the head's tokenizer are fitted on these data instead. `workers`
    processes read batches ahead (0: a thread does), and decoded images take at most `cache_bytes` of disk (0: none are
    kept; None: all of them, if they fit); neither changes a result. `device` is that of `ranks.accelerator`. `resume`
    continues from the last saved state, bit-identically on the same device with the same number of threads; with more
    `run.train.steps` than before the run is lengthened, and its learning rate follows the schedule of the new length
    from there on. Under `torchrun --nproc-per-node N -m praxia train ...` N processes share each batch (DDP),
    on one machine or on several; the first of them alone writes `out`, which all of them must see.

    Raises:
        PraxiaError: `out` holds a run already, or another run than the one to resume, or another process trains in it.
            Processes that do not know of each other, that cannot share a batch evenly, or that have different data. A
            batch that does not fit into memory. No such device.
        MismatchError: data sets that do not fit each other, the recipe, or the policy to start from; more dreams than
            the mixture allows, or any for a world.
        TrainingError: a loss or its gradient is not finite, naming the batch; or the disk is full. States that were
            saved before are kept.
    """
    expect_options(run)
    expect_known_launch()
    if vqa:
        expect_shares(run.train.num_vqa, "train.num-vqa", run.train.accumulate)
    if run.train.compile:
        expect_compiler("--train.compile")
    fabric = launched_fabric(run.train, device)
    mixture = data if isinstance(data, MixtureConfig) else MixtureConfig.of(data)
    run, mixture = adapt_to_data(run, mixture, start_from)
    if isinstance(run.model, MakesPolicy):
        expect_positive(**{"window.horizon": run.window.horizon})
    windows = mixture.open(run.window, successful=run.only_success, cache_bytes=cache_bytes)
    run = replace(run, window=windows.window)
    generation = _generation(windows, run.model)
    windows, held_out = hold_out(mixture, windows, run.hold_out)
    vqa_data = read_vqa(vqa) if vqa else None
    relatives = zip(windows.embodiments, run.relative_actions(windows.embodiments), strict=True)
    relative = {embodiment.name: own for embodiment, own in relatives if own is not None}
    statistics = compute_statistics(windows.entries, relative)
    warnings = [format_warning(one) for one in training_warnings(windows, statistics)]
    initial = _initial_checkpoint(start_from, run, windows, statistics, refit)
    tokenizer = None
    if initial is None and isinstance(run.model, HasPromptTokenizer):
        tokenizer = run.model.prompt_tokenizer(run.window.num_images)
    transforms = (
        initial.transforms
        if initial
        else fit_transforms(windows, statistics, tokenizer, all_texts=held_out is None, normalisation=run.normalisation)
    )
    model_config = initial.model if initial else _fitted(run.model, windows, transforms)
    coverage = cover(windows, transforms, model_config)
    if (found := coverage.warning(fitted=initial is None or refit)) is not None:
        warnings.append(found)
    warnings += [*_truncated_instructions(windows, transforms), *_failed_episodes(windows, run.only_success)]
    if fabric.is_global_zero:
        for warning in warnings:
            warn(warning)
    generation = max(generation, initial.generation if initial else 0)
    description = {
        "schema": RUN_SCHEMA,
        "recipe": recipe,
        "config": config_to_json(run),
        "command": command,
        "data": [one.dataset.identity for one in windows.entries],
        "mixture": mixture.to_json(),
        **({GENERATION: generation} if generation else {}),
        "trained_on": [{"episodes": len(one.episodes), "windows": len(one)} for one in windows.entries],
        "held_out": None if held_out is None else [one.episodes.tolist() for one in held_out.entries],
        "vqa": vqa_data.to_json() if vqa_data else None,
        "seed": run.train.seed,
        "start_from": initial and initial.to_json(),
        **({"part_runs": list(initial.part_runs)} if initial and initial.part_runs else {}),
        "public_weights_sha256": _public_weights_sha256(model_config),
        "coverage": coverage.to_json(),
        "warnings": warnings,
    }
    expect_same(fabric, _contents(description), "data and options")
    shapes = model_shapes(run.window, windows.embodiments, transforms)
    config = PolicyConfig(model_config, shapes, transforms, windows.embodiments, run.window, description)
    vqa_batches = VQABatches(vqa_data, run.train.num_vqa, VQA_IMAGE_PX) if vqa_data else None
    roll_forward = run.model.roll_forward if isinstance(run.model, RollsForward) else 0
    source = BatchSource(windows, transforms, shapes, run.train.seed, run.train.batch_size, vqa_batches, roll_forward)
    model = build_model(fabric, config, run.train, initial, validated=held_out is not None)
    expect_language(model, source)
    if fabric.is_global_zero:
        announce(make_plan(run, windows, model))
    # Before a step is measured; again below, where no other process can begin a run, or the lock is refused.
    if fabric.is_global_zero and not (out / ".lock").exists():
        expect_own_run(out, description, resume)
    if not shards(fabric):  # which take steps only together
        cost = _cost(fabric, run, model, source, workers, last_saved_step(out / "state") if resume else 0)
        if fabric.is_global_zero:
            announce(cost)
    if run.train.compile:  # after a step of each size was measured, each of which would be compiled anew
        compile_blocks(model)
    with disk_full(out), Lock(out / ".lock", out) if fabric.is_global_zero else nullcontext():
        if fabric.is_global_zero:
            config = replace(config, provenance=write_run(out, description, resume))
        fabric.barrier()
        validation = Validation(held_out, transforms, run.train.batch_size) if held_out is not None else None
        keeps = fabric.is_global_zero or shards(fabric)
        keep = partial(KeptPolicies, fabric, out, config, run.train, validation) if keeps else None
        result = _fit(fabric, run, model, source, workers, out, report, progress, keep)
        weights = finished(model, config, result.pop("ema"), last=True)
        if fabric.is_global_zero:
            result |= save_policy(out / "policy", config, weights).to_json()
    leave_at_exit(fabric)
    return {"checkpoint": str(out / "policy"), **result, "warnings": warnings}


def _generation(windows: Mixture, model: ModelConfig) -> int:
    """The latest generation of the data. Raises MismatchError for a world, which learns from no dreams."""
    generation = newest_generation(windows.entries)
    if generation and isinstance(model, MakesWorld):
        raise MismatchError(
            f"a world learns from what was measured, and these data hold dreams of generation {generation}: leave them"
            " out"
        )
    return generation


def _contents(description: Mapping[str, Any]) -> list[Any]:
    """What all processes must have the same of, without paths: each machine may have the files at another."""
    files = (*description["data"], description["vqa"], description["start_from"])
    options = ("config", "mixture", "trained_on", "held_out", "public_weights_sha256")
    return [*(one and {**one, "path": None} for one in files), *map(description.get, options)]


def _fitted(model: ModelConfig, windows: Mixture, transforms: Transforms) -> ModelConfig:
    """The model's config with what it learns from the data before it is built."""
    return model.fit(lambda: chunks_of(windows, transforms)[0]) if isinstance(model, FitsData) else model


def _public_weights_sha256(model: ModelConfig) -> str | None:
    """The hash of a public vision model's files; None: the model takes none."""
    fitted = [one.fitted for one in components(model) if isinstance(one, FittedConfig)]
    found = [one["weights_sha256"] for one in fitted if isinstance(one, Mapping) and "weights_sha256" in one]
    return found[0] if found else None


def _truncated_instructions(windows: Mixture, transforms: Transforms) -> list[str]:
    """The warning about instructions that are too long for the tokenizer, if there are any."""
    tokenizer = transforms.tokenizer
    texts = {text for one in windows.entries for text in one.dataset.instructions}
    if not isinstance(tokenizer, TextTokenizer) or not (long := tokenizer.truncated(texts)):
        return []
    length = tokenizer.max_length
    return [f"{len(long)} of {len(texts)} instructions are too long: only their first {length} tokens are read"]


def _failed_episodes(windows: Mixture, only_success: bool) -> list[str]:
    """Warnings about episodes of other writers that are left out, because those may not mark failures in that way."""
    found = []
    for one in (part.dataset for part in windows.entries if not part.dataset.written_by_praxia):
        if left := one.num_episodes - len(one.select(successful=only_success)):
            found.append(
                f"{left} of {one.num_episodes} episodes of {one.root} failed by their next.success and are not trained"
                " on; --no-only-success takes them too"
            )
    return found


def _initial_checkpoint(
    path: Path | None, run: TrainRun, windows: Mixture, statistics: Mapping[str, EmbodimentStatistics], refit: bool
) -> InitialCheckpoint | None:
    """The policy to fine-tune, if there is one, as it is or with normalisers and a tokenizer fitted on these data.

    Raises:
        PraxiaError: `refit` without such a policy; otherwise as `read_initial_checkpoint`.
    """
    if path is None:
        if refit:
            raise PraxiaError(
                "expected --start-from beside --refit, got none: a new policy is always fitted on its data"
            )
        return None
    initial = read_initial_checkpoint(path, run, windows.embodiments, refit=refit)
    if initial.part is not None:
        initial = replace(initial, model=_fitted(run.model, windows, initial.transforms))
    if not refit:
        return initial
    if isinstance(run.model, BuildsOn):
        raise MismatchError("a model that is built on another keeps its normalisers; leave out --refit")
    embodiments = fit_embodiments(windows, statistics, run.normalisation)
    return initial.refitted(run, embodiments, lambda transforms: chunks_of(windows, transforms)[0])


def _cost(fabric: Fabric, run: TrainRun, model: nn.Module, source: BatchSource, workers: int, done: int) -> Cost:
    """What the steps from `done` on take."""

    def make_step() -> Step:
        update = make_update(fabric, model, run.train, trial=True)
        return lambda batches: take_step(fabric, run.train, update, batches, 0)

    steps, parts = max(0, run.train.steps - done), run.train.accumulate
    return measure_cost(fabric, model, make_step, source, workers=workers, steps=steps, parts=parts)


def _fit(
    fabric: Fabric,
    run: TrainRun,
    model: nn.Module,
    source: BatchSource,
    workers: int,
    out: Path,
    report: Report | None,
    progress: Progress | None,
    keep: Callable[[int], KeptPolicies] | None,
) -> dict[str, Any]:
    """Optimise from the last saved state to the last step; "ema" of the result holds the averaged weights."""
    options = run.train
    update = make_update(fabric, model, options)
    ema = Ema(model, options.ema_decay)
    migrate = partial(migrate_tensors, model=config_to_json(run.model))
    part = Part(fabric.global_rank, fabric.world_size) if shards(fabric) else WHOLE
    state = TrainState(out / "state", model, ema, update.optimizers, migrate, part)
    if part.count > 1:
        expect_same(fabric, state.saved_steps(), "saved states")
    resumed_from = state.load(partial(all_say, fabric) if part.count > 1 else bool)
    expect_same(fabric, resumed_from, "saved state")
    if progress is not None and fabric.is_global_zero:
        progress(resumed_from, None)
    kept = keep(resumed_from) if keep is not None else None
    clock = Clock(resumed_from)
    means = Means()
    with (
        Saver(state, options.checkpoint_s) as saver,
        _tracker(fabric, run, out, resumed_from) as tracker,
        source.loader(workers, (fabric.global_rank, fabric.world_size)) as loader,
    ):
        for step, batches in prefetch(partial(_batches, fabric, source, loader), resumed_from, options.steps):
            loss, finite, metrics = take_step(fabric, options, update, batches, step)
            if not finite:
                raise not_finite(step, loss, source)
            means.add(metrics)
            ema.update(model, step)
            done = step + 1
            # Before the state is saved, from which a run that is killed would go on without it.
            measured = kept.after(done, model, ema.state) if kept is not None else {}
            if tracker is not None and (done % options.log_every == 0 or done == options.steps or measured):
                speed = clock.read(done, options.batch_size)
                values = {"step": done, "loss": float(loss), **update.learning_rates(step), **speed, **means.take()}
                values |= measured
                tracker.log(values)
                if report is not None:
                    report(done, values)
            if save_due(fabric, done == options.steps, saver):
                saver.save(done)
            if progress is not None and fabric.is_global_zero:
                progress(done, float(loss))
    speed = clock.mean_speed(options.steps, options.batch_size)
    return {"steps": options.steps, "resumed_from": resumed_from, "samples_per_s": speed, "ema": ema.state}


def _tracker(fabric: Fabric, run: TrainRun, out: Path, resumed_from: int) -> AbstractContextManager[Tracker | None]:
    if not fabric.is_global_zero:
        return nullcontext()
    return closing(Tracker(out, run.train.tracker, config_to_json(run), resumed_from))


def _batches(fabric: Fabric, source: BatchSource, loader: Loader, step: int) -> tuple[Batch, Batch | None]:
    batch, vqa = source.batch(loader, step)
    if fabric.device.type != "cuda":
        return batch, vqa
    return batch.pinned(), vqa and vqa.pinned()
