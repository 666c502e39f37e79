"""From a run's options to a specialist: practise, evaluate from unseen starts, write the policy."""

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from praxia.checkpoint.migration import RUN_SCHEMA
from praxia.checkpoint.store import PolicyConfig, save_policy
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError, TrainingError
from praxia.core.files import remove_leftovers, write_atomic
from praxia.core.lock import Lock
from praxia.core.simulator import expect_simulator
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.core.window import Window
from praxia.envs.family import EnvFamily, RewardDeclaration
from praxia.nn.types import Shapes
from praxia.policies.specialist import Specialist, action_transforms
from praxia.reinforce.config import Practice, ReinforceRun
from praxia.reinforce.interaction import Interaction, Lockstep
from praxia.reinforce.learner import Learner
from praxia.reinforce.sac import SACLearner
from praxia.reinforce.state import ReinforceState
from praxia.results.statistics import wilson_interval
from praxia.rollout.loop import rollout, run_episodes
from praxia.rollout.pool import MakeSlots, process_pool
from praxia.rollout.types import Agent, Job, Trajectory
from praxia.training.metrics import Clock, Means, Tracker
from praxia.training.run_lock import expect_same_config
from praxia.training.saving import Saver, disk_full

__all__ = ["ReportProgress", "reinforce"]

# Called with the control steps done and planned, and a text for people.
ReportProgress = Callable[[int, int, str], None]

# So many episodes that crash one after the other end a run: what is wrong concerns all of them.
CRASHES = 10
# The success that is logged while it practises is that of so many last episodes, with the learner's exploration.
RECENT = 20


def reinforce(
    run: ReinforceRun,
    out: Path,
    family: EnvFamily,
    *,
    command: str,
    workers: int = 1,
    make_slots: MakeSlots | None = None,
    resume: bool = False,
    report: ReportProgress = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Train a specialist of one task, write it to `out/policy`, and return what it can do.

    Returns `{checkpoint, success, ci95, metric, success_end, episodes, errors, env_steps, updates, minutes,
    policy_sha256, weights_sha256}`. `success` is the share of `run.train.episodes` episodes of the test split in which
    success held at any step (`metric` "ever"), with its Wilson interval; `success_end` counts the last step alone. The
    policy acts without noise. Crashed episodes count in neither. `minutes` is the wall time of this call.

    Rewards are those that the family declares, divided by the largest of their range. An episode lasts as long as a
    demonstration of the task may, or the reward's declared horizon where that is shorter. Success ends no episode.

    The networks are trained on the CPU in this process, with one thread; environments are in `workers` processes, or in
    what `make_slots(number of slots)` returns. Neither changes the result. With `resume` a run goes on from its last
    state, and ends with the weights that it would have had undisturbed.

    Raises:
        PraxiaError: `out` holds a run and `resume` is False, or another run than the one to resume, or another process
            writes there.
        MismatchError: an environment without privileged state or declared rewards, or an action without a range.
        UnknownName: the task has no reward of that name.
        TrainingError: a loss is not finite, many episodes crashed in a row, or the disk is full; states saved before
            are kept.
    """
    torch.set_num_threads(1)
    train, spec, reward = run.train, *_rewarded(run, family)
    horizon, embodiment = min(family.horizon(run.task), reward.horizon), family.embodiment(spec)
    transforms = action_transforms(embodiment, family.instructions[run.task])
    model = Specialist(_layout(family, spec), run.learner.width, run.learner.depth)
    dims = (embodiment.state_dim, embodiment.action_dim)
    shapes = Shapes((), 0, 1, (dims,), train.repeat, transforms.embodiments[0].state.size)
    description = {
        "schema": RUN_SCHEMA,
        "recipe": run.learner.tag,
        "config": config_to_json(run),
        "command": command,
        "data": [],
        "seed": train.seed,
    }
    with torch.random.fork_rng([]):
        torch.manual_seed(train.seed)
        learner: Learner = SACLearner(model.build(shapes), embodiment.action_dim, run.learner, train.seed)
    began_s = time.perf_counter()
    make_slots = make_slots or partial(_pool, family, workers)
    with disk_full(out), Lock(out / ".lock", out):
        _begin(out, description, resume)
        interaction = Interaction(
            learner,
            partial(_job, family, spec, f"train-{train.seed}", train.seed),
            embodiment,
            transforms,
            model.privileged,
            steps=train.steps,
            repeat=train.repeat,
            reward_scale=1 / max(abs(reward.low), abs(reward.high)),
            between=lambda interaction, metrics, within: between(metrics, within),
        )
        state = ReinforceState(out / "state", interaction)
        resumed_from = state.load() if resume else 0
        with Saver(state, train.checkpoint_s) as saver, closing(_Log(out, train, resumed_from, report)) as log:

            def between(metrics: list[dict[str, Tensor]], within: bool) -> None:
                log.add(interaction.env_steps, metrics)
                if within and saver.due():
                    saver.save(interaction.env_steps)

            _practise(interaction, make_slots, horizon, log)
            log.add(interaction.env_steps, [])
        config = PolicyConfig(
            model, shapes, transforms, (embodiment,), Window({"state": (0,)}, train.repeat), description
        )
        identity = save_policy(out / "policy", config, learner.actor.state_dict())
        policy = config.build(learner.actor.state_dict())
        execution = ChunkExecution(train.repeat)
        jobs = [_job(family, spec, "test", train.seed, number) for number in range(train.episodes)]
        with closing(make_slots(min(train.slots, train.episodes))) as slots:
            options = {"execution": execution, "horizon": horizon, "steps_after_success": None}
            ended = list(rollout(policy, slots, jobs, embodiment=embodiment, **options))
    return {
        "checkpoint": str(out / "policy"),
        **_success(ended),
        "env_steps": interaction.env_steps,
        "updates": learner.updates,
        "minutes": (time.perf_counter() - began_s) / 60,
        **identity.to_json(),
    }


def _rewarded(run: ReinforceRun, family: EnvFamily) -> tuple[EnvSpec, RewardDeclaration]:
    """The environment with the run's reward, and what the family declares of that.

    Raises:
        MismatchError: the family declares no rewards.
        UnknownName: it has no reward of that name.
    """
    declared = list(family.rewards(run.task)) if family.rewards is not None else []
    name = run.reward or ("dense" if "dense" in declared else None)
    options = {} if name is None or name == next(iter(declared), None) else {"reward": name}
    spec = EnvSpec(run.env, run.task, options=options)
    return spec, family.reward(spec)


def _layout(family: EnvFamily, spec: EnvSpec) -> Mapping[str, int]:
    """The layout of the privileged state, which only a built environment knows."""
    env = expect_simulator(family.build(spec), "a specialist, which reads privileged state")
    layout = dict(env.privileged_layout)
    env.close()
    return layout


def _pool(family: EnvFamily, workers: int, num_slots: int):
    """So many slots in at most `workers` processes, which divide them evenly."""
    processes = max(count for count in range(1, num_slots + 1) if num_slots % count == 0 and count <= workers)
    return process_pool(family.build, processes, num_slots // processes)(num_slots)


def _job(family: EnvFamily, spec: EnvSpec, split: str, seed: int, number: int) -> Job:
    start = family.draw_start(spec.task, split, number)
    return Job(spec, start, f"{seed}/{number}/{start.key}", number)


def _begin(out: Path, description: dict[str, Any], resume: bool) -> None:
    """Make `out` this run's folder, or check that it already is."""
    remove_leftovers(out)
    path = out / "run.json"
    if path.exists():
        if not resume:
            raise PraxiaError(f"{out} holds a run already; continue it with --resume or choose another --out")
        before = json.loads(path.read_text())
        if before["recipe"] != description["recipe"]:
            raise PraxiaError(
                f"{out} holds a run of {before['recipe']!r}, got {description['recipe']!r}: choose another --out"
            )
        expect_same_config(out, before, json.loads(json.dumps(description)))
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(description, indent=1))


