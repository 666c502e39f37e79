"""A force and points beside the state, from the world that measures them to a policy that acts by them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_world import EMBODIMENT, ToyEnv, Walker

from praxia.checkpoint.store import load_policy
from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.embodiment import Embodiment, Stream
from praxia.core.errors import MismatchError
from praxia.core.keys import generator
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Start
from praxia.core.window import Window
from praxia.encoders import ENCODERS
from praxia.encoders.layers import Readout
from praxia.envs.family import EnvFamily
from praxia.envs.wrappers import SwappedImage
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compatibility import match_embodiment
from praxia.evaluation.offline import evaluate_offline
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.runner import evaluate
from praxia.heads.regression import Regression
from praxia.nn.types import Batch, Encoder, EncoderConfig, Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.rollout.pool import process_pool
from praxia.rollout.session import Session
from praxia.training import engine
from praxia.training.config import Train, TrainRun

STREAMS = (Stream("force", (2,), "float32", "N"), Stream("points", (5, 3), "float32", "m"))


class Touching(ToyEnv):
    """A point on a line, on which a spring pulls towards the goal; its points are the goal, seen from the hand."""

    def __init__(self, spec: EnvSpec):
        super().__init__(spec)
        self.embodiment = embodiment(spec)

    def observe(self, cameras: Sequence[str]) -> Observation:
        gap = self.payload["goal"] - self.position
        known = {
            "force": np.array([np.clip(gap, -1, 1), 0], np.float32),
            "points": np.full((5, 3), gap, np.float32) + np.arange(3, dtype=np.float32),
        }
        streams = {name: value for name, value in known.items() if name in cameras}
        return replace(super().observe([name for name in cameras if name not in streams]), streams=streams)


def embodiment(spec: EnvSpec) -> Embodiment:
    streams = () if spec.options.get("numb") else STREAMS
    return replace(EMBODIMENT, cameras=(), streams=streams)


def build(spec: EnvSpec) -> Touching:
    return Touching(spec)


def draw_start(task: str, split: str, index: int) -> Start:
    return Start("toy", task, {"number": index, "goal": float(generator(task, split, index).uniform(-4, 4))})


def name_of(task: str) -> str:
    return task


def nothing() -> dict[str, Any]:
    return {"gl_vendor": "none"}


def horizon(task: str) -> int:
    return 40


def expert(instructions: Mapping[str, str]) -> Walker:
    return Walker(cameras=(), chunk=1)


@dataclass(frozen=True)
class Touch(EncoderConfig):
    """Force and points, each at all its steps, in one vector."""

    tag = "toy-touch"
    reads_streams = True
    width: int = 32

    def build(self, shapes: Shapes) -> "TouchEncoder":
        return TouchEncoder(self, shapes)


class TouchEncoder(Encoder):
    provides = Readout.provides

    def __init__(self, config: Touch, shapes: Shapes):
        super().__init__()
        self.width = config.width
        sizes = [int(np.prod(shape)) for shape in shapes.streams.values()]
        self.readout = Readout(sum(sizes), config.width)

    def forward(self, batch: Batch) -> Any:
        parts = [
            torch.where(batch.stream_valid[name].flatten(1)[..., None], values.flatten(2), 0.0).flatten(1)
            for name, values in batch.streams.items()
        ]
        return self.readout(torch.cat(parts, dim=1))


SPEC = EnvSpec("toy", "walk")
FAMILY = EnvFamily("toy", {"walk": "walk"}, name_of, draw_start, embodiment, build, nothing, ("walk",), horizon)
WINDOW = Window({"state": (0,), "force": (-1, 0), "points": (0,)}, horizon=2)
BENCHMARK = Benchmark("toy/touch", "", "toy", ("walk",), 40, ChunkExecution(2), (), 8, "plain", "", "ever")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: Any) -> Any:
    """The data set and the run of a policy that sees nothing of the goal but by its streams."""
    root = tmp_path_factory.mktemp("touch")
    plan = CollectionPlan("toy", ("walk",), 16, 40, size=8, noise=(0.0,))
    collect(plan, root / "data", FAMILY, make_expert=expert)
    model = EncoderHead(Touch(), Regression(width=32, depth=1))
    run = TrainRun(
        model,
        WINDOW,
        Train(steps=150, batch_size=16, learning_rate=3e-3, warmup_steps=10, ema_decay=0.9, checkpoint_s=1e9),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ENCODERS, Touch.tag, "test_touch:Touch")
        engine.train(run, [root / "data"], root / "run", recipe="toy", command="praxia train toy")
        yield load_policy(root / "run")[0], root / "data"


def test_a_policy_that_feels_the_goal_reaches_it(policy: Any, tmp_path: Path):
    found, _ = policy
    assert found.embodiments[0].streams == STREAMS
    assert found.model.encoder.readout is not None
    plan = Evaluation(benchmark=BENCHMARK, policy_sha256="f00d", episodes=3)
    summary = evaluate(found, plan, tmp_path / "rows.jsonl", FAMILY, make_slots=process_pool(build, 1, 3))
    assert (summary["episodes"], summary["errors"], summary["success"]) == (3, 0, 1.0)


def test_offline_its_queries_have_the_recorded_streams(policy: Any, tmp_path: Path):
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ENCODERS, Touch.tag, "test_touch:Touch")
        found = evaluate_offline(str(policy[1].parent / "run"), str(policy[1]), tmp_path / "rows.jsonl", episodes="0-3")
    assert found["episodes"] == 4
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert all(row["policy"]["mae"] < 0.15 for row in rows)


def test_a_session_takes_the_streams_that_its_policy_sees(policy: Any):
    session = Session(policy[0].bind(policy[0].embodiments[0], "toy"), ChunkExecution(2))
    seen = {"state": np.zeros(1, np.float32), "instruction": "walk"}
    streams = {"force": np.ones(2, np.float32), "points": np.full((5, 3), 2, np.float32)}
    assert session.act({**seen, "streams": streams})[0] > 0.1
    with pytest.raises(MismatchError, match=r"expected stream 'points' \(float32 \[5, 3\] m\), got \['force'\]"):
        Session(session._policy, ChunkExecution(1)).act({**seen, "streams": {"force": streams["force"]}})
    with pytest.raises(MismatchError, match=r"'force' of an observation as float32 \[2\] N, got float64 \[2\]"):
        session.chunk({**seen, "streams": {**streams, "force": np.ones(2)}})


def test_a_swapped_image_leaves_the_streams_alone():
    start, other = draw_start("walk", "test", 0), draw_start("walk", "test", 1)
    env = SwappedImage(build(SPEC), build(SPEC), lambda start: other)
    env.reset(start)
    alone = build(SPEC)
    alone.reset(start)
    seen, expected = env.observe(("force", "points")), alone.observe(("force", "points"))
    assert set(seen.streams) == {"force", "points"}
    for name, value in expected.streams.items():
        np.testing.assert_array_equal(seen.streams[name], value)


def test_a_robot_without_its_streams_is_refused(policy: Any):
    numb = embodiment(EnvSpec("toy", "walk", options={"numb": True}))
    with pytest.raises(MismatchError, match=r"the policy sees stream 'force' \(float32 \[2\] N\), but .* has none"):
        match_embodiment(policy[0], BENCHMARK, numb)
    other = replace(numb, streams=(replace(STREAMS[0], unit="mN"), STREAMS[1]))
    with pytest.raises(MismatchError, match=r"stream 'force' \(float32 \[2\] N\), but .* has float32 \[2\] mN"):
        match_embodiment(policy[0], BENCHMARK, other)
