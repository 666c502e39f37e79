"""Whether a world ranks policies as the simulator does: checkpoints of several recipes on TwoRoom, by state alone.

Axes: P policies, E episodes, N draws of the bootstrap.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.stats import rankdata

from praxia.checkpoint.store import read_config
from praxia.core.keys import generator
from praxia.core.types import Query
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.inside import Inside, open_inside, score_inside
from praxia.evaluation.plan import plan
from praxia.evaluation.policy_entry import PolicyEntry, find_policy
from praxia.heads.act import ACT
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes.worlds import lewm_tworoom
from praxia.results.rows import read_rows
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording
from praxia.studies.stages import Stages
from praxia.training.config import Train, TrainRun

__all__ = ["EXPECTED", "mmrv", "ranking", "ranking_passes", "ranking_table", "spearman"]

Row = dict[str, Any]

BENCHMARK = "tworoom"
# Episodes of the expert and of chance, from which the world learns; the policies learn from the expert's alone.
EXPERT, RANDOM = 400, 100
# Steps of the world's training, fewer than the recipe's: two minutes of processor time.
WORLD_STEPS = 1200
# Real episodes of each task and policy, and those whose frames the detector is tried on.
EPISODES, LOOKED_AT = 100, 10

RECIPES = {"regression": Regression(), "act": ACT(), "oft": OFT(), "flow": Flow(), "parallel-bins": ParallelBins()}
# Training steps, and after which of them a policy is kept: from one that knows little to one that is done.
STEPS, KEEP_EVERY, KEPT = 600, 20, (20, 60, 140, 600)

DRAWS = 2000

# What the ranks must reach: Spearman's correlation, and the lower end of its interval.
SPEARMAN, LOWEST = 0.7, 0.4
EXPECTED = (
    f"ranks inside the world with a Spearman correlation of {SPEARMAN} to the simulator's, its interval above {LOWEST},"
    " and above that of ranks by validation loss, action error and training step"
)


def ranking(stages: Stages, data_seed: int) -> list[Row]:
    """A row per policy, {recipe, step, real, real_episodes, score_inside, validation_loss, action_error}, and one of
    them all.

    The last is {policies, recipes, episodes, spearman, spearman_ci95, pearson, mmrv, baselines, false_positive,
    measured}. Intervals are by a bootstrap over policies and episodes. `baselines` has the correlation of what needs no
    world, by name. `false_positive` says of real episodes that failed, {episodes, share, looks, share_of_looks}: in
    which the detector saw success in the real images, where it looks once a stride.
    """
    data, world = _world(stages, data_seed)
    names = {(recipe, step): _kept(stages, recipe, step) for recipe in RECIPES for step in KEPT}
    for recipe in RECIPES:
        _train(stages, recipe, data[0])
    benchmark = find_benchmark(BENCHMARK)
    inside = open_inside(str(stages.out / world), ",".join(str(stages.out / one) for one in data), benchmark, "cpu")
    rows, real, imagined, failed = list[Row](), list[np.ndarray](), list[np.ndarray](), _Looks()
    for number, ((recipe, step), folder) in enumerate(names.items()):
        result = f"ranking-{recipe}-{step}-{stages.seed}"
        stages.evaluate(result, folder, BENCHMARK, EPISODES)
        found = read_rows(stages.out / f"{result}.jsonl")
        real.append(np.array([row.status == "success" for row in found]))
        entry = find_policy(str(stages.out / folder), benchmark, exact=False, workers=stages.workers, device="cpu")
        imagined.append(score_inside(entry, inside, stages.scaled(EPISODES), stages.seed))
        failed.add(entry, inside, stages.scaled(LOOKED_AT), stages.seed)
        about = read_config(stages.out / folder)[0].provenance
        rows.append(
            {
                "recipe": recipe,
                "step": step,
                "real": float(real[-1].mean()),
                "real_episodes": len(found),
                "score_inside": float(imagined[-1].mean()),
                "validation_loss": about["validation_loss"],
                "action_error": about["action_error"],
            }
        )
        stages.report("rank inside", number + 1, len(names), f"{recipe} after {step} steps")
    return [*rows, _summary(rows, np.stack(real), np.stack(imagined), failed, inside)]


def ranking_passes(rows: Sequence[Row]) -> bool:
    """Whether every seed's ranks are good enough, and better than those of the baselines."""
    summaries = [row for row in rows if "spearman" in row]
    return bool(summaries) and all(
        row["spearman"] >= SPEARMAN
        and row["spearman_ci95"][0] > LOWEST
        and all(row["spearman"] > one["spearman"] for one in row["baselines"].values())
        for row in summaries
    )


