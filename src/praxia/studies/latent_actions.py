"""Latent actions on TwoRoom: what codes know of actions that they were not shown, and what a policy gains by them.

Axes: M pairs of frames, P codes of a pair, K codes of the codebook, G steps between the frames, A action dims.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from praxia.checkpoint.store import PolicyConfig, load_coder, load_model
from praxia.core.keys import generator
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.datatools.codes import write_codes
from praxia.evaluation.benchmarks import find_benchmark
from praxia.nn.queries import to_batch
from praxia.recipes.worlds import bins_tworoom, lapa_tworoom
from praxia.results.pairs import pair_files
from praxia.results.verdict import verdict_of
from praxia.studies.stages import Stages
from praxia.studies.world_measurements import linear_r2
from praxia.training.config import TrainRun
from praxia.worlds.lapa import LAPAModel
from praxia.worlds.nsvq import perplexity

__all__ = ["EXPECTED", "Coded", "coded", "codes_pass", "latent_actions", "latent_actions_table", "measure_codes"]

Row = dict[str, Any]

# Episodes to train on and to measure on, from other starts.
EPISODES, TEST_EPISODES, TEST_SEED = 400, 60, 1_000_000

# Episodes with actions, the steps on them, and the evaluated episodes of each policy.
LABELLED, FINE_TUNED, EVALUATED = 20, 300, 150
PRETRAINED, LONGER = "codes, then labels", "labels alone, longer"

# What codes have to tell of the actions, and codes in another order at most; and the share of the codebook in use.
PROBE_R2, SHUFFLED_R2, PERPLEXITY = 0.5, 0.05, 0.5

EXPECTED = (
    f"a linear probe from codes to actions with R^2 of {PROBE_R2}, of shuffled codes {SHUFFLED_R2} at most, and a"
    f" perplexity of {PERPLEXITY:.0%} of the codebook at every position, both on other episodes; a policy pretrained on"
    " codes that is better than the same few labels alone"
)

# Pairs of each data set, evenly spaced, and how many the model sees at once.
NUM_PAIRS, BATCH = 4096, 256


@dataclass(frozen=True)
class Coded:
    """Pairs of frames of a data set: the codes of what changed, and the actions that were executed in between."""

    codes: Int64[np.ndarray, "M P"]
    actions: Float32[np.ndarray, "M G A"]


def coded(model: LAPAModel, config: PolicyConfig, dataset: Dataset) -> Coded:
    """Evenly spaced pairs of frames of a data set, as far as both are within their episode. `config` is the model's."""
    ((gap,),) = config.window.targets.values()
    window = replace(config.window, horizon=gap, executed=True)
    windows = Windows(dataset, window, range(dataset.num_episodes))
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), NUM_PAIRS)).astype(np.int64)
    codes, actions = [], []
    for at in range(0, len(chosen), BATCH):
        samples = windows.read(chosen[at : at + BATCH])
        assert samples.action is not None
        found, valid = model.codes(to_batch(config.transforms.encode(samples), config.transforms))
        codes.append(found[valid].cpu().numpy())
        actions.append(samples.action[valid.cpu().numpy()])
    return Coded(np.concatenate(codes), np.concatenate(actions))


def measure_codes(train: Coded, test: Coded, size: int) -> Row:
    """How well codes of a codebook of `size` tell the actions, and how many of them are in use.

    Returns {probe_r2, probe_r2_steps, shuffled_r2, perplexity, perplexity_each, used}. `probe_r2` is the R^2 on `test`
    of a linear map (ridge), fitted on `train`, from one-hot codes to the mean action between the frames;
    `probe_r2_steps` to the action of each step; `shuffled_r2` is `probe_r2` of codes that belong to other pairs.
    `perplexity` of `test` is that of all positions together, `perplexity_each` that of each, and `used` counts the
    codes that occur.
    """
    rng = generator("shuffled codes")
    one_hot, other = _one_hot(train.codes, size), _one_hot(test.codes, size)
    mean, other_mean = (one.actions.mean(1).astype(np.float64) for one in (train, test))
    steps, other_steps = (one.actions.reshape(len(one.actions), -1).astype(np.float64) for one in (train, test))
    shuffled = (rng.permutation(one) for one in (one_hot, other))
    counts = torch.from_numpy(other.reshape(len(other), -1, size).sum(0))
    return {
        "probe_r2": linear_r2(one_hot, mean, other, other_mean),
        "probe_r2_steps": linear_r2(one_hot, steps, other, other_steps),
        "shuffled_r2": linear_r2(next(shuffled), mean, next(shuffled), other_mean),
        "perplexity": float(perplexity(counts.sum(0))),
        "perplexity_each": perplexity(counts).tolist(),
        "used": int((counts.sum(0) > 0).sum()),
    }


def _one_hot(codes: Int64[np.ndarray, "M P"], size: int) -> Float64[np.ndarray, "M F"]:
    return np.eye(size)[codes].reshape(len(codes), -1)


