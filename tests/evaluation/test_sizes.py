"""Two cameras of different sizes, none of them a square: from collection to a batch, a policy and its evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_world import EMBODIMENT, ToyEnv, Walker

from praxia.checkpoint.store import load_policy
from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.embodiment import Camera, Embodiment
from praxia.core.keys import generator
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Start
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.envs.family import EnvFamily
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.runner import evaluate
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.results.store import read_replay
from praxia.rollout.pool import process_pool
from praxia.training import engine
from praxia.training.config import Train, TrainRun

SIZES = {"front": (24, 40), "wrist": (32, 16)}


class TwoCameras(ToyEnv):
    """The toy world with two cameras, and a wind that every step adds."""

    def __init__(self, spec: EnvSpec):
        super().__init__(spec)
        self.embodiment = embodiment(spec)

    def command(self, action: np.ndarray) -> Any:
        return super().command(action + np.float32(self.spec.options.get("wind", 0.0)))

    def observe(self, cameras: Sequence[str]) -> Observation:
        def image(camera: str) -> np.ndarray:
            found = np.full((*self.spec.size_of(camera), 3), 10 * list(SIZES).index(camera), np.uint8)
            found[..., 1] = self.steps
            return found

        return replace(super().observe(()), images={camera: image(camera) for camera in cameras})


def embodiment(spec: EnvSpec) -> Embodiment:
    cameras = (Camera("front", spec.size, spec.size), Camera("wrist", spec.size, spec.size))
    return spec.sized(replace(EMBODIMENT, cameras=cameras))


def build(spec: EnvSpec) -> TwoCameras:
    return TwoCameras(spec)


def draw_start(task: str, split: str, index: int) -> Start:
    return Start("toy", task, {"number": index, "goal": float(generator(task, split, index).uniform(2, 6))})


def name_of(task: str) -> str:
    return task


def nothing() -> dict[str, Any]:
    return {"gl_vendor": "none"}


def horizon(task: str) -> int:
    return 40


def expert(instructions: Mapping[str, str]) -> Walker:
    return Walker(cameras=(), chunk=1)


FAMILY = EnvFamily("toy", {"walk": "walk"}, name_of, draw_start, embodiment, build, nothing, ("walk",), horizon)
PLAN = CollectionPlan("toy", ("walk",), 4, 40, size=8, noise=(0.0,), sizes=SIZES)


@pytest.fixture(scope="module")
def data(tmp_path_factory: Any) -> Path:
    out = tmp_path_factory.mktemp("sizes") / "data"
    collect(PLAN, out, FAMILY, make_expert=expert, make_slots=process_pool(build, 1, 2))
    return out


def test_from_a_worker_pool_to_a_policy_and_its_evaluation(data: Path, tmp_path: Path):
    assert {one.name: (one.height, one.width) for one in Dataset(data).embodiment.cameras} == SIZES
    window = Window({"state": (0,), "image.front": (-1, 0), "image.wrist": (0,)}, horizon=4)
    samples = MixtureConfig.of([data]).open(window).read(np.arange(6))
    for camera, size in SIZES.items():
        assert samples.images[camera].shape == (6, 2 if camera == "front" else 1, *size, 3)
        seen = samples.images[camera][:, -1, 5, 5].astype(int)
        np.testing.assert_allclose(seen[:, 0], 10 * list(SIZES).index(camera), atol=3)  # video
        np.testing.assert_allclose(seen[:, 1], np.arange(6), atol=3)
    encoder = FilmCNN(text=PooledText(width=16, num_heads=2), channels=(8, 8, 8, 8), width=32)
    model = EncoderHead(encoder, Regression(width=32, depth=1))
    run = TrainRun(model, window, Train(steps=2, batch_size=4, warmup_steps=1, checkpoint_s=1e9))
    engine.train(run, [data], tmp_path / "run", recipe="toy", command="praxia train toy")
    policy, _ = load_policy(tmp_path / "run")
    benchmark = Benchmark(
        "toy/sizes", "", "toy", ("walk",), 12, ChunkExecution(4), tuple(SIZES), 8, "plain", "", "ever", sizes=SIZES
    )
    plan = Evaluation(benchmark=benchmark, policy_sha256="f00d", episodes=3)
    out = tmp_path / "rows.jsonl"
    summary = evaluate(policy, plan, out, FAMILY, make_slots=process_pool(build, 1, 2))
    assert (summary["episodes"], summary["errors"]) == (3, 0)
    assert summary["fingerprint"]["benchmark"]["sizes"] == {name: list(size) for name, size in SIZES.items()}
    replay = read_replay(out, draw_start("walk", "test", 0).key)
    assert replay.spec == benchmark.spec("walk")


def test_worker_processes_record_the_same_data_set(data: Path, tmp_path: Path):
    result = collect(PLAN, tmp_path / "again", FAMILY, make_expert=expert, workers=2)
    assert result["content_sha256"] == Dataset(data).identity["content_sha256"]


def test_options_are_the_environments_and_the_plans(tmp_path: Path):
    plan = replace(PLAN, episodes=1, options={"wind": -0.2}, sizes={})
    collect(plan, tmp_path / "wind", FAMILY, make_expert=expert)
    dataset = Dataset(tmp_path / "wind")
    state, action = dataset.column("observation.state")[:, 0], dataset.column("action.executed")[:, 0]
    np.testing.assert_allclose(np.diff(state), action[:-1] - 0.2, atol=1e-5)
    assert plan.to_json()["options"] == {"wind": -0.2}
    assert plan.spec("walk") != PLAN.spec("walk")
