"""A ball that rolls to the right and succeeds beyond its goal, and functions that write results and runs to disk."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.data.episode import Episode
from praxia.results.motion import motion
from praxia.results.rows import Row, actions_digest
from praxia.results.store import Replay, ResultsStore
from praxia.studio.comparison import group_by_benchmark
from praxia.studio.report import render_report
from praxia.studio.sources import read_sources

EMBODIMENT = Embodiment(
    name="ball",
    state=(Field("position", 1, "position", "m"),),
    action=(Field("move", 1, "delta", "m"),),
    cameras=(Camera("side", 64, 64),),
    control_hz=80.0,
)
HORIZON = 60


class BallEnv:
    """Each step moves the ball by action[0]; at 1 it is at the image's right edge. Success beyond `goal`."""

    embodiment = EMBODIMENT
    privileged_layout: ClassVar[Mapping[str, int]] = {}

    def __init__(self, spec: EnvSpec):
        self.spec = spec

    def reset(self, start: Start) -> None:
        self.goal, self.crash_at = start.payload["goal"], start.payload.get("crash_at")
        self.position, self.steps = 0.0, 0

    def command(self, action: np.ndarray) -> Outcome:
        self.steps += 1
        if self.steps == self.crash_at:
            raise RuntimeError("the ball burst")
        self.position += float(action[0])
        return Outcome(0.0, False, False, self.position >= self.goal)

    def observe(self, cameras: Sequence[str]) -> Observation:
        state = np.array([self.position], np.float32)
        images = {camera: self._draw() for camera in cameras}
        return Observation(images, state, f"roll <b>{self.spec.task}</b>", self.steps / 80)

    def _draw(self) -> np.ndarray:
        grid = np.arange(self.spec.size) / self.spec.size
        ball = (grid[:, None] - 0.6) ** 2 + (grid - self.position) ** 2 < 0.12**2
        image = np.full((*ball.shape, 3), (60, 90, 120), np.uint8)
        image[ball] = (200, 60, 30)
        return image

    def privileged(self) -> Mapping[str, np.ndarray]:
        return {}

    def snapshot(self) -> bytes:
        return np.float64(self.position).tobytes()

    def restore(self, snapshot: bytes) -> None:
        self.position = float(np.frombuffer(snapshot)[0])

    def close(self) -> None:
        pass


def build(spec: EnvSpec) -> BallEnv:
    return BallEnv(spec)


def run_episode(start: Start, speed: float) -> tuple[np.ndarray, int | None]:
    """The actions of an episode that rolls at `speed` until success or the horizon, and the step of success."""
    env = build(EnvSpec("ball", start.task))
    env.reset(start)
    for step in range(1, HORIZON + 1):
        if env.command(np.array([speed], np.float32)).success:
            return np.full((step, 1), speed, np.float32), step
    return np.full((HORIZON, 1), speed, np.float32), None


