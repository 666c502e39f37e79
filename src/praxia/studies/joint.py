"""Whether one set of weights is a policy, forward and inverse dynamics and a model of video: UWM on TwoRoom.

Axes: B windows, E episodes, N draws of the bootstrap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from praxia.checkpoint.store import load_model
from praxia.core.keys import generator
from praxia.core.window import Samples
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.evaluation.benchmarks import find_benchmark
from praxia.joint.interface import JointModel
from praxia.joint.roles import JointRoles
from praxia.recipes.worlds import flow_tworoom, uwm_tworoom
from praxia.results.mcnemar import PairCounts, newcombe_interval
from praxia.results.pairs import pair_files
from praxia.studies.stages import Stages

__all__ = ["EXPECTED", "joint", "joint_passes", "joint_table", "measure_joint", "ratio"]

Row = dict[str, Any]

BENCHMARK = "tworoom"
# Episodes with actions, those read as video, and those to measure on, from starts of their own.
LABELLED, VIDEO, TEST = 300, 100, 60
VIDEO_SEED, TEST_SEED = 500_000, 1_000_000
# Episodes of each of the benchmark's two tasks: 300 pairs.
EPISODES = 150

# Windows of the test episodes, evenly spaced, and how many are sampled at once.
NUM_WINDOWS, BATCH = 1024, 128
DRAWS = 2000

# What knowing the rest has to save of the error, and how many points the policy may lose to the flow head.
RATIO, WITHIN = 0.8, 0.1
EXPECTED = (
    f"with one set of weights, an error of actions between frames of at most {RATIO} of the policy's, and one of frames"
    f" after actions of at most {RATIO} of the video's, intervals below 1; and a policy within {WITHIN:.0%} of flow's"
)


def joint(stages: Stages, data_seed: int) -> list[Row]:
    """Two rows of one training seed, {model, steps, success, episodes}: the joint model and the flow head.

    That of the joint model also has what `measure_joint` measures, on other episodes, and `pairs`: at how many starts
    {both, a_alone, b_alone, neither} of it and of the flow head succeeded.
    """
    arena = replace(find_benchmark(BENCHMARK), tasks=("any",))
    for name, seed, episodes in (("goals", 0, LABELLED), ("video", VIDEO_SEED, VIDEO), ("test", TEST_SEED, TEST)):
        replace(stages, seed=data_seed + seed).collect(name, arena, episodes)
    models = {"uwm": (uwm_tworoom(), ("video",)), "flow": (flow_tworoom(), ())}
    rows, folders = list[Row](), {name: f"{name}-tworoom-{stages.seed}" for name in models}
    for name, (run, video) in models.items():
        stages.train(folders[name], f"{name}-tworoom", run, ["goals"], video=video)
        found = stages.evaluate(f"{folders[name]}-results", folders[name], BENCHMARK, EPISODES)
        rows.append({"model": name, "steps": stages.scaled(run.train.steps), **_success(found)})
    ours, theirs = (stages.out / f"{folder}-results.jsonl" for folder in folders.values())
    counts = PairCounts.of(pair.outcome for pair in pair_files(ours, theirs).pairs if pair.is_known)
    measured = measure_joint(stages.out / folders["uwm"], Dataset(stages.out / "test"))
    rows[0] |= {**measured, "pairs": asdict(counts)}
    return rows


def measure_joint(folder: Path, test: Dataset) -> Row:
    """The errors of a joint model's roles on the episodes of `test`.

    Returns {windows, errors, inverse_over_policy, forward_over_video}. `errors` are mean squared errors of one sample:
    of "policy" and "inverse" from the executed actions in declared units, of "forward" and "video" from the latents
    of the frames that followed, and "unchanged" is that of the present latent. The others are ratios of these,
    {median, low, high}, by a bootstrap over episodes.
    """
    model, config, _ = load_model(folder)
    assert isinstance(model, JointModel), type(model)
    roles = JointRoles(model, config.transforms, config.embodiments[0])
    windows = Windows(test, config.window, range(test.num_episodes))
    rows = _complete(windows)
    episodes = np.array([episode for episode, _ in windows.frames_of(rows)])
    parts = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
    found = [_errors(roles, windows.read(part), windows.frames_of(part)) for part in parts]
    errors = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    return {
        "windows": len(rows),
        "errors": {name: float(one.mean()) for name, one in errors.items()},
        "inverse_over_policy": ratio(errors["inverse"], errors["policy"], episodes),
        "forward_over_video": ratio(errors["forward"], errors["video"], episodes),
    }


def ratio(
    one: Float64[np.ndarray, " B"], other: Float64[np.ndarray, " B"], episodes: Int64[np.ndarray, " B"]
) -> dict[str, float]:
    """The mean of `one` by that of `other`, with a 95% interval by a bootstrap over episodes."""
    _, number = np.unique(episodes, return_inverse=True)
    sums = np.stack([np.bincount(number, weights=values) for values in (one, other)])
    drawn = generator("joint-bootstrap").integers(0, sums.shape[1], (DRAWS, sums.shape[1]))
    above, below = sums[:, drawn].sum(2)
    low, median, high = np.quantile(above / below, (0.025, 0.5, 0.975))
    return {"median": float(median), "low": float(low), "high": float(high)}


def joint_passes(rows: Sequence[Row]) -> bool:
    """Whether the ratios of each seed and the policy, over the pairs of all seeds, are what is expected."""
    trained = [row for row in rows if row["model"] == "uwm"]
    ratios = [row[name] for row in trained for name in ("inverse_over_policy", "forward_over_video")]
    known = all(one["median"] <= RATIO and one["high"] < 1 for one in ratios)
    return known and bool(trained) and _paired(trained)[0] > -WITHIN


def joint_table(rows: Sequence[Row]) -> dict[str, Any]:
    """The rows as texts for the report."""
    trained = [row for row in rows if row["model"] == "uwm"]
    low, high = _paired(trained)
    return {
        "title": "One network as policy, dynamics and video",
        "note": "Ratios are of mean squared errors of a sample, on other episodes. The success of uwm, less that of"
        " flow at the same starts, is between"
        f" {low:+.1%} and {high:+.1%} (95%, all seeds).",
        "columns": ["model", "seed", "steps", "success", "inverse / policy", "forward / video"],
        "rows": [
            [
                row["model"],
                str(row["seed"]),
                str(row["steps"]),
                "–" if row["success"] is None else f"{row['success']:.1%} of {row['episodes']}",
                *(_ratio_text(row.get(name)) for name in ("inverse_over_policy", "forward_over_video")),
            ]
            for row in rows
        ],
    }


def _paired(rows: Sequence[Row]) -> tuple[float, float]:
    """The interval of the difference in success, joint model less flow, over the pairs of all rows."""
    total = {name: sum(row["pairs"][name] for row in rows) for name in ("both", "a_alone", "b_alone", "neither")}
    counts = PairCounts(**total)
    return newcombe_interval(counts) if counts.pairs else (-1.0, 1.0)


def _ratio_text(value: Mapping[str, float] | None) -> str:
    return "–" if value is None else f"{value['median']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def _success(summary: Mapping[str, Any]) -> Row:
    return {"success": summary["success"], "episodes": summary["episodes"]}


def _complete(windows: Windows) -> Int64[np.ndarray, " B"]:
    """At most `NUM_WINDOWS` windows, evenly spaced among those whose actions and frames are all within the episode."""
    numbers = np.arange(len(windows), dtype=np.int64)
    read = windows.read(numbers, with_images=False)
    assert read.action_valid is not None
    valid = np.concatenate([read.action_valid, *read.target_image_valid.values()], axis=1)
    complete = numbers[valid.all(1)]
    return complete[np.linspace(0, len(complete) - 1, min(len(complete), NUM_WINDOWS)).astype(np.int64)]


def _errors(
    roles: JointRoles, samples: Samples, frames: Sequence[tuple[int, int]]
) -> dict[str, Float64[np.ndarray, " B"]]:
    """The mean squared error of each window's sample in each role."""
    keys = [f"{episode}-{frame}" for episode, frame in frames]
    present, future = roles.latents(samples)
    assert samples.action is not None
    actions = {"policy": roles.policy(samples, keys), "inverse": roles.inverse(samples, keys)}
    latents = {"forward": roles.forward(samples, keys), "video": roles.video(samples, keys), "unchanged": present}
    of_actions = {name: _squared(one, samples.action) for name, one in actions.items()}
    return of_actions | {name: _squared(one, future) for name, one in latents.items()}


def _squared(one: np.ndarray, other: np.ndarray) -> Float64[np.ndarray, " B"]:
    difference = one.astype(np.float64) - other
    return (difference.reshape(len(difference), -1) ** 2).mean(1)
