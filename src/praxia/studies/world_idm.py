"""Inverse dynamics on Tabletop: how well actions are read from held-out video, and what policies learn from them.

Axes: M frames, A action dims, E episodes, R resamples of the episodes, the first of which is the episodes themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from praxia.checkpoint.store import load_labeller
from praxia.core.embodiment import Embodiment, field_slices
from praxia.core.keys import generator
from praxia.core.labelling import ActionLabeller
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.datatools.edit.operations import split
from praxia.datatools.relabel import relabel
from praxia.evaluation.benchmarks import find_benchmark
from praxia.recipes.inverse_dynamics import idm_tabletop
from praxia.recipes.tabletop_heads import flow_tabletop_heads
from praxia.results.pairs import pair_rows
from praxia.results.rows import read_rows
from praxia.results.verdict import verdict_of
from praxia.studies.stages import Stages

__all__ = ["IDM_BAR", "idm_passes", "idm_table", "inverse_dynamics", "measure_labeller"]

Row = dict[str, Any]

# Touching needs no gripper, picking does. Episodes per task; those to measure on begin elsewhere.
BENCHMARK, TASKS = "tabletop/train", ("touch", "pick")
DEMONSTRATIONS, TEST_DEMONSTRATIONS, TEST_SEED = 600, 40, 1_000_000
# The share of the demonstrations whose actions are known.
LABELLED = 0.1
# Episodes of each task with each policy: 300 pairs exclude a loss of 10 points where there is none.
EPISODES = 150

# The least R^2 of the hand's motion and balanced accuracy of the gripper, and the success that pseudo-actions may cost.
R2, GRIPPER, LOST = 0.8, 0.85, 0.1

IDM_BAR = (
    f"actions read from held-out video with R^2 of {R2} and a balanced accuracy of the gripper of {GRIPPER}; a policy"
    " with 90% of its actions read so is better than one with the other 10% alone, and within 10 points of one with all"
    " labels"
)

# What policies are trained on, by the names of their rows.
FEW, MIXED, ALL = "10% labelled", "10% labelled, 90% relabelled", "100% labelled"
POLICIES = {FEW: ("labelled",), MIXED: ("labelled", "relabelled"), ALL: ("labelled", "rest")}

# The frames that are measured: the control has frames of other windows after the present.
OWN, SHUFFLED = "its own", "later ones of others"

# Windows that are read at once, and resamples of the episodes for an interval.
BATCH, RESAMPLES = 128, 1000


def inverse_dynamics(stages: Stages, data_seed: int) -> list[Row]:
    """The rows of one training seed, on demonstrations of `data_seed`.

    The first two are {model, frames, steps, offsets, r2, ...}: a model that was trained on the labelled tenth of the
    demonstrations, measured on other episodes by `measure_labeller`, and the same with later frames of other windows.
    Then a row of each of `POLICIES`: {policy, success, ci95}, and of the one with pseudo-actions {against: {policy:
    verdict}} of the two others, on equal starts.
    """
    benchmark = find_benchmark(BENCHMARK).of_tasks(TASKS)
    replace(stages, seed=data_seed).collect("idm-all", benchmark, DEMONSTRATIONS)
    replace(stages, seed=data_seed + TEST_SEED).collect("idm-test", benchmark, TEST_DEMONSTRATIONS)
    labelled, rest, relabelled = "idm-labelled", "idm-rest", f"idm-relabelled-{stages.seed}"
    if not (stages.out / rest).exists():
        outs = [stages.out / labelled, stages.out / rest]
        split(stages.out / "idm-all", outs, fractions=(LABELLED, 1 - LABELLED))
    run, model = idm_tabletop(), f"idm-{stages.seed}"
    stages.train(model, "idm-tabletop", run, [labelled])
    labeller, identity = load_labeller(stages.out / model)
    if not (out := stages.out / relabelled).exists():
        report = partial(stages.report, "relabel")
        relabel(stages.out / rest, out, labeller, identity.to_json(), report=report)
    test, steps = Dataset(stages.out / "idm-test"), stages.scaled(run.train.steps)
    rows = [
        {"model": "idm-tabletop", "frames": frames, "steps": steps}
        | measure_labeller(labeller, test, shuffled=frames == SHUFFLED)
        for frames in (OWN, SHUFFLED)
    ]
    return [*rows, *_policies(stages, {"labelled": labelled, "rest": rest, "relabelled": relabelled})]


def measure_labeller(labeller: ActionLabeller, dataset: Dataset, *, shuffled: bool = False) -> dict[str, Any]:
    """How well the labeller finds the executed actions of all frames of `dataset`, also of those at an episode's end.

    With `shuffled` the frames after the present are those of other windows.

    Returns {offsets, r2, r2_ci95, gripper, gripper_ci95, coverage95}. `offsets` are the control steps from the present
    to the frames that it sees. `r2` is the share of the variance of the actions that is explained, of all dims together
    but those of grippers; `gripper` is the mean of the shares of closing and of opening commands that are found (None:
    there is no gripper). Intervals are of resampled episodes. `coverage95` is the share of the errors of `r2` within
    1.96 predicted standard deviations.
    """
    wanted, found, std = _labelled(labeller, dataset, shuffled)
    embodiment, lengths = labeller.embodiment, dataset.episodes.length
    moves, error = _dims(embodiment, gripper=False), found - wanted
    weights = _resamples(len(lengths))
    r2 = _r2(wanted[:, moves], error[:, moves], lengths, weights)
    closed = [one[:, _dims(embodiment, gripper=True)] > _middle(embodiment) for one in (wanted, found)]
    steps = [*labeller.window.observation_steps.values(), *labeller.window.targets.values()]
    return {
        "offsets": sorted({at for offsets in steps for at in offsets}),
        **_estimate("r2", r2),
        **_estimate("gripper", _balanced_accuracy(closed[0], closed[1], lengths, weights)),
        "coverage95": float((np.abs(error) <= 1.96 * std)[:, moves].mean()),
    }


def _labelled(
    labeller: ActionLabeller, dataset: Dataset, shuffled: bool
) -> tuple[Float64[np.ndarray, "M A"], Float64[np.ndarray, "M A"], Float64[np.ndarray, "M A"]]:
    """Of all frames: the executed actions, those that are found, and their standard deviations."""
    windows = Windows(dataset, replace(labeller.window, horizon=1, executed=True), range(dataset.num_episodes))
    others = generator("shuffled frames").permutation(len(windows))
    parts = []
    for first in range(0, len(windows), BATCH):
        rows = np.arange(first, min(first + BATCH, len(windows)))
        samples = windows.read(rows)
        action = samples.action
        assert action is not None
        if shuffled:
            other = windows.read(others[rows])
            later = {"target_images": other.target_images, "target_image_valid": other.target_image_valid}
            samples = replace(samples, **later)
        labels = labeller.label(samples)
        parts.append((action[:, 0], labels.action, labels.std))
    wanted, found, std = (np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True))
    return wanted, found, std


def _dims(embodiment: Embodiment, *, gripper: bool) -> list[int]:
    slices = field_slices(embodiment.action)
    return [dim for field, at in slices for dim in range(at.start, at.stop) if (field.kind == "gripper") == gripper]


def _middle(embodiment: Embodiment) -> Float64[np.ndarray, " G"]:
    """Of the declared range of each dim of a gripper: commands beyond are of one kind."""
    low, high = embodiment.action_range
    return ((low + high) / 2)[_dims(embodiment, gripper=True)]


def _resamples(num: int) -> Float64[np.ndarray, "R E"]:
    """How often each episode counts: once, then as often as it is drawn."""
    drawn = generator("resampled episodes", num).multinomial(num, np.full(num, 1 / num), size=RESAMPLES)
    return np.concatenate([np.ones((1, num)), drawn])


def _sums(values: Shaped[np.ndarray, "M *D"], lengths: Int64[np.ndarray, " E"]) -> Float64[np.ndarray, "E *D"]:
    """By episode."""
    return np.add.reduceat(values.astype(np.float64), np.cumsum(lengths) - lengths)


def _r2(
    wanted: Float64[np.ndarray, "M D"],
    error: Float64[np.ndarray, "M D"],
    lengths: Int64[np.ndarray, " E"],
    weights: Float64[np.ndarray, "R E"],
) -> Float64[np.ndarray, " R"]:
    total, squares, missed = (weights @ _sums(one, lengths) for one in (wanted, wanted**2, error**2))
    variance = squares - total**2 / (weights @ lengths)[:, None]
    return 1 - missed.sum(1) / variance.sum(1)


def _balanced_accuracy(
    wanted: Shaped[np.ndarray, "M G"],
    found: Shaped[np.ndarray, "M G"],
    lengths: Int64[np.ndarray, " E"],
    weights: Float64[np.ndarray, "R E"],
) -> Float64[np.ndarray, " R"] | None:
    """None: there is no gripper, or it has one command alone."""
    recalls = []
    for value in (False, True):
        masks = (wanted == value) & (found == value), wanted == value
        hits, count = (weights @ _sums(mask.sum(1), lengths) for mask in masks)
        if not wanted.size or not count[0]:
            return None
        recalls.append(np.divide(hits, count, out=np.full_like(hits, np.nan), where=count > 0))
    return np.mean(recalls, axis=0)


def _estimate(name: str, values: Float64[np.ndarray, " R"] | None) -> dict[str, Any]:
    if values is None:
        return {name: None, f"{name}_ci95": None}
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return {name: float(values[0]), f"{name}_ci95": [float(low), float(high)]}


def _policies(stages: Stages, folders: Mapping[str, str]) -> list[Row]:
    """A policy of each of `POLICIES`, trained in as many steps, and the verdicts on the one with pseudo-actions."""
    rows, files = [], {}
    for number, (policy, data) in enumerate(POLICIES.items()):
        name = f"idm-policy-{number}-{stages.seed}"
        files[policy] = stages.out / f"{name}.jsonl"
        stages.train(name, "flow-tabletop-heads", flow_tabletop_heads(), [folders[one] for one in data])
        found = stages.evaluate(name, name, BENCHMARK, EPISODES, tasks=TASKS)
        rows.append({"policy": policy, "success": found["success"], "ci95": found["ci95"]})
    against = {other: _verdict(files[MIXED], files[other]) for other in (FEW, ALL)}
    return [row | {"against": against} if row["policy"] == MIXED else row for row in rows]


def _verdict(file: Path, other: Path) -> dict[str, Any]:
    found = verdict_of(pair_rows(read_rows(file), read_rows(other)), until_decided=False)
    return {name: found[name] for name in ("verdict", "effect", "ci95", "pairs")}


def idm_passes(rows: Sequence[Row]) -> bool:
    """Whether actions are found and the control finds none, and pseudo-actions are worth having and cost little.

    Of every seed: better than the labelled tenth alone by the verdict, and the 95% interval of the difference from all
    labels excludes a loss of 10 points.
    """
    own, control = ([row for row in rows if row.get("frames") == frames] for frames in (OWN, SHUFFLED))
    read = all(row["r2"] >= R2 and row["gripper"] is not None and row["gripper"] >= GRIPPER for row in own)
    blind = all(row["r2"] < R2 for row in control)
    verdicts = [row["against"] for row in rows if "against" in row]
    worth = all(one[FEW]["verdict"] == "better" for one in verdicts)
    cheap = all(one[ALL]["ci95"] is not None and one[ALL]["ci95"][0] > -LOST for one in verdicts)
    return bool(own and control and verdicts) and read and blind and worth and cheap


def idm_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows as texts for the report."""
    return {
        "title": "Inverse dynamics on Tabletop",
        "note": "Actions that a model trained on a tenth of the demonstrations reads from video of other episodes: R²"
        " of the hand's motion, and the gripper's balanced accuracy. Policies have equal steps. 95% intervals.",
        "columns": ["", "seed", "R², or success", "gripper", "against 10% labelled", "against 100% labelled"],
        "rows": [_measured(row) if "model" in row else _evaluated(row) for row in rows],
    }


def _measured(row: Mapping[str, Any]) -> list[str]:
    values = [_with_interval(row[name], row[f"{name}_ci95"]) for name in ("r2", "gripper")]
    return [f"{row['model']}, frames: {row['frames']}", str(row["seed"]), *values, "", ""]


def _evaluated(row: Mapping[str, Any]) -> list[str]:
    verdicts = [row["against"][other] if "against" in row else None for other in (FEW, ALL)]
    texts = [f"{one['verdict']}, {_with_interval(one['effect'], one['ci95'])}" if one else "" for one in verdicts]
    return [row["policy"], str(row["seed"]), _with_interval(row["success"], row["ci95"]), "", *texts]


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None or interval is None:
        return "–"
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