def _world(stages: Stages, data_seed: int) -> tuple[tuple[str, str], str]:
    """The names of the data and of the world that learned from them."""
    arena = replace(find_benchmark(BENCHMARK), tasks=("any",), cameras=("top",))
    collecting, data = replace(stages, seed=data_seed), ("ranking-expert", "ranking-random")
    collecting.collect(data[0], arena, EXPERT)
    collecting.collect(data[1], arena, RANDOM, policy="random")
    world = f"ranking-world-{stages.seed}"
    run = lewm_tworoom()
    stages.train(world, "lewm-tworoom", replace(run, train=replace(run.train, steps=WORLD_STEPS)), data)
    return data, world


def _train(stages: Stages, recipe: str, data: str) -> None:
    every = stages.scaled(KEEP_EVERY)
    run = TrainRun(
        model=EncoderHead(encoder=StateOnly(text=NoText(), width=128), head=RECIPES[recipe]),
        window=Window({"state": (0,)}, horizon=find_benchmark(BENCHMARK).execution.execution_horizon),
        train=Train(steps=STEPS, batch_size=64, shift_px=0, keep_every=every, validate_every=every),
        hold_out=0.1,
    )
    stages.train(f"ranking-{recipe}-{stages.seed}", recipe, run, [data])


def _kept(stages: Stages, recipe: str, step: int) -> str:
    """The folder of a policy after a multiple of so many steps as the scale makes of `KEEP_EVERY`."""
    kept = step // KEEP_EVERY * stages.scaled(KEEP_EVERY)
    return f"ranking-{recipe}-{stages.seed}/policies/step-{min(kept, stages.scaled(STEPS))}"


class _Looks:
    """What the detector says of real images, of episodes that failed."""

    def __init__(self) -> None:
        self._fired: list[np.ndarray] = []

    def add(self, entry: PolicyEntry, inside: Inside, episodes: int, seed: int) -> None:
        """Run real episodes, and look once a stride."""
        benchmark, cameras = entry.benchmark, inside.world.window.cameras
        family = find_family(benchmark.env)
        jobs = plan(entry.evaluation(episodes, seed=seed), family)
        with closing(LocalSlots(8, family.build)) as slots:
            for trajectory in rollout(
                entry.policy,
                slots,
                jobs,
                execution=benchmark.execution,
                horizon=benchmark.horizon,
                steps_after_success=benchmark.steps_after_success,
                recording=Recording(cameras, snapshots=False, every_step=True),
            ):
                if trajectory.success_step is None:
                    seen = trajectory.observations[inside.world.stride :: inside.world.stride]
                    latent = inside.world.start([Query((one,), "look", 0, 0) for one in seen]).latent
                    assert inside.detector is not None
                    self._fired.append(inside.detector.detect(latent, seen).cpu().numpy())

    def to_json(self) -> dict[str, Any]:
        looks = np.concatenate(self._fired) if self._fired else np.zeros(0, bool)
        return {
            "episodes": len(self._fired),
            "share": float(np.mean([one.any() for one in self._fired])) if self._fired else None,
            "looks": len(looks),
            "share_of_looks": float(looks.mean()) if len(looks) else None,
        }