def write_results(
    out: Path,
    outcomes: Mapping[str, str],
    *,
    benchmark: str = "ball/plain",
    control: str | None = None,
    ensemble: float | None = None,
    policy: str = "runs/seeing/policy",
    sha256: str = "5ee1" * 16,
    axis: str = "",
    groups: Mapping[str, Sequence[str]] | None = None,
    averages_groups: bool = False,
    privileged_state: bool = False,
    command: str | None = None,
    **changes: Any,
) -> list[Row]:
    """Write results of real episodes to `out`: `outcomes` has one letter per episode of each task.

    "s" succeeds after about 25 steps, "f" rolls too slowly, "b" backwards, "h" fails with half of its task done, "u"
    ends with its success unknown, "e" crashes. `changes` update the fingerprint, and `command` replaces the command of
    an evaluation.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    store = ResultsStore(out)
    about = meta(benchmark, control, policy, sha256, out)
    averaged = {"groups": groups or {}, "averages_groups": averages_groups}
    about["fingerprint"]["benchmark"] |= {"axis": axis, "privileged_state": privileged_state, **averaged}
    about["fingerprint"]["execution"] = {"execution_horizon": 4 if ensemble is None else 1, "ensemble": ensemble}
    about["fingerprint"] |= changes
    command = command or about["command"]
    # `praxia compare` stores whether it ran until a decision.
    store.begin({**about, "command": command, "until_decided": "--until-decided" in command}, resume=False)
    rows = []
    for task, letters in outcomes.items():
        for number, letter in enumerate(letters):
            start = Start("ball", task, {"goal": 0.75, "number": number})
            speed = {"s": 0.03, "b": -0.01}.get(letter, 0.005)
            actions, success_step = run_episode(start, speed + 0.0001 * number)
            status: Any = {"s": "success", "u": "unknown", "e": "error"}.get(letter, "failure")
            progress = {"s": 1.0, "h": 0.5}.get(letter, 0.0)
            error = "RuntimeError: the ball burst" if letter == "e" else None
            digest = actions_digest(actions)
            identity = (benchmark, task, start.key, sha256, control)
            row = Row(*identity, status, len(actions), success_step, progress, digest, error, 0.1)
            row = replace(row, **asdict(motion(actions, EMBODIMENT)))
            store.append(row, Replay(EnvSpec("ball", task, "fast", 64), start, actions))
            rows.append(row)
    store.close()
    return rows


def page_without_videos(root: Path) -> str:
    """The page of everything in a folder, without replays."""
    sources = read_sources([root])
    return render_report(sources, group_by_benchmark(sources), {})


def text_of(html: str) -> str:
    """The text of a page, with single spaces."""
    return unescape(re.sub(r"(\s|<[^>]*>)+", " ", html))


def meta(benchmark: str, control: str | None, policy: str, sha256: str, out: Path) -> dict[str, Any]:
    return {
        "schema": "praxia.evaluation.v1",
        "command": f"praxia eval {policy} --benchmark {benchmark} --out {out.name}",
        "fingerprint": {
            "benchmark": {"name": benchmark, "metric": "ever", "horizon": HORIZON},
            "policy_sha256": sha256,
            "control": control,
            "seed": 0,
            "versions": {"mujoco": "3.8.1"},
        },
    }


def write_run(
    run: Path, *, sha256: str = "5ee1" * 16, blind: bool = False, mute: bool = False, steps: int = 400
) -> Path:
    """Write a training run's files to `run`."""
    (run / "policy").mkdir(parents=True)
    about = {
        "recipe": "flow-ball",
        "config": {"type": "train-run", "train": {"steps": steps}},
        "command": f"praxia train flow-ball --data data --out {run.name}",
        "data": {"path": "data", "content_sha256": "c0ffee"},
        "seed": 3,
    }
    (run / "run.json").write_text(json.dumps(about))
    observation_steps = {"state": [0]} if blind else {"state": [0], "image.side": [0]}
    text = {"type": "no-text"} if mute else {"type": "pooled-text", "width": 128}
    policy = {
        "weights_sha256": sha256,
        "window": {"observation_steps": observation_steps, "horizon": 8},
        "model": {"type": "encoder-head", "encoder": {"type": "film-cnn", "text": text}, "head": {"type": "flow"}},
    }
    (run / "policy" / "policy.json").write_text(json.dumps(policy))
    lines = [
        {"step": step, "loss": 40 / step, "lr": 1e-3, "samples_per_s": 900.0 + step % 7, "wall_s": step / 8}
        for step in range(40, steps + 1, 40)
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def episode(task: str, succeeded: bool) -> Episode:
    """A demonstration of four steps."""
    last = np.arange(4) == 3
    moves = np.full((4, 1), 0.25, np.float32)
    return Episode(
        embodiment=EMBODIMENT,
        images={"side": np.zeros((4, 64, 64, 3), np.uint8)},
        state=np.cumsum(moves, axis=0) - moves,
        action=moves,
        executed_action=moves,
        reward=np.zeros(4, np.float32),
        success=last & succeeded,
        terminated=np.zeros(4, bool),
        truncated=last,
        instruction=f"roll the {task}",
        task=task,
        start=Start("ball", task, {"goal": 0.75, "succeeded": succeeded}),
        snapshots=[b"state"] * 4,
        provenance={"expert": "ball"},
    )