def latent_actions(stages: Stages, data_seed: int) -> list[Row]:
    """Latent actions of one training seed, the codebook without replacement, and policies with few labels.

    Rows of codes are {model, steps, codebook_size, ...} with `measure_codes`; those of policies {model, steps, success,
    ci95, verdict, effect}, where the verdict is on the pretrained policy against that one (None: itself).
    """
    arena = replace(find_benchmark("tworoom"), tasks=("any",), cameras=("top", "goal"))
    collecting = replace(stages, seed=data_seed)
    collecting.collect("frames", arena, EPISODES)
    collecting.collect("labelled", arena, LABELLED)  # the first of the same episodes
    replace(stages, seed=data_seed + TEST_SEED).collect("held-out-frames", arena, TEST_EPISODES)
    run = lapa_tworoom()
    shorter = replace(run.train, steps=run.train.steps // 2)
    kept = replace(run, model=replace(run.model, replace_until=-1), train=shorter)
    codes = [_coded_row(stages, name, one) for name, one in {"lapa": run, "without replacement": kept}.items()]
    return [*codes, *_policies(stages)]


def _folder(stages: Stages, model: str) -> str:
    return f"latent-actions-{model.replace(' ', '-').replace(',', '')}-{stages.seed}"


def _coded_row(stages: Stages, model: str, run: TrainRun) -> Row:
    folder = _folder(stages, model)
    stages.train(folder, "lapa-tworoom", run, ["frames"])
    network, config, _ = load_model(stages.out / folder)
    assert isinstance(network, LAPAModel), type(network)
    known, other = (coded(network, config, Dataset(stages.out / name)) for name in ("frames", "held-out-frames"))
    measured = measure_codes(known, other, network.config.codebook_size)
    steps = stages.scaled(run.train.steps)
    return {"model": model, **measured, "codebook_size": network.config.codebook_size, "steps": steps}


def _policies(stages: Stages) -> list[Row]:
    """A policy pretrained on the codes of all frames and fine-tuned on a few labelled episodes, and labels alone."""
    out, run, data = stages.out, bins_tworoom(), f"coded-{stages.seed}"
    if not (out / data).exists():
        coder, identity = load_coder(out / _folder(stages, "lapa"))
        write_codes(out / "frames", out / data, coder, identity.to_json())
    few = replace(run, train=replace(run.train, steps=FINE_TUNED))
    longer = replace(run, train=replace(run.train, steps=run.train.steps + FINE_TUNED))
    pretrained = _folder(stages, "on codes")
    stages.train(pretrained, "bins-tworoom", run, [data])
    stages.train(_folder(stages, PRETRAINED), "bins-tworoom", few, ["labelled"], start_from=pretrained, refit=True)
    stages.train(_folder(stages, "labels alone"), "bins-tworoom", few, ["labelled"])
    stages.train(_folder(stages, LONGER), "bins-tworoom", longer, ["labelled"])
    return [_policy_row(stages, model) for model in (PRETRAINED, "labels alone", LONGER)]


def _policy_row(stages: Stages, model: str) -> Row:
    policy, ours = (_folder(stages, one) for one in (model, PRETRAINED))
    summary = stages.evaluate(f"eval-{policy}", policy, "tworoom", EVALUATED)
    verdict = None
    if model != PRETRAINED:
        pairing = pair_files(stages.out / f"eval-{ours}.jsonl", stages.out / f"eval-{policy}.jsonl")
        verdict = verdict_of(pairing, until_decided=False)
    return {
        "model": model,
        "success": summary["success"],
        "ci95": summary["ci95"],
        "verdict": verdict and verdict["verdict"],
        "effect": verdict and verdict["effect"],
        "effect_ci95": verdict and verdict["ci95"],
    }


def codes_pass(rows: Sequence[Row]) -> bool:
    """Whether the codes of every seed tell the actions, enough of them are in use, and pretraining on them helps."""
    codes = [row for row in rows if row["model"] == "lapa"]
    policies = [row for row in rows if row.get("verdict") is not None]
    known = all(
        row["probe_r2"] >= PROBE_R2
        and row["shuffled_r2"] <= SHUFFLED_R2
        and min(row["perplexity_each"]) >= PERPLEXITY * row["codebook_size"]
        for row in codes
    )
    return bool(codes) and known and bool(policies) and all(row["verdict"] == "better" for row in policies)


def latent_actions_table(rows: Sequence[Row]) -> dict[str, Any]:
    """The rows as texts for the report."""
    return {
        "title": "Latent actions on TwoRoom",
        "note": "Codes of frames five steps apart, learned without actions, measured on other episodes. The probe is a"
        " linear map from codes to the mean of the actions between the frames; perplexity is how many codes are used as"
        f" if equally often. Policies learn from {LABELLED} labelled episodes; the verdict is on the pretrained one.",
        "columns": ["model", "seed", "probe R²", "of each step", "shuffled", "perplexity", "success", "verdict"],
        "rows": [[row["model"], str(row["seed"]), *_texts(row)] for row in rows],
    }


def _texts(row: Row) -> list[str]:
    if "success" in row:
        low, high = row["ci95"]
        return ["–"] * 4 + [f"{row['success']:.0%} ({low:.0%} to {high:.0%})", row["verdict"] or "–"]
    probes = [f"{row[name]:.3f}" for name in ("probe_r2", "probe_r2_steps", "shuffled_r2")]
    each = ", ".join(f"{one:.1f}" for one in row["perplexity_each"])
    return [*probes, f"{row['perplexity']:.2f} of {row['codebook_size']} ({each})", "–", "–"]