def _summary(
    rows: Sequence[Row],
    real: Bool[np.ndarray, "P E"],
    imagined: Bool[np.ndarray, "P E"],
    failed: _Looks,
    inside: Inside,
) -> Row:
    draws = _draws(*real.shape)
    scores = {
        "score_inside": lambda episodes: imagined[:, episodes].mean(1),
        "validation_loss": lambda episodes: -np.array([row["validation_loss"] for row in rows]),
        "action_error": lambda episodes: -np.array([row["action_error"] for row in rows]),
        "training_step": lambda episodes: np.array([float(row["step"]) for row in rows]),
    }
    found = {name: _correlation(score, real, draws) for name, score in scores.items()}
    mine = found.pop("score_inside")
    means = imagined.mean(1), real.mean(1)
    varied = min(one.std() for one in means) > 0
    return {
        "policies": len(rows),
        "recipes": len({row["recipe"] for row in rows}),
        "episodes": real.shape[1],
        **mine,
        "pearson": float(np.corrcoef(*means)[0, 1]) if varied else None,
        "mmrv": mmrv(*means),
        "baselines": found,
        "false_positive": failed.to_json(),
        "measured": dict(inside.probes.measured) if inside.probes is not None else None,
    }


def _draws(policies: int, episodes: int) -> list[tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " E"]]]:
    rng = generator("ranking", policies, episodes)
    return [(rng.integers(policies, size=policies), rng.integers(episodes, size=episodes)) for _ in range(DRAWS)]


def _correlation(
    score: Callable[[Int64[np.ndarray, " E"]], Float64[np.ndarray, " P"]],
    real: Bool[np.ndarray, "P E"],
    draws: Sequence[tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " E"]]],
) -> Row:
    """Spearman's correlation with the real rates, and its interval by drawing policies and episodes anew."""
    whole = np.arange(real.shape[1])
    drawn = [spearman(score(episodes)[chosen], real[:, episodes].mean(1)[chosen]) for chosen, episodes in draws]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"spearman": spearman(score(whole), real.mean(1)), "spearman_ci95": [float(low), float(high)]}


def spearman(x: Float64[np.ndarray, " P"], y: Float64[np.ndarray, " P"]) -> float:
    """Spearman's rank correlation, in which equal values share the mean of their ranks; 0 where all of one are equal.

    Source: Spearman 1904, "The proof and measurement of association between two things".
    """
    ranked = [rankdata(one) - (len(one) + 1) / 2 for one in (x, y)]
    scale = float(np.sqrt((ranked[0] ** 2).sum() * (ranked[1] ** 2).sum()))
    return float((ranked[0] * ranked[1]).sum()) / scale if scale > 0 else 0.0


def mmrv(score: Float64[np.ndarray, " P"], real: Float64[np.ndarray, " P"]) -> float:
    """Mean maximum rank violation: for each policy the largest real difference to one that the scores put in the other
    order, averaged. 0 is best.

    Source: SimplerEnv (Li et al. 2024, arXiv 2405.05941), section IV.
    """
    real_before = real[:, None] < real[None]
    score_before = score[:, None] < score[None]
    violation = np.abs(real[:, None] - real[None]) * (real_before != score_before)
    return float(violation.max(1).mean())


def ranking_table(rows: Sequence[Row]) -> Mapping[str, Any]:
    """The rows as texts for the report."""
    policies = [row for row in rows if "recipe" in row]
    notes = [
        f"Seed {row['seed']}: Spearman {row['spearman']:.2f} [{row['spearman_ci95'][0]:.2f},"
        f" {row['spearman_ci95'][1]:.2f}], MMRV {row['mmrv']:.3f}; "
        + ", ".join(f"{name.replace('_', ' ')} {one['spearman']:.2f}" for name, one in row["baselines"].items())
        for row in rows
        if "spearman" in row
    ]
    columns = ["recipe", "step", "seed", "real episodes", "real", "score inside", "validation loss", "action error"]
    return {
        "title": "Policies of TwoRoom, ranked inside a world",
        "note": "A score inside is no success rate: its order counts. Policies see the state alone. " + " ".join(notes),
        "columns": columns,
        "rows": [
            [
                row["recipe"],
                str(row["step"]),
                str(row["seed"]),
                str(row["real_episodes"]),
                f"{row['real']:.3f}",
                f"{row['score_inside']:.3f}",
                f"{row['validation_loss']:.4f}",
                f"{row['action_error']:.4f}",
            ]
            for row in sorted(policies, key=lambda one: -one["real"])
        ],
    }