def _practise(interaction: Interaction, make_slots: MakeSlots, horizon: int, log: "_Log") -> None:
    """Run episodes until the learner has had its steps."""
    execution = ChunkExecution(horizon)  # each decision's chunk has the repeated action alone
    with closing(Lockstep(make_slots(log.train.slots))) as slots:
        trajectories = run_episodes(
            [Agent(interaction, execution)],
            slots,
            interaction,
            horizon=horizon,
            embodiment=interaction.embodiment,
            steps_after_success=None,
            on_step=interaction.on_step,
        )
        for trajectory in trajectories:
            log.ended(trajectory)
            if interaction.is_done:
                break


class _Log:
    """Means of what was learned, and the success of the last episodes, as lines of metrics.jsonl and of progress."""

    def __init__(self, out: Path, train: Practice, resumed_from: int, report: ReportProgress):
        self.train = train
        self._tracker = Tracker(out, "tensorboard", {}, resumed_from)
        self._report, self._means, self._clock = report, Means(), Clock(resumed_from)
        self._successes = deque[bool](maxlen=RECENT)
        self._line, self._text = resumed_from // train.log_every, ""
        self._crashes = 0

    def add(self, step: int, metrics: list[dict[str, Tensor]]) -> None:
        for one in metrics:
            self._means.add(one)
        if (line := step // self.train.log_every) > self._line:
            self._line = line
            values: dict[str, float | int] = {"step": step, **self._means.take()}
            values["env_steps_per_s"] = self._clock.read(step, 1)["samples_per_s"]
            if self._successes:
                values["success"] = sum(self._successes) / len(self._successes)
                self._text = f"success {values['success']:.0%} of the last {len(self._successes)} episodes"
            self._tracker.log(values)
        self._report(step, self.train.steps, self._text)

    def ended(self, trajectory: Trajectory) -> None:
        """Count an episode.

        Raises:
            TrainingError: it is the last of many that crashed.
        """
        self._crashes = 0 if trajectory.error is None else self._crashes + 1
        if self._crashes == CRASHES:
            raise TrainingError(f"{CRASHES} episodes crashed one after the other; the last: {trajectory.error}")
        if trajectory.error is None:
            self._successes.append(bool(trajectory.success_ever))

    def close(self) -> None:
        self._tracker.close()


def _success(ended: list[Trajectory]) -> dict[str, Any]:
    """How often success held at any step, and at the last one, of the episodes that did not crash."""
    counted = [one for one in ended if one.error is None]
    if not counted:
        raise PraxiaError(f"every episode crashed; the first: {ended[0].error}. The policy is kept")
    successes = sum(bool(one.success_ever) for one in counted)
    return {
        "success": successes / len(counted),
        "ci95": list(wilson_interval(successes, len(counted))),
        "metric": "ever",
        "success_end": sum(bool(one.success_end) for one in counted) / len(counted),
        "episodes": len(counted),
        "errors": len(ended) - len(counted),
    }
