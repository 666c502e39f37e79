"""Small data sets of experts, recorded in this process, and policies whose provenance names them."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from praxia_testing import make_config

from praxia.checkpoint.store import PolicyConfig
from praxia.collect.plan import CollectionPlan
from praxia.collect.record import to_episode
from praxia.core.errors import CheckFailed
from praxia.core.types import ChunkExecution
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.envs.family import EnvFamily
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.preflight.run import preflight
from praxia.experts import find_expert
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording
from praxia.transforms.chain import EmbodimentTransforms, Transforms


def record(
    root: Path,
    family: EnvFamily,
    benchmark: Benchmark,
    episodes: int,
    doctored: Callable[[Episode], Episode] = lambda episode: episode,
) -> Dataset:
    """`episodes` of the expert of each of the benchmark's tasks, in the benchmark's images."""
    collection = CollectionPlan(
        family.name, benchmark.tasks, episodes, benchmark.horizon, profile=benchmark.profile, size=benchmark.size
    )
    begin_recording(root, collection.to_json())
    embodiment = family.embodiment(benchmark.spec(benchmark.tasks[0]))
    expert = find_expert(family.name)(family.instructions)
    with closing(LocalSlots(1, family.build)) as slots:
        jobs = [collection.job(index, family) for index in range(len(collection))]
        recording = Recording(tuple(camera.name for camera in embodiment.cameras), snapshots=False)
        for trajectory in rollout(
            expert, slots, jobs, execution=ChunkExecution(1), horizon=benchmark.horizon, recording=recording
        ):
            stage_episode(root, trajectory.job.index, doctored(to_episode(trajectory, embodiment, 0.0, False)))
    finalize(root, embodiment, collection.to_json())
    return Dataset(root)


def trained_on(data: Dataset, cameras: tuple[str, ...]) -> PolicyConfig:
    """The config of a policy with the statistics of `data`."""
    config = make_config()
    return replace(
        config,
        embodiments=(data.embodiment,),
        transforms=Transforms((EmbodimentTransforms.fit([data.stats]),), config.transforms.tokenizer),
        window=Window({"state": (0,), **{f"image.{camera}": (0,) for camera in cameras}}, horizon=8),
        provenance={"data": [{"path": str(data.root), "content_sha256": data.content_sha256}]},
    )


def with_ranges(config: PolicyConfig, what: str, low: Any = None, high: Any = None) -> PolicyConfig:
    """The same policy with other statistics: `low` and `high` map those that were."""
    embodiment = config.transforms.embodiments[0]
    normaliser = getattr(embodiment, what)
    lows, highs = (tuple(map(float, change(old) if change else old)) for change, old in _pairs(normaliser, low, high))
    embodiment = replace(embodiment, **{what: replace(normaliser, low=lows, high=highs)})
    return replace(config, transforms=replace(config.transforms, embodiments=(embodiment,)))


def _pairs(normaliser: Any, low: Any, high: Any) -> list[tuple[Any, tuple[float, ...]]]:
    return [(low, normaliser.low), (high, normaliser.high)]


def run_preflight(*arguments: Any, **options: Any) -> dict[str, tuple[bool | None, str]]:
    """What `preflight` finds, by check, whether it refuses or not."""
    try:
        result = preflight(*arguments, **options)
    except CheckFailed as refusal:
        result = refusal.result
    assert result["ok"] is all(check["ok"] is not False for check in result["checks"])
    return {check["name"]: (check["ok"], check["detail"]) for check in result["checks"]}


def failed(found: dict[str, tuple[bool | None, str]]) -> set[str]:
    return {name for name, (ok, _) in found.items() if ok is False}
